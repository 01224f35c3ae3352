//! The result of a completed handshake: what was negotiated, and whether the client is verified.

use rustls::{Error, HandshakeKind, ServerConnection};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::handshake_record::{HandshakeRecord, Presented, Resumed};
use super::prefixed_io::PrefixedIo;
use crate::connection::{Alpn, ClientAuth, TlsInfo};
use crate::identity::Peer;
use crate::pki::path::bounds::keep_selected;

/// The result of a completed handshake.
#[derive(Debug)]
pub(super) struct Negotiated {
    /// The client's identity and chain; `None` where the listener asks for no certificate.
    pub(crate) client: Option<(Peer, Vec<CertificateDer<'static>>)>,
    pub(crate) tls: TlsInfo,
}

impl Negotiated {
    /// # Errors
    /// Why the client is not verified, where its listener requires that.
    pub(crate) fn read(
        io: &mut TlsStream<PrefixedIo<TcpStream>>,
        record: &mut HandshakeRecord,
        client_auth: ClientAuth,
    ) -> Result<Self, Error> {
        let (prefixed, connection) = io.get_mut();
        prefixed.stop_recording();
        let client = match client_auth {
            ClientAuth::Required => {
                let (peer, mut chain) = verified(record, connection)?;
                // Other certificates would cost time whenever the chain is verified again.
                keep_selected(&mut chain);
                Some((peer, chain))
            }
            ClientAuth::None => None,
        };
        Ok(Self { client, tls: tls_info(connection)? })
    }
}

fn tls_info(connection: &ServerConnection) -> Result<TlsInfo, Error> {
    Ok(TlsInfo {
        version: connection.protocol_version().ok_or(Error::HandshakeNotComplete)?,
        cipher: connection.negotiated_cipher_suite().ok_or(Error::HandshakeNotComplete)?.suite(),
        group: connection.negotiated_key_exchange_group().map(|group| group.name()),
        alpn: connection
            .alpn_protocol()
            .map(|name| if name == b"h2" { Alpn::Http2 } else { Alpn::Http1 }),
        sni: connection.server_name().map(str::to_ascii_lowercase),
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
    })
}

/// The client's identity and chain, taken out of the record.
///
/// # Errors
/// Why the client is not verified.
fn verified(
    record: &mut HandshakeRecord,
    connection: &ServerConnection,
) -> Result<(Peer, Vec<CertificateDer<'static>>), Error> {
    if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
        // The chain that was verified must be the one of the session that rustls resumed.
        return match record.resumed.take() {
            Some(Resumed { peer, chain, .. }) if connection.peer_certificates() == Some(&chain) => {
                Ok((peer, chain))
            }
            _ => Err(Error::NoCertificatesPresented),
        };
    }
    match &mut record.presented {
        None => Err(Error::NoCertificatesPresented),
        Some(Presented { refused: Some(refusal), .. }) => Err(refusal.clone().into()),
        Some(Presented { refused: None, chain, peer }) => {
            // The verifier records an identity for each chain that it admits.
            let fault = || Error::General("a verified certificate without an identity".to_owned());
            Ok((peer.take().ok_or_else(fault)?, std::mem::take(chain)))
        }
    }
}

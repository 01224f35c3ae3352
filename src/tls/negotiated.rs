//! What both sides have agreed on at the end of a handshake, and whether it may be trusted.

use rustls::{Error, HandshakeKind, ServerConnection};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::handshake_record::{HandshakeRecord, Presented, Resumed};
use super::prefixed_io::PrefixedIo;
use crate::connection::{Alpn, TlsInfo};
use crate::identity::Peer;
use crate::pki::bounds::keep_selected;

/// What a completed handshake has settled.
#[derive(Debug)]
pub(crate) struct Negotiated {
    pub(crate) peer: Peer,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) tls: TlsInfo,
}

impl Negotiated {
    /// # Errors
    /// What is missing for trust.
    pub(crate) fn read(
        io: &mut TlsStream<PrefixedIo<TcpStream>>,
        record: &mut HandshakeRecord,
    ) -> Result<Self, Error> {
        let (tap, connection) = io.get_mut();
        tap.stop_watching();
        let (peer, mut chain) = verified(record, connection)?;
        // The rest would be looked at again whenever the connection is judged.
        keep_selected(&mut chain);
        Ok(Self { peer, chain, tls: tls_info(connection)? })
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

/// Whom a completed handshake is trusted to be with, and by which chain. Taken out of the record.
///
/// # Errors
/// What is missing for trust.
fn verified(
    record: &mut HandshakeRecord,
    connection: &ServerConnection,
) -> Result<(Peer, Vec<CertificateDer<'static>>), Error> {
    if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
        // What was judged must be what rustls resumed.
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
            // The verifier has left nobody unnamed whom it let in, so without a name the fault is our own.
            let fault = || Error::General("nobody is named by a verified certificate".to_owned());
            Ok((peer.take().ok_or_else(fault)?, std::mem::take(chain)))
        }
    }
}

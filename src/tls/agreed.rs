//! What both sides have agreed on at the end of a handshake, and whether it may be trusted.

use rustls::{Error, HandshakeKind, ProtocolVersion, ServerConnection};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::evidence::{Evidence, Presented};
use super::tap::Tap;
use super::verifier::Gatekeeper;
use crate::identity::Peer;

/// What a completed handshake has settled.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) peer: Peer,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) sni: Option<String>,
    /// By ALPN.
    pub(super) protocol: Option<&'static str>,
    pub(super) tls_version: &'static str,
    /// What keys were agreed on in; none where a ticket was enough.
    pub(super) group: Option<&'static str>,
    pub(super) resumed: bool,
}

impl Agreed {
    /// # Errors
    /// What is missing for trust.
    pub(super) fn read(
        io: &mut TlsStream<Tap<TcpStream>>,
        evidence: &Evidence,
        gatekeeper: &Gatekeeper,
    ) -> Result<Self, Error> {
        let (tap, connection) = io.get_mut();
        tap.stop_watching();
        let chain = verified(evidence, connection)?;
        // The verifier has read this very certificate, so without it the fault is our own.
        let fault = || Error::General("a verified certificate cannot be read".to_owned());
        Ok(Self {
            peer: chain
                .split_first()
                .and_then(|(leaf, intermediates)| gatekeeper.identify(leaf, intermediates))
                .ok_or_else(fault)?,
            chain: chain.to_vec(),
            sni: connection.server_name().map(str::to_ascii_lowercase),
            protocol: match connection.alpn_protocol() {
                Some(b"h2") => Some("h2"),
                Some(_) => Some("http/1.1"),
                None => None,
            },
            tls_version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            group: connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }
}

/// The chain that a completed handshake is trusted for.
///
/// # Errors
/// What is missing for trust.
fn verified<'a>(
    evidence: &'a Evidence,
    connection: &ServerConnection,
) -> Result<&'a [CertificateDer<'static>], Error> {
    if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
        // What was judged must be what rustls resumed.
        let judged = evidence.resumed.as_ref().map(|resumed| resumed.chain.as_slice());
        return judged
            .filter(|chain| connection.peer_certificates() == Some(chain))
            .ok_or(Error::NoCertificatesPresented);
    }
    match &evidence.presented {
        None => Err(Error::NoCertificatesPresented),
        Some(Presented { refused: Some(refusal), .. }) => Err(refusal.clone().into()),
        Some(Presented { refused: None, chain }) => Ok(chain),
    }
}

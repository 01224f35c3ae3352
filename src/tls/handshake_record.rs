//! What was seen of a handshake: for the decision, and for the diagnosis of a failure.
//!
//! rustls reports the first error only, without certificates, and a handshake that reaches its deadline is dropped with
//! all that it knew. So the verifier, the tickets and the wrapper around the socket record what they see in a task-local
//! of the handshake's future (docs/decisions/201-handshake-record.md).

use std::cell::RefCell;
use std::net::SocketAddr;

use rustls::{AlertDescription, CipherSuite, Error, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_message_handshake,
    parse_tls_server_hello_extensions,
};

use super::fault::{Fault, rustls_error};
use crate::identity::Peer;
use crate::limits::eviction::Meter;
use crate::pki::path::bounds::TooLarge;
use crate::policy::Denial;
use crate::telemetry::HandshakeReason as Reason;

tokio::task_local! {
    static RECORD: RefCell<HandshakeRecord>;
}

/// Bytes of clawgate's first flight that are kept: enough for a HelloRetryRequest, or a ServerHello with
/// a post-quantum key share (1120 bytes for X25519MLKEM768).
const SERVER_HELLO: usize = 2048;
/// A record with an encrypted alert of TLS 1.3: header, level, description, content type, tag.
const ENCRYPTED_ALERT: usize = 5 + 3 + 16;
/// Tickets that are verified in one handshake. One costs as much as a client certificate, and a ClientHello has room for
/// dozens.
const MAX_TICKETS: u8 = 2;

/// What was seen of one handshake.
#[derive(Debug, Default)]
pub struct HandshakeRecord {
    /// Bytes that came from the client, including those before the handshake.
    pub bytes_in: u64,
    /// The client's certificates and the verifier's decision about them.
    pub presented: Option<Presented>,
    /// The content of the last valid ticket. It counts only if rustls reports a resumption: a handshake with a valid ticket
    /// may still become a full one.
    pub(crate) resumed: Option<Resumed>,
    /// The listener that accepted the connection.
    pub(crate) listener: Option<SocketAddr>,
    /// Counts the bytes that are buffered.
    meter: Option<Meter>,
    tickets: u8,
    server_flight: Vec<u8>,
    /// The last bytes written.
    tail: Vec<u8>,
}

/// The certificates that a client sent, and the decision about them.
#[derive(Debug)]
pub struct Presented {
    /// As sent, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Which check refused, if one did.
    pub refused: Option<Refusal>,
    /// The client's identity, if no check refused.
    pub(crate) peer: Option<Peer>,
}

/// The content of a valid ticket.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// The chain of the full handshake, which was verified again now.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The client's identity.
    pub(crate) peer: Peer,
    /// When the client last proved possession of its key; seconds since 1970.
    pub(super) proven_at: u64,
}

/// The check of the verifier that refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The size of the leaf, or its number of names.
    TooLarge(TooLarge),
    /// The chain. Holds all faults of the path that comes nearest to a valid one, in the order of repair.
    Chain(Vec<Fault>),
    /// The chain is valid, but the leaf's names cannot be read completely.
    Unreadable,
    /// The leaf's key usage.
    KeyUsage,
    /// The rules or pins, for this identity.
    Rules(Denial, Box<Peer>),
    /// CertificateVerify: the proof that the client holds the key.
    Possession(Error),
}

impl Presented {
    /// A chain that was refused, or that was not verified.
    pub fn new(chain: Vec<CertificateDer<'static>>, refused: Option<Refusal>) -> Self {
        Self { chain, refused, peer: None }
    }
}

impl From<Refusal> for Error {
    /// rustls chooses the alert by this error.
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Possession(error) => return error,
            Refusal::Chain(faults) => faults.first().map(|fault| fault.reason),
            Refusal::TooLarge(_) => Some(Reason::ClientCertTooLarge),
            Refusal::Unreadable => Some(Reason::ClientCertMalformed),
            Refusal::KeyUsage => Some(Reason::ClientCertWrongPurpose),
            Refusal::Rules(..) => Some(Reason::ClientNotAllowed),
        };
        rustls_error(reason.unwrap_or(Reason::InternalError))
    }
}

impl HandshakeRecord {
    /// Nothing was seen but the bytes before the handshake.
    pub fn of_first_bytes(bytes_in: u64) -> Self {
        Self { bytes_in, ..Self::default() }
    }

    /// Runs `handshake` with a new record, which can be taken out of the future afterwards.
    pub(crate) fn scope<F: Future>(
        bytes_in: u64,
        listener: SocketAddr,
        meter: Option<Meter>,
        handshake: F,
    ) -> tokio::task::futures::TaskLocalFuture<RefCell<Self>, F> {
        let record = Self { listener: Some(listener), meter, ..Self::of_first_bytes(bytes_in) };
        RECORD.scope(RefCell::new(record), handshake)
    }

    /// Changes the record of the current handshake. Does nothing outside of a handshake.
    pub(crate) fn note(update: impl FnOnce(&mut Self)) {
        let _ = Self::with(update);
    }

    /// Calls `look` with the record of the current handshake; `None` outside of a handshake.
    pub(crate) fn with<T>(look: impl FnOnce(&mut Self) -> T) -> Option<T> {
        RECORD.try_with(|record| look(&mut record.borrow_mut())).ok()
    }

    /// Records that bytes came from the client.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes_in += bytes as u64;
        if let Some(meter) = &self.meter {
            meter.add(bytes);
        }
    }

    /// Counts a ticket of the client and discards the content of the one before. Returns the listener; `None` when it is one
    /// ticket too many.
    pub(super) fn take_ticket(&mut self) -> Option<SocketAddr> {
        self.resumed = None;
        self.tickets = self.tickets.saturating_add(1);
        self.listener.filter(|_| self.tickets <= MAX_TICKETS)
    }

    /// Records the parts that are needed of what is written to the client.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        let room = SERVER_HELLO.saturating_sub(self.server_flight.len());
        self.server_flight.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(ENCRYPTED_ALERT)..]);
        self.tail.drain(..self.tail.len().saturating_sub(ENCRYPTED_ALERT));
    }

    /// The unencrypted alert (RFC 8446 section 6) that was sent, if any. An alert is always the last record.
    pub(super) fn plain_alert(&self) -> Option<AlertDescription> {
        match self.tail.as_slice() {
            [.., 21, 3, _, 0, 2, 1 | 2, description] => Some(AlertDescription::from(*description)),
            _ => None,
        }
    }

    /// Whether the last record that was sent has the length of an encrypted alert of TLS 1.3; no other record has it. rustls
    /// refuses some clients without an alert.
    pub(super) fn ends_with_encrypted_alert(&self) -> bool {
        self.tail.len() == ENCRYPTED_ALERT && self.tail.starts_with(&[23, 3, 3, 0, 19])
    }

    /// Version and cipher suite of the ServerHello (or HelloRetryRequest), when one was sent.
    pub fn negotiated(&self) -> Option<(ProtocolVersion, CipherSuite)> {
        let [22, _, _, _, _, message @ ..] = self.server_flight.as_slice() else {
            return None;
        };
        let Ok((_, TlsMessage::Handshake(TlsMessageHandshake::ServerHello(hello)))) =
            parse_tls_message_handshake(message)
        else {
            return None;
        };
        let extensions = hello.ext.map(parse_tls_server_hello_extensions);
        let selected = extensions.and_then(Result::ok).and_then(|(_, list)| {
            list.into_iter().find_map(|extension| match extension {
                TlsExtension::SupportedVersions(versions) => versions.first().copied(),
                _ => None,
            })
        });
        let version = selected.unwrap_or(hello.version);
        Some((version.0.into(), hello.cipher.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_tickets_of_a_handshake_are_verified() {
        let listener = Some(SocketAddr::from(([127, 0, 0, 1], 8443)));
        let mut record = HandshakeRecord { listener, ..HandshakeRecord::default() };

        for _ in 0..MAX_TICKETS {
            assert_eq!(record.take_ticket(), listener);
        }
        for _ in 0..1000 {
            assert_eq!(record.take_ticket(), None);
        }
    }
}

//! What is seen of a handshake while it goes on, kept for the diagnosis.
//!
//! rustls reports the first fault alone and gives no certificate with it, and a handshake that runs
//! into its deadline is dropped with all it knew. So the verifier and the tap on the socket note what
//! they see in a task-local that the handshake future carries: connections do not see each other's.

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
use crate::pki::bounds::TooLarge;
use crate::policy::Denial;
use crate::telemetry::HandshakeReason as Reason;

tokio::task_local! {
    static RECORD: RefCell<HandshakeRecord>;
}

/// Bytes of our own first flight that are kept: enough for a HelloRetryRequest, or a ServerHello with
/// a post-quantum key share (1120 bytes for X25519MLKEM768).
const SERVER_HELLO: usize = 2048;
/// A record with an encrypted alert of TLS 1.3: header, level, description, content type, tag.
const ENCRYPTED_ALERT: usize = 5 + 3 + 16;
/// Tickets that are looked at in one handshake. Judging one costs as much as judging a certificate that was
/// presented, and a ClientHello has room for dozens.
const MAX_TICKETS: u8 = 2;

/// What was seen of one handshake.
#[derive(Debug, Default)]
pub struct HandshakeRecord {
    /// Bytes that came from the client, its greeting included.
    pub bytes_in: u64,
    /// What went wrong in the verifier, and with which certificates.
    pub presented: Option<Presented>,
    /// What the last good ticket stands for. Of account in a resumed handshake only, so it is never mixed up
    /// with what was presented: a good ticket may still lead to a full handshake.
    pub(crate) resumed: Option<Resumed>,
    /// The address that the client has connected to.
    pub(crate) listener: Option<SocketAddr>,
    /// Counts what is held of what came.
    meter: Option<Meter>,
    tickets: u8,
    server_flight: Vec<u8>,
    /// The last bytes written.
    tail: Vec<u8>,
}

/// The certificates a client presented, leaf first, and the verdict on them.
#[derive(Debug)]
pub struct Presented {
    /// As sent, in DER.
    pub chain: Vec<CertificateDer<'static>>,
    /// Which check refused, if one did.
    pub refused: Option<Refusal>,
    /// Whom they name, where none did.
    pub(crate) peer: Option<Peer>,
}

/// What a ticket stands for.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// The chain that was verified when its key was proven, and was judged again now.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Whom it names.
    pub(crate) peer: Peer,
    /// When that was; seconds since 1970.
    pub(crate) proven_at: u64,
}

/// Which of the verifier's checks refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The size of the leaf, or its number of names.
    TooLarge(TooLarge),
    /// Building a chain to a configured CA: all that is wrong with the one that comes nearest, what is to be repaired
    /// first in front.
    Chain(Vec<Fault>),
    /// The leaf's names cannot be read to their end, though its chain holds.
    Unreadable,
    /// The leaf's key usage.
    KeyUsage,
    /// The rules or pins; with whom they refuse.
    Rules(Denial, Box<Peer>),
    /// CertificateVerify: the proof that the client holds the key.
    Possession(Error),
}

impl Presented {
    /// A chain that was refused, or that nobody was asked about.
    pub fn new(chain: Vec<CertificateDer<'static>>, refused: Option<Refusal>) -> Self {
        Self { chain, refused, peer: None }
    }
}

impl From<Refusal> for Error {
    /// As rustls is to take it; it chooses the alert by this.
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
    /// Nothing but the greeting was seen.
    pub fn of_first_bytes(bytes_in: u64) -> Self {
        Self { bytes_in, ..Self::default() }
    }

    /// Runs `handshake` with fresh record, which can be taken from the future afterwards.
    pub(crate) fn scope<F: Future>(
        bytes_in: u64,
        listener: SocketAddr,
        meter: Option<Meter>,
        handshake: F,
    ) -> tokio::task::futures::TaskLocalFuture<RefCell<Self>, F> {
        let record = Self { listener: Some(listener), meter, ..Self::of_first_bytes(bytes_in) };
        RECORD.scope(RefCell::new(record), handshake)
    }

    /// Notes something, if a handshake is going on in this task.
    pub(crate) fn note(update: impl FnOnce(&mut Self)) {
        let _ = Self::with(update);
    }

    /// What `look` makes of it; `None` when no handshake is going on in this task.
    pub(crate) fn with<T>(look: impl FnOnce(&mut Self) -> T) -> Option<T> {
        RECORD.try_with(|record| look(&mut record.borrow_mut())).ok()
    }

    /// Notes that bytes came from the client.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes_in += bytes as u64;
        if let Some(meter) = &self.meter {
            meter.add(bytes);
        }
    }

    /// Counts a ticket that was shown, and forgets the one before. Returns where it was shown; `None` when it
    /// is one too many.
    pub(crate) fn take_ticket(&mut self) -> Option<SocketAddr> {
        self.resumed = None;
        self.tickets = self.tickets.saturating_add(1);
        self.listener.filter(|_| self.tickets <= MAX_TICKETS)
    }

    /// Notes what is written to the client, as far as it is needed.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        let room = SERVER_HELLO.saturating_sub(self.server_flight.len());
        self.server_flight.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(ENCRYPTED_ALERT)..]);
        self.tail.drain(..self.tail.len().saturating_sub(ENCRYPTED_ALERT));
    }

    /// The alert that was sent without encryption (RFC 8446 section 6), if one was. An alert is the last
    /// that is sent.
    pub fn plain_alert(&self) -> Option<AlertDescription> {
        match self.tail.as_slice() {
            [.., 21, 3, _, 0, 2, 1 | 2, description] => Some(AlertDescription::from(*description)),
            _ => None,
        }
    }

    /// Whether the last record sent is as long as an encrypted alert of TLS 1.3, which no other is: rustls
    /// refuses some clients without a word.
    pub fn ends_with_encrypted_alert(&self) -> bool {
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
    fn only_the_first_tickets_of_a_handshake_are_looked_at() {
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

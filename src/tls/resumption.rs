//! Session tickets (RFC 8446 section 2.2, RFC 5077), which never admit a client that a full handshake would refuse.
//!
//! A ticket holds the chain that was verified, and the chain is verified again whenever the ticket is used: dates, CRLs
//! and rules as they are then. If anything is wrong, the ticket is ignored and rustls makes a full handshake, which refuses
//! the client with the usual alert and report.
//!
//! The keys belong to one [`Acceptor`](super::Acceptor): a reload, which may have changed the trusted CAs, makes new keys,
//! and so does a restart.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::client_verifier::ClientVerifier;
use super::handshake_record::{HandshakeRecord, Resumed};

/// How long tickets are valid after the last proof of possession, in seconds. This includes tickets that were issued on
/// resumed connections in the meantime.
const MAX_AGE: u32 = 60 * 60;
/// Largest session that is put into a ticket, in bytes. The next ClientHello grows by the same size.
const MAX_SESSION: usize = 8 * 1024;

/// Makes the tickets of one acceptor, and verifies those that come back.
#[derive(Debug)]
pub(super) struct Tickets {
    keys: Arc<dyn ProducesTickets>,
    verifier: Arc<ClientVerifier>,
}

impl Tickets {
    /// With new keys.
    pub(crate) fn new(verifier: Arc<ClientVerifier>) -> Result<Self, rustls::Error> {
        Ok(Self { keys: Ticketer::new()?, verifier })
    }

    /// The session in `ticket`, if its client would be admitted at `now`, and the verified chain.
    fn open(&self, ticket: &[u8], listener: SocketAddr, now: UnixTime) -> Option<(Vec<u8>, Resumed)> {
        let plain = self.keys.decrypt(ticket)?;
        let (payload, session) = TicketPayload::read(&plain)?;
        if !payload.is_valid(listener, now) {
            return None;
        }
        let chain = chain_at(session, payload.chain_at.into())?;
        let (leaf, intermediates) = chain.split_first()?;
        let peer = self.verifier.verify(leaf, intermediates, now).ok()?;
        let chain = chain.into_iter().map(CertificateDer::into_owned).collect();
        Some((session.to_vec(), Resumed { chain, peer, proven_at: payload.proven_at }))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        MAX_AGE
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let payload =
            HandshakeRecord::with(|record| TicketPayload::new(record, session, UnixTime::now()))??;
        self.keys.encrypt(&payload.write(session))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let listener = HandshakeRecord::with(HandshakeRecord::take_ticket)??;
        let (session, resumed) = self.open(ticket, listener, UnixTime::now())?;
        HandshakeRecord::note(|record| record.resumed = Some(resumed));
        Some(session)
    }
}

/// The fields in a ticket before rustls's session.
#[derive(Debug, PartialEq, Eq)]
struct TicketPayload {
    /// When the client last proved possession of its key; seconds since 1970.
    proven_at: u64,
    /// The listener where it did.
    listener: Listener,
    /// Where in the session the verified chain begins. So the ticket holds the chain once only.
    chain_at: u16,
}

/// An address and a port.
type Listener = [u8; 18];

impl TicketPayload {
    const LENGTH: usize = 8 + size_of::<Listener>() + 2;

    /// For the client of the current handshake, if it is verified.
    ///
    /// rustls's `session` must hold the same chain as the record. So a ticket that did not lead to a resumed handshake cannot
    /// be renewed.
    fn new(record: &HandshakeRecord, session: &[u8], now: UnixTime) -> Option<Self> {
        if session.len() > MAX_SESSION {
            return None;
        }
        let (chain, proven_at) = match (&record.presented, &record.resumed) {
            (Some(presented), _) if presented.refused.is_none() => (&presented.chain, now.as_secs()),
            (None, Some(resumed)) => (&resumed.chain, resumed.proven_at),
            _ => return None,
        };
        let listener = bytes_of(record.listener?);
        let chain = encoded(chain);
        let chain_at = session.windows(chain.len()).position(|window| window == chain)?;
        Some(Self { proven_at, listener, chain_at: u16::try_from(chain_at).ok()? })
    }

    fn is_valid(&self, listener: SocketAddr, now: UnixTime) -> bool {
        // If the clock was set back, the age is unknown.
        let age = now.as_secs().checked_sub(self.proven_at);
        self.listener == bytes_of(listener) && age.is_some_and(|age| age <= MAX_AGE.into())
    }

    fn write(&self, session: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(Self::LENGTH + session.len());
        plain.extend(self.proven_at.to_be_bytes());
        plain.extend(self.listener);
        plain.extend(self.chain_at.to_be_bytes());
        plain.extend(session);
        plain
    }

    fn read(plain: &[u8]) -> Option<(Self, &[u8])> {
        let (proven_at, rest) = plain.split_first_chunk()?;
        let (listener, rest) = rest.split_first_chunk()?;
        let (chain_at, session) = rest.split_first_chunk()?;
        let (proven_at, chain_at) = (u64::from_be_bytes(*proven_at), u16::from_be_bytes(*chain_at));
        Some((Self { proven_at, listener: *listener, chain_at }, session))
    }
}

fn bytes_of(listener: SocketAddr) -> Listener {
    let ip = match listener.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&listener.port().to_be_bytes());
    bytes
}

/// A chain as rustls writes it into a session: a list of certificates, with the length before the list and before each
/// certificate (RFC 8446 section 3.4).
///
/// If a later rustls writes it in another way, there are no tickets any more; a test notices that.
fn encoded(chain: &[CertificateDer<'_>]) -> Vec<u8> {
    let length = chain.iter().map(|der| 3 + der.len()).sum();
    let mut list = Vec::with_capacity(3 + length);
    list.extend(u24(length));
    for der in chain {
        list.extend(u24(der.len()));
        list.extend(der.as_ref());
    }
    list
}

fn u24(length: usize) -> impl IntoIterator<Item = u8> {
    // rustls has refused longer ones before.
    length.to_be_bytes().into_iter().skip(size_of::<usize>() - 3)
}

/// The chain that begins at `start` in `session`.
fn chain_at(session: &[u8], start: usize) -> Option<Vec<CertificateDer<'_>>> {
    let (mut list, _) = split_vector(session.get(start..)?)?;
    let mut chain = Vec::new();
    while !list.is_empty() {
        let (der, rest) = split_vector(list)?;
        chain.push(CertificateDer::from(der));
        list = rest;
    }
    Some(chain)
}

fn split_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[high, middle, low], rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Peer;
    use crate::tls::handshake_record::{Presented, Refusal};

    const LISTENER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);
    const NOW: u64 = 1_800_000_000;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
    }

    fn chain(ders: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
        ders.iter().map(|der| CertificateDer::from(der.clone())).collect()
    }

    fn presented(ders: &[Vec<u8>], refused: Option<Refusal>) -> HandshakeRecord {
        let mut record = HandshakeRecord::default();
        record.listener = Some(LISTENER);
        record.presented = Some(Presented::new(chain(ders), refused));
        record
    }

    fn peer() -> Peer {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
        Peer::read(params.self_signed(&key).unwrap().der()).unwrap()
    }

    fn session(ders: &[Vec<u8>]) -> Vec<u8> {
        [b"before", encoded(&chain(ders)).as_slice(), b"after"].concat()
    }

    #[test]
    fn a_ticket_is_valid_at_its_own_listener_and_for_an_hour() {
        let certificate = [vec![7; 40]];
        let session = session(&certificate);
        let payload = TicketPayload::new(&presented(&certificate, None), &session, at(NOW)).unwrap();

        assert!(payload.is_valid(LISTENER, at(NOW)) && payload.is_valid(LISTENER, at(NOW + 3600)));
        assert!(!payload.is_valid(LISTENER, at(NOW + 3601)));
        assert!(!payload.is_valid(LISTENER, at(NOW - 1)), "the clock was set back");
        let other_port = SocketAddr::new(LISTENER.ip(), 8444);
        let other_address = SocketAddr::new([127, 0, 0, 2].into(), 8443);
        assert!(!payload.is_valid(other_port, at(NOW)) && !payload.is_valid(other_address, at(NOW)));
    }

    #[test]
    fn a_client_that_was_refused_or_sent_no_certificate_gets_no_ticket() {
        let certificate = [vec![7; 40]];
        let session = session(&certificate);
        let refused = presented(&certificate, Some(Refusal::KeyUsage));
        let mut nothing = presented(&certificate, None);
        nothing.presented = None;

        assert_eq!(TicketPayload::new(&refused, &session, at(NOW)), None);
        assert_eq!(TicketPayload::new(&nothing, &session, at(NOW)), None);
    }

    #[test]
    fn a_ticket_that_led_to_a_full_handshake_without_a_certificate_is_not_renewed() {
        let certificate = [vec![7; 40]];
        let mut record = presented(&certificate, None);
        record.presented = None;
        let (chain, peer) = (chain(&certificate), peer());
        record.resumed = Some(Resumed { chain, peer, proven_at: NOW - 60 });

        // Then rustls's session has no chain.
        assert_eq!(TicketPayload::new(&record, b"beforeafter", at(NOW)), None);
        // On a resumed connection it has one. The ticket keeps the time of the proof.
        let renewed = TicketPayload::new(&record, &session(&certificate), at(NOW)).unwrap();
        assert_eq!(renewed.proven_at, NOW - 60);
    }

    #[test]
    fn a_session_that_is_too_large_gets_no_ticket() {
        let certificate = [vec![7; MAX_SESSION]];
        assert_eq!(
            TicketPayload::new(&presented(&certificate, None), &session(&certificate), at(NOW)),
            None
        );
    }

    proptest! {
        #[test]
        fn a_chain_is_read_back_as_it_was(
            ders in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 1..5),
        ) {
            let session = session(&ders);
            let payload = TicketPayload::new(&presented(&ders, None), &session, at(NOW)).unwrap();
            let plain = payload.write(&session);

            let (read, rest) = TicketPayload::read(&plain).unwrap();

            prop_assert_eq!(&read, &payload);
            prop_assert_eq!(rest, session.as_slice());
            prop_assert_eq!(chain_at(rest, read.chain_at.into()).unwrap(), chain(&ders));
        }

        #[test]
        fn no_plaintext_makes_the_reader_panic(plain in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some((payload, session)) = TicketPayload::read(&plain) {
                let _ = chain_at(session, payload.chain_at.into());
            }
        }
    }
}

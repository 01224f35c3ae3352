//! Connecting to a name that has several addresses (RFC 8305, "Happy Eyeballs"), perhaps with a check of these addresses.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep};

use super::address_check::AddressCheck;

/// How long to wait for an address before also trying the next one. It is the minimum of RFC 8305 section 8:
/// upstreams are usually near, and all addresses must be tried within `upstream.connect_timeout`.
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// Where the addresses of a name come from.
enum Lookup {
    /// From the system.
    System,
    /// For tests: the next list at each look-up, and the last one for ever.
    #[cfg(test)]
    Fixed(std::sync::Arc<std::sync::Mutex<Vec<Vec<SocketAddr>>>>),
}

impl Lookup {
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(lookup_host((host, port)).await?.collect()),
            #[cfg(test)]
            Self::Fixed(lists) => {
                let mut lists = lists.lock().unwrap();
                Ok(if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() })
            }
        }
    }
}

/// Connects to `host`, a name or an address. Uses the first of its addresses that accepts the connection. With a `check`, those that
/// it refuses are left out. It sees each look-up anew, and no other look-up follows: so a name cannot lead elsewhere meanwhile.
///
/// # Errors
/// If there is no address, with an [`AddressRefused`](super::AddressRefused) inside if the check leaves none, or with the last error if
/// no address accepts.
pub(super) async fn connect(
    host: &str,
    port: u16,
    check: Option<&AddressCheck>,
) -> io::Result<TcpStream> {
    connect_with(&Lookup::System, host, port, check).await
}

async fn connect_with(
    lookup: &Lookup,
    host: &str,
    port: u16,
    check: Option<&AddressCheck>,
) -> io::Result<TcpStream> {
    let mut addresses = lookup.addresses(host, port).await?;
    if let Some(check) = check {
        addresses = check.select(&addresses).map_err(io::Error::other)?;
    }
    race(alternating(addresses.into_iter())).await
}

/// RFC 8305 section 4: alternates between the two address families, each in the order of the resolver.
fn alternating(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let addresses: Vec<_> = addresses.collect();
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut order: Vec<_> =
        first.into_iter().flat_map(|address| [Some(address), second.next()]).collect();
    order.extend(second.map(Some));
    order.into_iter().flatten().collect()
}

/// Tries the addresses in order. Starts the next attempt when one has failed, or after a delay. The first connection
/// wins, and the other attempts are cancelled.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut delay = pin!(sleep(ATTEMPT_DELAY));
    loop {
        match addresses.next() {
            Some(address) => attempts.push(Box::pin(TcpStream::connect(address))),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        delay.as_mut().reset(Instant::now() + ATTEMPT_DELAY);
        let more = addresses.len() > 0;
        let connected = poll_fn(|cx| {
            let mut failed = false;
            let mut at = 0;
            while let Some(attempt) = attempts.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Pending => at += 1,
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Some(stream)),
                    Poll::Ready(Err(error)) => {
                        failure = error;
                        failed = true;
                        drop(attempts.swap_remove(at));
                    }
                }
            }
            if attempts.is_empty() || more && (failed || delay.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(None);
            }
            Poll::Pending
        });
        if let Some(stream) = connected.await {
            return Ok(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::net::TcpStream as StdStream;

    use socket2::{Domain, SockAddr, Socket, Type};
    use tokio::time::timeout;

    use super::super::address_check::AddressRefused;
    use super::*;

    /// A listening socket with a full queue: the kernel drops further SYNs.
    struct Full {
        address: SocketAddr,
        _socket: Socket,
        _fillers: Vec<StdStream>,
    }

    fn full() -> Full {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let connect = || StdStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let fillers = std::iter::from_fn(connect).take(100).collect();
        Full { address, _socket: socket, _fillers: fillers }
    }

    fn refusing() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    async fn reached(addresses: Vec<SocketAddr>) -> io::Result<SocketAddr> {
        let raced = timeout(Duration::from_secs(10), race(addresses));
        raced.await.expect("no attempt after the first")?.peer_addr()
    }

    #[tokio::test]
    async fn if_an_address_drops_syns_the_next_one_is_tried_after_the_delay() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = good.local_addr().unwrap();
        let (full, other) = (full(), full());
        let start = Instant::now();

        let addresses = vec![full.address, refusing(), other.address, address];
        assert_eq!(reached(addresses).await.unwrap(), address);

        assert!(start.elapsed() >= ATTEMPT_DELAY, "all were tried at once");
    }

    #[tokio::test]
    async fn if_an_address_refuses_the_next_one_is_tried_at_once() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = good.local_addr().unwrap();

        assert_eq!(reached(vec![refusing(), refusing(), address]).await.unwrap(), address);
    }

    /// What a name leads to at one look-up after the other.
    fn lookups(lists: &[&[SocketAddr]]) -> Lookup {
        let lists = lists.iter().map(|list| list.to_vec()).collect();
        Lookup::Fixed(std::sync::Arc::new(std::sync::Mutex::new(lists)))
    }

    /// Allows loopback addresses.
    fn check() -> AddressCheck {
        AddressCheck::new(vec!["127.0.0.0/8".parse().unwrap()]).unwrap()
    }

    fn refused(error: &io::Error) -> Option<&AddressRefused> {
        error.get_ref()?.downcast_ref()
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_at_the_second_look_up_is_refused_then() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = good.local_addr().unwrap();
        let private: SocketAddr = "10.0.0.1:80".parse().unwrap();
        let lookup = lookups(&[&[address], &[private]]);

        let first = connect_with(&lookup, "api.example.org", 80, Some(&check())).await.unwrap();
        let second = connect_with(&lookup, "api.example.org", 80, Some(&check())).await.unwrap_err();

        assert_eq!(first.peer_addr().unwrap(), address);
        assert!(matches!(refused(&second), Some(AddressRefused::NotPublic { .. })), "{second}");
    }

    #[tokio::test]
    async fn of_the_addresses_of_a_name_only_allowed_ones_are_connected_to() {
        let forbidden = TcpListener::bind("[::1]:0").unwrap();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [&forbidden, &good].map(|listener| listener.local_addr().unwrap());
        let lookup = lookups(&[&addresses]);

        let stream = connect_with(&lookup, "api.example.org", 80, Some(&check())).await.unwrap();

        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        forbidden.set_nonblocking(true).unwrap();
        assert_eq!(forbidden.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn an_address_instead_of_a_name_is_checked_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();

        for host in ["127.0.0.1", "::ffff:127.0.0.1", "localhost"] {
            let none = AddressCheck::default();
            let error = connect(host, port, Some(&none)).await.unwrap_err();
            assert!(refused(&error).is_some(), "{host}: {error}");
        }
        assert!(connect("127.0.0.1", port, None).await.is_ok());
    }

    #[tokio::test]
    async fn if_the_first_address_accepts_no_other_is_tried() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [first, second] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());

        assert_eq!(reached(vec![first, second]).await.unwrap(), first);

        listeners[1].set_nonblocking(true).unwrap();
        assert_eq!(listeners[1].accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn if_no_address_accepts_the_last_error_is_returned() {
        let error = reached(vec![refusing(), refusing()]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(reached(vec![]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_families_take_turns_and_keep_the_order_of_the_resolver() {
        let parse = |text: &str| -> Vec<SocketAddr> {
            text.split(' ').map(|ip| SocketAddr::new(ip.parse().unwrap(), 1)).collect()
        };
        for (resolved, order) in [
            ("::1 ::2 ::3 10.0.0.1 10.0.0.2", "::1 10.0.0.1 ::2 10.0.0.2 ::3"),
            ("10.0.0.1 10.0.0.2 ::1", "10.0.0.1 ::1 10.0.0.2"),
            ("10.0.0.1 ::1 ::2 ::3", "10.0.0.1 ::1 ::2 ::3"),
            ("::1", "::1"),
        ] {
            assert_eq!(alternating(parse(resolved).into_iter()), parse(order), "{resolved}");
        }
        assert!(alternating(std::iter::empty()).is_empty());
    }
}

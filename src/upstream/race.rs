//! Connecting to a name that has several addresses (RFC 8305, "Happy Eyeballs").

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep};

/// How long to wait for an address before also trying the next one. It is the minimum of RFC 8305 section 8:
/// upstreams are usually near, and all addresses must be tried within `upstream.connect_timeout`.
const ATTEMPT_DELAY: Duration = Duration::from_millis(100);

/// Connects to `host`, a name or an address. Uses the first of its addresses that accepts the connection.
///
/// # Errors
/// If there is no address, or with the last error if no address accepts.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    race(alternating(lookup_host((host, port)).await?)).await
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

//! What clients may use, and that those who use too much do not affect others.

mod connections;
mod frames;
mod idle;
mod memory;
mod open_files;
mod requests;
mod slow;

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{TIMEOUT, eventually};

/// A clawgate with these `[limits]`, before `upstream`.
fn with_limits(pki: &Pki, upstream: &str, limits: &str) -> ClawgateCommand {
    let file = pki.file("limits.toml", format!("[limits]\n{limits}\n"));
    ClawgateCommand::new(pki).upstream(upstream).admin().arg("--config", file)
}

/// The value of a metric now.
fn metric(clawgate: &Clawgate, series: &str) -> u64 {
    let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap().parse().unwrap()
}

/// How often a limit was reached.
pub(crate) fn hits(clawgate: &Clawgate, limit: &str) -> u64 {
    metric(clawgate, &format!("clawgate_limits_hit_total{{limit=\"{limit}\"}}"))
}

/// Waits until `count` connections are parked.
fn are_parked(clawgate: &Clawgate, count: u64) {
    let parked = || metric(clawgate, "clawgate_parked_connections") == count;
    eventually(&format!("{count} parked connections"), || parked().then_some(()));
}

/// A TCP connection from another address of this machine.
fn connect_from(host: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from: SocketAddr = format!("{host}:0").parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

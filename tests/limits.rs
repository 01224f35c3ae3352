//! What clients may use up, and that those who use up too much do not keep others out.

mod connections;
mod frames;
mod idle;
mod memory;
mod open_files;
mod requests;
mod slow;

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::support::TIMEOUT;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate with these `[limits]`, before `upstream`.
fn with_limits(pki: &Pki, upstream: &str, limits: &str) -> ClawgateCommand {
    let file = pki.file("limits.toml", format!("[limits]\n{limits}\n"));
    ClawgateCommand::new(pki).upstream(upstream).admin().arg("--config", file)
}

/// How often a limit was run into.
pub(crate) fn hits(clawgate: &Clawgate, limit: &str) -> u64 {
    let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    let series = format!("clawgate_limits_hit_total{{limit=\"{limit}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
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

//! Listening addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;
use crate::support::unused_port;

#[test]
fn the_ipv6_wildcard_takes_ipv6_alone_whatever_the_system_has_set() {
    let pki = Pki::new();
    // Keeps others from listening at this port over IPv4 meanwhile.
    let reserved = unused_port();
    let at = |ip: IpAddr| SocketAddr::new(ip, reserved.address().port());
    let wildcard = at(Ipv6Addr::UNSPECIFIED.into()).to_string();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--listen", wildcard).start();

    let v6 = Client::new(&pki, &clawgate).at(at(Ipv6Addr::LOCALHOST.into())).connect();

    assert!(v6.unwrap().is_answered_at("/hooks/wake"));
    let v4 = TcpStream::connect(at(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(v4.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn both_wildcards_may_have_the_same_port_and_take_both_families() {
    let pki = Pki::new();
    let reserved = unused_port();
    let port = reserved.address().port();
    let both = format!("0.0.0.0:{port},[::]:{port}");
    let clawgate = ClawgateCommand::bare("run")
        .env("CLAWGATE_LISTEN", both)
        .env("CLAWGATE_ADMIN", "off")
        .env("CLAWGATE_CERT", pki.files("server", &pki.server).0)
        .env("CLAWGATE_KEY", pki.files("server", &pki.server).1)
        .env("CLAWGATE_CLIENT_CA", pki.file("ca.pem", pki.root.pem()))
        .upstream("echo:")
        .start();

    for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        let connection = Client::new(&pki, &clawgate).at(SocketAddr::new(ip, port)).connect();
        assert!(connection.unwrap().is_answered_at("/hooks/wake"), "{ip}");
    }
}

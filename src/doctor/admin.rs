//! The admin listener: is it there, and what does the gate say of itself?

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::probe::{Reply, exchange};
use super::report::{Finding, Place};
use crate::config::{AdminAddress, Settings};

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let Some(admin) = &settings.admin else {
        return vec![Place::new("admin", "").skipped("ready", "off (admin.address)")];
    };
    let place = Place::new("admin", &admin.address);
    if matches!(admin.address, AdminAddress::Tcp(address) if address.port() == 0) {
        return vec![
            place.skipped("ready", "port 0 stands for any free one: name the real one with --admin"),
        ];
    }
    vec![ask(&place, &admin.address, "ready", "/readyz").await]
}

/// Asks for `path`, which 200 answers well.
pub(super) async fn ask(
    place: &Place,
    address: &AdminAddress,
    check: &'static str,
    path: &str,
) -> Finding {
    match address {
        AdminAddress::Tcp(address) => match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => get(place, stream, &address.to_string(), check, path).await,
            Ok(Err(error)) => absent(place, check, &error),
            Err(_) => silent(place, check),
        },
        AdminAddress::Unix(socket) => match UnixStream::connect(socket).await {
            Ok(stream) => get(place, stream, "localhost", check, path).await,
            Err(error) => absent(place, check, &error),
        },
    }
}

async fn get(
    place: &Place,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    check: &'static str,
    path: &str,
) -> Finding {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    match exchange(stream, request.as_bytes(), PATIENCE).await {
        Reply::Http(answer) => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = text.lines().next().unwrap_or_default().to_owned();
            match answer.status.as_u16() {
                200 => place.good(check, text),
                503 => place.fault(
                    check,
                    format!("the gate is not ready: {text}"),
                    "look at its log, and at /status",
                ),
                other => something_else(place, check, &format!("{path} answers {other}")),
            }
        }
        Reply::Silence => silent(place, check),
        Reply::Other(_) | Reply::Closed => something_else(place, check, "it does not speak HTTP"),
    }
}

fn absent(place: &Place, check: &'static str, error: &io::Error) -> Finding {
    let mend = "start the gate, or set admin.address to where it runs with";
    place.fault(check, format!("nobody answers there: {error}"), mend)
}

fn silent(place: &Place, check: &'static str) -> Finding {
    place.fault(check, "no answer within 5 s", "look at the machine's load, and at the gate's log")
}

fn something_else(place: &Place, check: &'static str, why: &str) -> Finding {
    let mend = "see what listens there (ss -ltnp), or set admin.address to where the gate runs with";
    place.fault(check, format!("that is no clawgate: {why}"), mend)
}

//! The admin listener: is it there, and what does the gate say of itself?

use std::io;
use std::path::Path;
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
    let address = match &admin.address {
        AdminAddress::Tcp(address) => *address,
        AdminAddress::Unix(path) => return unix(&place, path).await,
    };
    if address.port() == 0 {
        return vec![
            place.skipped("ready", "port 0 stands for any free one: name the real one with --admin"),
        ];
    }
    let stream = match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return vec![absent(&place, &error)],
        Err(_) => return vec![silent(&place)],
    };
    vec![ready(&place, stream, &address.to_string()).await]
}

async fn unix(place: &Place, path: &Path) -> Vec<Finding> {
    vec![match UnixStream::connect(path).await {
        Ok(stream) => ready(place, stream, "localhost").await,
        Err(error) => absent(place, &error),
    }]
}

async fn ready(place: &Place, stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> Finding {
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    match exchange(stream, request.as_bytes(), PATIENCE).await {
        Reply::Http(answer) => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = text.lines().next().unwrap_or_default().to_owned();
            match answer.status.as_u16() {
                200 => place.good("ready", text),
                503 => place.fault(
                    "ready",
                    format!("the gate is not ready: {text}"),
                    "look at its log, and at /status",
                ),
                other => something_else(place, &format!("/readyz answers {other}")),
            }
        }
        Reply::Silence => silent(place),
        Reply::Other(_) | Reply::Closed => something_else(place, "it does not speak HTTP"),
    }
}

fn absent(place: &Place, error: &io::Error) -> Finding {
    let mend = "start the gate, or set admin.address to where it runs with";
    place.fault("ready", format!("nobody answers there: {error}"), mend)
}

fn silent(place: &Place) -> Finding {
    place.fault("ready", "no answer within 5 s", "look at the machine's load, and at the gate's log")
}

fn something_else(place: &Place, why: &str) -> Finding {
    let mend = "see what listens there (ss -ltnp), or set admin.address to where the gate runs with";
    place.fault("ready", format!("that is no clawgate: {why}"), mend)
}

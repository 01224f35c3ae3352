//! Checks the admin listener: whether it answers, and what clawgate reports about itself.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::probe::{Reply, exchange};
use crate::config::{AdminAddress, BearerToken, Settings};
use crate::finding::{Area, Check, Finding, Subject};
use crate::wording;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let Some(address) = &settings.startup.admin else {
        return vec![Subject::new(Area::Admin, "").skipped(Check::Ready, "off (admin.address)")];
    };
    let place = Subject::new(Area::Admin, address);
    if matches!(address, AdminAddress::Tcp(address) if address.port() == 0) {
        return vec![
            place.skipped(
                Check::Ready,
                "port 0 stands for any free port: give the real one with --admin",
            ),
        ];
    }
    vec![ask(&place, address, Check::Ready, "/readyz").await]
}

/// Requests `path`, and expects status 200.
pub(super) async fn ask(place: &Subject, address: &AdminAddress, check: Check, path: &str) -> Finding {
    match call(address, path).await {
        Ok(Reply::Http(answer)) => {
            let text = String::from_utf8_lossy(&answer.body);
            let text = text.lines().next().unwrap_or_default().to_owned();
            match answer.status.as_u16() {
                200 => place.pass(check, text),
                503 => place.fail(
                    check,
                    format!("clawgate is not ready: {text}"),
                    "see its log, and /status",
                ),
                other => something_else(place, check, &format!("{path} answers {other}")),
            }
        }
        Ok(Reply::Silence) => silent(place, check),
        Ok(Reply::Other(_) | Reply::Closed) => something_else(place, check, "it does not speak HTTP"),
        Err(error) => absent(place, check, &error),
    }
}

/// How many files the running process may have open; `None` if it does not run or requires a token.
pub(super) async fn file_limit(settings: &Settings) -> Option<u64> {
    let Ok(Reply::Http(answer)) = call(settings.startup.admin.as_ref()?, "/metrics").await else {
        return None;
    };
    let text = String::from_utf8_lossy(&answer.body);
    let value = text.lines().find_map(|line| line.strip_prefix("process_max_fds "))?;
    // All gauges are written as floats.
    value.strip_suffix(".0").unwrap_or(value).parse().ok()
}

/// Sends a GET request for `path`. Returns an error if no connection could be made.
pub(super) async fn call(address: &AdminAddress, path: &str) -> io::Result<Reply> {
    call_with(address, path, None).await
}

/// The same, and shows `token`.
pub(super) async fn call_with(
    address: &AdminAddress,
    path: &str,
    token: Option<&BearerToken>,
) -> io::Result<Reply> {
    let shown = token.and_then(|token| token.authorization().to_str().ok());
    let shown =
        Zeroizing::new(shown.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default());
    let request = |host| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        Zeroizing::new(format!("{head}{}\r\n", *shown))
    };
    match address {
        AdminAddress::Tcp(address) => match timeout(TIMEOUT, TcpStream::connect(address)).await {
            Ok(stream) => {
                let request = request(address.to_string());
                Ok(exchange(stream?, request.as_bytes(), TIMEOUT).await)
            }
            Err(_) => Ok(Reply::Silence),
        },
        AdminAddress::Unix(socket) => {
            let request = request("localhost".to_owned());
            Ok(exchange(UnixStream::connect(socket).await?, request.as_bytes(), TIMEOUT).await)
        }
    }
}

fn absent(place: &Subject, check: Check, error: &io::Error) -> Finding {
    let hint = "start clawgate, or set admin.address to the value that it runs with";
    place.fail(check, format!("nothing answers there: {}", wording::io(error)), hint)
}

fn silent(place: &Subject, check: Check) -> Finding {
    place.fail(check, "no answer within 5 s", "check the machine's load and clawgate's log")
}

fn something_else(place: &Subject, check: Check, why: &str) -> Finding {
    let hint =
        "see what listens there (ss -ltnp), or set admin.address to the value that clawgate runs with";
    place.fail(check, format!("that is not clawgate: {why}"), hint)
}

//! One exchange over an open connection. No HTTP library is used, because it would hide faults that `doctor` must find.

use std::io;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Reading stops after this many bytes of an answer.
const ENOUGH: usize = 64 * 1024;

/// An HTTP/1.1 answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(crate) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What the server sent.
#[derive(Debug)]
pub(super) enum Reply {
    Http(Answer),
    /// Something other than HTTP: the received bytes.
    Other(Vec<u8>),
    /// It closed the connection without sending anything.
    Closed,
    /// It sent nothing within the time limit.
    Silence,
}

/// Sends `request` and reads until the answer is complete or the connection ends.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    limit: Duration,
) -> Reply {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut bytes = Vec::new();
    let read = async {
        loop {
            match reading.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(_) if bytes.len() >= ENOUGH || is_whole(&bytes) => break,
                Ok(_) => {}
            }
        }
    };
    // The server may answer and close the connection before it has read the whole request.
    let write = async {
        let written: io::Result<()> = async {
            writing.write_all(request).await?;
            writing.flush().await
        }
        .await;
        drop(written);
        std::future::pending::<()>().await;
    };
    let in_time = timeout(limit, async {
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    })
    .await
    .is_ok();
    match parse(&bytes) {
        Some(answer) => Reply::Http(answer),
        None if !bytes.is_empty() => Reply::Other(bytes),
        None if in_time => Reply::Closed,
        None => Reply::Silence,
    }
}

/// The position at which the head ends.
fn head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n")
}

/// Whether the head and the whole body have arrived. Without a Content-Length, only the end of the connection shows
/// that.
fn is_whole(bytes: &[u8]) -> bool {
    let (Some(end), Some(answer)) = (head(bytes), parse(bytes)) else {
        return false;
    };
    let length = answer.headers.get(http::header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() - end - 4 >= length)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = head(bytes)?;
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut lines = text.split("\r\n");
    let mut status_line = lines.next()?.split(' ');
    status_line.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = StatusCode::from_bytes(status_line.next()?.as_bytes()).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.trim()))
        {
            headers.append(name, value);
        }
    }
    Some(Answer { status, headers, body: bytes.get(end + 4..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_known_by_its_length() {
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n\r\n{}"));
    }

    #[test]
    fn what_is_not_http_is_no_answer() {
        assert!(parse(b"\x15\x03\x01\x00\x02\x02\x46").is_none());
        assert!(parse(b"SSH-2.0-x\r\n\r\n").is_none());
        let answer = parse(b"HTTP/1.1 401 Unauthorized\r\nA: b\r\n\r\nno").unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (401, &b"no"[..]));
        assert_eq!(answer.headers["a"], "b");
    }
}

//! The server behind every proxy: as cheap as can be, and with an eye on what it gets.

use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::pki::CLIENT;

/// Largest body either way, in bytes.
pub const LARGEST: usize = 8 * 1024 * 1024;

/// What bodies are made of: one is the first so many bytes of this.
pub static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(LARGEST);
    while bytes.len() < LARGEST {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
});

/// Good answers so far.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// How many requests were answered with 200 so far, in this program.
pub fn answered() -> u64 {
    ANSWERED.load(Ordering::Relaxed)
}

/// Serves on a free port for as long as the runtime lives; returns the port.
pub async fn start() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((io, _)) = listener.accept().await {
            let _ = io.set_nodelay(true);
            tokio::spawn(serve(io));
        }
    });
    Ok(port)
}

/// Answers one request after the other until the proxy closes.
async fn serve(mut io: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 128 * 1024];
    let mut filled = 0;
    loop {
        let end = loop {
            if let Some(at) = find(&buffer[..filled], b"\r\n\r\n") {
                break at + 4;
            }
            match io.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                count => filled += count,
            }
        };
        let request = Request::read(&buffer[..end]);
        let mut fault = request.fault;
        // The body: compared as it comes.
        let mut at = 0;
        let mut chunk = filled.min(end + request.length);
        let mut same = buffer[end..chunk] == PATTERN[..chunk - end];
        at += chunk - end;
        while at < request.length {
            // What is in the buffer is used up.
            filled = 0;
            let room = buffer.len().min(request.length - at);
            chunk = io.read(&mut buffer[..room]).await?;
            if chunk == 0 {
                return Ok(());
            }
            same &= buffer[..chunk] == PATTERN[at..at + chunk];
            at += chunk;
        }
        if filled > 0 {
            buffer.copy_within(chunk..filled, 0);
            filled -= chunk;
        }
        if !same {
            fault = Some("the body is not the one that was sent");
        }
        answer(&mut io, &request, fault).await?;
    }
}

async fn answer(io: &mut TcpStream, request: &Request, fault: Option<&str>) -> io::Result<()> {
    if let Some(fault) = fault {
        let head = format!("HTTP/1.1 500 Fault\r\ncontent-length: {}\r\n\r\n{fault}", fault.len());
        return io.write_all(head.as_bytes()).await;
    }
    ANSWERED.fetch_add(1, Ordering::Relaxed);
    if request.want > 0 {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", request.want);
        io.write_all(head.as_bytes()).await?;
        return io.write_all(&PATTERN[..request.want]).await;
    }
    let mut text = *b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\n00000000";
    let at = text.len() - 8;
    text[at..].copy_from_slice(&request.number);
    io.write_all(&text).await
}

/// What the upstream needs of a request.
struct Request {
    /// Length of the body.
    length: usize,
    /// How many bytes to answer with; 0: with `number`.
    want: usize,
    number: [u8; 8],
    fault: Option<&'static str>,
}

impl Request {
    fn read(head: &[u8]) -> Self {
        let field = |name: &[u8]| {
            let lines = head.split(|byte| *byte == b'\n');
            let line = lines.into_iter().find(|line| {
                line.len() > name.len()
                    && line[..name.len()].eq_ignore_ascii_case(name)
                    && line[name.len()] == b':'
            })?;
            std::str::from_utf8(line[name.len() + 1..].trim_ascii()).ok()
        };
        let number = |name| field(name).and_then(|text: &str| text.parse().ok()).unwrap_or(0);
        let named = field(b"x-bench-n").and_then(|text| <[u8; 8]>::try_from(text.as_bytes()).ok());
        let fault = if find(head, CLIENT.as_bytes()).is_none() {
            Some("the upstream was not told who the client is")
        } else if named.is_none() {
            Some("x-bench-n is missing")
        } else {
            None
        };
        Self {
            length: number(b"content-length").min(LARGEST),
            want: number(b"x-bench-want").min(LARGEST),
            number: named.unwrap_or_default(),
            fault,
        }
    }
}

/// Where `wanted` begins in `bytes`.
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

//! An upstream that answers as a test says, and keeps what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What it does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers with this status, these further lines of the head, and this body.
    Answer(u16, &'static str, &'static str),
    /// Closes the connection.
    Close,
    /// Does nothing more.
    Silence,
    /// Answers 200 when the test says so.
    Later(Arc<tokio::sync::Semaphore>),
}

pub(super) const OK: Reply = Reply::Answer(200, "", "{\"ok\":true}");

/// A request that it got.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) at: Instant,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// How many other requests it was working on.
    pub(super) others: usize,
}

impl Got {
    /// The value of a header field.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[derive(Debug, Default)]
struct State {
    got: Vec<Got>,
    working: usize,
}

type Script = dyn Fn(usize, &Got) -> Reply + Send + Sync;

/// The upstream. It ends when this is dropped.
pub(super) struct TestUpstream {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

impl TestUpstream {
    /// Answers as `script` says: it gets the number of the request, from 0, and the request.
    pub(super) async fn start(script: impl Fn(usize, &Got) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    /// The same, at this address.
    pub(super) async fn at(
        address: SocketAddr,
        script: impl Fn(usize, &Got) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, script): (_, Arc<Script>) = (Arc::<Mutex<State>>::default(), Arc::new(script));
        let mut tasks = JoinSet::new();
        let for_task = Arc::clone(&state);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&for_task), Arc::clone(&script)));
            }
        });
        Self { address, state, _tasks: tasks }
    }

    /// An address where nothing listens.
    pub(super) async fn unused() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    /// All requests so far.
    pub(super) fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap().got.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, script: Arc<Script>) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
        let mut got = Got { at: Instant::now(), head, body: Vec::new(), others: 0 };
        let length = got.header("content-length").map_or(0, |text| text.parse().unwrap());
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        got.body = buffer.drain(..length).collect();
        let number = {
            let mut state = state.lock().unwrap();
            got.others = state.working;
            state.working += 1;
            state.got.push(got.clone());
            state.got.len() - 1
        };
        let reply = script(number, &got);
        let ended = || state.lock().unwrap().working -= 1;
        let (status, lines, body) = match reply {
            Reply::Answer(status, lines, body) => (status, lines, body),
            Reply::Close => return ended(),
            Reply::Silence => return std::future::pending().await,
            Reply::Later(permits) => {
                permits.acquire().await.unwrap().forget();
                (200, "", "{\"ok\":true}")
            }
        };
        ended();
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{lines}\r\n{body}");
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

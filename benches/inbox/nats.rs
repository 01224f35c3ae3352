//! The inbox in NATS JetStream, beside the other way to recognise repetitions: a key-value bucket that has the marks, and a stream that
//! has the events, so that the server confirms twice.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream};
use bytes::Bytes;
use clawgate::inbox::jetstream::JetStreamStore;
use clawgate::inbox::{InboxSettings, JetStreamSettings, NatsCredentials, Store, StorePlace};
use tokio::runtime::Runtime;

use crate::bare::HEAD;
use crate::senders::Target;

const STREAM: &str = "bench";
const MARKS: &str = "marks";

/// A nats-server with an empty folder. It ends with this.
pub(crate) struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts it. `sync`: it writes each message to the disk before it confirms it.
    pub(crate) fn start(program: &Path, folder: &Path, sync: bool) -> Self {
        // Of the system; it is free again when the server asks for it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let streams = folder.join("streams");
        let sync = if sync { ", sync_interval: always" } else { "" };
        let settings = format!(
            "listen: \"{address}\"\njetstream {{ store_dir: {streams:?}, max_file_store: 64GB{sync} }}\n"
        );
        let file = folder.join("nats.conf");
        fs::write(&file, settings).unwrap();
        let process = Command::new(program).arg("-c").arg(file).stderr(Stdio::null()).spawn().unwrap();
        Self { process, url: format!("nats://{address}") }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Opens the store of clawgate, and waits until it can be used.
    pub(crate) fn open(&self, inbox: InboxSettings) -> Arc<dyn Store> {
        let nats = JetStreamSettings {
            servers: vec![self.url.parse().unwrap()],
            name: STREAM.to_owned(),
            replicas: 1,
            credentials: NatsCredentials::None,
            ca_file: None,
            client_certificate: None,
            max_remembered: 500_000,
            monitoring: Vec::new(),
        };
        let place = StorePlace::JetStream(Arc::new(nats.clone()));
        let store = JetStreamStore::open(&InboxSettings { place, ..inbox }, &nats).unwrap();
        let runtime = runtime();
        let begin = Instant::now();
        while runtime.block_on(store.totals()).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(120), "nats-server does not start");
            sleep(Duration::from_millis(20));
        }
        Arc::new(store)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A mark in a bucket, then the event in a stream. A bucket is a stream with one message for each of its subjects, and a mark is made as
/// the client library makes a key.
#[derive(Clone)]
pub(crate) struct Bucket {
    context: jetstream::Context,
    pid: u32,
}

impl Bucket {
    pub(crate) fn new(server: &Server) -> Self {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        // The connection lives on this thread.
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        let context = handle.block_on(async {
            let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
            let client = options.connect(&server.url).await.unwrap();
            client.flush().await.unwrap();
            let context = jetstream::new(client);
            for name in [STREAM, MARKS] {
                let config = stream::Config {
                    name: name.to_owned(),
                    subjects: vec![format!("{name}.>")],
                    max_messages_per_subject: if name == MARKS { 1 } else { -1 },
                    ..stream::Config::default()
                };
                context.create_stream(config).await.unwrap();
            }
            context
        });
        Self { context, pid: server.pid() }
    }

    async fn publish(&self, subject: String, headers: HeaderMap, payload: Bytes) {
        self.context.publish_with_headers(subject, headers, payload).await.unwrap().await.unwrap();
    }
}

impl Target for Bucket {
    async fn store(&self, _: u64, body: Bytes) {
        let mut mark = [0; 16];
        aws_lc_rs::rand::fill(&mut mark).unwrap();
        let mark = data_encoding::HEXLOWER.encode(&mark);
        let mut new = HeaderMap::new();
        new.insert("Nats-Expected-Last-Subject-Sequence", "0");
        self.publish(format!("{MARKS}.{mark}"), new, Bytes::from_static(&[b'i'; 36])).await;
        let mut headers = HeaderMap::new();
        headers.insert("Clawgate", std::str::from_utf8(&HEAD).unwrap());
        self.publish(format!("{STREAM}.event"), headers, body).await;
    }

    fn server(&self) -> Option<u32> {
        Some(self.pid)
    }
}

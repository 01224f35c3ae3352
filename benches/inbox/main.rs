//! How many events the inbox stores in a second, beside the least that such a store could do on this machine: SQLite with one bare
//! table, and a file that is only written and synced. All three commit what has gathered, and answer after the sync.
//!
//! With the feature `jetstream` also how many the inbox in NATS JetStream stores, with one nats-server.
//!
//! `cargo bench --bench inbox -- --help` says what can be chosen.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is how a benchmark fails")]

mod bare;
#[cfg(feature = "jetstream")]
mod nats;
mod senders;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clawgate::inbox::{
    Appended, Due, EventId, InboxSettings, NewEvent, OnCorrupt, Outcome, SqliteStore, Store, StorePlace,
    StoredRequest, Then,
};
use http::{HeaderMap, HeaderValue, Method, Uri};

use bare::{BareFile, BareSqlite};
use senders::{Rate, Target, measure};

const HELP: &str = "\
Stores events as fast as possible and prints a table.

  --quick            one second for each line, 32 senders and 2 KiB only
  --seconds N        seconds for each line (3)
  --senders LIST     senders at the same time (1,8,32,128)
  --sizes LIST       bytes of a body (2048,102400)
  --backlog LIST     events that wait before (1000,1000000)
  --only NAME        file, sqlite, inbox or delivered; nats, nats-delivered, nats-bucket or nats-memory
  --nats PROGRAM     nats-server, for the last four; only with the feature `jetstream`
  --folder DIR       where the databases are (below target/)
";
const ROUTE: &str = "/hooks/bench";

struct Options {
    seconds: f64,
    senders: Vec<usize>,
    sizes: Vec<usize>,
    backlogs: Vec<u64>,
    only: Option<String>,
    folder: PathBuf,
    nats: Option<PathBuf>,
    /// With how many events memory is measured.
    remembered: u64,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        print!("{HELP}");
        return ExitCode::FAILURE;
    };
    println!(
        "{:14} {:>9} {:>7} {:>7} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "store",
        "backlog",
        "bytes",
        "senders",
        "events/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "cpu us",
        "server us",
        "/ sqlite"
    );
    for size in &options.sizes {
        let mut sqlite = Vec::new();
        for senders in &options.senders {
            if options.runs("file") {
                let target = BareFile::new(&new_folder(&options.folder));
                print_line("file", 0, *size, *senders, &run(&options, target, *size, *senders), None);
            }
            let rate = options.runs("sqlite").then(|| {
                let target = BareSqlite::new(&new_folder(&options.folder));
                let rate = run(&options, target, *size, *senders);
                print_line("sqlite", 0, *size, *senders, &rate, None);
                rate.events
            });
            sqlite.push(rate);
        }
        for backlog in &options.backlogs {
            inbox(&options, *backlog, *size, &sqlite);
        }
        #[cfg(feature = "jetstream")]
        in_nats(&options, *size);
    }
    #[cfg(feature = "jetstream")]
    memory(&options);
    let _ = std::fs::remove_dir_all(&options.folder);
    ExitCode::SUCCESS
}

fn inbox(options: &Options, backlog: u64, size: usize, sqlite: &[Option<f64>]) {
    if !options.runs("inbox") && !options.runs("delivered") {
        return;
    }
    let folder = new_folder(&options.folder);
    let (store, _) = SqliteStore::open(&folder.join("inbox.db"), &settings(&folder)).unwrap();
    let target = Inbox { store: Arc::new(store), server: None };
    fill(&target, backlog);
    for (senders, bare) in options.senders.iter().zip(sqlite) {
        if options.runs("inbox") {
            let rate = run(options, target.clone(), size, *senders);
            print_line("inbox", backlog, size, *senders, &rate, *bare);
        }
    }
    for (senders, bare) in options.senders.iter().zip(sqlite) {
        if options.runs("delivered") {
            delivered("delivered", options, &target, backlog, size, *senders, *bare);
        }
    }
}

/// While events are noted as delivered.
fn delivered(
    name: &str,
    options: &Options,
    target: &Inbox,
    backlog: u64,
    size: usize,
    senders: usize,
    bare: Option<f64>,
) {
    let delivering = Delivering::start(target);
    let rate = run(options, target.clone(), size, senders);
    let delivered = delivering.stop();
    print_line(name, backlog, size, senders, &rate, bare);
    println!("  meanwhile {:.0} events/s were noted as delivered", delivered as f64 / options.seconds);
}

/// With one nats-server, which writes each event to the disk before it confirms it.
#[cfg(feature = "jetstream")]
fn in_nats(options: &Options, size: usize) {
    let Some(program) = &options.nats else { return };
    let new_server = || nats::Server::start(program, &new_folder(&options.folder), true);
    for senders in &options.senders {
        for name in ["nats", "nats-delivered"] {
            if options.runs(name) {
                let server = new_server();
                let store = server.open(settings(Path::new("")));
                let target = Inbox { store, server: Some(server.pid()) };
                if name == "nats" {
                    print_line(name, 0, size, *senders, &run(options, target, size, *senders), None);
                } else {
                    delivered(name, options, &target, 0, size, *senders, None);
                }
            }
        }
        if options.runs("nats-bucket") {
            let server = new_server();
            let rate = run(options, nats::Bucket::new(&server), size, *senders);
            print_line("nats-bucket", 0, size, *senders, &rate, None);
        }
    }
}

/// What a process needs to remember events that other processes have stored, and that are delivered.
#[cfg(feature = "jetstream")]
fn memory(options: &Options) {
    let Some(program) = options.nats.as_ref().filter(|_| options.runs("nats-memory")) else { return };
    let server = nats::Server::start(program, &new_folder(&options.folder), false);
    let filled = Inbox { store: server.open(settings(Path::new(""))), server: None };
    let count = options.remembered;
    fill(&filled, count);
    for state in ["waiting", "delivered"] {
        if state == "delivered" {
            let delivering = Delivering::start(&filled);
            let waiting = || nats::runtime().block_on(filled.store.totals()).unwrap().routes[0].waiting;
            while waiting() > 0 {
                std::thread::sleep(Duration::from_millis(50));
            }
            delivering.stop();
        }
        let before = resident();
        let begin = std::time::Instant::now();
        let another = server.open(settings(Path::new("")));
        let took = begin.elapsed().as_secs_f64();
        let bytes = resident().saturating_sub(before) / count;
        println!(
            "nats-memory: {count} events, {state}: {bytes} bytes of memory each; read in {took:.1} s"
        );
        drop(another);
    }
}

/// Bytes of memory of this process (proc_pid_status(5)).
#[cfg(feature = "jetstream")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn run<T: Target>(options: &Options, target: T, size: usize, senders: usize) -> Rate {
    measure(&target, size, senders, Duration::from_secs_f64(options.seconds))
}

fn print_line(name: &str, backlog: u64, size: usize, senders: usize, rate: &Rate, bare: Option<f64>) {
    let ratio = bare.map_or_else(|| "-".to_owned(), |bare| format!("{:.2}", rate.events / bare));
    println!(
        "{name:14} {backlog:>9} {size:>7} {senders:>7} {:>10.0} {:>9.2} {:>9.2} {:>9.1} {:>9.0} {:>9.0} {ratio:>9}",
        rate.events, rate.p50, rate.p99, rate.max, rate.cpu, rate.server_cpu
    );
}

/// The inbox as it is.
#[derive(Clone)]
struct Inbox {
    store: Arc<dyn Store>,
    server: Option<u32>,
}

impl Target for Inbox {
    async fn store(&self, number: u64, body: Bytes) {
        assert_eq!(self.store.append(event(number, body)).await, Ok(Appended::New));
    }

    fn server(&self) -> Option<u32> {
        self.server
    }
}

/// Notes events as delivered, as fast as they are found.
struct Delivering {
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Delivering {
    fn start(target: &Inbox) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (store, stopped) = (Arc::clone(&target.store), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut delivered = 0;
                while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                    let due = Due {
                        route: Arc::from(ROUTE),
                        now: SystemTime::now(),
                        strict: false,
                        except: Vec::new(),
                        limit: 64,
                    };
                    let events = store.due(due).await.unwrap();
                    delivered += events.len();
                    store.record(events.iter().map(|event| outcome(event.seq)).collect()).await.unwrap();
                }
                delivered
            })
        });
        Self { stop, thread }
    }

    fn stop(self) -> usize {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn outcome(seq: i64) -> Outcome {
    let attempt = clawgate::inbox::Attempt {
        at: SystemTime::now(),
        took: Duration::from_millis(80),
        status: Some(200),
        error: None,
        answer: None,
    };
    Outcome { seq, attempt: Some(attempt), then: Then::Delivered }
}

/// Stores this many small events: what costs more with many of them are the indexes.
fn fill(target: &Inbox, backlog: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for first in (0..backlog).step_by(1_000) {
            let numbers = first..(first + 1_000).min(backlog);
            let stored: Vec<_> = numbers
                .map(|number| target.store.append(event(number, Bytes::from_static(b"{}"))))
                .collect();
            for stored in stored {
                stored.await.unwrap();
            }
        }
    });
}

/// An event as a sender of webhooks sends it: with a UUID as its key.
fn event(number: u64, body: Bytes) -> NewEvent {
    let now = SystemTime::now();
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let key = format!("{:08x}-{}", number, data_encoding::HEXLOWER.encode(&random));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "hooks.example.org"),
        ("content-type", "application/json"),
        ("user-agent", "Example-Webhooks/1.0"),
        ("x-clawgate-client-subject", "CN=sender.example.org,O=Example"),
        ("x-clawgate-client-san", "URI:spiffe://example.org/sender"),
        (
            "x-clawgate-client-fingerprint",
            "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a7988",
        ),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    NewEvent {
        id: EventId::new(now, random),
        route: Arc::from(ROUTE),
        principal: Arc::from("certificate:spiffe://example.org/sender"),
        idempotency_key: format!("cg-{ROUTE}-{key}"),
        key: Some(key),
        received: now,
        request: StoredRequest { method: Method::POST, target: Uri::from_static(ROUTE), headers, body },
    }
}

fn settings(folder: &Path) -> InboxSettings {
    InboxSettings {
        place: StorePlace::Sqlite { path: folder.join("inbox.db") },
        max_events: u64::MAX,
        max_bytes: u64::MAX,
        min_free: 0,
        retain: Duration::from_secs(7 * 24 * 3_600),
        retain_dead: Duration::from_secs(30 * 24 * 3_600),
        keep_bodies: false,
        retry_first: Duration::from_secs(1),
        retry_max: Duration::from_secs(300),
        on_corrupt: OnCorrupt::Refuse,
    }
}

/// An empty folder of its own, below `folder`. The one before is removed.
fn new_folder(folder: &Path) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt as _;
    let _ = std::fs::remove_dir_all(folder);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
    folder.to_owned()
}

impl Options {
    fn runs(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

fn options() -> Option<Options> {
    let mut options = Options {
        seconds: 3.0,
        senders: vec![1, 8, 32, 128],
        sizes: vec![2048, 102_400],
        backlogs: vec![1_000, 1_000_000],
        only: None,
        folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("inbox-bench"),
        nats: None,
        remembered: 200_000,
    };
    fn numbers<T: std::str::FromStr>(list: &str) -> Option<Vec<T>> {
        list.split(',').map(|number| number.parse().ok()).collect()
    }
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match &*word {
            // What `cargo bench` adds.
            "--bench" => {}
            "--quick" => {
                options.seconds = 1.0;
                options.senders = vec![32];
                options.sizes = vec![2048];
                options.backlogs = vec![1_000];
                options.remembered = 20_000;
            }
            "--seconds" => options.seconds = words.next()?.parse().ok()?,
            "--senders" => options.senders = numbers(&words.next()?)?,
            "--sizes" => options.sizes = numbers(&words.next()?)?,
            "--backlog" => options.backlogs = numbers(&words.next()?)?,
            "--nats" => options.nats = Some(PathBuf::from(words.next()?)),
            "--only" => options.only = words.next(),
            "--folder" => options.folder = PathBuf::from(words.next()?).join("inbox-bench"),
            _ => return None,
        }
    }
    Some(options)
}

//! What is done to a proxy, and what it cost.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::load::{Ask, Certificate, Client, Connection, Offer};
use crate::machine::{Process, own_cpu};

/// How much is done in one go; each go also ends after [`LONGEST`].
#[derive(Clone, Debug)]
pub struct Amount {
    pub requests: u64,
    pub handshakes: u64,
    pub bodies: u64,
    pub idle: Vec<usize>,
    /// For latencies: requests a second, and for how long.
    pub rate: f64,
    pub rate_for: Duration,
}

/// Longest time for one go.
const LONGEST: Duration = Duration::from_secs(20);
/// Connections with requests on them.
const CONNECTIONS: usize = 32;
/// Handshakes under way at once.
const DIALS: u64 = 8;
/// What the machine does besides comes in bursts: it spoils some windows, and the median passes them over.
const WINDOW: Duration = Duration::from_millis(500);
/// Requests on each connection before the count begins.
const WARM_UP: u64 = 20;

type Outcome<T> = Result<T, String>;

/// What one go gave: how many, in what time, at what cost.
pub struct Go {
    pub done: u64,
    pub elapsed: Duration,
    pub cpu: Duration,
    /// How much of `cpu` is the kernel's. From few ticks, so that only the mean of several goes tells.
    pub system: f64,
    pub own_cpu: Duration,
}

impl Go {
    /// Microseconds of the proxy's CPU each.
    pub fn micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.done.max(1) as f64
    }

    /// Those in user space, and those in the kernel.
    pub fn apart(&self) -> (f64, f64) {
        (self.micros() * (1.0 - self.system), self.micros() * self.system)
    }

    /// The same of this program: load and upstream together.
    pub fn own_micros(&self) -> f64 {
        self.own_cpu.as_secs_f64() * 1e6 / self.done.max(1) as f64
    }

    /// So many a second.
    pub fn rate(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64()
    }
}

/// Runs `work`, with the CPU time that the proxy and this program use meanwhile.
async fn go(proxy: &Process, work: impl Future<Output = Outcome<u64>>) -> Outcome<Go> {
    let before = proxy.ticks();
    let (cpu, own, start) = (proxy.cpu(), own_cpu(), Instant::now());
    let done = work.await?;
    let elapsed = start.elapsed();
    // Log lines that wait to be written belong to it.
    let own_cpu = own_cpu() - own;
    sleep(Duration::from_millis(30)).await;
    let cpu = proxy.cpu() - cpu;
    let after = proxy.ticks();
    let (user, system) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    let system = system as f64 / (user + system).max(1) as f64;
    Ok(Go { done, elapsed, cpu, system, own_cpu })
}

async fn open(client: &Client, ask: Ask, count: usize) -> Outcome<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for number in 0..count {
        let mut connection = client.connect(ask).await?;
        connection.exchange(number as u64).await?;
        connections.push(connection);
    }
    Ok(connections)
}

async fn all(mut tasks: JoinSet<Outcome<u64>>) -> Outcome<u64> {
    let mut done = 0;
    while let Some(ended) = tasks.join_next().await {
        done += ended.map_err(|error| error.to_string())??;
    }
    Ok(done)
}

/// Requests on kept connections, one after the other on each.
pub async fn requests(proxy: &Process, client: &Client, ask: Ask, count: u64) -> Outcome<Go> {
    let connections = if ask == Ask::WEBHOOK { CONNECTIONS } else { 4 };
    let warm_up = if ask == Ask::WEBHOOK { WARM_UP } else { 1 };
    let mut open = open(client, ask, connections).await?;
    for connection in &mut open {
        for number in 0..warm_up {
            connection.exchange(number).await?;
        }
    }
    let share = count.div_ceil(connections as u64);
    let end = Instant::now() + LONGEST;
    let mut tasks = JoinSet::new();
    go(proxy, async {
        for mut connection in open {
            tasks.spawn(async move {
                for number in 0..share {
                    connection.exchange(number).await?;
                    if Instant::now() > end {
                        return Ok(number + 1);
                    }
                }
                connection.close().await;
                Ok(share)
            });
        }
        all(tasks).await
    })
    .await
}

/// Latencies in microseconds of requests that go out at a fixed rate, whether or not the ones before them were
/// answered; each is counted from when it was due. Those of each [`WINDOW`] by themselves, in order.
pub async fn latencies(client: &Client, rate: f64, time: Duration) -> Outcome<Vec<Vec<u32>>> {
    let open = open(client, Ask::WEBHOOK, CONNECTIONS).await?;
    let pause = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
    let start = Instant::now() + Duration::from_millis(20);
    let mut tasks = JoinSet::new();
    for (index, mut connection) in open.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut due = start + pause.mul_f64(index as f64 / CONNECTIONS as f64);
            let mut latencies = Vec::new();
            while due < start + time {
                wait_until(due).await;
                connection.exchange(latencies.len() as u64).await?;
                let window = (due - start).as_micros() / WINDOW.as_micros();
                let latency = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
                latencies.push((window as usize, latency));
                due += pause;
            }
            connection.close().await;
            Ok::<_, String>(latencies)
        });
    }
    let mut windows = vec![Vec::new(); time.as_micros().div_ceil(WINDOW.as_micros()) as usize];
    while let Some(ended) = tasks.join_next().await {
        for (window, latency) in ended.map_err(|error| error.to_string())?? {
            windows[window].push(latency);
        }
    }
    for window in &mut windows {
        window.sort_unstable();
    }
    Ok(windows)
}

/// The runtime's timer ticks in milliseconds only.
async fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > Duration::from_millis(3) {
        sleep(left - Duration::from_millis(3)).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}

/// A connection for each request. With `resumed`, only short handshakes are taken.
pub async fn handshakes(
    proxy: &Process,
    make: impl Fn() -> Outcome<Client>,
    count: u64,
    resumed: bool,
) -> Outcome<Go> {
    let mut clients = Vec::new();
    for _ in 0..DIALS {
        // Each with tickets of its own.
        let client = make()?;
        for _ in 0..2 {
            let mut connection = client.connect(Ask::WEBHOOK).await?;
            connection.exchange(0).await?;
            connection.close().await;
        }
        clients.push(client);
    }
    let share = count.div_ceil(DIALS);
    let end = Instant::now() + LONGEST;
    let mut tasks = JoinSet::new();
    go(proxy, async {
        for client in clients {
            tasks.spawn(async move {
                for number in 0..share {
                    let mut connection = client.connect(Ask::WEBHOOK).await?;
                    if connection.resumed != resumed {
                        return Err(format!("resumed: {}, wanted: {resumed}", connection.resumed));
                    }
                    connection.exchange(number).await?;
                    connection.close().await;
                    if Instant::now() > end {
                        return Ok(number + 1);
                    }
                }
                Ok(share)
            });
        }
        all(tasks).await
    })
    .await
}

/// Clients that must not get through: by an alert, or (nginx) by HTTP 400.
pub async fn refused(proxy: &Process, client: &Client, count: u64) -> Outcome<Go> {
    let share = count.div_ceil(DIALS);
    let end = Instant::now() + LONGEST;
    let mut tasks = JoinSet::new();
    go(proxy, async {
        for _ in 0..DIALS {
            let client = client.clone();
            tasks.spawn(async move {
                for number in 0..share {
                    let answer = match client.connect(Ask::WEBHOOK).await {
                        Ok(mut connection) => connection.exchange(number).await,
                        Err(error) => Err(error),
                    };
                    match answer {
                        Ok(()) => return Err("a client was admitted that must be refused".to_owned()),
                        Err(error) if is_refusal(&error) => {}
                        Err(error) => return Err(format!("not a refusal: {error}")),
                    }
                    if Instant::now() > end {
                        return Ok(number + 1);
                    }
                }
                Ok(share)
            });
        }
        all(tasks).await
    })
    .await
}

fn is_refusal(error: &str) -> bool {
    error.contains("received fatal alert") || error.starts_with("refused: HTTP/1.1 400 ")
}

/// Memory, in bytes: at start, for each idle connection at each count, and more than at start after they
/// have gone.
pub struct Memory {
    pub start: f64,
    pub each: Vec<(usize, f64)>,
    pub after: f64,
}

/// Each connection has had one request, and stays.
pub async fn memory(proxy: &Process, client: &Client, counts: &[usize]) -> Outcome<Memory> {
    let start = proxy.memory() as f64;
    let mut connections = Vec::new();
    let mut each = Vec::new();
    for &count in counts {
        connections.extend(open(client, Ask::WEBHOOK, count - connections.len()).await?);
        sleep(Duration::from_secs(2)).await;
        each.push((count, (proxy.memory() as f64 - start) / count as f64));
    }
    for connection in connections {
        connection.close().await;
    }
    sleep(Duration::from_secs(2)).await;
    Ok(Memory { start, each, after: proxy.memory() as f64 })
}

/// Waits until the proxy answers a request, trying all the time; returns how long that took.
pub async fn first_answer(proxy: &mut Process, dir: &Path, port: u16) -> Outcome<Duration> {
    let start = Instant::now();
    let client = Rc::new(Client::new(dir, port, Offer::default()).map_err(|error| error.to_string())?);
    let mut last = String::new();
    while start.elapsed() < LONGEST {
        if proxy.has_ended() {
            return Err(format!("it ended; {last}"));
        }
        let attempt = async {
            let mut connection = client.connect(Ask::WEBHOOK).await?;
            connection.exchange(0).await?;
            connection.close().await;
            Ok::<_, String>(())
        };
        match timeout(Duration::from_secs(2), attempt).await {
            Ok(Ok(())) => return Ok(start.elapsed()),
            Ok(Err(error)) => last = error,
            Err(_) => "no answer".clone_into(&mut last),
        }
        let next = Instant::now() + Duration::from_micros(200);
        wait_until(next).await;
    }
    Err(format!("it does not serve: {last}"))
}

/// The offer of a client to be refused.
pub fn unwelcome(certificate: Certificate) -> Offer {
    Offer { certificate, ..Offer::default() }
}

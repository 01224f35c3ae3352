//! How fast clawgate's inbox accepts events, beside a nats-server whose stream stores as safely.
//!
//! Senders with certificates send one event after the other on kept connections, each as soon as the one before it is stored.

mod nats;
mod report;
mod sender;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::nats::{Nats, Publisher};
use self::report::{Backlog, Cell, Report};
use self::sender::Sender;
use crate::load::{Client, Offer};
use crate::machine::{self, PROXY_CORE, Process};
use crate::pki::{self, Kind};
use crate::targets::{Job, Target, free_port};
use crate::upstream;

type Outcome<T> = Result<T, String>;

/// Senders at the same time.
const SENDERS: [usize; 4] = [1, 8, 32, 128];
/// Bytes of a body: what most webhooks have, and a long one.
const BODIES: [usize; 2] = [2 * 1024, 100 * 1024];
/// Bytes of the events that wait already.
const SMALL: usize = 256;
/// As many waiting events as nats-server is measured with: it syncs each by itself, so that a million takes ten minutes.
const NATS_WAITING: u64 = 1000;
/// Both cores of the machine, of which the load takes a part.
const BOTH: &str = "0,1";
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What to measure.
pub struct Plan {
    pub targets: Vec<Target>,
    /// The program nats-server, if there is one.
    pub nats: Option<PathBuf>,
    pub out: PathBuf,
    pub rounds: usize,
    pub quick: bool,
}

/// What events are sent to, with its files in a folder of its own.
enum Stored {
    Clawgate { process: Process, client: Client },
    Nats(Nats),
}

/// One connection to it.
enum Connection {
    Clawgate(Box<Sender>),
    Nats(Box<Publisher>),
}

/// What one measurement gave.
struct Go {
    /// How long each event took, in microseconds, sorted.
    latencies: Vec<u32>,
    elapsed: Duration,
    cpu: Duration,
    delivered: u64,
}

impl Connection {
    async fn send(&mut self, id: &str, length: usize) -> Outcome<()> {
        let send = async {
            match self {
                Self::Clawgate(sender) => sender.send(id, length).await,
                Self::Nats(publisher) => publisher.publish(id, length).await,
            }
        };
        timeout(TIMEOUT, send).await.map_err(|_| "no answer in time".to_owned())?
    }
}

impl Stored {
    async fn clawgate(
        target: &Target,
        work: &Path,
        dir: &Path,
        upstream: u16,
        cores: &'static str,
    ) -> Outcome<Self> {
        let folder = dir.join("inbox");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        set_private(&folder)?;
        let job = Job {
            certificates: work.join(Kind::P256.name()),
            dir: dir.to_owned(),
            port: free_port()?,
            upstream,
            resumption: false,
            workers: cores.split(',').count(),
            cores,
            extra: format!(
                "[inbox]\npath = \"{}/inbox.db\"\nmax_events = 100000000\nmax_bytes = \"64GiB\"\n\
                 min_free = \"1GiB\"\n[[route]]\npath = \"/hooks/bench\"\ndelivery = \"inbox\"\n\
                 [route.inbox]\nstore_authorization = false\n",
                folder.display()
            ),
        };
        let mut process = target.start(&job)?;
        let client = Client::new(&job.certificates, job.port, Offer::default());
        let client = client.map_err(|error| error.to_string())?;
        let start = Instant::now();
        while let Err(error) = client.dial().await {
            if process.has_ended() || start.elapsed() > TIMEOUT {
                return Err(format!("it does not serve: {error} (see {})", target.log(&job)));
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(Self::Clawgate { process, client })
    }

    async fn nats(program: &Path, work: &Path, dir: &Path, cores: &str) -> Outcome<Self> {
        let (program, certificates) = (program.display().to_string(), work.join(Kind::P256.name()));
        Ok(Self::Nats(Nats::start(cores, &program, &certificates, dir).await?))
    }

    async fn connect(&self, number: usize) -> Outcome<Connection> {
        Ok(match self {
            Self::Clawgate { client, .. } => {
                Connection::Clawgate(Box::new(Sender::connect(client).await?))
            }
            Self::Nats(nats) => Connection::Nats(Box::new(nats.connect(number + 1).await?)),
        })
    }

    fn process(&self) -> &Process {
        match self {
            Self::Clawgate { process, .. } => process,
            Self::Nats(nats) => &nats.process,
        }
    }

    /// Sends from `senders` connections until the time is over or `count` events are stored.
    async fn load(
        &self,
        label: &str,
        senders: usize,
        length: usize,
        time: Duration,
        count: u64,
    ) -> Outcome<Go> {
        let mut connections = Vec::with_capacity(senders);
        for number in 0..senders {
            let mut connection = self.connect(number).await?;
            for warm_up in 0..3 {
                connection.send(&format!("{label}-{number}-w{warm_up}"), length).await?;
            }
            connections.push(connection);
        }
        let share = count.div_ceil(senders as u64);
        let (cpu, delivered, start) = (self.process().cpu(), upstream::answered(), Instant::now());
        let mut tasks = JoinSet::new();
        for (number, mut connection) in connections.into_iter().enumerate() {
            let label = label.to_owned();
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                for event in 0..share {
                    let begun = Instant::now();
                    if begun - start >= time {
                        break;
                    }
                    connection.send(&format!("{label}-{number}-{event}"), length).await?;
                    latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok::<_, String>(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            latencies.extend(ended.map_err(|error| error.to_string())??);
        }
        let elapsed = start.elapsed();
        latencies.sort_unstable();
        let (cpu, delivered) = (self.process().cpu() - cpu, upstream::answered() - delivered);
        Ok(Go { latencies, elapsed, cpu, delivered })
    }
}

impl Go {
    fn cell(&self) -> Cell {
        let count = self.latencies.len();
        let at = |share: f64| {
            let index = (count as f64 * share) as usize;
            f64::from(self.latencies.get(index).copied().unwrap_or_default()) / 1e3
        };
        Cell {
            rate: count as f64 / self.elapsed.as_secs_f64(),
            delivered: (self.delivered > 0).then(|| self.delivered as f64 / self.elapsed.as_secs_f64()),
            p50: at(0.5),
            p99: at(0.99),
            cpu: self.cpu.as_secs_f64() * 1e6 / count.max(1) as f64,
        }
    }
}

impl Plan {
    /// Measures all, and writes the reports.
    pub async fn run(self) -> Outcome<()> {
        let load = machine::load();
        fs::create_dir_all(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        let out = fs::canonicalize(&self.out).map_err(|error| error.to_string())?;
        // On a real disk: what it takes to write to it belongs to the result.
        let work = out.join(format!("inbox-{}", std::process::id()));
        pki::make(&work.join(Kind::P256.name()), Kind::P256).map_err(|error| error.to_string())?;
        let outcome = self.measure(&work, load).await;
        let _ = fs::remove_dir_all(&work);
        let report = outcome?;
        report.write(&out)?;
        println!("{}", report.markdown());
        Ok(())
    }

    async fn measure(&self, work: &Path, load: String) -> Outcome<Report> {
        let mut report = Report::new(machine::describe(), load, self.rounds);
        let upstream = upstream::start().await.map_err(|error| error.to_string())?;
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            for length in BODIES {
                for senders in SENDERS {
                    self.row(work, upstream, length, senders, &mut report).await?;
                }
            }
        }
        let counts: &[u64] = if self.quick { &[1000] } else { &[1000, 1_000_000] };
        for &count in counts {
            eprintln!("{count} waiting events");
            self.backlog(work, upstream, count, &mut report).await?;
        }
        Ok(report)
    }

    fn time(&self) -> Duration {
        Duration::from_millis(if self.quick { 700 } else { 3000 })
    }

    /// One size and one number of senders, on each target.
    async fn row(
        &self,
        work: &Path,
        upstream: u16,
        length: usize,
        senders: usize,
        report: &mut Report,
    ) -> Outcome<()> {
        let dir = work.join("run");
        for target in &self.targets {
            let nobody = free_port()?;
            for (name, port, cores) in [
                ("stores", nobody, PROXY_CORE),
                ("stores and delivers", upstream, PROXY_CORE),
                ("stores, on both cores", nobody, BOTH),
            ] {
                let stored = Stored::clawgate(target, work, &dir, port, cores).await?;
                let go = stored.load("event", senders, length, self.time(), u64::MAX).await?;
                report.add(length, senders, &format!("{} {name}", target.name), go.cell());
                drop(stored);
                remove(&dir)?;
            }
        }
        if let Some(nats) = &self.nats {
            let name = report::nats_name(nats);
            for (name, cores) in [(name.clone(), PROXY_CORE), (format!("{name}, on both cores"), BOTH)] {
                let stored = Stored::nats(nats, work, &dir, cores).await?;
                let go = stored.load("event", senders, length, self.time(), u64::MAX).await?;
                report.add(length, senders, &name, go.cell());
                drop(stored);
                remove(&dir)?;
            }
        }
        Ok(())
    }

    /// What is stored and delivered in a second while many events wait.
    async fn backlog(&self, work: &Path, upstream: u16, count: u64, report: &mut Report) -> Outcome<()> {
        let dir = work.join("backlog");
        let long = Duration::from_secs(900);
        for target in &self.targets {
            let stored = Stored::clawgate(target, work, &dir, free_port()?, PROXY_CORE).await?;
            stored.load("waiting", 128, SMALL, long, count).await?;
            let cell = stored.load("event", 32, BODIES[0], self.time(), u64::MAX).await?.cell();
            drop(stored);
            let (before, begun) = (upstream::answered(), Instant::now());
            let stored = Stored::clawgate(target, work, &dir, upstream, PROXY_CORE).await?;
            let start = begun.elapsed();
            sleep(self.time()).await;
            let delivered =
                (upstream::answered() - before) as f64 / (begun.elapsed() - start).as_secs_f64();
            report.backlog(Backlog {
                name: target.name.clone(),
                count,
                cell,
                start: Some(start),
                delivered: Some(delivered),
            });
            drop(stored);
            remove(&dir)?;
        }
        if let Some(nats) = self.nats.as_ref().filter(|_| count <= NATS_WAITING) {
            let stored = Stored::nats(nats, work, &dir, PROXY_CORE).await?;
            stored.load("waiting", 128, SMALL, long, count).await?;
            let cell = stored.load("event", 32, BODIES[0], self.time(), u64::MAX).await?.cell();
            let name = report::nats_name(nats);
            report.backlog(Backlog { name, count, cell, start: None, delivered: None });
            drop(stored);
            remove(&dir)?;
        }
        Ok(())
    }
}

fn remove(dir: &Path) -> Outcome<()> {
    fs::remove_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))
}

/// clawgate refuses a folder for its inbox that others can read.
fn set_private(dir: &Path) -> Outcome<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .map_err(|error| format!("{}: {error}", dir.display()))
}

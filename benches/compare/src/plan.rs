//! From the command line to the figures: which targets take which scenarios, in which order.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::load::{Ask, Certificate, Client, Group, Offer};
use crate::machine::{self, Process};
use crate::measures::Figures;
use crate::pki::{self, Kind};
use crate::report::Report;
use crate::scenarios::{self as scenario, Amount};
use crate::targets::{Job, Target, free_port};
use crate::{floor, growth, inbox, upstream};

pub const USAGE: &str = "\
usage: compare [--quick] [--growth] [--rounds N] [--only PART[,PART]...] --out DIR NAME=PATH...
       compare --inbox [--quick] [--rounds N] [--nats PATH] --out DIR NAME=PATH...

NAME is clawgate, nginx, haproxy, envoy or pingora; any other is another build of clawgate.
PART is h1, h2, latency, handshakes, refused, bodies, memory or start.
Writes report.md, report.json and report.svg to DIR, and the table to stdout.

--inbox measures events that clawgate stores, beside the nats-server at PATH, and writes inbox.md and inbox.json.";

const PARTS: [&str; 8] = ["h1", "h2", "latency", "handshakes", "refused", "bodies", "memory", "start"];

type Outcome<T> = Result<T, String>;

/// What to do.
pub struct Plan {
    targets: Vec<Target>,
    out: PathBuf,
    rounds: usize,
    parts: Vec<String>,
    amount: Amount,
    quick: bool,
    growth: bool,
    inbox: bool,
    nats: Option<PathBuf>,
}

/// A running proxy.
struct Instance {
    target: Target,
    job: Job,
    process: Process,
}

impl Plan {
    /// Reads the command line.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut arguments = arguments.peekable();
        let (mut targets, mut out, mut rounds) = (Vec::new(), None, None);
        let mut parts: Vec<String> = PARTS.iter().map(|part| (*part).to_owned()).collect();
        let (mut quick, mut growth, mut inbox, mut nats) = (false, false, false, None);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => quick = true,
                "--growth" => growth = true,
                "--inbox" => inbox = true,
                "--nats" => nats = Some(PathBuf::from(value()?)),
                "--out" => out = Some(PathBuf::from(value()?)),
                "--rounds" => rounds = Some(value()?.parse().map_err(|_| "--rounds takes a number")?),
                "--only" => parts = value()?.split(',').map(str::to_owned).collect(),
                _ => targets.push(Target::parse(&argument)?),
            }
        }
        if let Some(part) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
            return Err(format!("there is no part `{part}`"));
        }
        if targets.is_empty() && nats.is_none() {
            return Err("no target".to_owned());
        }
        let amount = if quick {
            Amount {
                requests: 2500,
                handshakes: 240,
                bodies: 12,
                idle: vec![1000],
                rate: 1000.0,
                rate_for: Duration::from_millis(1500),
            }
        } else {
            Amount {
                requests: 10_000,
                handshakes: 1000,
                bodies: 40,
                idle: vec![1000, 5000],
                rate: 2000.0,
                rate_for: Duration::from_secs(4),
            }
        };
        Ok(Self {
            targets,
            out: out.ok_or("--out is missing")?,
            rounds: rounds.unwrap_or(match (inbox, quick) {
                (false, true) => 3,
                (false, false) => 7,
                (true, true) => 1,
                (true, false) => 3,
            }),
            parts,
            amount,
            quick,
            growth,
            inbox,
            nats,
        })
    }

    /// Runs all of it, and writes the reports.
    pub async fn run(self) -> Outcome<()> {
        if self.inbox {
            let Self { targets, nats, out, rounds, quick, .. } = self;
            return inbox::Plan { targets, nats, out, rounds, quick }.run().await;
        }
        let start = Instant::now();
        let load = machine::load();
        fs::create_dir_all(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        let out = fs::canonicalize(&self.out).map_err(|error| error.to_string())?;
        // In memory where that can be had: the disk's speed is nobody's merit here.
        let memory = Path::new("/dev/shm");
        let work =
            if memory.is_dir() { memory } else { &out }.join(format!("compare-{}", std::process::id()));
        for kind in [Kind::P256, Kind::Rsa] {
            pki::make(&work.join(kind.name()), kind).map_err(|error| error.to_string())?;
        }
        let upstream = upstream::start().await.map_err(|error| error.to_string())?;
        if self.growth {
            let clawgate = self.targets.first().ok_or("no target")?;
            let outcome = growth::run(clawgate, &work, &out, upstream).await;
            let _ = fs::remove_dir_all(&work);
            return outcome;
        }
        let mut figures = Figures::default();
        let mut plain = Vec::new();
        let mut rsa = Vec::new();
        let mut resuming = Vec::new();
        for target in &self.targets {
            let start = |kind, resumption| Instance::start(target, &work, kind, resumption, upstream);
            eprintln!("starting {}", target.name);
            plain.push(start(Kind::P256, false).await?);
            if self.has("handshakes") {
                rsa.push(start(Kind::Rsa, false).await?);
                resuming.push(start(Kind::P256, true).await?);
            }
        }
        for round in 1..=self.rounds {
            eprintln!("round {round} of {} ({} s)", self.rounds, start.elapsed().as_secs());
            for (id, value) in
                floor::measure(if self.quick { 400 } else { 2000 }).map_err(|error| error.to_string())?
            {
                figures.add(id, "floor", value);
            }
            // Each round begins with another target.
            for index in 0..self.targets.len() {
                let index = (index + round) % self.targets.len();
                let plain = &plain[index];
                let told = |error: String| {
                    format!("{}: {error} (see {})", plain.target.name, plain.job.dir.display())
                };
                self.steady(plain, &mut figures).await.map_err(told)?;
                if let (Some(rsa), Some(resuming)) = (rsa.get(index), resuming.get(index)) {
                    self.handshakes(plain, rsa, resuming, &mut figures).await.map_err(told)?;
                }
                self.fresh(&plain.target, &work, upstream, round, &mut figures).await.map_err(told)?;
            }
        }
        let report = Report {
            targets: self.targets.iter().map(|target| target.name.clone()).collect(),
            figures,
            machine: machine::describe(),
            load,
            rounds: self.rounds,
            rate: self.amount.rate,
            seconds: start.elapsed().as_secs(),
        };
        report.write(&out)?;
        println!("{}", report.markdown());
        let _ = fs::remove_dir_all(&work);
        Ok(())
    }

    fn has(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }

    /// What is asked of a proxy that serves: requests, refusals, bodies.
    async fn steady(&self, on: &Instance, figures: &mut Figures) -> Outcome<()> {
        let Amount { requests, handshakes, bodies, rate, rate_for, .. } = self.amount;
        let name = &on.target.name;
        let mut add = |id: &str, value| figures.add(id, name, value);
        for (part, http2) in [("h1", false), ("h2", true)] {
            if !self.has(part) {
                continue;
            }
            let client = on.client(Offer { http2, ..Offer::default() })?;
            let go = scenario::requests(&on.process, &client, Ask::WEBHOOK, requests).await?;
            let (user, system) = go.apart();
            add(&format!("{part}.cpu"), go.micros());
            add(&format!("{part}.cpu.user"), user);
            add(&format!("{part}.cpu.system"), system);
            add(&format!("{part}.rate"), go.rate());
            add(&format!("{part}.load"), go.own_micros());
        }
        if self.has("latency") {
            for window in scenario::latencies(&on.client(Offer::default())?, rate, rate_for).await? {
                let at = |share: f64| f64::from(window[(window.len() as f64 * share) as usize]);
                add("h1.p50", at(0.5));
                add("h1.p99", at(0.99));
                add("h1.p999", at(0.999));
            }
        }
        if self.has("refused") {
            for (id, certificate) in
                [("unknown.cpu", Certificate::Unknown), ("missing.cpu", Certificate::Missing)]
            {
                let client = on.client(scenario::unwelcome(certificate))?;
                add(id, scenario::refused(&on.process, &client, handshakes).await?.micros());
            }
        }
        if self.has("bodies") {
            let large = upstream::LARGEST;
            for (id, ask) in
                [("up.cpu", Ask { up: large, down: 0 }), ("down.cpu", Ask { up: 0, down: large })]
            {
                let client = on.client(Offer::default())?;
                let go = scenario::requests(&on.process, &client, ask, bodies).await?;
                add(id, go.cpu.as_secs_f64() * 1e9 / (go.done as f64 * large as f64));
            }
        }
        Ok(())
    }

    async fn handshakes(
        &self,
        plain: &Instance,
        rsa: &Instance,
        resuming: &Instance,
        figures: &mut Figures,
    ) -> Outcome<()> {
        let count = self.amount.handshakes;
        let name = &plain.target.name;
        let resume = Offer { resume: true, ..Offer::default() };
        let mlkem = Offer { group: Group::X25519MlKem768, ..Offer::default() };
        let tls12 = Offer { tls12: true, ..Offer::default() };
        let mut all = vec![
            ("full.p256", plain, Offer::default()),
            ("full.rsa", rsa, Offer::default()),
            ("full.tls12", plain, tls12),
        ];
        if plain.target.is_post_quantum() {
            all.push(("full.mlkem", plain, mlkem));
        }
        if resuming.can_resume().await? {
            all.push(("resumed", resuming, resume));
        }
        for (id, on, offer) in all {
            let make = || on.client(offer);
            let go = scenario::handshakes(&on.process, make, count, offer.resume).await?;
            figures.add(&format!("{id}.cpu"), name, go.micros());
            figures.add(&format!("{id}.rate"), name, go.rate());
            figures.add(&format!("{id}.load"), name, go.own_micros());
        }
        Ok(())
    }

    /// What needs a proxy that has just started.
    async fn fresh(
        &self,
        target: &Target,
        work: &Path,
        upstream: u16,
        round: usize,
        figures: &mut Figures,
    ) -> Outcome<()> {
        if self.has("start") {
            let begun = Instant::now();
            let _instance = Instance::start(target, work, Kind::P256, false, upstream).await?;
            figures.add("start", &target.name, begun.elapsed().as_secs_f64() * 1e3);
            figures.add("size", &target.name, machine::size(&target.path) as f64 / 1e6);
        }
        // Memory does not vary: three rounds are enough, and one will do.
        if self.has("memory") && round <= if self.quick { 1 } else { 3 } {
            let instance = Instance::start(target, work, Kind::P256, false, upstream).await?;
            let client = instance.client(Offer::default())?;
            let memory = scenario::memory(&instance.process, &client, &self.amount.idle).await?;
            figures.add("memory.start", &target.name, memory.start / 1024.0 / 1024.0);
            figures.add("memory.after", &target.name, memory.after / 1024.0 / 1024.0);
            for (count, each) in memory.each {
                figures.add(&format!("memory.{count}"), &target.name, each / 1024.0);
            }
        }
        Ok(())
    }
}

impl Instance {
    /// Starts one and waits for its first answer.
    async fn start(
        target: &Target,
        work: &Path,
        kind: Kind,
        resumption: bool,
        upstream: u16,
    ) -> Outcome<Self> {
        let port = free_port()?;
        let job = Job {
            certificates: work.join(kind.name()),
            dir: work.join(format!("{}-{port}", target.name.replace(' ', "-"))),
            port,
            upstream,
            resumption,
            workers: 1,
            cores: machine::PROXY_CORE,
            extra: String::new(),
        };
        let mut process = target.start(&job)?;
        scenario::first_answer(&mut process, &job.certificates, port)
            .await
            .map_err(|error| format!("{}: {error} (see {})", target.name, target.log(&job)))?;
        Ok(Self { target: target.clone(), job, process })
    }

    fn client(&self, offer: Offer) -> Outcome<Client> {
        Client::new(&self.job.certificates, self.job.port, offer).map_err(|error| error.to_string())
    }

    /// Whether a second handshake is a short one.
    async fn can_resume(&self) -> Outcome<bool> {
        let client = self.client(Offer { resume: true, ..Offer::default() })?;
        let mut resumed = false;
        for number in 0..3 {
            let mut connection = client.connect(Ask::WEBHOOK).await?;
            connection.exchange(number).await?;
            resumed = connection.resumed;
            connection.close().await;
        }
        Ok(resumed)
    }
}

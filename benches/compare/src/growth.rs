//! Whether cost stays flat as clawgate gets more to do with: workers, connections, rules, routes, revoked
//! serials. clawgate alone.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;
use tokio::time::sleep;

use crate::load::{Ask, Client, Offer};
use crate::machine;
use crate::report::lines;
use crate::scenarios as scenario;
use crate::targets::{Job, Target, free_port};

type Outcome<T> = Result<T, String>;

/// What is made larger, step by step.
struct Axis {
    title: &'static str,
    steps: &'static [usize],
    /// Lines of settings for a step.
    settings: fn(usize, &Path) -> Outcome<String>,
}

const AXES: [Axis; 3] = [
    Axis { title: "allow rules", steps: &[1, 10, 100, 1000, 10_000], settings: rules },
    Axis { title: "routes", steps: &[1, 10, 100, 1000], settings: routes },
    Axis { title: "revoked serials", steps: &[10, 1000, 100_000, 1_000_000], settings: serials },
];

/// One line of the table.
pub struct Row {
    pub axis: String,
    pub step: usize,
    /// µs of CPU.
    pub request: f64,
    /// µs of CPU, a request included.
    pub handshake: f64,
    /// Until the log says that it is done.
    pub reload_ms: Option<f64>,
    pub memory_mib: f64,
}

/// Measures `clawgate` step by step; writes `growth.md` and `growth.svg` to `out`.
pub async fn run(clawgate: &Target, work: &Path, out: &Path, upstream: u16) -> Outcome<()> {
    let mut rows = Vec::new();
    for axis in &AXES {
        for &step in axis.steps {
            eprintln!("{step} {}", axis.title);
            let extra = (axis.settings)(step, work)?;
            rows.push(measure(clawgate, work, upstream, axis.title, step, 1, &extra, 0).await?);
        }
    }
    for workers in [1, 2] {
        eprintln!("{workers} workers");
        rows.push(measure(clawgate, work, upstream, "workers", workers, workers, "", 0).await?);
    }
    for idle in [0, 100, 1000, 5000] {
        eprintln!("{idle} idle connections beside");
        rows.push(
            measure(clawgate, work, upstream, "idle connections beside", idle, 1, "", idle).await?,
        );
    }
    let mut text = String::from(
        "| | | request, µs CPU | handshake and request, µs CPU | reload, ms | memory, MiB |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in &rows {
        let reload = row.reload_ms.map_or("–".to_owned(), |ms| format!("{ms:.0}"));
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.0} | {reload} | {:.1} |",
            row.axis, row.step, row.request, row.handshake, row.memory_mib
        );
    }
    let _ = writeln!(text, "\n{}", machine::describe());
    println!("{text}");
    for (name, text) in [("growth.md", text), ("growth.svg", lines::draw(&rows))] {
        fs::write(out.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "called from one place, with what varies")]
async fn measure(
    clawgate: &Target,
    work: &Path,
    upstream: u16,
    axis: &str,
    step: usize,
    workers: usize,
    extra: &str,
    idle: usize,
) -> Outcome<Row> {
    let port = free_port()?;
    let job = Job {
        certificates: work.join("P-256"),
        dir: work.join(format!("growth-{port}")),
        port,
        upstream,
        resumption: false,
        workers,
        cores: machine::PROXY_CORE,
        extra: extra.to_owned(),
    };
    let mut process = clawgate.start(&job)?;
    scenario::first_answer(&mut process, &job.certificates, port).await?;
    let client = || {
        let client = Client::new(&job.certificates, port, Offer::default());
        client.map_err(|error| error.to_string())
    };
    let mut beside = Vec::new();
    for number in 0..idle {
        let mut connection = client()?.connect(Ask::WEBHOOK).await?;
        connection.exchange(number as u64).await?;
        beside.push(connection);
    }
    let (mut requests, mut handshakes) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let go = scenario::requests(&process, &client()?, Ask::WEBHOOK, 4000).await?;
        requests.push(go.micros());
        handshakes.push(scenario::handshakes(&process, client, 400, false).await?.micros());
    }
    let log = PathBuf::from(clawgate.log(&job));
    let reload_ms = if idle == 0 { Some(reload(&process, &log).await?) } else { None };
    let memory_mib = process.memory() as f64 / 1024.0 / 1024.0;
    drop(beside);
    let (request, handshake) = (middle(requests), middle(handshakes));
    Ok(Row { axis: axis.to_owned(), step, request, handshake, reload_ms, memory_mib })
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// From SIGHUP to the line in the log.
async fn reload(process: &machine::Process, log: &Path) -> Outcome<f64> {
    let start = Instant::now();
    process.hang_up();
    while start.elapsed() < Duration::from_secs(60) {
        let text = fs::read_to_string(log).map_err(|error| error.to_string())?;
        if text.contains(r#""event":"reloaded""#) {
            return Ok(start.elapsed().as_secs_f64() * 1e3);
        }
        if text.contains(r#""event":"reload_failed""#) {
            return Err(format!("the reload failed, see {}", log.display()));
        }
        sleep(Duration::from_millis(2)).await;
    }
    Err("no reload in a minute".to_owned())
}

/// The last of them is the one that fits.
fn rules(count: usize, _: &Path) -> Outcome<String> {
    let others = (1..count).map(|number| format!("\"cn=client-{number}\","));
    Ok(format!("clients.allow = [{}\"cn=bench-client\"]", others.collect::<String>()))
}

fn routes(count: usize, _: &Path) -> Outcome<String> {
    let others = (1..count).map(|number| format!("[[route]]\npath = \"/hooks/team-{number}/\"\n"));
    Ok(format!("[[route]]\npath = \"/hooks/\"\n{}", others.collect::<String>()))
}

/// A list of the CA with so many serials, none of them the client's.
fn serials(count: usize, work: &Path) -> Outcome<String> {
    let failed = |error: rcgen::Error| error.to_string();
    let read = |name: &str| {
        fs::read_to_string(work.join("P-256").join(name)).map_err(|error| format!("{name}: {error}"))
    };
    let key = KeyPair::from_pem(&read("ca.key")?).map_err(failed)?;
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem")?, key).map_err(failed)?;
    let now = OffsetDateTime::now_utc();
    let revoked = |number: usize| RevokedCertParams {
        serial_number: SerialNumber::from(number as u64 + 1),
        revocation_time: now,
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: now - time::Duration::hours(1),
        next_update: now + time::Duration::days(1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: (0..count).map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let file = work.join(format!("revoked-{count}.crl"));
    let list = list.signed_by(&issuer).map_err(failed)?;
    fs::write(&file, list.der()).map_err(|error| error.to_string())?;
    Ok(format!("clients.crl = \"{}\"", file.display()))
}

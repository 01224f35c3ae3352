//! What is logged. A log that nobody reads does not stop clawgate.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Request;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, stay_silent};

/// More lines than a pipe holds.
const MANY: usize = 400;

fn ask_often(pki: &Pki, clawgate: &Clawgate) {
    let mut connection = Client::new(pki, clawgate).connect().unwrap();
    for _ in 0..MANY {
        assert!(connection.is_answered_at("/hooks/wake"));
    }
}

#[test]
fn requests_are_answered_while_nobody_reads_the_log_and_it_is_whole_when_reading_goes_on() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let held = clawgate.hold();
    ask_often(&pki, &clawgate);
    drop(held);

    clawgate.event("request", MANY);
    let ids: Vec<_> = clawgate.events("request").iter().map(|line| line["id"].clone()).collect();
    for (number, id) in ids.iter().enumerate() {
        let end = format!("-{}", number + 1);
        assert!(id.as_str().unwrap().ends_with(&end), "{id} in the place of {end}");
    }
}

#[test]
fn clawgate_ends_although_nobody_reads_the_log() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let lines = clawgate.hold();

    ask_often(&pki, &clawgate);
    clawgate.signal("TERM");

    let status = eventually("the end of clawgate", || clawgate.try_wait());
    assert_eq!(status.code(), Some(0));
    drop(lines);
}

/// The modules of other crates that have lines after a client has come over HTTP/2.
fn others(pki: &Pki, level: &str) -> BTreeSet<String> {
    let mut clawgate = ClawgateCommand::new(pki).upstream("echo:").arg("--log-level", level).start();
    let connection = Http2::connect(Client::new(pki, &clawgate));
    let request = Request::post("https://localhost/hooks/wake").body(Pieces::none()).unwrap();
    assert_eq!(connection.send(request).status, 200);
    drop(connection);
    let targets =
        clawgate.all("log").into_iter().map(|line| line["target"].as_str().unwrap().to_owned());
    targets.collect()
}

#[test]
fn a_module_is_logged_from_its_own_level_on_and_the_rest_from_the_common_one() {
    let pki = Pki::new();

    let more = others(&pki, "info,h2=debug");

    assert!(others(&pki, "info").is_empty());
    assert!(!more.is_empty() && more.iter().all(|target| target.starts_with("h2::")), "{more:?}");
}

#[test]
fn the_time_of_the_upstream_goes_until_its_answer_begins_and_that_of_the_request_until_its_end() {
    const PAUSE: Duration = Duration::from_millis(300);
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        stay_silent(PAUSE);
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        stay_silent(2 * PAUSE);
        exchange.write(b"{}");
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);

    let line = clawgate.request();
    let [upstream, all] = ["upstream_ms", "duration_ms"].map(|name| line[name].as_f64().unwrap());
    let pause = PAUSE.as_secs_f64() * 1000.0;
    assert!(upstream >= pause, "{line}");
    assert!(all - upstream >= 1.9 * pause, "{line}");

    // No upstream is asked.
    assert_eq!(Client::new(&pki, &clawgate).post("/closed", "{}").status, 404);
    assert!(clawgate.event("request", 2)["upstream_ms"].is_null());
}

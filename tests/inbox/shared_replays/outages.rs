//! NATS does not answer, or refuses what is needed: direct routes go on.

use std::time::{Duration, Instant};

use super::{PATH, command, is_duplicate, is_shared, route, send, shared, start, two};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::nats::NatsServer;
use crate::support::pki::Pki;

#[test]
fn without_nats_direct_routes_go_on_and_each_instance_knows_its_own_requests() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let mut server = NatsServer::start("");
    let [first, second] = two(&pki, &backend.url(), &server.stream());
    assert_eq!(send(&pki, &first, "before").status, 200);
    assert_eq!(send(&pki, &second, "before too").status, 200);

    server.kill();

    assert_eq!(send(&pki, &first, "{}").json()["ok"], true);
    assert!(is_duplicate(&send(&pki, &first, "{}")));
    assert_eq!(send(&pki, &second, "{}").json()["ok"], true);
    for clawgate in [&first, &second] {
        let line = clawgate.event("replay_window_local", 1);
        assert!(line["detail"].as_str().unwrap().contains("no connection to NATS"), "{line}");
        assert!(!is_shared(clawgate));
    }
    assert_eq!(backend.received().len(), 4);
}

#[test]
fn an_outage_of_nats_is_logged_once() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let mut server = NatsServer::start("");
    let mut clawgate = start(&pki, &backend.url(), &server.stream());
    assert_eq!(send(&pki, &clawgate, "before").status, 200);
    server.kill();
    for body in ["a", "b", "c"] {
        assert_eq!(send(&pki, &clawgate, body).status, 200);
    }
    clawgate.event("replay_window_local", 1);

    server.start_again();

    clawgate.event("replay_window_shared", 2);
    assert_eq!(clawgate.all("replay_window_local").len(), 1);
}

#[test]
fn what_was_delivered_while_nats_was_away_is_known_to_all_when_it_is_back() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let mut server = NatsServer::start("");
    let [first, second] = two(&pki, &backend.url(), &server.stream());
    assert_eq!(send(&pki, &first, "before").status, 200);
    server.kill();
    assert_eq!(send(&pki, &first, "meanwhile").json()["ok"], true);

    server.start_again();

    for clawgate in [&first, &second] {
        eventually("a shared window", || is_shared(clawgate).then_some(()));
    }
    assert_eq!(send(&pki, &first, "after").json()["ok"], true);
    assert!(is_duplicate(&send(&pki, &second, "after")));
    assert!(is_duplicate(&send(&pki, &second, "before")));
    assert!(is_duplicate(&send(&pki, &second, "meanwhile")));
}

#[test]
fn a_nats_server_that_hangs_delays_one_request_and_no_further_ones() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let mut server = NatsServer::start("");
    let [first, second] = two(&pki, &backend.url(), &server.stream());
    assert_eq!(send(&pki, &first, "before").status, 200);
    server.halt();

    let answers = ["a", "b", "c"].map(|body| {
        let begin = Instant::now();
        assert_eq!(send(&pki, &first, body).json()["ok"], true);
        begin.elapsed()
    });

    let second_long = Duration::from_secs(1);
    assert!(answers[0] >= second_long, "{answers:?}");
    assert!(answers[1] < second_long && answers[2] < second_long, "{answers:?}");
    let line = first.event("replay_window_local", 1);
    assert_eq!(line["detail"], "NATS has not answered within a second");
    server.go_on();
    for clawgate in [&first, &second] {
        eventually("a shared window", || is_shared(clawgate).then_some(()));
    }
    for body in ["a", "b", "c"] {
        assert!(is_duplicate(&send(&pki, &second, body)));
    }
    assert_eq!(backend.received().len(), 4);
}

#[test]
fn a_clawgate_that_starts_without_nats_shares_its_window_when_nats_is_there() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let mut server = NatsServer::start("");
    server.kill();
    let [first, second] = two(&pki, &backend.url(), &server.stream());
    assert_eq!(send(&pki, &first, "early").status, 200);

    server.start_again();

    for clawgate in [&first, &second] {
        clawgate.event("replay_window_shared", 1);
    }
    assert_eq!(send(&pki, &first, "{}").json()["ok"], true);
    assert!(is_duplicate(&send(&pki, &second, "{}")));
}

#[test]
fn a_user_without_the_permissions_gets_a_window_of_one_instance_and_a_line_in_the_log() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let server = NatsServer::start(
        "authorization { users: [{ user: a, password: b, permissions: { publish: [other], subscribe: [\"_INBOX.>\"] } }] }",
    );
    let login = format!("nats.username = \"a\"\nnats.password_file = {:?}\n", pki.file("password", "b"));
    let toml = shared(&server.stream()).trim_end().to_owned() + "\n" + &login + &route(&pki, PATH);
    let clawgate = command(&pki, &backend.url(), &toml).start();

    let line = clawgate.event("replay_window_local", 1);

    assert!(line["hint"].as_str().unwrap().contains("docs/inbox.md"), "{line}");
    let error = clawgate.event("nats_error", 1);
    assert!(error["detail"].as_str().unwrap().contains("ermissions"), "{error}");
    assert_eq!(send(&pki, &clawgate, "{}").json()["ok"], true);
    assert!(is_duplicate(&send(&pki, &clawgate, "{}")));
    assert!(!is_shared(&clawgate));
}

#[test]
fn a_stream_of_somebody_else_is_left_as_it_is_and_told() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let nats = NatsServer::shared().stream();
    NatsServer::shared().make_stream(&format!("{}-replay", nats.name));
    let clawgate = start(&pki, &backend.url(), &nats);

    let line = clawgate.event("replay_window_local", 1);

    assert!(line["detail"].as_str().unwrap().contains("was made by somebody else"), "{line}");
    assert_eq!(send(&pki, &clawgate, "{}").json()["ok"], true);
}

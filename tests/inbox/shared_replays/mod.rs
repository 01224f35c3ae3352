//! Several clawgates that remember together which signed requests they have delivered, in NATS JetStream. Their routes have no inbox.

mod outages;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream;
use aws_lc_rs::hmac;
use clawgate::inbox::JetStreamSettings;
use data_encoding::HEXLOWER;
use tokio::runtime::Builder;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::nats::NatsServer;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{Latch, eventually, plain};

const SECRET: &str = "it is a secret of 32 characters!";
const PATH: &str = "/hooks/a";

/// A route whose requests are signed as GitHub does.
pub fn route(pki: &Pki, path: &str) -> String {
    let secret = pki.file("github", SECRET);
    format!(
        "[[route]]\npath = \"{path}\"\nauthenticate = \"signature\"\n[route.verify]\nscheme = \"github\"\n\
         secret_file = [{secret:?}]\n\n"
    )
}

/// The place of the stream, and a listener for clients without a certificate.
pub fn shared(nats: &JetStreamSettings) -> String {
    format!(
        "listen.signed_address = [\"127.0.0.1:0\"]\n\n[inbox]\nstore = [\"{}\"]\nnats.name = {:?}\n\
         nats.replicas = 1\n\n",
        nats.servers[0], nats.name
    )
}

pub fn command(pki: &Pki, upstream: &str, toml: &str) -> ClawgateCommand {
    ClawgateCommand::new(pki).arg("--config", pki.file("clawgate.toml", toml)).upstream(upstream).admin()
}

/// A clawgate with one route.
fn start(pki: &Pki, upstream: &str, nats: &JetStreamSettings) -> Clawgate {
    command(pki, upstream, &(shared(nats) + &route(pki, PATH))).start()
}

fn two(pki: &Pki, upstream: &str, nats: &JetStreamSettings) -> [Clawgate; 2] {
    [(); 2].map(|()| start(pki, upstream, nats))
}

fn request(path: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref());
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256={signature}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn send(pki: &Pki, clawgate: &Clawgate, body: &str) -> Answer {
    Client::without_certificate(pki, clawgate).send(&request(PATH, body))
}

/// The answer is the one to a request that was delivered before.
pub fn is_duplicate(answer: &Answer) -> bool {
    answer.status == 200 && answer.json()["status"] == "duplicate"
}

/// What the metric says.
fn is_shared(clawgate: &Clawgate) -> bool {
    let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("clawgate_replay_window_shared "));
    line.unwrap() == "1"
}

#[test]
fn a_request_that_was_delivered_is_a_duplicate_at_another_instance() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let [first, second] = two(&pki, &backend.url(), &NatsServer::shared().stream());
    assert_eq!(send(&pki, &first, "{}").json()["ok"], true);

    let again = send(&pki, &second, "{}");

    assert!(is_duplicate(&again), "{again:?}");
    assert_eq!(backend.received().len(), 1);
    assert!(is_shared(&first) && is_shared(&second));
}

#[test]
fn a_request_that_the_upstream_refused_passes_at_another_instance() {
    let pki = Pki::new();
    let count = AtomicUsize::new(0);
    let backend = Backend::each(move |exchange, _| {
        let status = ["503 Service Unavailable", "200 OK"];
        exchange.answer(status[count.fetch_add(1, Ordering::SeqCst)], "application/json", "{}");
    });
    let [first, second] = two(&pki, &backend.url(), &NatsServer::shared().stream());
    assert_eq!(send(&pki, &first, "{}").status, 503);

    // The release is written in the background.
    eventually("a delivery", || (send(&pki, &second, "{}").status == 200).then_some(()));

    assert!(is_duplicate(&send(&pki, &first, "{}")));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn of_the_same_request_at_two_instances_at_once_one_goes_on() {
    let (pki, latch) = (Pki::new(), Latch::default());
    let backend = Backend::held(&latch);
    let [first, second] = two(&pki, &backend.url(), &NatsServer::shared().stream());
    let mut waiting = Client::without_certificate(&pki, &first).connect().unwrap();
    waiting.write(request(PATH, "{}").as_bytes());
    backend.first();

    let other = send(&pki, &second, "{}");

    assert_eq!((other.status, &*other.reason()), (409, "event_in_progress"), "{other:?}");
    latch.open();
    assert_eq!(waiting.answer().status, 200);
    assert!(is_duplicate(&send(&pki, &second, "{}")));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_request_whose_client_went_away_passes_at_another_instance() {
    let (pki, latch) = (Pki::new(), Latch::default());
    let (held, count) = (latch.clone(), AtomicUsize::new(0));
    let backend = Backend::each(move |exchange, _| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            held.wait();
        }
        exchange.answer("200 OK", "application/json", "{}");
    });
    let [first, second] = two(&pki, &backend.url(), &NatsServer::shared().stream());
    let mut waiting = Client::without_certificate(&pki, &first).connect().unwrap();
    waiting.write(request(PATH, "{}").as_bytes());
    backend.first();

    drop(waiting);

    eventually("a delivery", || (send(&pki, &second, "{}").status == 200).then_some(()));
    assert_eq!(backend.received().len(), 2);
    latch.open();
}

#[test]
fn the_same_event_at_another_route_is_another_event_for_all_instances() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = shared(&NatsServer::shared().stream()) + &route(&pki, PATH) + &route(&pki, "/hooks/b");
    let [first, second] = [(); 2].map(|()| command(&pki, &backend.url(), &toml).start());
    send(&pki, &first, "{}");

    let other = Client::without_certificate(&pki, &second).send(&request("/hooks/b", "{}"));

    assert!(!is_duplicate(&other), "{other:?}");
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn a_restart_of_all_instances_keeps_the_window() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let nats = NatsServer::shared().stream();
    let [mut first, mut second] = two(&pki, &backend.url(), &nats);
    assert_eq!(send(&pki, &first, "{}").json()["ok"], true);
    assert!(first.stop().success() && second.stop().success());

    let again = start(&pki, &backend.url(), &nats);

    assert!(is_duplicate(&send(&pki, &again, "{}")));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_request_whose_instance_was_killed_passes_when_its_time_is_over() {
    let (pki, latch) = (Pki::new(), Latch::default());
    let (held, count) = (latch.clone(), AtomicUsize::new(0));
    let backend = Backend::each(move |exchange, _| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            held.wait();
        }
        exchange.answer("200 OK", "application/json", "{}");
    });
    let times = "upstream.connect_timeout = \"100ms\"\nupstream.response_timeout = \"500ms\"\nupstream.idle_timeout = \"500ms\"\n";
    let toml = times.to_owned() + &shared(&NatsServer::shared().stream()) + &route(&pki, PATH);
    let [mut first, second] = [(); 2].map(|()| command(&pki, &backend.url(), &toml).start());
    let mut waiting = Client::without_certificate(&pki, &first).connect().unwrap();
    waiting.write(request(PATH, "{}").as_bytes());
    backend.first();
    first.signal("KILL");
    first.wait();
    assert_eq!(send(&pki, &second, "{}").status, 409);

    eventually("a delivery", || (send(&pki, &second, "{}").status == 200).then_some(()));

    assert_eq!(backend.received().len(), 2);
    latch.open();
}

#[test]
fn the_stream_remembers_requests_as_long_as_the_longest_window() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let nats = NatsServer::shared().stream();
    let signed = |tolerance: &str| shared(&nats) + &timed(&pki, tolerance);
    let clawgate = command(&pki, &backend.url(), &signed("5m")).start();
    clawgate.event("replay_window_shared", 1);
    assert_eq!(max_age(&nats), Duration::from_secs(24 * 3600));
    pki.file("clawgate.toml", signed("20h"));
    clawgate.signal("HUP");
    clawgate.event("reloaded", 1);

    let answer = send_timed(&pki, &clawgate);

    assert_eq!(answer.status, 200, "{answer:?}");
    let wanted = Duration::from_secs(40 * 3600);
    eventually("a longer max_age", || (max_age(&nats) == wanted).then_some(()));
}

/// A route at `/hooks/timed` whose requests have a signed time, which may be away from clawgate's clock by `tolerance`.
pub fn timed(pki: &Pki, tolerance: &str) -> String {
    let secret = pki.file("timed", SECRET);
    format!(
        "[[route]]\npath = \"/hooks/timed\"\nauthenticate = \"signature\"\n[route.verify]\nscheme = \"hmac\"\n\
         signature = \"header:x-signature\"\ntimestamp = \"header:x-time\"\nsigned = \"{{timestamp}}.{{body}}\"\n\
         tolerance = \"{tolerance}\"\nsecret_file = [{secret:?}]\n"
    )
}

/// Sends a request to it that is signed now.
pub fn send_timed(pki: &Pki, clawgate: &Clawgate) -> Answer {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = HEXLOWER.encode(hmac::sign(&key, format!("{time}.{{}}").as_bytes()).as_ref());
    Client::without_certificate(pki, clawgate).send(&format!(
        "POST /hooks/timed HTTP/1.1\r\nHost: localhost\r\nX-Signature: {signature}\r\nX-Time: {time}\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    ))
}

/// How long the stream keeps messages.
fn max_age(nats: &JetStreamSettings) -> Duration {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(nats.servers[0].to_string()).await.unwrap();
        let stream = jetstream::new(client).get_stream(format!("{}-replay", nats.name)).await.unwrap();
        stream.cached_info().config.max_age
    })
}

#[test]
fn a_reload_cannot_begin_to_share_the_window_and_says_so() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let nats = NatsServer::shared().stream();
    let certified = "[[route]]\npath = \"/direct\"\n";
    let before = shared(&nats).replace("listen.signed_address = [\"127.0.0.1:0\"]\n", "") + certified;
    let clawgate = command(&pki, &backend.url(), &before).start();

    pki.file("clawgate.toml", before + &route(&pki, PATH).replace("\"signature\"", "\"both\""));
    clawgate.signal("HUP");

    let failed = clawgate.event("reload_failed", 1);
    let detail = failed["detail"].as_str().unwrap();
    assert!(detail.contains("so clawgate does not ask NATS"), "{detail}");
}

#[test]
fn routes_that_verify_no_signature_do_not_ask_nats() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = shared(&NatsServer::shared().stream())
        .replace("listen.signed_address = [\"127.0.0.1:0\"]\n", "")
        + "[[route]]\npath = \"/direct\"\n";
    let mut clawgate = command(&pki, &backend.url(), &toml).start();

    assert_eq!(Client::new(&pki, &clawgate).post("/direct", "{}").status, 200);

    let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    assert!(!text.contains("replay_window_shared"));
    assert!(clawgate.all("replay_window_shared").is_empty());
}

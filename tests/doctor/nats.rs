//! What `doctor` says of an inbox in NATS.

use super::{Diagnosis, Setup, any, says};
use crate::support::nats::NatsServer;
use crate::support::unused_port;

/// A clawgate that does not run, whose routes store their events at `url`, with these keys of `[inbox.nats]`.
fn storing(url: &str, keys: &str) -> Setup {
    let setup = Setup::new("http://127.0.0.1:9").with("--delivery", "inbox").with("--inbox-store", url);
    let file = setup.pki.file("gate.toml", format!("[inbox.nats]\n{keys}\n"));
    setup.with("--config", file.display().to_string())
}

/// With a server of all tests, and a stream of its own.
fn examined(keys: &str) -> Diagnosis {
    let server = NatsServer::shared();
    let name = server.stream().name;
    storing(server.url(), &format!("name = \"{name}\"\n{keys}")).examined(any())
}

#[test]
fn a_server_that_cannot_be_reached_is_a_fault() {
    let port = unused_port();
    let diagnosis = storing(&format!("nats://{}", port.address()), "").examined(any());
    says(
        &diagnosis.text("inbox/connect", "fail"),
        &["NATS cannot be reached", "connection refused", "these routes answer 503"],
    );
}

#[test]
fn a_stream_that_is_not_there_yet_is_no_fault() {
    let diagnosis = examined("");
    says(&diagnosis.text("inbox/connect", "pass"), &["nats-server 2."]);
    says(&diagnosis.text("inbox/stream", "skipped"), &["clawgate makes it when it starts"]);
    says(&diagnosis.text("inbox/body_limit", "pass"), &["messages may have 1024 KiB, bodies 256 KiB"]);
}

#[test]
fn what_a_202_means_is_not_known_without_the_monitoring_port() {
    let diagnosis = examined("");
    says(&diagnosis.text("inbox/durable", "note"), &["sync_interval: always", "inbox.nats.monitoring"]);
}

#[test]
fn a_server_that_writes_each_event_to_its_disk_passes() {
    let diagnosis = examined(&format!("monitoring = {:?}", NatsServer::shared().monitoring()));
    says(&diagnosis.text("inbox/durable", "pass"), &["on its disk before they are confirmed"]);
}

#[test]
fn a_server_that_stores_less_than_the_inbox_may_hold_is_worth_a_warning() {
    // It stores as much as `inbox.max_bytes` is without a setting: nothing is left for what becomes of events.
    let keys = format!("monitoring = {:?}", NatsServer::shared().monitoring());
    says(
        &examined(&keys).text("inbox/space", "warning"),
        &["stores at most 1024 MiB, and inbox.max_bytes is 1024 MiB", "raise max_file_store"],
    );
}

#[test]
fn a_server_that_writes_later_is_worth_a_warning() {
    let server = NatsServer::synced_later();
    let keys = format!("monitoring = {:?}", server.monitoring());
    let diagnosis = storing(server.url(), &keys).examined(any());
    says(
        &diagnosis.text("inbox/durable", "warning"),
        &["up to 120 s after they are confirmed", "sync_interval: always"],
    );
}

#[test]
fn a_monitoring_port_that_is_something_else_is_worth_a_warning() {
    let url = NatsServer::shared().url().replace("nats://", "http://");
    let diagnosis = examined(&format!("monitoring = {url:?}"));
    says(&diagnosis.text("inbox/durable", "warning"), &["no monitoring port of a NATS server"]);
}

#[test]
fn bodies_that_do_not_fit_into_a_message_are_worth_a_warning() {
    let server = NatsServer::start("max_payload: 64KB");
    let diagnosis = storing(server.url(), "").examined(any());
    says(
        &diagnosis.text("inbox/body_limit", "warning"),
        &["messages may have 64 KiB, bodies 256 KiB", "max_payload"],
    );
}

#[test]
fn a_stream_on_fewer_servers_than_wanted_is_worth_a_warning() {
    let server = NatsServer::shared();
    let name = server.stream().name;
    server.make_stream(&name);
    let diagnosis = storing(server.url(), &format!("name = \"{name}\"")).examined(any());
    says(
        &diagnosis.text("inbox/stream", "warning"),
        &["has 1 replicas", "inbox.nats.replicas is 3", "nats stream edit"],
    );
}

#[test]
fn servers_whose_replicas_may_differ_are_a_fault() {
    let old = NatsServer::shared().pretending("2.9.10");
    let diagnosis = storing(&old.servers[0].to_string(), "").examined(any());
    says(
        &diagnosis.text("inbox/stream", "fail"),
        &["2.9.10 may lose events", "3 replicas", "2.10 or newer", "these routes answer 503"],
    );
}

/// A clawgate that does not run, with a route without an inbox that verifies signatures.
fn verifying(name: &str) -> Diagnosis {
    let setup = Setup::new("http://127.0.0.1:9");
    let secret = setup.pki.file("secret", "it is a secret of 32 characters!");
    let file = setup.pki.file(
        "gate.toml",
        format!(
            "[inbox]\nstore = [\"{}\"]\nnats.name = \"{name}\"\nnats.replicas = 1\n\n[[route]]\npath = \"/hooks/a\"\n\
             [route.verify]\nscheme = \"github\"\nsecret_file = [{secret:?}]\n",
            NatsServer::shared().url()
        ),
    );
    setup.with("--config", file.display().to_string()).examined(any())
}

#[test]
fn a_stream_of_delivered_requests_that_is_not_there_yet_is_no_fault() {
    let diagnosis = verifying(&NatsServer::shared().stream().name);
    says(&diagnosis.text("inbox/replays", "skipped"), &["clawgate makes it when it starts"]);
}

#[test]
fn a_stream_of_delivered_requests_passes() {
    let name = NatsServer::shared().stream().name;
    NatsServer::shared().make_stream(&format!("{name}-replay"));
    let diagnosis = verifying(&name);
    says(&diagnosis.text("inbox/replays", "pass"), &["all instances know delivered requests"]);
}

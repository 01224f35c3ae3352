//! What the keys of a target mean, and what holds without them.

use std::time::Duration;

use super::super::support::{Sources, assert_has};
use super::{LISTENER, TARGET, queueing, target, waiting, with};
use crate::relay::batch::{BatchForm, BatchSettings};
use crate::relay::credentials::{ClientAuth, ClientSettings};
use crate::relay::idempotency::IdSource;
use crate::relay::retry::RetryRules;
use crate::relay::settings::{Auth, TargetDelivery, TargetSettings};
use crate::upstream::{AddressCheck, Target, Timeouts};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn fixed(sources: &Sources) -> (String, String) {
    let target = target(sources);
    let Auth::Fixed(header) = &target.auth else { panic!("{:?}", target.auth) };
    assert!(header.value.is_sensitive());
    (header.name.to_string(), header.value.to_str().unwrap().to_owned())
}

#[test]
fn a_name_and_a_url_suffice() {
    let sources = queueing("");
    assert_eq!(sources.warnings(), [""; 0]);
    let target = target(&sources);
    let TargetSettings { name, path, delivery, auth, .. } = &*target;
    assert_eq!((&**name, &**path), ("analytics", "/analytics"));
    assert_eq!(*delivery, TargetDelivery::Queue);
    assert_eq!(*auth, Auth::None);
    let endpoint = &target.endpoint;
    assert_eq!(endpoint.server, Target::Https { host: "api.example.org".to_owned(), port: 443 });
    assert_eq!(
        (endpoint.host.to_str().unwrap(), endpoint.target.as_str()),
        ("api.example.org", "/v1/events")
    );
    assert_eq!(endpoint.addresses, AddressCheck::default());
    assert!(endpoint.tls.as_ref().is_some_and(|tls| tls.identity.is_none()));
    assert_eq!((target.mapping.as_ref(), target.batch.as_ref(), target.rate), (None, None, None));
    assert_eq!(target.rules, RetryRules::default());
    assert_eq!((target.concurrency, target.give_up_after), (4, DAY));
    let timeout = Duration::from_secs(30);
    let connect = Duration::from_secs(10);
    assert_eq!(target.timeouts, Timeouts { connect, response: timeout, idle: timeout });
    assert!(sources.settings().startup.inbox.is_some());
}

#[test]
fn every_key_is_read() {
    let sources = queueing(
        r#"
        path = "/track"
        id = "{body:/jobId}-{body:/runAtMs}"
        idempotency_header = "Idempotency-Key"
        batch = { count = 7, bytes = "7KiB", period = "7s", form = "/events" }
        rate = "60/1m"
        done_on = [409, 422]
        allow_private = ["10.1.2.0/24"]
        concurrency = 7
        give_up_after = "2d"
        timeout = "7s"
        probe = "/v1/me"
        "#,
    );
    assert_eq!(sources.warnings(), [""; 0]);
    let target = target(&sources);
    assert_eq!(&*target.path, "/track");
    assert_eq!(target.id, Some(IdSource::new("{body:/jobId}-{body:/runAtMs}").unwrap()));
    assert_eq!(target.idempotency_header, Some("idempotency-key".parse().unwrap()));
    let (count, bytes, period) = (7, 7 << 10, Duration::from_secs(7));
    let form = BatchForm::Wrap("/events".parse().unwrap());
    assert_eq!(target.batch, Some(BatchSettings { count, bytes, period, form }));
    assert_eq!(target.rate, Some("60/1m".parse().unwrap()));
    assert_eq!(target.rules, RetryRules::new(&[409, 422]).unwrap());
    let allowed = AddressCheck::new(vec!["10.1.2.0/24".parse().unwrap()]).unwrap();
    assert_eq!(target.endpoint.addresses, allowed);
    assert_eq!((target.concurrency, target.give_up_after), (7, 2 * DAY));
    assert_eq!(target.timeouts.response, Duration::from_secs(7));
    assert_eq!(target.timeouts.connect, Duration::from_secs(7));
    assert_eq!(target.probe, Some("/v1/me".parse().unwrap()));
}

#[test]
fn one_key_of_a_batch_suffices() {
    let batch = target(&queueing("batch.form = \"ndjson\"")).batch.clone().unwrap();
    let form = BatchForm::Ndjson;
    let period = Duration::from_secs(2);
    assert_eq!(batch, BatchSettings { count: 50, bytes: 256 << 10, period, form });
}

#[test]
fn the_credential_is_made_of_the_file() {
    let secret = super::SECRET;
    let bearer = fixed(&waiting("auth = { bearer_file = \"@secret\" }"));
    assert_eq!(bearer, ("authorization".to_owned(), format!("Bearer {secret}")));
    let own = fixed(&waiting("auth = { header = \"X-Api-Key\", value_file = \"@secret\" }"));
    assert_eq!(own, ("x-api-key".to_owned(), secret.to_owned()));
    let basic =
        waiting("auth = { username = \"ada\", password_file = \"@secret\" }").file("secret", "pw\n");
    assert_eq!(fixed(&basic), ("authorization".to_owned(), "Basic YWRhOnB3".to_owned()));
}

#[test]
fn tokens_come_from_an_oauth_server() {
    let sources = waiting(
        "auth = { token_url = \"https://login.example.org/token?x=1\", client_id = \"me\", \
         client_secret_file = \"@secret\", scope = \"a b\", audience = \"api\", client_auth = \"body\", \
         ca = \"@ca.pem\" }",
    );
    assert_eq!(sources.warnings(), [""; 0]);
    let target = target(&sources);
    let Auth::ClientCredentials { endpoint, client } = &target.auth else { panic!("{:?}", target.auth) };
    assert_eq!(endpoint.server.to_string(), "https://login.example.org:443");
    assert_eq!(endpoint.target.as_str(), "/token?x=1");
    let ClientSettings { client_id, client_secret, scope, parameters, auth, .. } = client;
    assert_eq!((client_id.as_str(), scope.as_deref(), *auth), ("me", Some("a b"), ClientAuth::Body));
    assert_eq!(client_secret.as_slice(), super::SECRET.as_bytes());
    assert_eq!(parameters[..], [("audience".to_owned(), "api".to_owned())]);
}

#[test]
fn a_client_certificate_is_presented_to_the_target_only() {
    let keys = "certificate = \"@server.pem\"\nprivate_key = \"@server.key\"\n\
                auth = { token_url = \"https://login.example.org/token\", client_id = \"me\", \
                client_secret_file = \"@secret\", ca = \"@ca.pem\" }";
    let sources = waiting(keys);
    let target = target(&sources);
    assert!(target.endpoint.tls.as_ref().unwrap().identity.is_some());
    let Auth::ClientCredentials { endpoint, .. } = &target.auth else { panic!() };
    assert!(endpoint.tls.as_ref().unwrap().identity.is_none());
}

#[test]
fn plain_http_and_private_addresses_can_be_allowed() {
    let text = "[[relay.target]]\nname = \"local\"\nurl = \"http://127.0.0.1:8080\"\ndelivery = \"wait\"\n\
                allow_plain_http = true\nallow_private = [\"127.0.0.0/8\"]";
    let target = target(&with(&format!("{LISTENER}{text}")));
    assert_eq!(target.endpoint.server.to_string(), "http://127.0.0.1:8080");
    assert_eq!(
        (target.endpoint.host.to_str().unwrap(), target.endpoint.target.as_str()),
        ("127.0.0.1:8080", "/")
    );
    assert_eq!(target.endpoint.tls, None);
}

#[test]
fn a_target_that_waits_needs_no_inbox_and_one_that_queues_does() {
    assert_eq!(waiting("").settings().startup.inbox, None);
    let problem = with(&format!("{LISTENER}{TARGET}ca = \"@ca.pem\"")).problem();
    assert_has(&problem, &["gate.toml:4: relay.target[1] | needs the inbox", "inbox.path"]);
}

#[test]
fn a_changed_target_is_a_difference_that_needs_no_restart() {
    let before = waiting("auth = { bearer_file = \"@secret\" }").settings();
    let after = waiting("auth = { bearer_file = \"@secret\" }\nrate = \"5/1s\"").settings();
    let changed = before.in_use.differences(&after.in_use);
    let keys: Vec<_> = changed.iter().map(|difference| difference.key.as_str()).collect();
    assert!(keys.contains(&"relay.target analytics"), "{keys:?}");
    assert!(changed.iter().all(|difference| !difference.needs_restart));
    assert_ne!(before.reloadable.relay, after.reloadable.relay);
}

#[test]
fn the_summary_shows_each_target_with_an_example_and_no_secret() {
    let keys = r#"
        url = "https://api.example.org/hooks/T0123456789abcdef?key=Hush0123456789"
        auth = { bearer_file = "@secret" }
        id = "body:/eventId"
        idempotency_header = "Idempotency-Key"
        map = { name = "/eventName", time = { from = "/at", as = "rfc3339" }, kind = { const = "claw" } }
        batch = { form = "/events" }
        rate = "60/1m"
    "#;
    let text = format!("inbox.path = \"/x/y.db\"\n{LISTENER}{TARGET}ca = \"@ca.pem\"\n{keys}");
    let text = text.replacen("url = \"https://api.example.org/v1/events\"\n", "", 1);
    let sources = with(&text);
    let folder = sources.path("").display().to_string();
    let summary = sources.settings().summary().replace(&folder, "DIR/");
    let lines: Vec<_> =
        summary.lines().skip_while(|line| !line.starts_with("relay")).take(9).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "relay          127.0.0.1:9444, with a token in `Authorization: Bearer …`",
            "target         analytics /analytics -> https://api.example.org:443/hooks/T01…?…",
            "stored, answered with 202, then sent; tried for 1day",
            "credential: bearer token from DIR/secret",
            "events are recognised by {body:/eventId}, else by header:idempotency-key; the target gets it in \
             idempotency-key",
            "up to 50 events or 256KiB in one request, as an array in `/events`, after 2s",
            "60/1m requests, 4 at the same time, each within 30s",
            r#"for example the event {"eventName":"some eventName","at":1769860800}"#,
            r#"is sent as        {"name":"some eventName","time":"2026-01-31T12:00:00Z","kind":"claw"}"#,
        ]
    );
    assert!(!summary.contains("0123456789"), "{summary}");
}

//! Open connections whose client is no longer admitted.

use std::collections::HashSet;

use http::Request;
use rcgen::CertificateParams;
use time::{Duration, OffsetDateTime};

use super::{post, reload, start};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::frames;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::{Latch, eventually};

/// `params` of a certificate that ends in `seconds`.
fn valid_for(seconds: i64, mut params: CertificateParams) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::days(1), now + Duration::seconds(seconds));
    params
}

const POST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn an_open_connection_whose_client_is_withdrawn_is_closed_and_logged() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let mut idle = Client::new(&pki, &clawgate).connect().unwrap();
    assert_eq!(post(&mut idle), 200);
    let over_http2 = Http2::connect(Client::new(&pki, &clawgate));

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);

    assert!(idle.is_closed());
    over_http2.closed().unwrap();
    let line = clawgate.event("connection_withdrawn", 2);
    assert_eq!(line["reason"], "client_cert_unknown_ca");
    assert_eq!(line["client_cert"]["fingerprint_sha256"], pki.client.fingerprint());
}

#[test]
fn a_revoked_client_loses_its_open_connection() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 3600));
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--crl", crl).start();
    let client = pki.client(Leaf::client("soon-revoked").serial(77));
    let mut open = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();
    assert_eq!(post(&mut open), 200);
    let mut other = Client::new(&pki, &clawgate).connect().unwrap();

    pki.file("crl.pem", pki.intermediate.crl(&[77, 78], 3600));
    let changed = reload(&clawgate, 1)["changed"].to_string();

    assert!(changed.contains("2 serials revoked, 2 more than before"), "{changed}");
    assert!(open.is_closed());
    assert_eq!(clawgate.event("connection_withdrawn", 1)["reason"], "client_cert_revoked");
    assert_eq!(post(&mut other), 200);
}

#[test]
fn a_request_in_progress_finishes_though_its_client_is_not_admitted_any_more() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let clawgate = start(&pki, &backend);
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    backend.first();

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);
    clawgate.event("connection_withdrawn", 1);
    latch.open();

    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
}

#[test]
fn with_immediate_withdrawal_a_request_in_progress_is_aborted() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--revoke", "now").start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    connection.write(POST);
    backend.first();

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);

    // No answer, and no orderly end, after which an incomplete answer could look complete.
    let (rest, orderly) = connection.rest();
    assert_eq!((rest.as_str(), orderly), ("", false));
    assert_eq!(clawgate.event("connection_withdrawn", 1)["reason"], "client_cert_unknown_ca");
    assert_eq!(clawgate.request()["status"], 499);
    latch.open();
}

#[test]
fn where_trust_is_to_end_now_streams_of_http2_are_broken_off_too() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--revoke", "now").start();
    let connection = Http2::connect(Client::new(&pki, &clawgate));
    let request = Request::post("https://localhost/hooks/wake").body(Pieces::none()).unwrap();
    let asked = connection.ask(request);
    connection.until("the request at the upstream", || (!backend.received().is_empty()).then_some(()));

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);

    assert!(connection.answer(asked).is_err());
    latch.open();
}

#[test]
fn a_connection_does_not_outlive_its_certificate() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let short = pki.client(Leaf::client("short-lived").valid(-60, 4));
    let mut idle = Client::with_identity(&pki, &clawgate, &short).connect().unwrap();
    assert_eq!(post(&mut idle), 200);
    let over_http2 = Http2::connect(Client::with_identity(&pki, &clawgate, &short));
    let mut other = Client::new(&pki, &clawgate).connect().unwrap();

    assert!(idle.is_closed());
    over_http2.closed().unwrap();

    let line = clawgate.event("connection_withdrawn", 2);
    assert_eq!(line["reason"], "client_cert_expired");
    assert_eq!(line["client_cert"]["fingerprint_sha256"], short.fingerprint());
    assert_eq!(post(&mut other), 200);
}

#[test]
fn a_connection_does_not_outlive_the_ca_that_issued_its_certificate() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let brief = pki.root.intermediate_of(valid_for(4, Ca::params("Brief Intermediate")));
    let client = Leaf::client("notes").issued_by(&brief, &[&brief]);
    let mut idle = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();
    assert_eq!(post(&mut idle), 200);
    let mut other = Client::new(&pki, &clawgate).connect().unwrap();

    assert!(idle.is_closed());

    let line = clawgate.event("connection_withdrawn", 1);
    assert_eq!(line["reason"], "client_chain_expired", "{line}");
    assert_eq!(line["client_cert"]["fingerprint_sha256"], client.fingerprint());
    assert_eq!(post(&mut other), 200);
}

#[test]
fn a_connection_does_not_outlive_the_configured_ca_that_admitted_it() {
    let pki = Pki::new();
    let command = ClawgateCommand::new(&pki).upstream("echo:");
    let brief = Ca::root_of(valid_for(5, Ca::params("Brief Root")));
    pki.file("ca.pem", brief.pem() + &pki.root.pem());
    let clawgate = command.start();
    let client = Leaf::client("notes").issued_by(&brief, &[]);
    let mut idle = Client::with_identity(&pki, &clawgate, &client).connect().unwrap();
    assert_eq!(post(&mut idle), 200);
    let mut other = Client::new(&pki, &clawgate).connect().unwrap();

    assert!(idle.is_closed());

    let line = clawgate.event("connection_withdrawn", 1);
    assert_eq!(line["reason"], "client_chain_expired", "{line}");
    assert_eq!(line["client_cert"]["fingerprint_sha256"], client.fingerprint());
    assert_eq!(post(&mut other), 200);
}

#[test]
fn a_request_that_is_complete_only_after_trust_was_withdrawn_is_refused() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let (begin, end) = POST.split_at(POST.len() - 4);
    connection.write(begin);

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);
    clawgate.event("connection_withdrawn", 1);
    connection.write(end);

    let answer = connection.answer();
    assert_eq!((answer.status, answer.reason().as_str()), (403, "identity_not_allowed"));
    assert!(connection.is_closed());
    assert!(backend.received().is_empty());
}

#[test]
fn a_request_that_is_complete_only_after_its_certificate_has_expired_is_refused() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let short = pki.client(Leaf::client("short-lived").valid(-60, 4));
    let mut connection = Client::with_identity(&pki, &clawgate, &short).connect().unwrap();
    let (begin, end) = POST.split_at(POST.len() - 4);
    connection.write(begin);

    clawgate.event("connection_withdrawn", 1);
    connection.write(end);

    let answer = connection.answer();
    assert_eq!((answer.status, answer.reason().as_str()), (403, "identity_not_allowed"));
    assert!(backend.received().is_empty());
}

/// The timer of a connection runs in whole seconds from the handshake. So on a connection that is opened in the middle of a
/// second, a certificate has expired for half a second before the timer fires, and a request in this time is first to notice.
#[test]
fn a_withdrawal_is_recorded_once_for_a_connection_whether_a_request_or_the_timer_notices_it() {
    let pki = Pki::new();
    let mut clawgate = start(&pki, &Backend::ok());
    let short = pki.client(Leaf::client("short-lived").valid(-60, 4));
    let client = || Client::with_identity(&pki, &clawgate, &short);
    let is_middle_of_second = || (400..600).contains(&OffsetDateTime::now_utc().millisecond());
    eventually("the middle of a second", || is_middle_of_second().then_some(()));
    let mut idle = client().connect().unwrap();
    let mut busy = client().connect().unwrap();
    let over_http2 = Http2::connect(client());
    assert_eq!(post(&mut idle), 200);

    // Over HTTP/1 also the check for parking looks at the time: either it or a request is first.
    eventually("the end of a connection", || (!busy.is_answered_at("/hooks/wake")).then_some(()));
    let request = Request::post("https://localhost/hooks/wake").body(Pieces::none()).unwrap();
    let answer = over_http2.send(request);

    assert_eq!((answer.status, answer.reason().as_str()), (403, "identity_not_allowed"));
    over_http2.closed().unwrap();
    assert!(idle.is_closed());
    let mut lines = clawgate.all("connection_withdrawn");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let ids: HashSet<_> = lines.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "{lines:#?}");
    for line in &mut lines {
        assert_eq!(line["reason"], "client_cert_expired");
        let line = line.as_object_mut().unwrap();
        line.retain(|field, _| {
            !["id", "peer", "timestamp", "elapsed_ms", "alpn"].contains(&field.as_str())
        });
    }
    assert!(lines.iter().all(|line| line == &lines[0]), "{lines:#?}");
}

#[test]
fn a_stream_that_is_opened_after_trust_was_withdrawn_is_refused() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    // As it answers no PING, the proxy cannot tell that it has seen the GOAWAY, and takes further streams (RFC 9113
    // section 6.8).
    let mut connection = frames::open(&pki, &clawgate);
    connection.write(&frames::request(1));
    assert_eq!(clawgate.request()["status"], 200);

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);
    clawgate.event("connection_withdrawn", 1);
    connection.write(&frames::request(3));

    let line = clawgate.event("request", 2);
    assert_eq!((&line["status"], &line["reason"]), (&403.into(), &"identity_not_allowed".into()));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_connection_does_not_outlive_the_revocation_list_of_its_ca() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 4));
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--crl", crl).start();
    let mut idle = Client::new(&pki, &clawgate).connect().unwrap();
    assert_eq!(post(&mut idle), 200);

    assert!(idle.is_closed());

    assert_eq!(clawgate.event("connection_withdrawn", 1)["reason"], "crl_expired");
}

#[test]
fn a_connection_of_the_maximum_age_ends_after_the_requests_in_progress() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut clawgate =
        ClawgateCommand::new(&pki).upstream(backend.url()).arg("--connection-age", "300ms").start();
    let mut busy = Client::new(&pki, &clawgate).connect().unwrap();
    busy.write(POST);
    let over_http2 = Http2::connect(Client::new(&pki, &clawgate));

    over_http2.closed().unwrap();
    latch.open();

    assert_eq!(busy.answer().status, 200);
    assert!(busy.is_closed());
    assert!(clawgate.all("connection_withdrawn").is_empty());
}

#[test]
fn where_trust_is_to_end_now_a_connection_that_is_about_to_end_is_no_exception() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--revoke", "now")
        .arg("--connection-age", "200ms")
        .start();
    let mut old = Client::new(&pki, &clawgate).connect().unwrap();
    old.write(POST);
    backend.first();
    // It is as old as may be when one that came later has been ended.
    Http2::connect(Client::new(&pki, &clawgate)).closed().unwrap();

    pki.file("ca.pem", Ca::root("Other Root").pem());
    reload(&clawgate, 1);

    assert_eq!(old.rest(), (String::new(), false));
    clawgate.event("connection_withdrawn", 1);
    latch.open();
}

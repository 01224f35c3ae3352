//! Tests of the series.

use super::*;

fn ended(status: u16, reason: Option<RequestReason>) -> Ended<'static> {
    let duration = Duration::from_millis(3);
    Ended { route: None, status, reason, duration, bytes_in: 5, bytes_out: 7 }
}

#[test]
fn every_reason_is_counted_under_its_own_code() {
    let metrics = Metrics::new();
    metrics.refused(HandshakeReason::ClientCertMissing, false);
    metrics.request(&ended(404, Some(RequestReason::NoRoute)));
    metrics.request(&ended(999, None));
    let text = metrics.plain();
    for line in [
        r#"clawgate_handshakes_refused_total{reason="client_cert_missing"} 1"#,
        r#"clawgate_rejections_total{reason="no_route"} 1"#,
        r#"clawgate_requests_total{route="none",status="4xx"} 1"#,
        r#"clawgate_requests_total{route="none",status="other"} 1"#,
        r#"clawgate_request_duration_seconds_bucket{le="0.0025",route="none"} 0"#,
        r#"clawgate_request_duration_seconds_bucket{le="0.005",route="none"} 2"#,
        r#"clawgate_request_duration_seconds_bucket{le="+Inf",route="none"} 2"#,
        "clawgate_received_bytes_total 10",
        "clawgate_sent_bytes_total 14",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in {text}");
    }
}

#[test]
fn what_no_settings_name_any_more_is_forgotten_and_the_rest_goes_on() {
    let metrics = Metrics::new();
    for pattern in ["/hooks/", "/old"] {
        let route = metrics.route(pattern);
        metrics.request(&Ended { route: Some(&route), ..ended(200, None) });
    }
    let address = "http://127.0.0.1:1";
    metrics.upstream(address).failed(UpstreamFault::Timeout);
    metrics.in_use(&["/hooks/".to_owned()], &[address.to_owned()], Vec::new());
    metrics.request(&Ended { route: Some(&metrics.route("/hooks/")), ..ended(200, None) });
    let text = metrics.plain();
    assert!(!text.contains("/old"), "{text}");
    let kept = r#"clawgate_requests_total{route="/hooks/",status="2xx"} 2"#;
    assert!(text.contains(kept), "{text}");
    let error = r#"clawgate_upstream_errors_total{upstream="http://127.0.0.1:1",error="timeout"} 1"#;
    assert!(text.contains(error), "{text}");
    metrics.in_use(&[], &[], Vec::new());
    assert!(!metrics.plain().contains(address));
}

#[test]
fn one_series_is_told_once_though_two_files_have_the_same_certificate() {
    let metrics = Metrics::new();
    let expiry = Expiry {
        of: Expiring::ClientCa,
        name: r#"CN="x"\"#.to_owned(),
        mark: "01".to_owned(),
        from: 0,
        at: 2_000_000_000,
    };
    metrics.in_use(&[], &[], vec![expiry.clone(), expiry]);
    let text = metrics.plain();
    let series =
        r#"clawgate_client_ca_not_after_timestamp_seconds{name="CN=\"x\"\\",mark="01"} 2000000000"#;
    assert_eq!(text.lines().filter(|line| *line == series).count(), 1, "{text}");
}

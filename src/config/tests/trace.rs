//! Where spans go.

use super::support::{Sources, assert_has};

#[cfg(not(feature = "otlp"))]
#[test]
fn without_the_feature_a_collector_is_refused_and_the_feature_named() {
    let sources = Sources::minimal().flag("--trace-endpoint", "http://127.0.0.1:4318");
    assert_has(
        &sources.problem(),
        &["--trace-endpoint |", "the feature `otlp`", "built without it", "--features otlp"],
    );
}

#[test]
fn what_is_said_of_spans_without_a_collector_is_refused() {
    let sources = Sources::minimal().toml("[trace]\nsample = 10\n");
    assert_has(&sources.problem(), &["gate.toml:2: trace.sample |", "no collector", "trace.endpoint"]);
}

#[cfg(feature = "otlp")]
mod with_the_feature {
    use super::*;
    use crate::config::settings::TraceSettings;

    fn at(endpoint: &str) -> Sources {
        Sources::minimal().flag("--trace-endpoint", endpoint)
    }

    fn trace(sources: &Sources) -> TraceSettings {
        sources.settings().startup.trace.unwrap()
    }

    #[test]
    fn the_path_of_otlp_is_added_to_an_endpoint_unless_it_is_there() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
            ("https://localhost/otlp/", "https://localhost:443/otlp/v1/traces"),
            ("http://localhost:80/v1/traces", "http://localhost:80/v1/traces"),
        ] {
            let mut sources = at(endpoint).toml("[trace]\nsample = 10\n");
            if endpoint.starts_with("https") {
                let ca = sources.path("ca.pem");
                sources = sources.flag("--trace-ca", ca);
            }
            let TraceSettings { collector, path, sample, service, .. } = trace(&sources);
            assert_eq!(format!("{collector}{path}"), expected);
            assert_eq!((sample, &*service), (10, "clawgate"));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_an_example_and_without_its_password() {
        for endpoint in ["127.0.0.1:4318", "unix:/run/x", "grpc://x:4317", "http://u:s3cret@x"] {
            let problem = at(endpoint).problem();
            assert_has(&problem, &["--trace-endpoint |", "http://127.0.0.1:4318"]);
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }

    #[test]
    fn a_query_in_an_endpoint_is_refused_without_being_shown() {
        let problem = at("http://x/?key=s3cret").problem();

        assert_has(&problem, &["--trace-endpoint |", "has a query", "trace.token_file"]);
        assert!(!problem.contains("s3cret"), "{problem}");
    }

    #[test]
    fn a_collector_elsewhere_in_the_clear_and_the_port_of_grpc_are_warned_of() {
        assert_eq!(at("http://localhost:4318").warnings(), [""; 0]);
        let [warning] = &at("http://collector.example:4318").warnings()[..] else { panic!() };
        assert_has(warning, &["--trace-endpoint |", "without encryption", "https"]);
        let [warning] = &at("http://127.0.0.1:4317").warnings()[..] else { panic!() };
        assert_has(warning, &["--trace-endpoint |", "gRPC", "4318"]);
    }

    #[test]
    fn a_ca_for_a_collector_without_tls_is_refused() {
        let sources = at("http://127.0.0.1:4318");
        let ca = sources.path("ca.pem");
        let problem = sources.flag("--trace-ca", ca).problem();
        assert_has(&problem, &["--trace-ca |", "https"]);
    }

    #[test]
    fn the_summary_says_where_spans_go_and_not_with_which_token() {
        let sources = at("http://127.0.0.1:4318").file("token", "s3cret");
        let token = sources.path("token");
        let settings = sources.flag("--trace-token-file", token).settings();
        let summary = settings.summary();
        assert_has(&summary, &["spans", "http://127.0.0.1:4318/v1/traces, with a token"]);
        assert!(!summary.contains("s3cret") && !format!("{settings:?}").contains("s3cret"));
    }
}

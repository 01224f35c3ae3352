//! curl with files, as people call a webhook.

use std::process::{Command, Output};

use super::clawgate;
use crate::support::pki::Pki;
use crate::support::process::Clawgate;

/// `curl` to a hook, with nothing of the machine's own settings.
fn curl(pki: &Pki, clawgate: &Clawgate, arguments: &[&str]) -> Output {
    let port = clawgate.address().port();
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sS", "--noproxy", "*", "--resolve", &format!("localhost:{port}:127.0.0.1")]);
    curl.args(["-d", "{\"text\":\"hello\"}", "-w", "\n%{http_version} %{http_code}"]);
    curl.arg("--cacert").arg(pki.file("root.pem", pki.root.pem()));
    curl.args(arguments).arg(format!("https://localhost:{port}/hooks/wake")).output().unwrap()
}

/// With the certificate and key of the good client: what it got, and `version status`.
fn curl_as_client(pki: &Pki, clawgate: &Clawgate, arguments: &[&str]) -> (serde_json::Value, String) {
    let (certificate, key) = pki.files("client", &pki.client);
    let credentials = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let output = curl(pki, clawgate, &[&credentials, arguments].concat());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, line) = text.rsplit_once('\n').unwrap();
    (serde_json::from_str(body).unwrap(), line.to_owned())
}

#[test]
fn curl_is_served_over_http_1_1_and_http_2() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    for (number, (flag, version)) in (1..).zip([("--http1.1", "1.1"), ("--http2", "2")]) {
        let (seen, line) = curl_as_client(&pki, &clawgate, &[flag]);

        assert_eq!(line, format!("{version} 200"));
        assert_eq!(seen["body"], "{\"text\":\"hello\"}");
        assert_eq!(seen["client"]["fingerprint"], pki.client.fingerprint());
        assert_eq!(seen["headers"]["x-clawgate-client-cn"], "notes");
        let logged = clawgate.event("request", number)["protocol"].as_str().unwrap().to_owned();
        assert!(logged.starts_with(&format!("HTTP/{version}")), "{logged}");
    }
}

#[test]
fn curl_is_served_over_tls_1_2() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);

    let (_, line) = curl_as_client(&pki, &clawgate, &["--http2", "--tls-max", "1.2"]);

    assert_eq!(line, "2 200");
    assert_eq!(clawgate.request()["tls_version"], "TLSv1.2");
}

#[test]
fn curl_without_a_certificate_reads_the_alert_that_asks_for_one() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);

    let output = curl(&pki, &clawgate, &[]);

    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("certificate required"), "{said}");
    assert_eq!(clawgate.failure()["reason"], "client_cert_missing");
}

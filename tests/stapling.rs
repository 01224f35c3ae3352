//! Stapled OCSP responses, as `openssl s_client -status` reads them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustls::version;

use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// The certificates of these tests have this serial number.
const SERIAL: u64 = 0x1234;

fn openssl(pki: &Pki, arguments: &str) -> String {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(pki.dir())
        .stdin(Stdio::null())
        .output()
        .expect("openssl is needed");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The usual cast, with a server certificate that is known to its CA.
fn pki() -> Pki {
    let mut pki = Pki::new();
    pki.server = known(&pki.intermediate);
    pki
}

fn known(ca: &Ca) -> Identity {
    Leaf::server().serial(SERIAL).issued_by(ca, &[ca])
}

/// What the CA's responder says of the server's certificate when this line is its index.
fn response(pki: &Pki, ca: &Ca, identity: &Identity, index: &str) -> PathBuf {
    pki.file("ca-of-it.pem", ca.pem());
    pki.file("ca-of-it.key", ca.key.serialize_pem());
    pki.files("subject", identity);
    pki.file("index.txt", format!("{index}\tunknown\t/CN=gate\n"));
    let path = pki.dir().join("response.der");
    let _ = std::fs::remove_file(&path);
    let request = "ocsp -issuer ca-of-it.pem -cert subject.pem -no_nonce -reqout request.der";
    let answer = "ocsp -index index.txt -CA ca-of-it.pem -rsigner ca-of-it.pem -rkey ca-of-it.key -reqin request.der \
                  -ndays 3 -respout response.der";
    let said = [openssl(pki, request), openssl(pki, answer)].concat();
    assert!(path.exists(), "{said}");
    path
}

const GOOD: &str = "V\t401231235959Z\t\t1234";
const REVOKED: &str = "R\t401231235959Z\t200101000000Z,keyCompromise\t1234";
const OF_ANOTHER: &str = "V\t401231235959Z\t\t9999";

/// What a client sees that asks for the status.
fn status(pki: &Pki, clawgate: &Clawgate, version: &str) -> String {
    let address = clawgate.address();
    openssl(
        pki,
        &format!("s_client -connect {address} {version} -status -CAfile ca.pem -servername localhost"),
    )
}

/// clawgate serves without a stapled response, and has logged a warning with these words.
fn is_left_out(pki: &Pki, file: &PathBuf, words: &[&str]) {
    let clawgate = ClawgateCommand::new(pki).upstream("echo:").arg("--ocsp", file).start();

    let said = status(pki, &clawgate, "-tls1_3");

    assert!(said.contains("OCSP response: no response sent"), "{said}");
    assert_eq!(Client::new(pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    let warnings = clawgate.events("settings_warning");
    let warning = warnings.iter().find(|line| line["origin"] == "--ocsp");
    let detail = warning.unwrap_or_else(|| panic!("{warnings:?}"))["detail"].as_str().unwrap();
    assert!(detail.contains("is not stapled"), "{detail}");
    for word in words {
        assert!(detail.contains(word), "{word} is not in {detail}");
    }
}

#[test]
fn a_good_response_is_shown_over_both_versions_and_check_knows_it() {
    let pki = pki();
    let file = response(&pki, &pki.intermediate, &pki.server, GOOD);
    let command = || ClawgateCommand::new(&pki).upstream("echo:").arg("--ocsp", &file);
    let clawgate = command().start();

    for version in ["-tls1_3", "-tls1_2"] {
        let said = status(&pki, &clawgate, version);

        assert!(said.contains("OCSP Response Status: successful"), "{version}: {said}");
        assert!(said.contains("Cert Status: good"), "{version}: {said}");
        assert!(said.contains("Serial Number: 1234"), "{version}: {said}");
    }
    // A client that does not ask for the status does not get one.
    let plain = openssl(&pki, &format!("s_client -connect {} -CAfile ca.pem", clawgate.address()));
    assert!(!plain.contains("OCSP Response"), "{plain}");
    let checked = command().check().stdout;
    assert!(checked.contains("OCSP response in ") && !checked.contains("stapled"), "{checked}");
    for version in [&version::TLS13, &version::TLS12] {
        let client = Client::with_versions(&pki, &clawgate, Some(&pki.client), &[version]);
        assert_eq!(client.post("/hooks/wake", "{}").status, 200);
    }
}

#[test]
fn each_response_goes_with_the_certificate_that_it_is_about() {
    let pki = pki();
    let other = Leaf::server()
        .serial(SERIAL + 1)
        .sans(vec![rcgen::SanType::DnsName("other.example".try_into().unwrap())])
        .issued_by(&pki.intermediate, &[&pki.intermediate]);
    let (certificate, key) = pki.files("other", &other);
    let file = response(&pki, &pki.intermediate, &pki.server, GOOD);
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--ocsp", file)
        .start();
    let asked = |name: &str| {
        let address = clawgate.address();
        openssl(&pki, &format!("s_client -connect {address} -status -CAfile ca.pem -servername {name}"))
    };

    assert!(asked("localhost").contains("Cert Status: good"));
    assert!(asked("other.example").contains("OCSP response: no response sent"));
}

#[test]
fn a_response_that_is_not_good_is_left_out() {
    let pki = pki();
    let revoked = response(&pki, &pki.intermediate, &pki.server, REVOKED);
    is_left_out(&pki, &revoked, &["response.der", "server.pem is revoked"]);
    let unknown = response(&pki, &pki.intermediate, &pki.server, OF_ANOTHER);
    is_left_out(&pki, &unknown, &["does not know"]);
}

#[test]
fn a_response_about_another_certificate_or_from_another_ca_is_left_out() {
    let pki = pki();
    // The same serial number, and even the name of the CA is the same.
    let twin = pki.root.intermediate("Test Intermediate");
    let of_twin = response(&pki, &twin, &known(&twin), GOOD);
    is_left_out(&pki, &of_twin, &["for none of clawgate's certificates"]);
}

#[test]
fn a_response_that_is_out_of_date_is_left_out() {
    let pki = pki();
    let file = response(&pki, &pki.intermediate, &pki.server, GOOD);
    let mut der = std::fs::read(&file).unwrap();
    // Its last GeneralizedTime that comes before the signature is nextUpdate.
    let times: Vec<_> =
        (0..der.len() - 17).filter(|at| der[*at..].starts_with(&[0x18, 15, b'2', b'0'])).collect();
    let next = times[2] + 2;
    der[next..next + 4].copy_from_slice(b"2001");
    std::fs::write(&file, der).unwrap();

    is_left_out(&pki, &file, &["it was valid until 2001-"]);
}

#[test]
fn what_is_no_response_is_left_out() {
    let pki = pki();
    let missing = pki.dir().join("missing.der");
    is_left_out(&pki, &missing, &["missing.der", "cannot be read"]);
    let text = pki.file("text.der", "not DER at all");
    is_left_out(&pki, &text, &["not an OCSP response in DER"]);
    let file = response(&pki, &pki.intermediate, &pki.server, GOOD);
    let whole = std::fs::read(&file).unwrap();
    let half = pki.file("half.der", &whole[..whole.len() / 2]);
    is_left_out(&pki, &half, &["half.der", "not an OCSP response in DER"]);
    let more = pki.file("more.der", [&whole[..], &whole[..]].concat());
    is_left_out(&pki, &more, &["more.der", "has more bytes after the response"]);
    // OCSPResponseStatus tryLater.
    let later = pki.file("later.der", [0x30, 3, 0x0a, 1, 3]);
    is_left_out(&pki, &later, &["temporarily unavailable"]);
}

#[test]
fn a_reload_shows_the_response_that_has_come_since() {
    let pki = pki();
    let file = pki.dir().join("response.der");
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--ocsp", &file).start();
    assert!(status(&pki, &clawgate, "-tls1_3").contains("no response sent"));

    response(&pki, &pki.intermediate, &pki.server, GOOD);
    clawgate.signal("HUP");
    crate::support::eventually("the response to be shown", || {
        status(&pki, &clawgate, "-tls1_3").contains("Cert Status: good").then_some(())
    });

    let reloaded = clawgate.event("reloaded", 1);
    assert!(reloaded["changed"].to_string().contains("OCSP"), "{reloaded}");
}

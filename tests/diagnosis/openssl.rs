//! Clients that only OpenSSL can play: old versions, weak keys, and the bad certificates of gen-certs.sh.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::{Trial, check, refused, says};
use crate::support::pki::{Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// Runs `openssl` in the test's folder; what it wrote, its errors included.
fn openssl(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is needed");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// `openssl s_client` to clawgate; what it said until the end.
fn s_client(pki: &Pki, clawgate: &Clawgate, arguments: &[&str]) -> String {
    let address = clawgate.address().to_string();
    let common = ["s_client", "-connect", &address, "-ign_eof", "-CAfile", "ca.pem"];
    openssl(pki.dir(), &[&common, arguments].concat())
}

/// The only line, and that `said` (OpenSSL's) tells the alert on it.
fn the_line(clawgate: &mut Clawgate, reason: &str, said: &str, number: u8) -> Value {
    let line = clawgate.failure();
    assert_eq!(line["reason"], reason, "{line}; the client: {said}");
    check(&line);
    let alert = crate::support::client::alert_name(number);
    assert_eq!(line["alert_sent"], alert, "the client: {said}");
    assert!(said.contains(&format!("alert number {number}\n")), "not alert {number}: {said}");
    assert!(clawgate.stop().success());
    assert_eq!(clawgate.all("handshake_failed").len(), 1, "one line");
    line
}

/// A certificate that `openssl x509 -req` makes with `arguments`, of the intermediate.
pub fn issued(pki: &Pki, leaf: Leaf, arguments: &[&str]) -> Identity {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = leaf.params.distinguished_name;
    let request = params.serialize_request(&key).unwrap();
    pki.file("x.csr", request.pem().unwrap());
    pki.file("int.pem", pki.intermediate.pem());
    pki.file("int.key", pki.intermediate.key.serialize_pem());
    let common =
        "x509 -req -in x.csr -CA int.pem -CAkey int.key -set_serial 7 -days 9 -outform DER -out x.der";
    let common: Vec<_> = common.split(' ').collect();
    let said = openssl(pki.dir(), &[&common, arguments].concat());
    let der = std::fs::read(pki.dir().join("x.der")).unwrap_or_else(|_| panic!("{said}"));
    Identity { chain: vec![der, pki.intermediate.certificate.der().to_vec()], key }
}

/// The extensions of a good client.
pub fn extensions(pki: &Pki) -> PathBuf {
    pki.file("ext.cnf", "keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n")
}

#[test]
fn the_detail_for_old_versions_of_tls_says_which_are_needed() {
    for (flag, offered) in [("-tls1_1", "TLSv1.1"), ("-tls1", "TLSv1.0")] {
        let pki = Pki::new();
        let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

        let said = s_client(&pki, &clawgate, &[flag, "-cipher", "DEFAULT@SECLEVEL=0"]);

        let line = the_line(&mut clawgate, "tls_version", &said, 70);
        assert_eq!(line["tls_versions_offered"], json!([offered]));
        says(&line, "detail", &[offered, "TLS 1.2 or 1.3"]);
        assert!(line["tls_version"].is_null(), "{line}");
    }
}

#[test]
fn the_detail_for_no_common_algorithm_names_the_kind_and_what_the_client_offered() {
    for (arguments, says_what) in [
        (
            &["-tls1_2", "-cipher", "AES128-SHA"][..],
            &["cipher suite with forward secrecy", "TLS_RSA_WITH_AES_128_CBC_SHA", "groups none"][..],
        ),
        (&["-tls1_3", "-groups", "P-521"], &["key exchange group", "secp521r1"]),
        (&["-tls1_3", "-sigalgs", "RSA-PSS+SHA256"], &["signature scheme", "RSA_PSS_SHA256"]),
        (&["-tls1_2", "-sigalgs", "RSA+SHA256", "-cipher", "ECDHE"], &["RSA_PKCS1_SHA256"]),
    ] {
        let pki = Pki::new();
        let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

        let said = s_client(&pki, &clawgate, arguments);

        let line = the_line(&mut clawgate, "no_common_algorithms", &said, 40);
        says(&line, "detail", says_what);
        says(&line, "hint", &["TLS_AES_128_GCM_SHA256", "secp256r1"]);
    }
}

/// Lets a client with an RSA key of 1024 bits and the certificate `CN=small` of the intermediate try, over this version of
/// TLS; what OpenSSL said.
pub fn with_a_short_rsa_key(pki: &Pki, clawgate: &Clawgate, version: &str) -> String {
    pki.file("int.pem", pki.intermediate.pem());
    pki.file("int.key", pki.intermediate.key.serialize_pem());
    extensions(pki);
    for command in [
        "genrsa -out small.key 1024",
        "req -new -key small.key -subj /CN=small -out small.csr",
        "x509 -req -in small.csr -CA int.pem -CAkey int.key -set_serial 7 -days 9 -extfile ext.cnf -out small.pem",
    ] {
        openssl(pki.dir(), &command.split(' ').collect::<Vec<_>>());
    }
    let arguments = "-cipher DEFAULT@SECLEVEL=0 -cert small.pem -key small.key -cert_chain int.pem";
    let arguments: Vec<_> = arguments.split(' ').chain([version]).collect();
    s_client(pki, clawgate, &arguments)
}

#[test]
fn a_short_rsa_key_is_refused_by_its_size() {
    for version in ["-tls1_2", "-tls1_3"] {
        let pki = Pki::new();
        let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

        let said = with_a_short_rsa_key(&pki, &clawgate, version);

        let line = the_line(&mut clawgate, "client_cert_key_unsupported", &said, 51);
        says(&line, "detail", &["CN=small", "RSA 1024"]);
        says(&line, "hint", &["2048"]);
        assert_eq!(line["client_cert"]["key"], "RSA 1024");
    }
}

#[test]
fn a_key_that_openssl_does_not_even_offer_is_hinted_at() {
    let pki = Pki::new();
    for command in [
        "genpkey -algorithm ED448 -out goldi.key",
        "req -x509 -new -key goldi.key -subj /CN=goldi -days 9 -out goldi.pem",
    ] {
        openssl(pki.dir(), &command.split(' ').collect::<Vec<_>>());
    }
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    let said = s_client(&pki, &clawgate, &["-tls1_3", "-cert", "goldi.pem", "-key", "goldi.key"]);

    let line = the_line(&mut clawgate, "client_cert_missing", &said, 116);
    says(&line, "hint", &["was not asked for", "Ed448"]);
}

#[test]
fn a_refusal_after_a_second_hello_carries_what_was_agreed_on() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    // Its key share is for a group clawgate does not have, so clawgate asks for another hello.
    let said = s_client(&pki, &clawgate, &["-tls1_3", "-groups", "P-521:P-256"]);

    let line = the_line(&mut clawgate, "client_cert_missing", &said, 116);
    assert_eq!(line["tls_version"], "TLSv1.3");
    assert_eq!(line["cipher"], "TLS_AES_128_GCM_SHA256");
}

#[test]
fn the_hint_for_a_version_1_certificate_says_how_to_issue_version_3() {
    let pki = Pki::new();
    gen_certs(&pki);
    let (certificate, key) = (pki.dir().join("dev/v1.pem"), pki.dir().join("dev/v1.key"));
    for version in ["--tlsv1.3", "--tls-max"] {
        let clawgate = dev_clawgate(&pki);
        let limit = if version == "--tls-max" { &["--tls-max", "1.2"][..] } else { &[version] };

        curl(&pki, &clawgate, &certificate, &key, limit);

        let line = clawgate.failure();
        check(&line);
        assert_eq!(line["reason"], "client_cert_unsupported", "{line}");
        says(&line, "detail", &["CN=v1", "X.509 v1", "only v3"]);
        says(&line, "hint", &["openssl x509 -req", "-extfile"]);
    }
}

#[test]
fn a_sha_1_signature_is_refused_by_its_name() {
    let pki = Pki::new();
    extensions(&pki);
    let weak = issued(&pki, Leaf::client("weak"), &["-sha1", "-extfile", "ext.cnf"]);

    for line in refused(&pki, &weak, "client_cert_weak_signature") {
        says(&line, "detail", &["CN=weak", "SHA-1 with ECDSA"]);
        says(&line, "hint", &["SHA-256"]);
    }
}

/// The development set of `scripts/gen-certs.sh`, in the folder `dev`.
fn gen_certs(pki: &Pki) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/gen-certs.sh");
    let output = Command::new("bash").arg(script).arg(pki.dir().join("dev")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn dev_clawgate(pki: &Pki) -> Clawgate {
    let file = |name: &str| pki.dir().join("dev").join(name);
    ClawgateCommand::bare("run")
        .arg("--cert", file("server.pem"))
        .arg("--key", file("server.key"))
        .arg("--client-ca", file("ca.pem"))
        .arg("--crl", file("crl.pem"))
        .arg("--listen", "127.0.0.1:0")
        .arg("--admin", "off")
        .arg("--workers", "1")
        .upstream("echo:")
        .start()
}

/// The HTTP status curl got (000: none), with what it said.
fn curl(
    pki: &Pki,
    clawgate: &Clawgate,
    certificate: &Path,
    key: &Path,
    more: &[&str],
) -> (String, String) {
    let output = Command::new("curl")
        .args(["-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}"])
        .arg("--cacert")
        .arg(pki.dir().join("dev/ca.pem"))
        .args(more)
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .arg(format!("https://localhost:{}/hooks/wake", clawgate.address().port()))
        .output()
        .expect("curl is needed");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn each_bad_certificate_of_the_script_is_refused_for_what_it_is_named_after() {
    let pki = Pki::new();
    gen_certs(&pki);
    let clawgate = dev_clawgate(&pki);
    let mut trial = Trial { clawgate, refused: 0 };
    let file = |name: &str| pki.dir().join("dev").join(name);

    for good in ["client", "client-rsa", "client-ed25519"] {
        let (certificate, key) = (file(&format!("{good}.pem")), file(&format!("{good}.key")));
        let (status, said) = curl(&pki, &trial.clawgate, &certificate, &key, &[]);
        assert_eq!(status, "200", "{good}: {said}");
    }
    for (name, reason) in [
        ("expired", "client_cert_expired"),
        ("not-yet-valid", "client_cert_not_yet_valid"),
        ("other-ca", "client_cert_unknown_ca"),
        ("same-name-ca", "client_cert_wrong_ca_key"),
        ("self-signed", "client_cert_self_signed"),
        ("server-auth-only", "client_cert_wrong_purpose"),
        ("v1", "client_cert_unsupported"),
        ("no-intermediate", "client_chain_incomplete"),
        ("revoked", "client_cert_revoked"),
        ("key-mismatch", "client_key_mismatch"),
    ] {
        let (certificate, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        let (status, said) = curl(&pki, &trial.clawgate, &certificate, &key, &[]);
        assert_eq!(status, "000", "{name}");
        assert!(said.contains("alert"), "{name}: curl read no alert: {said}");
        trial.refused += 1;
        let line = trial.clawgate.event("handshake_failed", trial.refused);
        assert_eq!(line["reason"], reason, "{name}: {line}");
        check(&line);
    }
    trial.end();
}

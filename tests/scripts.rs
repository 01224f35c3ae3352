//! Scripts and examples work as they say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::process::ClawgateCommand;
use crate::support::redact::redacted;

/// All certificates of the set; each has its key beside it.
const CERTIFICATES: [&str; 16] = [
    "ca",
    "intermediate",
    "server",
    "client",
    "client-rsa",
    "client-ed25519",
    "expired",
    "not-yet-valid",
    "other-ca",
    "same-name-ca",
    "self-signed",
    "server-auth-only",
    "v1",
    "no-intermediate",
    "revoked",
    "key-mismatch",
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the script where new files are open to everybody, unless it sees to it itself.
fn gen_certs(arguments: &[&str]) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(repository("scripts/gen-certs.sh"));
    bash.args(arguments).output().unwrap()
}

fn made_in(dir: &Path) -> String {
    let output = gen_certs(&[dir.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every file below `dir`, hidden ones too, with what is in it.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

#[test]
fn gen_certs_makes_the_files_it_names_and_keeps_the_keys_to_their_owner() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path().join("made/on the way");

    made_in(&dir);

    let files = content(&dir);
    let pairs = CERTIFICATES.iter().flat_map(|name| [format!("{name}.pem"), format!("{name}.key")]);
    let others = ["crl.pem", "webhook-secret"].map(str::to_owned);
    let mut expected: Vec<String> = pairs.chain(others).collect();
    expected.sort();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), expected);
    for name in files.keys() {
        let mode = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if name.ends_with(".pem") { 0o644 } else { 0o600 }, "{name}: {mode:o}");
    }
    let help = gen_certs(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for name in CERTIFICATES {
        assert!(help.contains(&format!("{name}.pem")), "{name} is not in the help");
    }
}

#[test]
fn gen_certs_replaces_nothing_without_its_flag() {
    let dir = TempDir::new().unwrap();
    made_in(dir.path());
    let before = content(dir.path());

    let output = gen_certs(&[dir.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("exists. Use --force to replace the whole set"), "{said}");
    assert_eq!(content(dir.path()), before);
}

#[test]
fn gen_certs_mixes_no_new_set_with_one_file_of_an_old_one() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("v1.key"), "precious").unwrap();

    let output = gen_certs(&[dir.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(content(dir.path()), BTreeMap::from([("v1.key".to_owned(), b"precious".to_vec())]));
}

#[test]
fn gen_certs_replaces_the_whole_set_when_forced_and_leaves_other_files_alone() {
    let dir = TempDir::new().unwrap();
    made_in(dir.path());
    fs::write(dir.path().join("hook-token"), "precious").unwrap();
    let before = content(dir.path());

    let output = gen_certs(&["--force", dir.path().to_str().unwrap()]);

    assert!(output.status.success(), "{output:?}");
    let after = content(dir.path());
    assert!(before.keys().eq(after.keys()));
    for (name, old) in &before {
        assert_eq!(after[name] == *old, name == "hook-token", "{name}");
    }
}

#[test]
fn gen_certs_refuses_flags_it_does_not_know() {
    let dir = TempDir::new().unwrap();

    let output = gen_certs(&["--forse", dir.path().to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(content(dir.path()), BTreeMap::new());
}

#[test]
fn the_settings_that_gen_certs_prints_are_accepted_as_they_stand() {
    let dir = TempDir::new().unwrap();
    let printed = made_in(&dir.path().join("with a blank"));
    let exports: Vec<_> =
        printed.lines().map(str::trim).filter(|line| line.starts_with("export ")).collect();

    let mut bash = Command::new("bash");
    bash.args(["-c", "eval \"$1\"; exec \"$0\" check", env!("CARGO_BIN_EXE_clawgate")]);
    let output = bash.arg(exports.join("\n")).current_dir("/").output().unwrap();

    assert!(output.status.success(), "{output:?}");
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.contains("with a blank/server.pem"), "{summary}");
    assert!(summary.contains("with a blank/crl.pem"), "{summary}");
    assert!(!summary.contains("warning"), "{summary}");
    assert_eq!(exports.len(), 4, "{printed}");
}

#[test]
fn every_example_is_good_once_certificates_token_and_secrets_are_there() {
    let dir = TempDir::new().unwrap();
    made_in(&dir.path().join("certs"));
    for (name, secret) in [
        ("hook-token", "s3cret"),
        ("github", "4d4c0b1f2b7f4c0a9a3de0a1f6c9f1e2"),
        ("github-old", "0a9a3de0a1f6c9f1e24d4c0b1f2b7f4c"),
        ("square", "1f2b7f4c0a9a3de0a1f6c9f1e24d4c0b"),
        ("relay-token", "c9f1e24d4c0b1f2b7f4c0a9a3de0a1f6"),
        ("api-key", "e24d4c0b1f2b7f4c0a9a3de0a1f6c9f1"),
        ("acme", "a1f6c9f1e24d4c0b1f2b7f4c0a9a3de0"),
        ("pseudonym-key", "2b7f4c0a9a3de0a1f6c9f1e24d4c0b1f"),
    ] {
        let file = dir.path().join("certs").join(name);
        fs::write(&file, format!("{secret}\n")).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    }

    let mut checked = Vec::new();
    for entry in fs::read_dir(repository("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let output = ClawgateCommand::bare("check").dir(dir.path()).arg("--config", &path).output();
            assert_eq!(output.code, Some(0), "{output:?}");
            assert!(output.stdout.ends_with("all is well with the settings\n"), "{output:?}");
            checked.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    checked.sort();
    assert_eq!(checked, ["full", "inbox", "minimal", "relay", "several-routes", "signed-webhooks"]);
}

/// The demo's table, without the column that depends on the versions of curl and OpenSSL, and with its lines wrapped after
/// what differs from run to run was taken out.
fn rows(demo: &str) -> String {
    let mut rows = String::new();
    let mut paragraph = String::new();
    let (table, _) =
        demo.split_once("\nclawgate doctor\n").unwrap_or_else(|| panic!("no table: {demo}"));
    for line in table.lines().chain(["end"]) {
        let more = line.strip_prefix("      ").filter(|more| !more.starts_with("CASE"));
        if more.is_none_or(|more| more.starts_with("-> ")) && !paragraph.is_empty() {
            let indent =
                textwrap::Options::new(100).initial_indent("      ").subsequent_indent("      ");
            rows += &(textwrap::fill(&redacted(paragraph.trim(), Path::new("/nowhere")), indent) + "\n");
            paragraph.clear();
        }
        match more {
            Some(more) => paragraph.push_str(more),
            None if line == "end" => {}
            None => rows += &(line.chars().take(63).collect::<String>().trim_end().to_owned() + "\n"),
        }
    }
    rows
}

#[test]
fn the_demo_explains_each_refusal() {
    let mut demo = Command::new(repository("scripts/demo.sh"));
    let output = demo.env("CLAWGATE_BIN", env!("CARGO_BIN_EXE_clawgate")).output().unwrap();

    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.ends_with("\nall 29 as expected\n"), "{text}");
    insta::assert_snapshot!(rows(&text.replace(&host_name(), "dns:HOST")), @r#"
          CASE                           CLAWGATE LOGGED
    ok    ECDSA certificate              200
    ok    RSA certificate                200
    ok    Ed25519 certificate            200
    ok    TLS 1.2                        200
    ok    forged identity headers        200
    ok    path without a route           404 no_route
          no route is open for /other; the client is verified as CN=meeting-notes,O=clawgate dev. To
          open it: --path /other (CLAWGATE_PATHS), or [[route]] path = "/other"
    ok    no certificate                 client_cert_missing
          the client sent no certificate; one of these CAs was asked for: CN=clawgate dev root
          CA,O=clawgate dev
          -> give the client its certificate and key (curl: --cert client.pem --key client.key). If it
          has them: Go, Java and GnuTLS (wget) send no certificate unless one of these CAs issued it, or
          issued an intermediate that is in the client's file; OpenSSL sends none if the key is of a
          kind that was not asked for (Ed448, secp256k1, RSA-PSS, DSA)
    ok    from an unknown CA             client_cert_unknown_ca
          CN=other-ca,O=clawgate dev (serial SERIAL) was issued by CN=Elsewhere CA,O=Elsewhere Ltd,
          which is none of the configured CAs (CN=clawgate dev root CA,O=clawgate dev)
          -> have the client use a certificate of a configured CA, or add the CA CN=Elsewhere
          CA,O=Elsewhere Ltd to clients.ca if it is to be trusted; if it is an intermediate of a
          configured CA, the client must send its certificate too
    ok    from a CA of the same name     client_cert_wrong_ca_key
          CN=same-name-ca,O=clawgate dev (serial SERIAL) names CN=clawgate dev root CA,O=clawgate dev as
          its issuer, and a CA of that name is known, but with another key (SPKI SHA-256 SHA-256…); the
          CA was recreated with a new key, or the certificate comes from another CA of the same name
          -> have the client's certificate issued again by the current CA, or add the CA that issued it
          to clients.ca
    ok    self-signed                    client_cert_self_signed
          CN=self-signed,O=clawgate dev (serial SERIAL) is self-signed: it is its own issuer
          -> have the client's key certified by one of: CN=clawgate dev root CA,O=clawgate dev; or, to
          admit exactly this certificate, pin it: --pinned SHA-256
    ok    expired                        client_cert_expired
          CN=expired,O=clawgate dev (serial SERIAL) expired 24 hours ago, at DATE; clawgate's clock says
          DATE
          -> renew the client's certificate; if it should be valid, check clawgate's clock
    ok    not yet valid                  client_cert_not_yet_valid
          CN=not-yet-valid,O=clawgate dev (serial SERIAL) is valid only 9 days from now, at DATE;
          clawgate's clock says DATE
          -> check the clocks of clawgate and of the machine that issued the certificate, or wait
    ok    for servers only               client_cert_wrong_purpose
          CN=server-auth-only,O=clawgate dev (serial SERIAL) is for serverAuth, not for clients
          (extendedKeyUsage lacks clientAuth)
          -> sign the request again with -extfile and a file that says extendedKeyUsage=clientAuth
    ok    X.509 version 1                client_cert_unsupported
          CN=v1,O=clawgate dev (serial SERIAL) is X.509 v1; only v3 is accepted
          -> `openssl x509 -req` makes v1 unless it is given extensions: sign the request again with
          -extfile and a file that says extendedKeyUsage=clientAuth
    ok    intermediate left out          client_chain_incomplete
          CN=no-intermediate,O=clawgate dev (serial SERIAL) was issued by CN=clawgate dev intermediate
          CA,O=clawgate dev, which is an intermediate of a configured CA, and no other certificate was
          sent
          -> append the intermediate CN=clawgate dev intermediate CA,O=clawgate dev to the client's
          certificate file (for curl: the file given to --cert), leaf first
    ok    revoked                        client_cert_revoked
          CN=revoked,O=clawgate dev (serial SERIAL) was revoked by CN=clawgate dev intermediate
          CA,O=clawgate dev at DATE, reason keyCompromise (crl.pem)
          -> issue a new certificate to the client, if it is still to be trusted
    ok    another certificate's key      client_key_mismatch
          the client does not hold the key of CN=key-mismatch,O=clawgate dev (serial SERIAL): its
          signature does not fit the certificate
          -> give the client the key that its certificate was requested with; `openssl pkey -in KEY
          -pubout` and `openssl x509 -in CERT -pubkey -noout` must print the same
    ok    client does not trust our CA   server_cert_rejected
          the client refused clawgate's certificate with the alert unknown_ca; it asked for localhost,
          and clawgate's certificate has that name (dns:localhost, dns:HOST, ip:127.0.0.1, ip:::1)
          -> the client does not trust the CA of clawgate's certificate: give the client the certificate
          of clawgate's CA (curl: --cacert ca.pem), or give clawgate a certificate of a CA that the
          client trusts; check also that tls.certificate holds the intermediates
    ok    TLS 1.1 only                   tls_version
          the client offers TLSv1.1; TLS 1.2 or 1.3 is needed
          -> update the client's TLS library, or change the limit in its settings
    ok    plain HTTP                     plain_http
          the client speaks HTTP without TLS
          -> use https:// in the client's webhook URL
    ok    SSH                            not_tls
          not TLS: the first bytes are "SSH-2.0-OpenSSH_", which looks like SSH
          -> nothing is wrong if this is a scanner; otherwise point that service at its own port
    ok    connect and close              tcp_probe
          the connection was opened and closed without a byte
          -> nothing is wrong if this is a health check; a check of /livez on the admin listener would
          tell more
    ok    signed request                 200
    ok    the same again (replay)        200
          the event was delivered before
    ok    signed with another secret     401 signature_invalid
          no key fits the signature
          -> compare the secret of the sender's settings with the file; a request that was changed on
          its way looks the same
    ok    changed after it was signed    401 signature_invalid
          no key fits the signature
          -> compare the secret of the sender's settings with the file; a request that was changed on
          its way looks the same
    ok    signed an hour ago             401 signature_invalid
          the request was signed N s ago
          -> compare the clocks of sender and receiver; if they are right, an old request was sent
          again, or it was on its way for long
    ok    not signed                     401 signature_missing
          there is no header:webhook-signature
          -> set the secret in the sender's settings; if it is set there, check `scheme` of
          [route.verify]
    ok    route for certificates         404 no_route
          no route is open for /hooks/wake at an address where no client certificate is asked for: only
          routes with authenticate = "signature" or "either" are
    "#);
}

/// The name of this machine, as gen-certs.sh puts it into the server's certificate.
fn host_name() -> String {
    format!("dns:{}", fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim())
}

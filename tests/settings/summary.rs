//! What `check` prints, as a whole.

use insta::assert_snapshot;

use super::command;
use crate::support::pki::Pki;
use crate::support::redact::redacted;

#[test]
fn good_settings() {
    let pki = Pki::new();

    let output = command("check", &pki).output();

    assert_eq!(output.code, Some(0), "{output:?}");
    assert_snapshot!(redacted(&output.stdout, pki.dir()), @r"
    listens on     127.0.0.1:0
    certificate    DIR/server.pem (key: DIR/server.key)
                   ECDSA P-256, valid until DATE
                   good for dns:localhost, ip:127.0.0.1
    TLS            TLS 1.2 or 1.3
                   suites TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
                   groups X25519MLKEM768, X25519, secp256r1, secp384r1
    resumption     safe: for an hour, the certificate is verified again
    client CAs     DIR/ca.pem
                   CN=Test Root, valid until DATE
    CRLs           none
                   if-present: clients of a CA without a CRL are not checked; clients of a CA with an expired CRL are refused
    clients        any certificate of the client CAs
    route          POST /hooks/… -> echo:
                   for all clients
                   token injected: no, the client's own Authorization is passed on
                   identity headers: clawgate
                   body up to 256KiB
                   answered by clawgate itself
    client times   5s for a handshake, 1m idle
    workers        1
    reload         when a file changes, on SIGHUP
    drain          up to 30s
    admin          off
    log            info, text on a terminal, else JSON

    certificate DIR/server.pem
      note     system_roots     a client that has only the roots of this system refuses it
                                hint: give clients the root CN=Test Root (curl: --cacert)
    clients
      note     crl              there is no CRL: a certificate that its CA revokes is admitted until it expires
                                hint: name the CA's CRL in clients.crl
      note     allow            there is no allow rule: any certificate of the client CAs is admitted
                                hint: name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted
    admin
      note     in_use           it is not known whether a process is running: admin.address is off

    clawgate: all is well with the settings
    ");
}

#[test]
fn settings_with_mistakes() {
    let pki = Pki::new();
    let config = pki.file(
        "gate.toml",
        "[limits]\nbody = \"many\"\nidle_timeuot = \"1m\"\n[clients]\nallow = [\"cn\"]\n",
    );

    let output = command("check", &pki).arg("--config", config).output();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert_snapshot!(redacted(&output.stderr, pki.dir()), @r#"
    clawgate: 3 problems in the settings

      DIR/gate.toml:2: limits.body
        `many` does not begin with a whole number
        hint: write e.g. `256KiB`, `1MiB` or a number of bytes

      DIR/gate.toml:3: limits.idle_timeuot
        is no known key
        hint: did you mean `limits.idle_timeout`?

      DIR/gate.toml:5: clients.allow
        `cn` is not of the form `name=value`, e.g. `cn=meeting-notes`
        hint: write a rule such as `cn=meeting-notes`, or `dns=*.example, o=Example`, where both parts must match; put a value that has a comma into double quotes: o="Example, Ltd"
    "#);
}

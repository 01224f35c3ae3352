//! The texts for people, each as a whole.

use insta::assert_snapshot;
use rcgen::ExtendedKeyUsagePurpose;

use super::{DAY, text};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{ClawgateCommand, Output};
use crate::support::redact::redacted;

/// What it printed, with this exit code and nothing on standard error.
#[track_caller]
fn printed(pki: &Pki, output: &Output, code: i32) -> String {
    assert_eq!((output.code, &*output.stderr), (Some(code), ""), "{output:?}");
    redacted(&output.stdout, pki.dir())
}

#[test]
fn a_good_certificate_is_admitted_with_its_routes() {
    let pki = Pki::new();
    let good = pki.client(Leaf::client("notes").serial(0x1234).valid(-DAY, 40 * DAY + 3600));

    assert_snapshot!(printed(&pki, &text(&pki, &good), 0), @r"
    DIR/client.pem at DATE

    certificate
      subject      O=Example,CN=notes
      issuer       CN=Test Intermediate
      serial       1234
      names        dns:notes.example
      key          ECDSA P-256
      purposes     clientAuth; key usage: digitalSignature
      valid        DATE to DATE (N days left)
      SHA-256      SHA-256
      SPKI SHA-256 SHA-256
      issuer SPKI  SHA-256

    the chain, as it would be built
      1  O=Example,CN=notes  (sent; DATE to DATE)
      2  CN=Test Intermediate  (sent; DATE to DATE)
      3  CN=Test Root  (configured; DATE to DATE)

    checks
      pass     readable         2 certificates, the client's first
      pass     version          X.509 v3, without unknown critical extensions
      pass     not_a_ca         no CA certificate
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      pass     chain            leads over one intermediate to the configured CA CN=Test Root
      -        pinned           nothing is pinned (clients.pinned)
      pass     dates            O=Example,CN=notes is valid until DATE, N days left
      pass     chain_dates      CN=Test Intermediate until DATE; CN=Test Root until DATE
      pass     purpose          clientAuth; key usage: digitalSignature
      note     revocation       there is no CRL: a certificate that its CA revokes is admitted until it expires
                                hint: name the CA's CRL in clients.crl
      -        denylist         no denylist is configured (clients.denylist)
      note     allow            there is no allow rule: any certificate of the client CAs is admitted
                                hint: name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted
      -        key_fits         give its key with --client-key to check it

    routes
      yes   POST /hooks/…  (open to every client that is admitted)

    admitted (its chain is valid until DATE)
    ");
}

#[test]
fn a_bad_certificate_is_refused_with_its_reason_and_each_hint() {
    let pki = Pki::new();
    let late = Leaf::client("late").serial(0x1234).valid(-9 * DAY, -3 * DAY - 3600);
    let late =
        late.with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);

    assert_snapshot!(printed(&pki, &text(&pki, &pki.client(late)), 1), @r"
    DIR/client.pem at DATE

    certificate
      subject      O=Example,CN=late
      issuer       CN=Test Intermediate
      serial       1234
      names        dns:late.example
      key          ECDSA P-256
      purposes     serverAuth; key usage: digitalSignature
      valid        DATE to DATE (expired 3 days ago)
      SHA-256      SHA-256
      SPKI SHA-256 SHA-256
      issuer SPKI  SHA-256

    the chain, as it would be built
      1  O=Example,CN=late  (sent; DATE to DATE)
      2  CN=Test Intermediate  (sent; DATE to DATE)
      3  CN=Test Root  (configured; DATE to DATE)

    checks
      pass     readable         2 certificates, the client's first
      pass     version          X.509 v3, without unknown critical extensions
      pass     not_a_ca         no CA certificate
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      pass     chain            leads over one intermediate to the configured CA CN=Test Root
      -        pinned           nothing is pinned (clients.pinned)
      FAIL     dates            O=Example,CN=late (serial 1234) expired 3 days ago, at DATE; clawgate's clock says DATE
                                hint: renew the client's certificate; if it should be valid, check clawgate's clock
      pass     chain_dates      CN=Test Intermediate until DATE; CN=Test Root until DATE
      FAIL     purpose          O=Example,CN=late (serial 1234) is for serverAuth, not for clients (extendedKeyUsage lacks clientAuth)
                                hint: sign the request again with -extfile and a file that says extendedKeyUsage=clientAuth
      note     revocation       there is no CRL: a certificate that its CA revokes is admitted until it expires
                                hint: name the CA's CRL in clients.crl
      -        denylist         no denylist is configured (clients.denylist)
      note     allow            there is no allow rule: any certificate of the client CAs is admitted
                                hint: name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted
      -        key_fits         give its key with --client-key to check it

    routes
      no    POST /hooks/…  (not admitted; open to every client that is admitted)

    refused: client_cert_expired
      hint: renew the client's certificate; if it should be valid, check clawgate's clock
    ");
}

#[test]
fn a_chain_that_breaks_is_shown_up_to_that_certificate() {
    let pki = Pki::new();
    let issuing = Ca::root("Elsewhere Root").intermediate("Elsewhere Issuing");
    let stranger =
        Leaf::client("stranger").serial(0x1234).issued_by(&issuing, &[&issuing, &pki.intermediate]);

    assert_snapshot!(printed(&pki, &text(&pki, &stranger), 1), @r"
    DIR/client.pem at DATE

    certificate
      subject      O=Example,CN=stranger
      issuer       CN=Elsewhere Issuing
      serial       1234
      names        dns:stranger.example
      key          ECDSA P-256
      purposes     clientAuth; key usage: digitalSignature
      valid        DATE to DATE (N days left)
      SHA-256      SHA-256
      SPKI SHA-256 SHA-256
      issuer SPKI  SHA-256

    the chain, as it would be built
      1  O=Example,CN=stranger  (sent; DATE to DATE)
      2  CN=Elsewhere Issuing  (sent; DATE to DATE)
         ends here: no configured CA issued the last one

    checks
      pass     readable         3 certificates, the client's first
      pass     version          X.509 v3, without unknown critical extensions
      pass     not_a_ca         no CA certificate
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      FAIL     chain            CN=Elsewhere Issuing (serial SERIAL) was issued by CN=Elsewhere Root, which is none of the configured CAs (CN=Test Root)
                                hint: have the client use a certificate of a configured CA, or add the CA CN=Elsewhere Root to clients.ca if it is to be trusted; if it is an intermediate of a configured CA, the client must send its certificate too
      -        pinned           nothing is pinned (clients.pinned)
      pass     dates            O=Example,CN=stranger is valid until DATE, N days left
      pass     chain_dates      CN=Elsewhere Issuing until DATE
      pass     purpose          clientAuth; key usage: digitalSignature
      note     revocation       there is no CRL: a certificate that its CA revokes is admitted until it expires
                                hint: name the CA's CRL in clients.crl
      -        denylist         no denylist is configured (clients.denylist)
      note     allow            there is no allow rule: any certificate of the client CAs is admitted
                                hint: name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted
      -        key_fits         give its key with --client-key to check it

    routes
      no    POST /hooks/…  (not admitted; open to every client that is admitted)

    refused: client_cert_unknown_ca
      hint: have the client use a certificate of a configured CA, or add the CA CN=Elsewhere Root to clients.ca if it is to be trusted; if it is an intermediate of a configured CA, the client must send its certificate too
    ");
}

#[test]
fn a_server_refuses_a_client_without_a_certificate() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    let output = ClawgateCommand::bare("explain").word(clawgate.address().to_string()).output();

    assert_snapshot!(printed(&pki, &output, 1), @r"
    127.0.0.1:PORT (127.0.0.1:PORT) at DATE

      TLS          TLSv1.3, TLS_AES_128_GCM_SHA256, X25519MLKEM768
      ALPN         h2

    certificate
      subject      O=Example,CN=gate
      issuer       CN=Test Intermediate
      serial       SERIAL
      names        dns:localhost, ip:127.0.0.1
      key          ECDSA P-256
      purposes     serverAuth; key usage: digitalSignature
      valid        DATE to DATE (N days left)
      SHA-256      SHA-256
      SPKI SHA-256 SHA-256

    the chain, as it was sent
      1  O=Example,CN=gate  (sent; DATE to DATE)
      2  CN=Test Intermediate  (sent; DATE to DATE)

    checks
      pass     names            covers 127.0.0.1
      pass     dates            O=Example,CN=gate is valid until DATE, N days left
      pass     chain_dates      CN=Test Intermediate is valid until DATE, N days left
      pass     purpose          serverAuth
      pass     order            2 certificates, each followed by its issuer's
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      warning  chain            could not be verified: its last certificate was issued by CN=Test Root, and no such root is known here
                                hint: if CN=Test Root is an intermediate, append its certificate to the server's certificate file; if it is a root, clients must have it
      note     system_roots     a client that has only the roots of this system refuses it
      pass     key_fits         the server holds the certificate's key

    client certificate
      asked for    yes, of one of: CN=Test Root
      presented    none

    refused: the server sent the alert certificate_required after the handshake
      hint: present a client certificate: --client-cert FILE --client-key FILE
    ");
}

#[test]
fn a_server_accepts_a_client_with_a_certificate() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let (certificate, key) = pki.files("client", &pki.client);
    let command = ClawgateCommand::bare("explain").word(clawgate.address().to_string());

    let output = command.arg("--client-cert", certificate).arg("--client-key", key).output();

    assert_snapshot!(printed(&pki, &output, 0), @r"
    127.0.0.1:PORT (127.0.0.1:PORT) at DATE

      TLS          TLSv1.3, TLS_AES_128_GCM_SHA256, X25519MLKEM768
      ALPN         h2

    certificate
      subject      O=Example,CN=gate
      issuer       CN=Test Intermediate
      serial       SERIAL
      names        dns:localhost, ip:127.0.0.1
      key          ECDSA P-256
      purposes     serverAuth; key usage: digitalSignature
      valid        DATE to DATE (N days left)
      SHA-256      SHA-256
      SPKI SHA-256 SHA-256

    the chain, as it was sent
      1  O=Example,CN=gate  (sent; DATE to DATE)
      2  CN=Test Intermediate  (sent; DATE to DATE)

    checks
      pass     names            covers 127.0.0.1
      pass     dates            O=Example,CN=gate is valid until DATE, N days left
      pass     chain_dates      CN=Test Intermediate is valid until DATE, N days left
      pass     purpose          serverAuth
      pass     order            2 certificates, each followed by its issuer's
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      warning  chain            could not be verified: its last certificate was issued by CN=Test Root, and no such root is known here
                                hint: if CN=Test Root is an intermediate, append its certificate to the server's certificate file; if it is a root, clients must have it
      note     system_roots     a client that has only the roots of this system refuses it
      pass     key_fits         the server holds the certificate's key

    client certificate
      asked for    yes, of one of: CN=Test Root
      presented    O=Example,CN=notes

    accepted: the handshake was completed and no alert came (no request was sent)
    ");
}

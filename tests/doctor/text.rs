//! The report for people, as a whole.

use insta::assert_snapshot;

use super::Setup;
use crate::support::redact::redacted;

/// Without the facts of this machine, such as its limit of open files.
fn report(setup: &Setup, clawgate: &super::Clawgate) -> String {
    let output = setup.command("doctor", clawgate.address()).output();
    let (before, machine) = output.stdout.split_once("machine\n").unwrap();
    let after = machine.split_inclusive('\n').skip_while(|line| line.starts_with(' '));
    redacted(&(before.to_owned() + &after.collect::<String>()), setup.pki.dir())
}

#[test]
fn a_clawgate_without_faults() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();

    assert_snapshot!(report(&setup, &clawgate), @r"
    settings
      pass     load             read, with all files they name; 1 route
    certificate DIR/server.pem
      pass     names            is for dns:localhost, ip:127.0.0.1
      pass     dates            O=Example,CN=gate is valid until DATE, N days left
      pass     chain_dates      CN=Test Intermediate is valid until DATE, N days left
      pass     purpose          serverAuth
      pass     order            2 certificates, each followed by its issuer's
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      pass     chain            leads over 1 intermediate to the root CN=Test Root: a client that has only this root verifies it
      note     system_roots     a client that has only the roots of this system refuses it
                                hint: give clients the root CN=Test Root (curl: --cacert)
    clients
      pass     ca               CN=Test Root is valid until DATE, N days left
      note     crl              there is no CRL: a certificate that its CA revokes is admitted until it expires
                                hint: name the CA's CRL in clients.crl
      note     allow            there is no allow rule: any certificate of the client CAs is admitted
                                hint: name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted
    files
      pass     modes            no other user can change them or read the key
    token --hook-token-file DIR/token
      pass     guessable        32 characters
    listener 127.0.0.1:PORT
      pass     reachable        accepts connections
      pass     up_to_date       serves the certificate and names the CAs of the files
      pass     key_fits         the server holds the certificate's key
      pass     no_certificate   a client without a certificate is refused (certificate_required)
      -        with_certificate give --client-cert and --client-key to test a client certificate
      pass     plain_http       refused (400), and told to use https
      pass     tls_1_0          refused (protocol_version)
    admin
      -        ready            off (admin.address)
      note     in_use           it is not known whether a process is running: admin.address is off
    upstream echo: /hooks/
      pass     connect          clawgate itself answers; nothing is forwarded

    all good (21 checks)
    ");
}

#[test]
fn a_clawgate_whose_crl_is_out_of_date() {
    let setup = Setup::new("echo:");
    let crl = setup.pki.file("old.crl", setup.pki.root.crl(&[], -4230)).display().to_string();
    let setup = setup.with("--crl", crl);
    let clawgate = setup.clawgate();

    assert_snapshot!(report(&setup, &clawgate), @r"
    settings
      pass     load             read, with all files they name; 1 route
    certificate DIR/server.pem
      pass     names            is for dns:localhost, ip:127.0.0.1
      pass     dates            O=Example,CN=gate is valid until DATE, N days left
      pass     chain_dates      CN=Test Intermediate is valid until DATE, N days left
      pass     purpose          serverAuth
      pass     order            2 certificates, each followed by its issuer's
      pass     key              ECDSA P-256
      pass     signature        ecdsa-with-SHA256
      pass     chain            leads over 1 intermediate to the root CN=Test Root: a client that has only this root verifies it
      note     system_roots     a client that has only the roots of this system refuses it
                                hint: give clients the root CN=Test Root (curl: --cacert)
    clients
      pass     ca               CN=Test Root is valid until DATE, N days left
      FAIL     crl              DIR/old.crl: the CRL of CN=Test Root is out of date: the next one was due 70 minutes ago, at DATE; no client of this CA is admitted until there is a newer one
                                hint: fetch the CA's current CRL
      note     allow            there is no allow rule: any certificate of the client CAs is admitted
                                hint: name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted
    files
      pass     modes            no other user can change them or read the key
    token --hook-token-file DIR/token
      pass     guessable        32 characters
    listener 127.0.0.1:PORT
      pass     reachable        accepts connections
      pass     up_to_date       serves the certificate and names the CAs of the files
      pass     key_fits         the server holds the certificate's key
      pass     no_certificate   a client without a certificate is refused (certificate_required)
      -        with_certificate give --client-cert and --client-key to test a client certificate
      pass     plain_http       refused (400), and told to use https
      pass     tls_1_0          refused (protocol_version)
    admin
      -        ready            off (admin.address)
      note     in_use           it is not known whether a process is running: admin.address is off
    upstream echo: /hooks/
      pass     connect          clawgate itself answers; nothing is forwarded

    1 check fails; 21 passed
    ");
}

//! Features of certificates that are well formed but not supported: the log names them, and does not call them
//! damaged or altered.

use std::process::{Command, Stdio};

use rcgen::{CertificateParams, CustomExtension, DnType, DnValue, KeyPair, SanType, date_time_ymd};

use x509_parser::asn1_rs::{Any, FromDer};

use super::{refused, refused_by, says};
use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki, der};
use crate::support::process::ClawgateCommand;

const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

/// Runs `openssl` in the test's folder.
fn openssl(pki: &Pki, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(pki.dir())
        .stdin(Stdio::null())
        .output()
        .expect("openssl is needed");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read(pki: &Pki, name: &str) -> Vec<u8> {
    std::fs::read(pki.dir().join(name)).unwrap()
}

/// A CA called `name` with a new key of the kind `key`, in `name.pem`.
fn root(pki: &Pki, name: &str, key: &str) {
    openssl(
        pki,
        &format!("req -x509 {key} -nodes -subj /CN={name} -days 9 -keyout {name}.key -out {name}.pem"),
    );
}

/// A good client's certificate of the CA `ca`, signed as `how` says.
fn issued(pki: &Pki, ca: &str, how: &str) -> Identity {
    pki.file("ext.cnf", "keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n");
    openssl(
        pki,
        &format!("req -new {P256} -nodes -subj /O=Example/CN=one -keyout one.key -out one.csr"),
    );
    openssl(
        pki,
        &format!(
            "x509 -req -in one.csr -CA {ca}.pem -CAkey {ca}.key -set_serial 7 -days 9 -extfile ext.cnf -outform DER \
             -out one.der {how}"
        ),
    );
    // UnusedPort gets as far as the client's own signature, but in the end.
    let key = KeyPair::from_pem(&String::from_utf8(read(pki, "one.key")).unwrap()).unwrap();
    Identity { chain: vec![read(pki, "one.der")], key }
}

fn trusting(pki: &Pki, ca: &str) -> ClawgateCommand {
    ClawgateCommand::new(pki).arg("--client-ca", pki.dir().join(format!("{ca}.pem")))
}

#[track_caller]
fn admits(command: ClawgateCommand, pki: &Pki, identity: &Identity) {
    let clawgate = command.upstream("echo:").start();
    assert_eq!(Client::with_identity(pki, &clawgate, identity).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn a_signature_with_a_salt_of_another_length_is_not_an_alteration() {
    let pki = Pki::new();
    root(&pki, "Pss", "-newkey rsa:2048");
    let with_salt = |length: usize| {
        let how = format!("-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{length}");
        issued(&pki, "Pss", &how)
    };

    for line in refused_by(trusting(&pki, "Pss"), &pki, &with_salt(20), "client_cert_unsupported") {
        says(&line, "detail", &["CN=one", "RSASSA-PSS with SHA-256 and a salt of 20 bytes", "32"]);
        says(&line, "hint", &["SHA-256"]);
        assert_eq!(line["nearest_ca"], "CN=Pss");
    }
    admits(trusting(&pki, "Pss"), &pki, &with_salt(32));
}

#[test]
fn a_configured_ca_whose_key_is_not_supported_is_named_with_its_kind() {
    for (name, key, kind) in [
        ("Small", "-newkey rsa:1024", "RSA 1024"),
        ("Koblitz", "-newkey ec -pkeyopt ec_paramgen_curve:secp256k1", "ECDSA secp256k1"),
        ("Goldilocks", "-newkey ed448", "Ed448"),
    ] {
        let pki = Pki::new();
        root(&pki, name, key);
        let client = issued(&pki, name, "");

        for line in refused_by(trusting(&pki, name), &pki, &client, "client_cert_key_unsupported") {
            let by = format!("issued by CN={name}, whose key is of the kind {kind}");
            says(&line, "detail", &["CN=one", &by]);
            says(&line, "hint", &["RSA of 2048"]);
        }
    }
}

#[test]
fn a_digest_that_is_not_supported_is_named() {
    let pki = Pki::new();
    root(&pki, "Digest", "-newkey rsa:2048");
    let client = issued(&pki, "Digest", "-sha224");

    for line in refused_by(trusting(&pki, "Digest"), &pki, &client, "client_cert_unsupported") {
        says(&line, "detail", &["CN=one", "is signed with SHA-224 with RSA, which is not supported"]);
    }
}

#[test]
fn a_sha_1_signature_on_an_intermediate_is_named_as_that_of_the_intermediate() {
    let pki = Pki::new();
    pki.file("root.pem", pki.root.pem());
    pki.file("root.key", pki.root.key.serialize_pem());
    pki.file("ca.cnf", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n");
    openssl(&pki, &format!("req -new {P256} -nodes -subj /CN=Weak -keyout Weak.key -out Weak.csr"));
    openssl(
        &pki,
        "x509 -req -in Weak.csr -CA root.pem -CAkey root.key -set_serial 9 -days 9 -extfile ca.cnf -sha1 -out Weak.pem",
    );
    openssl(&pki, "x509 -in Weak.pem -outform DER -out Weak.der");
    let mut client = issued(&pki, "Weak", "");
    client.chain.push(read(&pki, "Weak.der"));

    for line in refused(&pki, &client, "client_cert_weak_signature") {
        says(&line, "detail", &["the intermediate CN=Weak (serial 09) is signed with SHA-1 with ECDSA"]);
        assert!(!line["detail"].as_str().unwrap().contains("CN=one"), "{line}");
    }
}

#[test]
fn of_two_intermediates_of_one_name_the_one_whose_key_signed_the_client_is_judged() {
    let pki = Pki::new();
    let mut params = Ca::params("Twice CA");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let right = pki.root.intermediate_of(params);
    let other = pki.root.intermediate("Twice CA");

    for above in [[&right, &other], [&other, &right]] {
        let client = Leaf::client("one").issued_by(&right, &above);
        for line in refused(&pki, &client, "client_chain_invalid") {
            says(&line, "detail", &["the intermediate CN=Twice CA", "lacks clientAuth"]);
        }
    }
}

fn critical(oid: &[u64], content: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content);
    extension.set_criticality(true);
    extension
}

/// A client of the intermediate whose certificate is changed so, and one of an intermediate that is.
fn leaf_and_below(pki: &Pki, change: impl Fn(&mut CertificateParams)) -> [Identity; 2] {
    let mut params = Ca::params("Odd CA");
    change(&mut params);
    let ca = pki.root.intermediate_of(params);
    let leaf = Leaf::client("odd").with(|params| change(params));
    [pki.client(leaf), Leaf::client("below").issued_by(&ca, &[&ca])]
}

/// The first is refused for itself, the second for its intermediate.
#[track_caller]
fn named(pki: &Pki, [leaf, below]: &[Identity; 2], what: &[&str]) {
    for line in refused(pki, leaf, "client_cert_unsupported") {
        says(&line, "detail", &[&["CN=odd"], what].concat());
        assert!(!line["detail"].as_str().unwrap().contains("intermediate"), "{line}");
    }
    for line in refused(pki, below, "client_chain_invalid") {
        says(&line, "detail", &[&["the intermediate CN=Odd CA"], what].concat());
    }
}

#[test]
fn critical_policies_are_named_and_whose_they_are() {
    let pki = Pki::new();
    // certificatePolicies with anyPolicy; policyConstraints with requireExplicitPolicy
    let policies = der(0x30, &der(0x30, &[6, 4, 0x55, 0x1d, 0x20, 0]));
    for (oid, content, name) in [
        (&[2, 5, 29, 32], policies, "certificatePolicies (2.5.29.32)"),
        (&[2, 5, 29, 36], der(0x30, &[0x80, 1, 0]), "policyConstraints (2.5.29.36)"),
    ] {
        let odd = leaf_and_below(&pki, |params| {
            params.custom_extensions.push(critical(oid, content.clone()));
        });
        let what = format!("the critical extension {name}, which is not supported");
        named(&pki, &odd, &[&what]);
    }
}

#[test]
fn dates_before_1970_are_named() {
    let pki = Pki::new();
    let odd = leaf_and_below(&pki, |params| params.not_before = date_time_ymd(1960, 2, 3));

    named(&pki, &odd, &["a notBefore of 1960-02-03T00:00:00Z; dates before 1970 are not supported"]);
}

/// The fields of a certificate with unique identifiers after its key (RFC 5280 section 4.1).
fn with_unique_ids(certificate: &[u8], ids: &[(u8, &str)]) -> Vec<u8> {
    let (_, x509) = x509_parser::parse_x509_certificate(certificate).unwrap();
    let (fields, key) = (x509.tbs_certificate.as_ref(), x509.public_key().raw);
    let end = key.as_ptr().addr() + key.len() - fields.as_ptr().addr();
    let header = fields.len() - Any::from_der(fields).unwrap().1.data.len();
    let ids = ids.iter().flat_map(|(tag, _)| der(*tag, &[0, 1, 2, 3]));
    let content = [&fields[header..end], &ids.collect::<Vec<_>>(), &fields[end..]].concat();
    der(0x30, &content)
}

#[test]
fn unique_identifiers_are_named() {
    let pki = Pki::new();
    for ids in [&[(0x81, "an issuerUniqueID")][..], &[(0x82, "a subjectUniqueID")]] {
        let mut leaf = pki.client(Leaf::client("odd"));
        leaf.chain[0] = pki.intermediate.sign(&with_unique_ids(&leaf.chain[0], ids));
        let ca = pki.root.intermediate("Odd CA");
        let mut below = Leaf::client("below").issued_by(&ca, &[&ca]);
        below.chain[1] = pki.root.sign(&with_unique_ids(&below.chain[1], ids));

        named(&pki, &[leaf, below], &[ids[0].1, "not supported"]);
    }
}

/// nameConstraints with one base: permitted (0xa0) or excluded (0xa1).
fn constraint(list: u8, base: Vec<u8>) -> CustomExtension {
    let content = der(0x30, &der(list, &der(0x30, &base)));
    critical(&[2, 5, 29, 30], content)
}

fn below_constraint(above: Option<&Ca>, extension: CustomExtension) -> Ca {
    let mut params = Ca::params("Narrow CA");
    params.custom_extensions.push(extension);
    match above {
        Some(above) => above.intermediate_of(params),
        None => Ca::root_of(params),
    }
}

#[test]
fn an_excluded_wildcard_is_reported_as_without_meaning() {
    let pki = Pki::new();
    let narrow = below_constraint(Some(&pki.root), constraint(0xa1, der(0x82, b"*.bad.test")));
    let client = Leaf::client("below").issued_by(&narrow, &[&narrow]);

    for line in refused(&pki, &client, "client_chain_invalid") {
        says(&line, "detail", &["CN=Narrow CA", "the DNS name *.bad.test in its nameConstraints"]);
        says(&line, "hint", &["without wildcard"]);
    }
}

/// A kind of name that webpki does not compare.
struct Kind {
    base: Vec<u8>,
    /// Within the base, and not.
    inside: Leaf,
    outside: Leaf,
    kind: &'static str,
    name: &'static str,
}

fn kinds() -> [Kind; 3] {
    let san = |san: SanType| Leaf::client("one").sans(vec![san]);
    let mail = |mail: &str| san(SanType::Rfc822Name(mail.try_into().unwrap()));
    let uri = |uri: &str| san(SanType::URI(uri.try_into().unwrap()));
    // O=Example, which is the first RDN of a name that has it first.
    let organization =
        der(0x31, &der(0x30, &[&[6, 3, 0x55, 4, 0x0a][..], &der(12, b"Example")].concat()));
    let of = |organization: &str| {
        Leaf::client("one").sans(Vec::new()).with(|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::OrganizationName, organization);
            params.distinguished_name.push(DnType::CommonName, "one");
        })
    };
    [
        Kind {
            base: der(0x81, b"good.test"),
            inside: mail("me@good.test"),
            outside: mail("me@other.test"),
            kind: "e-mail addresses",
            name: "the e-mail address me@",
        },
        Kind {
            base: der(0x86, b".good.test"),
            inside: uri("spiffe://a.good.test/one"),
            outside: uri("spiffe://a.other.test/one"),
            kind: "URIs",
            name: "the URI spiffe://a.",
        },
        Kind {
            base: der(0xa4, &der(0x30, &organization)),
            inside: of("Example"),
            outside: of("Other"),
            kind: "directory names",
            name: "the directory name ",
        },
    ]
}

#[test]
fn constraints_of_a_configured_ca_about_other_kinds_of_names_are_compared() {
    let pki = Pki::new();
    for (permitted, list) in [(true, 0xa0), (false, 0xa1)] {
        for Kind { base, inside, outside, name, .. } in kinds() {
            let narrow = below_constraint(None, constraint(list, base));
            pki.file("Narrow.pem", narrow.pem());
            let (good, bad) = if permitted { (inside, outside) } else { (outside, inside) };

            admits(trusting(&pki, "Narrow"), &pki, &good.issued_by(&narrow, &[]));
            let bad = bad.issued_by(&narrow, &[]);
            for line in refused_by(trusting(&pki, "Narrow"), &pki, &bad, "client_chain_invalid") {
                says(&line, "detail", &["the CA CN=Narrow CA, which may not issue for", name]);
            }
        }
    }
}

#[test]
fn constraints_of_a_sent_intermediate_about_other_kinds_of_names_are_reported_as_not_compared() {
    let pki = Pki::new();
    for (permitted, list) in [(true, 0xa0), (false, 0xa1)] {
        for Kind { base, inside, outside, kind, .. } in kinds() {
            let narrow = below_constraint(Some(&pki.root), constraint(list, base));
            let good = if permitted { inside } else { outside }.issued_by(&narrow, &[&narrow]);

            for line in refused(&pki, &good, "client_chain_invalid") {
                let about = format!("has nameConstraints about {kind}");
                says(&line, "detail", &["the intermediate CN=Narrow CA", &about]);
                says(&line, "hint", &["clients.ca"]);
            }
        }
    }
}

#[test]
fn an_issuers_name_that_differs_only_in_its_string_type_is_reported() {
    let pki = Pki::new();
    let mut params = Ca::params("x");
    let name = DnValue::PrintableString("Test Root".try_into().unwrap());
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::from_pem(&pki.root.key.serialize_pem()).unwrap();
    let spelled = Ca { certificate: pki.root.certificate.clone(), params, key };

    for line in refused(&pki, &Leaf::client("one").issued_by(&spelled, &[]), "client_cert_unknown_ca") {
        says(&line, "detail", &["configured CA CN=Test Root in another string type"]);
        says(&line, "detail", &["(here PrintableString, there UTF8String)", "byte by byte"]);
        says(&line, "hint", &["including the string types"]);
        assert_eq!(line["nearest_ca"], "CN=Test Root");
    }
}

#[test]
fn an_intermediate_whose_name_is_encoded_differently_is_not_reported_as_missing() {
    let pki = Pki::new();
    let ca = pki.root.intermediate("Sub CA");
    let mut params = Ca::params("x");
    let name = DnValue::PrintableString("Sub CA".try_into().unwrap());
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::from_pem(&ca.key.serialize_pem()).unwrap();
    let spelled = Ca { certificate: ca.certificate.clone(), params, key };

    let client = Leaf::client("one").issued_by(&spelled, &[&ca]);
    for line in refused(&pki, &client, "client_cert_unknown_ca") {
        says(&line, "detail", &["the name of the intermediate CN=Sub CA that was sent", "string type"]);
    }
}

//! `explain` decides as a real handshake does.

use std::path::Path;
use std::process::{Command, Stdio};

use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints,
};
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use time::OffsetDateTime;

use super::{DAY, command, json};
use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// The chain of `chain`, signed for with the key of `signer`.
struct Trial {
    name: &'static str,
    chain: Vec<Vec<u8>>,
    signer: Identity,
    /// `None`: admitted.
    reason: Option<&'static str>,
}

fn trial(name: &'static str, identity: Identity, reason: Option<&'static str>) -> Trial {
    Trial { name, chain: identity.chain.clone(), signer: identity, reason }
}

/// Clients of every kind; clawgate has a CRL that revokes 0x1234, and admits only the organization Example.
fn trials(pki: &Pki) -> Vec<Trial> {
    let client = |name: &str| Leaf::client(name);
    let of = |leaf: Leaf| pki.client(leaf);
    let mut critical = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 7], vec![5, 0]);
    critical.set_criticality(true);
    let other = Ca::root("Elsewhere Root");
    let unlike = of(client("unlike").with(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
    }));
    let is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut altered = of(client("altered"));
    *altered.chain[0].last_mut().unwrap() ^= 1;
    let mut swapped = of(client("swapped"));
    swapped.chain.push(other.certificate.der().to_vec());
    let garbage = Trial {
        name: "garbage",
        chain: vec![b"not a certificate".to_vec()],
        signer: of(client("garbage")),
        reason: Some("client_cert_malformed"),
    };
    let huge = Ca::root(&"x".repeat(30_000)).certificate.der().to_vec();
    let huge = Trial {
        name: "huge",
        chain: vec![huge; 3],
        signer: of(client("huge")),
        reason: Some("client_cert_too_large"),
    };
    let unreadable = pki.intermediate.reissued(
        of(client("unreadable")),
        b"\x0c\x0aunreadable",
        b"\x1c\x0aunreadable",
    );
    vec![
        trial("good", of(client("good")), None),
        trial("more than needed", swapped, None),
        trial("of the root", client("direct").issued_by(&pki.root, &[]), None),
        trial("expired", of(client("late").valid(-9 * DAY, -DAY)), Some("client_cert_expired")),
        trial("early", of(client("early").valid(DAY, 9 * DAY)), Some("client_cert_not_yet_valid")),
        trial("server", of(Leaf::server()), Some("client_cert_wrong_purpose")),
        trial(
            "usage",
            of(client("usage").with(|p| p.key_usages = vec![KeyUsagePurpose::KeyAgreement])),
            Some("client_cert_wrong_purpose"),
        ),
        trial("ca", of(client("ca").with(|p| p.is_ca = is_ca)), Some("client_cert_is_ca")),
        trial("critical", of(client("critical").extension(critical)), Some("client_cert_unsupported")),
        trial("revoked", of(client("revoked").serial(0x1234)), Some("client_cert_revoked")),
        trial("rules", unlike, Some("client_not_allowed")),
        trial("self-signed", client("lone").self_signed(), Some("client_cert_self_signed")),
        trial("other ca", client("other").issued_by(&other, &[]), Some("client_cert_unknown_ca")),
        trial(
            "ca made again",
            client("former").issued_by(&Ca::root("Test Root"), &[]),
            Some("client_cert_wrong_ca_key"),
        ),
        trial("altered", altered, Some("client_cert_bad_signature")),
        trial("unreadable", unreadable, Some("client_cert_malformed")),
        trial(
            "incomplete",
            client("alone").issued_by(&pki.intermediate, &[]),
            Some("client_chain_incomplete"),
        ),
        garbage,
        huge,
    ]
}

/// Whose chain does not hold.
fn chains(pki: &Pki) -> Vec<Trial> {
    let below = |name: &'static str, change: &dyn Fn(&mut rcgen::CertificateParams), reason| {
        let mut params = Ca::params(name);
        change(&mut params);
        let ca = pki.root.intermediate_of(params);
        trial(name, Leaf::client("below").issued_by(&ca, &[&ca]), Some(reason))
    };
    let only = |name: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(name.to_owned())],
        excluded_subtrees: Vec::new(),
    };
    let ended = OffsetDateTime::now_utc() - time::Duration::days(3);
    let mut deep = vec![pki.root.intermediate("Depth 0")];
    for depth in 1..8 {
        deep.push(deep[depth - 1].intermediate(&format!("Depth {depth}")));
    }
    let deep: Vec<_> = deep.iter().rev().collect();
    vec![
        below("Mere Server", &|params| params.is_ca = IsCa::ExplicitNoCa, "client_chain_invalid"),
        below(
            "Narrow Ca",
            &|params| params.name_constraints = Some(only("inside.example")),
            "client_chain_invalid",
        ),
        below("Old Ca", &|params| params.not_after = ended, "client_chain_expired"),
        trial("deep", Leaf::client("deep").issued_by(deep[0], &deep), Some("client_chain_invalid")),
        trial(
            "twice",
            pki.client(Leaf::client("twice").valid(-9 * DAY, -DAY).with(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            })),
            Some("client_cert_expired"),
        ),
    ]
}

/// A CA whose CRL is out of date.
struct Stale {
    ca: Ca,
}

impl Stale {
    fn new() -> Self {
        Self { ca: Ca::root("Stale Root") }
    }

    fn trial(&self) -> Trial {
        trial("stale", Leaf::client("stale").issued_by(&self.ca, &[]), Some("crl_expired"))
    }
}

/// Self-signed certificates that are pinned.
struct Pinned {
    good: Identity,
    expired: Identity,
    unlike: Identity,
    server: Identity,
}

impl Pinned {
    fn new() -> Self {
        let is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let unlike = Leaf::client("unlike").with(|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
        });
        Self {
            good: Leaf::client("pinned").with(|params| params.is_ca = is_ca).self_signed(),
            expired: Leaf::client("pinned").valid(-9 * DAY, -DAY).self_signed(),
            unlike: unlike.self_signed(),
            server: Leaf::server().self_signed(),
        }
    }

    fn fingerprints(&self) -> String {
        let all = [&self.good, &self.expired, &self.unlike, &self.server];
        all.map(Identity::fingerprint).join(",")
    }

    fn trials(&self) -> Vec<Trial> {
        let copy = |identity: &Identity| Identity {
            chain: identity.chain.clone(),
            key: rcgen::KeyPair::from_pem(&identity.key.serialize_pem()).unwrap(),
        };
        vec![
            trial("pinned", copy(&self.good), None),
            trial("pinned, expired", copy(&self.expired), Some("client_cert_expired")),
            trial("pinned, rules", copy(&self.unlike), Some("client_not_allowed")),
            trial("pinned, server", copy(&self.server), Some("client_cert_wrong_purpose")),
        ]
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let command = command.args(arguments.split(' ')).current_dir(dir).stdin(Stdio::null());
    let output = command.output().expect("openssl is needed");
    assert!(output.status.success(), "{output:?}");
}

/// What rcgen does not make.
fn of_openssl(pki: &Pki) -> Vec<Trial> {
    pki.file("int.pem", pki.intermediate.pem());
    pki.file("int.key", pki.intermediate.key.serialize_pem());
    pki.file("ext.cnf", "keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n");
    let make = |name: &'static str, key: &str, sign: &str, reason| {
        let sign = format!(
            "x509 -req -in x.csr -CA int.pem -CAkey int.key -set_serial 7 -days 9 -outform DER -out x.der{sign}"
        );
        for arguments in
            [&format!("{key} -out x.key"), "req -new -key x.key -subj /O=Example -out x.csr", &sign]
        {
            openssl(pki.dir(), arguments);
        }
        let der = std::fs::read(pki.dir().join("x.der")).unwrap();
        let chain = vec![der, pki.intermediate.certificate.der().to_vec()];
        // None of these gets as far as its signature, or no signature would do.
        Trial { name, chain, signer: pki.client(Leaf::client(name)), reason: Some(reason) }
    };
    let p256 = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let good = " -extfile ext.cnf";
    vec![
        make("v1", p256, "", "client_cert_unsupported"),
        make("sha1", p256, &format!(" -sha1{good}"), "client_cert_weak_signature"),
        make(
            "rsa1024",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
            good,
            "client_cert_key_unsupported",
        ),
        make("ed448", "genpkey -algorithm ED448", good, "client_cert_key_unsupported"),
        make(
            "k1",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
            good,
            "client_cert_key_unsupported",
        ),
    ]
}

/// The line about the `number`th refused client.
fn line(clawgate: &Clawgate, number: usize) -> Value {
    clawgate.event("handshake_failed", number)
}

#[test]
fn every_verdict_is_that_of_a_handshake_with_the_same_certificate() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[0x1234], 3600));
    let stale = Stale::new();
    let denied = pki.client(Leaf::client("denied"));
    let denylist = pki.file("denylist", format!("fingerprint={}", denied.fingerprint()));
    let pinned = Pinned::new();
    let settings = |command: ClawgateCommand| {
        command
            .arg("--client-ca", pki.file("stale.pem", stale.ca.pem()))
            .arg("--crl", &crl)
            .arg("--crl", pki.file("stale.crl", stale.ca.crl(&[], -60)))
            .arg("--denylist", &denylist)
            .env("CLAWGATE_PINNED", pinned.fingerprints())
            .arg("--allow", "o=Example")
    };
    let clawgate = settings(ClawgateCommand::new(&pki)).upstream("echo:").start();
    let mut refused = 0;

    let more = [trial("denied", denied, Some("client_cert_revoked")), stale.trial()];
    let all = [trials(&pki), chains(&pki), of_openssl(&pki), more.into(), pinned.trials()];
    for trial in all.into_iter().flatten() {
        let Trial { name, chain, signer, reason } = trial;
        let pem: String =
            chain.iter().map(|der| crate::support::pki::pem_block("CERTIFICATE", der)).collect();
        let file = pki.file("trial.pem", pem);
        let explained = json(settings(command(&pki)), &file);
        assert_eq!(explained["reason"].as_str(), reason, "{name}: {explained}");

        for version in [&TLS13, &TLS12] {
            let client = Client::with_versions(&pki, &clawgate, None, &[version]);
            let client = client.presenting(&chain, &signer);
            if reason.is_none() {
                assert_eq!(client.post("/hooks/wake", "{}").status, 200, "{name}");
                continue;
            }
            let _ = client.refused();
            refused += 1;
            let line = line(&clawgate, refused);
            assert_eq!(line["reason"], explained["reason"], "{name}: {line}");
            assert_eq!(line["hint"], explained["hint"], "{name}");
        }

        // The reason is always that of a check, and the checks of an admitted client have none.
        let failed = explained["checks"].as_array().unwrap().iter();
        let failed: Vec<_> = failed.filter(|check| check["severity"] == "fail").collect();
        let is_reason = |check: &&Value| check["reason"] == explained["reason"];
        assert_eq!(failed.iter().any(is_reason), reason.is_some(), "{name}: {explained}");
        assert_eq!(failed.is_empty(), reason.is_none(), "{name}: {explained}");
        for check in failed {
            assert!(check["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{name}: {check}");
        }
    }
}

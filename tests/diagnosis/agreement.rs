//! For every fault of a client's certificate and of the CAs above it, the reason, the alert and the metric agree,
//! whatever else the client sends and in whichever order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestRunner;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use rustls::version::{TLS12, TLS13};
use time::{Duration, OffsetDateTime};

use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::sender::Sender;
use crate::support::{eventually, plain};

const DAY: i64 = 24 * 3600;
/// Of a leaf and of a CA that are on a CRL.
const REVOKED: u64 = 0x1234;
/// Chains that are tried.
const CASES: u32 = 250;
/// RFC 8446 section 6.2, as far as it has a word for the reason.
const ALERTS: [(&str, &str); 15] = [
    ("client_cert_bad_signature", "decrypt_error"),
    ("client_cert_expired", "certificate_expired"),
    ("client_cert_is_ca", "certificate_unknown"),
    ("client_cert_not_yet_valid", "certificate_expired"),
    ("client_cert_revoked", "certificate_revoked"),
    ("client_cert_self_signed", "unknown_ca"),
    ("client_cert_unknown_ca", "unknown_ca"),
    ("client_cert_unsupported", "certificate_unknown"),
    ("client_cert_wrong_ca_key", "decrypt_error"),
    ("client_cert_wrong_purpose", "unsupported_certificate"),
    ("client_chain_expired", "certificate_expired"),
    ("client_chain_incomplete", "unknown_ca"),
    ("client_chain_invalid", "certificate_unknown"),
    ("client_not_allowed", "access_denied"),
    ("crl_expired", "unknown_ca"),
];

type Change = Box<dyn Fn(&mut CertificateParams)>;

/// CAs above a leaf.
struct Line {
    name: &'static str,
    issuer: Ca,
    /// What belongs to the chain, the issuer first where it is sent.
    sent: Vec<Vec<u8>>,
    /// Others of the issuer's name.
    twins: Vec<Vec<u8>>,
    /// `None`: nothing is wrong with it.
    reason: Option<&'static str>,
    /// Whether the issuer has a CRL with [`REVOKED`] on it.
    has_crl: bool,
}

/// A leaf in the making.
struct Kind {
    name: &'static str,
    change: Change,
    altered: bool,
    reason: Option<&'static str>,
}

fn kind(
    name: &'static str,
    reason: &'static str,
    change: impl Fn(&mut CertificateParams) + 'static,
) -> Kind {
    Kind { name, change: Box::new(change), altered: false, reason: Some(reason) }
}

fn critical(oid: &[u64], content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(true);
    extension
}

/// certificatePolicies with anyPolicy
const POLICIES: &[u8] = &[0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];

fn kinds() -> Vec<Kind> {
    let dates = |from: i64, until: i64| {
        move |params: &mut CertificateParams| {
            let now = OffsetDateTime::now_utc();
            params.not_before = now + Duration::seconds(from);
            params.not_after = now + Duration::seconds(until);
        }
    };
    vec![
        Kind { name: "good", change: Box::new(|_| ()), altered: false, reason: None },
        kind("expired", "client_cert_expired", dates(-9 * DAY, -DAY)),
        kind("early", "client_cert_not_yet_valid", dates(DAY, 9 * DAY)),
        kind("for servers", "client_cert_wrong_purpose", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }),
        kind("may not sign", "client_cert_wrong_purpose", |params| {
            params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
        }),
        kind("a CA", "client_cert_is_ca", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }),
        kind("unknown extension", "client_cert_unsupported", |params| {
            params.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 99999, 7], &[5, 0]));
        }),
        kind("critical policies", "client_cert_unsupported", |params| {
            params.custom_extensions.push(critical(&[2, 5, 29, 32], POLICIES));
        }),
        kind("revoked", "client_cert_revoked", |params| {
            params.serial_number = Some(SerialNumber::from(REVOKED));
        }),
        kind("not allowed", "client_not_allowed", |params| {
            params.distinguished_name = DistinguishedName::new();
        }),
        Kind {
            name: "altered",
            change: Box::new(|_| ()),
            altered: true,
            reason: Some("client_cert_bad_signature"),
        },
    ]
}

/// A certificate for `key` as `params` say, of `issuer`.
fn certificate(params: &CertificateParams, key: &KeyPair, issuer: &Ca) -> Vec<u8> {
    params.signed_by(key, &issuer.issuer()).unwrap().der().to_vec()
}

fn ended(mut params: CertificateParams) -> CertificateParams {
    params.not_after = OffsetDateTime::now_utc() - Duration::days(3);
    params
}

/// Other certificates of the name of `ca`, which `above` has issued.
fn twins(ca: &Ca, above: &Ca, foreign: &Ca) -> Vec<Vec<u8>> {
    let other = KeyPair::generate().unwrap();
    vec![
        // What it was before it was renewed, its cross-certificate, and others that go by its name.
        certificate(&ended(ca.params.clone()), &ca.key, above),
        certificate(&ca.params, &ca.key, foreign),
        certificate(&ca.params, &other, above),
        certificate(&ca.params, &other, foreign),
        certificate(&ended(ca.params.clone()), &other, foreign),
    ]
}

struct World {
    pki: Pki,
    gate: Gate,
    lines: Vec<Line>,
    kinds: Vec<Kind>,
    /// What has nothing to do with any client.
    strays: Vec<Vec<u8>>,
    counts: BTreeMap<String, usize>,
}

impl World {
    fn new() -> Self {
        let pki = Pki::new();
        let foreign = Ca::root("Foreign Root");
        let mut lines = lines_below(&pki, &foreign);
        let (configured, more) = lines_of_roots(&foreign);
        lines.extend(more);
        let stale = Ca::root("Stale Root");
        let mut crls = pki.root.crl(&[REVOKED], 3600) + &stale.crl(&[], -60);
        let (rolled, crl) = line_of_a_rolled_key(&pki);
        crls.push_str(&crl);
        lines.push(rolled);
        for line in lines.iter().filter(|line| line.has_crl) {
            crls.push_str(&line.issuer.crl(&[REVOKED], 3600));
        }
        let bundle = configured + &stale.pem();
        lines.push(Line {
            name: "a root whose CRL is out of date",
            sent: Vec::new(),
            twins: twins(&stale, &stale, &foreign),
            reason: Some("crl_expired"),
            has_crl: false,
            issuer: stale,
        });
        let gate = GateCommand::new(&pki)
            .arg("--client-ca", pki.file("more.pem", bundle))
            .arg("--crl", pki.file("all.crl", crls))
            .arg("--allow", "o=Example")
            .env("CLAWGATE_LOG_REPEAT_WINDOW", "off")
            .admin()
            .upstream("echo:")
            .start();
        let strays = vec![
            foreign.certificate.der().to_vec(),
            Ca::root_of(ended(Ca::params("Unrelated Root"))).certificate.der().to_vec(),
            pki.root.certificate.der().to_vec(),
            certificate(&ended(pki.root.params.clone()), &pki.root.key, &pki.root),
            pki.client.chain[0].clone(),
            Leaf::client("stray").valid(-9 * DAY, -DAY).self_signed().chain.remove(0),
        ];
        Self { pki, gate, lines, kinds: kinds(), strays, counts: BTreeMap::new() }
    }

    /// Lets a client try; what is wrong, if anything is.
    fn try_one(&mut self, plan: &Plan) -> Result<(), TestCaseError> {
        let line = &self.lines[plan.line % self.lines.len()];
        let kind = &self.kinds[plan.kind % self.kinds.len()];
        if kind.name == "revoked" && !line.has_crl {
            return Ok(());
        }
        let leaf = Leaf::client("one").with(&kind.change).with(|params| {
            params.use_authority_key_identifier_extension = plan.key_ids;
        });
        let signer = leaf.issued_by(&line.issuer, &[]);
        let mut leaf = signer.chain[0].clone();
        if kind.altered {
            *leaf.last_mut().unwrap() ^= 1;
        }
        let chain = self.chain(leaf, line, plan);
        let reasons: Vec<_> = [line.reason, kind.reason].into_iter().flatten().collect();
        let mut reasons = reasons.clone();
        // Without key identifiers nobody can tell these apart.
        if !plan.key_ids && reasons.contains(&"client_cert_bad_signature") {
            reasons.push("client_cert_wrong_ca_key");
        }
        let what = format!("{} of {}", kind.name, line.name);
        let version = if plan.tls13 { &TLS13 } else { &TLS12 };
        let sender = Sender::with_versions(&self.pki, &self.gate, None, &[version]);
        let sender = sender.presenting(&chain, &signer);
        if reasons.is_empty() {
            prop_assert_eq!(sender.post("/hooks/wake", "{}").status, 200, "{}", what);
            return Ok(());
        }
        self.refused(sender, &reasons, &what)
    }

    fn refused(&mut self, sender: Sender, reasons: &[&str], what: &str) -> Result<(), TestCaseError> {
        let alert = sender.refusal().alert;
        let number = self.counts.values().sum::<usize>() + 1;
        let logged = self.gate.event("handshake_failed", number);
        let reason = logged["reason"].as_str().unwrap().to_owned();
        *self.counts.entry(reason.clone()).or_default() += 1;
        prop_assert!(reasons.contains(&reason.as_str()), "{what}: {reasons:?}, not {logged}");
        prop_assert_eq!(&logged["alert_sent"], alert, "{}: {}", what, &logged);
        let expected = ALERTS.iter().find(|(known, _)| *known == reason).map(|(_, alert)| *alert);
        prop_assert_eq!(expected, Some(alert), "{}: {}", what, &logged);
        self.metrics_agree();
        Ok(())
    }

    /// As many refusals are counted for each reason as were logged.
    fn metrics_agree(&self) {
        eventually("the metrics to agree with the log", || {
            let text = String::from_utf8(plain::get(self.gate.admin(), "/metrics").body).unwrap();
            let series = "clawgate_handshakes_refused_total{reason=\"";
            let counted = text.lines().filter_map(|line| line.strip_prefix(series)?.split_once("\"} "));
            let counted = counted.map(|(reason, count)| (reason.to_owned(), count.parse().unwrap()));
            let counted: BTreeMap<String, usize> = counted.filter(|(_, count)| *count > 0).collect();
            (counted == self.counts).then_some(())
        });
    }

    /// The leaf, and after it what belongs to it and what does not.
    fn chain(&self, leaf: Vec<u8>, line: &Line, plan: &Plan) -> Vec<Vec<u8>> {
        let mut above: Vec<_> = line.sent.clone();
        let stray = |place: &usize| self.strays[*place].clone();
        above.extend(plan.strays.iter().map(stray));
        if let Some(twin) = plan.twin.filter(|_| !line.twins.is_empty()) {
            above.push(line.twins[twin % line.twins.len()].clone());
        }
        let mut ordered: Vec<_> = plan.order.iter().copied().zip(above).collect();
        ordered.sort_by_key(|(place, _)| *place);
        std::iter::once(leaf).chain(ordered.into_iter().map(|(_, der)| der)).collect()
    }
}

/// CAs below the usual root, or below none.
fn lines_below(pki: &Pki, foreign: &Ca) -> Vec<Line> {
    let root = &pki.root;
    let below =
        |name: &'static str, reason: Option<&'static str>, change: &dyn Fn(&mut CertificateParams)| {
            let mut params = Ca::params(name);
            change(&mut params);
            let issuer = root.intermediate_of(params);
            let sent = vec![issuer.certificate.der().to_vec()];
            let twins = twins(&issuer, root, foreign);
            Line { name, issuer, sent, twins, reason, has_crl: reason.is_none() }
        };
    let invalid = Some("client_chain_invalid");
    let now = OffsetDateTime::now_utc();
    let mut lines = vec![
        below("Good CA", None, &|_| ()),
        below("Old CA", Some("client_chain_expired"), &|params| {
            params.not_after = now - Duration::days(3)
        }),
        below("New CA", Some("client_chain_expired"), &|params| {
            params.not_before = now + Duration::days(3)
        }),
        below("Servers CA", invalid, &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }),
        below("Mute CA", invalid, &|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]),
        below("No CA", invalid, &|params| params.is_ca = IsCa::ExplicitNoCa),
        below("Odd CA", invalid, &|params| {
            params.custom_extensions.push(critical(&[2, 5, 29, 32], POLICIES));
        }),
        below("Narrow CA", invalid, &|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("inside.test".to_owned())],
                excluded_subtrees: Vec::new(),
            });
        }),
        below("Revoked CA", Some("client_cert_revoked"), &|params| {
            params.serial_number = Some(SerialNumber::from(REVOKED));
        }),
    ];
    // None of these can be made good by a twin of the same key.
    for line in &mut lines {
        if line.reason.is_some() {
            let twin = |params: &CertificateParams| certificate(params, &line.issuer.key, foreign);
            line.twins = vec![twin(&line.issuer.params), twin(&ended(line.issuer.params.clone()))];
        }
    }
    lines.extend(lines_in_depth(pki, foreign));
    lines
}

fn lines_in_depth(pki: &Pki, foreign: &Ca) -> Vec<Line> {
    let der = |ca: &Ca| ca.certificate.der().to_vec();
    let mut narrow = Ca::params("Last CA");
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = pki.root.intermediate_of(narrow);
    let beyond = last.intermediate("Beyond CA");
    let upper = pki.root.intermediate("Upper CA");
    let lower = upper.intermediate("Lower CA");
    let of_foreign = foreign.intermediate("Foreign CA");
    let copy = Ca {
        certificate: pki.intermediate.certificate.clone(),
        params: pki.intermediate.params.clone(),
        key: KeyPair::from_pem(&pki.intermediate.key.serialize_pem()).unwrap(),
    };
    let sub = copy.intermediate("Sub CA");
    vec![
        Line {
            name: "a path that is too long",
            sent: vec![der(&beyond), der(&last)],
            twins: twins(&beyond, &last, foreign),
            issuer: beyond,
            reason: Some("client_chain_invalid"),
            has_crl: false,
        },
        Line {
            name: "two intermediates",
            sent: vec![der(&lower), der(&upper)],
            twins: twins(&lower, &upper, foreign),
            issuer: lower,
            reason: None,
            has_crl: true,
        },
        Line {
            name: "a foreign CA",
            sent: vec![der(&of_foreign)],
            twins: Vec::new(),
            issuer: of_foreign,
            reason: Some("client_cert_unknown_ca"),
            has_crl: false,
        },
        Line {
            name: "a known intermediate that is not sent",
            sent: Vec::new(),
            twins: vec![
                certificate(&copy.params, &KeyPair::generate().unwrap(), &pki.root),
                certificate(&copy.params, &KeyPair::generate().unwrap(), foreign),
            ],
            issuer: copy,
            reason: Some("client_chain_incomplete"),
            has_crl: false,
        },
        Line {
            name: "below a known intermediate that is not sent",
            sent: vec![der(&sub)],
            twins: Vec::new(),
            issuer: sub,
            reason: Some("client_chain_incomplete"),
            has_crl: false,
        },
    ]
}

/// An intermediate's key that its former one has certified under the same name; the CRL of the former.
fn line_of_a_rolled_key(pki: &Pki) -> (Line, String) {
    let former = pki.root.intermediate("Rolling CA");
    let issuer = former.intermediate("Rolling CA");
    let sent = [&issuer, &former].map(|ca| ca.certificate.der().to_vec()).to_vec();
    let line = Line {
        name: "an intermediate's key rolled over",
        issuer,
        sent,
        twins: Vec::new(),
        reason: None,
        has_crl: true,
    };
    (line, former.crl(&[], 3600))
}

/// Other roots, in PEM, and what is below them.
fn lines_of_roots(foreign: &Ca) -> (String, Vec<Line>) {
    let der = |ca: &Ca| ca.certificate.der().to_vec();
    let expired = Ca::root_of(ended(Ca::params("Expired Root")));
    // The same key again: one certificate has expired, and both are configured.
    let renewed = Ca::root("Renewed Root");
    let before = ended(renewed.params.clone()).self_signed(&renewed.key).unwrap();
    // A new key that the old one has certified under the same name.
    let rolling = Ca::root("Rolling Root");
    let rolled = rolling.intermediate("Rolling Root");
    // Its present key is configured, and the client has a certificate by the former one.
    let remade = Ca::root("Remade Root");
    let former = Ca::root("Remade Root");
    let configured = [expired.pem(), before.pem(), renewed.pem(), rolling.pem(), remade.pem()].concat();
    let lines = vec![
        Line {
            name: "an expired root",
            sent: Vec::new(),
            twins: vec![der(&expired)],
            issuer: expired,
            reason: Some("client_chain_expired"),
            has_crl: false,
        },
        Line {
            name: "a renewed root",
            sent: Vec::new(),
            twins: vec![before.der().to_vec(), certificate(&renewed.params, &renewed.key, foreign)],
            issuer: renewed,
            reason: None,
            has_crl: true,
        },
        Line {
            name: "a root's key rolled over",
            sent: vec![der(&rolled)],
            twins: vec![der(&rolling)],
            issuer: rolled,
            reason: None,
            has_crl: false,
        },
        Line {
            name: "a root that was made again",
            sent: Vec::new(),
            twins: vec![der(&remade)],
            issuer: former,
            reason: Some("client_cert_wrong_ca_key"),
            has_crl: false,
        },
    ];
    (configured, lines)
}

/// What a client is to send.
#[derive(Clone, Debug)]
struct Plan {
    line: usize,
    kind: usize,
    twin: Option<usize>,
    strays: Vec<usize>,
    order: Vec<u32>,
    key_ids: bool,
    tls13: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let kind = prop_oneof![1 => Just(0), 2 => 0usize..64];
    let twin = proptest::option::of(0usize..64);
    let strays = subsequence((0..6).collect::<Vec<usize>>(), 0..4);
    let order = proptest::collection::vec(any::<u32>(), 12);
    let flags = (proptest::bool::weighted(0.8), any::<bool>());
    (0usize..64, kind, twin, strays, order, flags).prop_map(
        |(line, kind, twin, strays, order, (key_ids, tls13))| Plan {
            line,
            kind,
            twin,
            strays,
            order,
            key_ids,
            tls13,
        },
    )
}

#[test]
fn reason_alert_and_metric_agree_whatever_is_wrong_and_whatever_else_is_sent() {
    let world = std::cell::RefCell::new(World::new());
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };

    TestRunner::new(config).run(&plan(), |plan| world.borrow_mut().try_one(&plan)).unwrap();

    assert!(world.borrow().counts.len() >= 12, "{:?}", world.borrow().counts);
}

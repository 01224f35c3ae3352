//! For each fault of a client's certificate and of the CAs above it, reason, alert and metric agree, whatever else
//! the client sends and in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestRunner;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SerialNumber,
};
use rustls::version::{TLS12, TLS13};
use time::{Duration, OffsetDateTime};

use super::chains::{
    Line, POLICIES, REVOKED, certificate, critical, ended, line_of_a_rolled_key, lines_below,
    lines_of_roots, twins,
};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

const DAY: i64 = 24 * 3600;
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

struct World {
    pki: Pki,
    clawgate: Clawgate,
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
        let clawgate = ClawgateCommand::new(&pki)
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
        Self { pki, clawgate, lines, kinds: kinds(), strays, counts: BTreeMap::new() }
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
        let client = Client::with_versions(&self.pki, &self.clawgate, None, &[version]);
        let client = client.presenting(&chain, &signer);
        if reasons.is_empty() {
            prop_assert_eq!(client.post("/hooks/wake", "{}").status, 200, "{}", what);
            return Ok(());
        }
        self.refused(client, &reasons, &what)
    }

    fn refused(&mut self, client: Client, reasons: &[&str], what: &str) -> Result<(), TestCaseError> {
        let alert = client.refusal().alert;
        let number = self.counts.values().sum::<usize>() + 1;
        let logged = self.clawgate.event("handshake_failed", number);
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
            let text = String::from_utf8(plain::get(self.clawgate.admin(), "/metrics").body).unwrap();
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

//! Chains of CAs with and without a fault, for `agreement`.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use crate::support::pki::{Ca, Pki};

/// Of a leaf and of a CA that are on a CRL.
pub const REVOKED: u64 = 0x1234;

/// CAs above a leaf.
pub struct Line {
    pub name: &'static str,
    pub issuer: Ca,
    /// What belongs to the chain, the issuer first where it is sent.
    pub sent: Vec<Vec<u8>>,
    /// Others of the issuer's name.
    pub twins: Vec<Vec<u8>>,
    /// `None`: nothing is wrong with it.
    pub reason: Option<&'static str>,
    /// Whether the issuer has a CRL with [`REVOKED`] on it.
    pub has_crl: bool,
}

pub fn critical(oid: &[u64], content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(true);
    extension
}

/// certificatePolicies with anyPolicy
pub const POLICIES: &[u8] = &[0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0];

/// A certificate for `key` as `params` say, of `issuer`.
pub fn certificate(params: &CertificateParams, key: &KeyPair, issuer: &Ca) -> Vec<u8> {
    params.signed_by(key, &issuer.issuer()).unwrap().der().to_vec()
}

pub fn ended(mut params: CertificateParams) -> CertificateParams {
    params.not_after = OffsetDateTime::now_utc() - Duration::days(3);
    params
}

/// Other certificates of the name of `ca`, which `above` has issued.
pub fn twins(ca: &Ca, above: &Ca, foreign: &Ca) -> Vec<Vec<u8>> {
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

/// CAs below the usual root, or below none.
pub fn lines_below(pki: &Pki, foreign: &Ca) -> Vec<Line> {
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
pub fn line_of_a_rolled_key(pki: &Pki) -> (Line, String) {
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
pub fn lines_of_roots(foreign: &Ca) -> (String, Vec<Line>) {
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

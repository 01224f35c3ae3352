//! Names and keys of certificates, compared with OpenSSL.

use std::process::Command;

use clawgate::identity::{Certificate, openssl_name};
use proptest::prelude::*;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::support::pki::{Pki, der, pem_block};

/// `certificate` with `old` in it replaced by `new`; its signature does not fit any more.
fn replaced(certificate: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (_, x509) = X509Certificate::from_der(certificate).unwrap();
    let (_, signed) = content(x509.tbs_certificate.as_ref());
    let (_, whole) = content(certificate);
    let rest = &whole[x509.tbs_certificate.as_ref().len()..];
    let at = signed.windows(old.len()).rposition(|window| window == old).unwrap();
    let signed = [&signed[..at], new, &signed[at + old.len()..]].concat();
    der(0x30, &[&der(0x30, &signed)[..], rest].concat())
}

/// Tag and content of the element `der` is.
fn content(der: &[u8]) -> (u8, &[u8]) {
    let header = match der[1] {
        ..=0x7f => 2,
        length => 2 + usize::from(length & 0x7f),
    };
    (der[0], &der[header..])
}

fn openssl(pki: &Pki, certificate: &[u8], arguments: &[&str]) -> String {
    let file = pki.file("named.pem", pem_block("CERTIFICATE", certificate));
    let output =
        Command::new("openssl").args(["x509", "-noout", "-in"]).arg(file).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// An attribute: DER of its type, tag of its value, its value. OpenSSL reads no values of other types.
type Attribute = (Vec<u8>, u8, Vec<u8>);

fn attribute() -> impl Strategy<Value = Attribute> {
    let kind = prop_oneof![
        (3_u8..=54).prop_map(|last| vec![0x55, 4, last]),
        prop::sample::select(vec![65_u8, 72, 97]).prop_map(|last| vec![0x55, 4, last]),
        // pilotAttributeType, PKCS #9, jurisdiction, and some without a name.
        (1_u8..=60)
            .prop_map(|last| [&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1][..], &[last]].concat()),
        (1_u8..=9).prop_map(|last| [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9][..], &[last]].concat()),
        (1_u8..=3).prop_map(|last| [&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1][..], &[last]].concat()),
        Just(vec![0x2a, 3, 4]),
        Just(vec![0x55, 4, 0x81, 0x48]),
        Just(vec![0x2b, 6, 1, 4, 1, 0x86, 0x8d, 0x1f, 7]),
    ];
    let text = prop_oneof!["[ -~]{0,6}", r#"[ #,+"\\<>;=a-c]{0,8}"#, "\\PC{0,4}", "[\u{0}-\u{ff}]{0,4}"];
    let value = prop_oneof![
        text.clone().prop_map(|text| (12, text.into_bytes())),
        (prop::sample::select(vec![18, 19, 22]), "[ -~]{0,8}")
            .prop_map(|(tag, text)| (tag, text.into_bytes())),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| (20, bytes)),
        "[\u{20}-\u{d7ff}]{0,4}"
            .prop_map(|text| (30, text.encode_utf16().flat_map(u16::to_be_bytes).collect())),
        text.prop_map(|text| (28, text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect())),
        // What is no text: a BIT STRING begins with its number of unused bits.
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| (3, [&[0][..], &bytes].concat())),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| (0x30, der(4, &bytes))),
    ];
    (kind, value).prop_map(|(kind, (tag, value))| (kind, tag, value))
}

/// A Name (RFC 5280 section 4.1.2.4), some of whose RDNs have several attributes.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let rdns = proptest::collection::vec(proptest::collection::vec(attribute(), 1..3), 1..4);
    rdns.prop_map(|rdns| {
        let rdns: Vec<u8> = rdns
            .iter()
            .flat_map(|attributes| {
                let mut set: Vec<Vec<u8>> = attributes
                    .iter()
                    .map(|(kind, tag, value)| der(0x30, &[der(6, kind), der(*tag, value)].concat()))
                    .collect();
                set.sort();
                der(0x31, &set.concat())
            })
            .collect();
        der(0x30, &rdns)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_name_for_upstreams_is_what_openssl_and_so_nginx_writes(name in name()) {
        thread_local!(static PKI: Pki = Pki::new());
        PKI.with(|pki| {
            let plain = &pki.client.chain[0];
            let (_, x509) = X509Certificate::from_der(plain).unwrap();
            let named = replaced(plain, x509.subject().as_raw(), &name);
            let (_, x509) = X509Certificate::from_der(&named).unwrap();

            let printed = openssl(pki, &named, &["-subject", "-nameopt", "RFC2253"]);
            let printed = printed.strip_prefix("subject=").unwrap().trim_end_matches('\n');

            // Where a header field ends, a bare space would be taken off.
            let printed = match printed.strip_suffix("\\ ") {
                Some(start) => format!("{start}\\20"),
                None => printed.to_owned(),
            };
            prop_assert_eq!(openssl_name(x509.subject()), printed, "{:02x?}", name);
            Ok(())
        })?;
    }
}

#[test]
fn the_size_of_an_rsa_key_is_exact_to_the_bit() {
    let pki = Pki::new();
    let plain = &pki.client.chain[0];
    let (_, x509) = X509Certificate::from_der(plain).unwrap();
    for bits in
        [512_usize, 1023, 1024, 1025, 2040, 2041, 2047, 2048, 2049, 3072, 4095, 4096, 8192, 16383, 16384]
    {
        let mut modulus = vec![0xa5; bits.div_ceil(8)];
        // The highest bit that is set is the last one that counts; a positive INTEGER begins with a zero bit.
        modulus[0] = 1 << ((bits - 1) % 8);
        if modulus[0] == 0x80 {
            modulus.insert(0, 0);
        }
        let key = der(0x30, &[der(2, &modulus), der(2, &[1, 0, 1])].concat());
        let rsa = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        let spki = der(0x30, &[der(0x30, &rsa), der(3, &[&[0][..], &key].concat())].concat());
        let certificate = replaced(plain, x509.public_key().raw, &spki);

        let read = Certificate::read(&CertificateDer::from(&certificate[..])).unwrap();

        assert_eq!(read.key, format!("RSA {bits}"));
        let text = openssl(&pki, &certificate, &["-text"]);
        assert!(text.contains(&format!("Public-Key: ({bits} bit)")), "{bits}: {text}");
    }
}

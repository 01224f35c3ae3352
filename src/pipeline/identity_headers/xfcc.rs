//! `X-Forwarded-Client-Cert`: one element, as Envoy writes it.
//!
//! Keys and quoting are those of Envoy's "HTTP header manipulation" page. That page writes a double quote within a value as `\"`,
//! but does not say what a backslash before it means, so that a reader could find the end of a value within a client's name.
//! Here no value has quotes or backslashes: in the subject they are written in hex, which RFC 4514 section 2.4 allows for any
//! character, and other names with them are left out.

use std::fmt::Write;

use data_encoding::BASE64;
use rustls_pki_types::CertificateDer;

use super::fields::{Fields, non_ascii};
use crate::identity::San;

const NAME: &str = "x-forwarded-client-cert";
/// Longest subject and alternative name, in bytes. A longer one is left out.
const MAX_NAME: usize = 1024;

/// The content of an element.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    /// URIs of clawgate's own certificate.
    pub(crate) by: Vec<&'a str>,
    /// SHA-256 of the client's certificate, hex.
    pub(crate) hash: &'a str,
    /// Its subject, RFC 4514.
    pub(crate) subject: &'a str,
    /// Its alternative names.
    pub(crate) sans: &'a [San],
    /// The certificates, leaf first.
    pub(crate) chain: Vec<&'a CertificateDer<'a>>,
}

impl Element<'_> {
    /// Adds the element. Names have priority; certificate and chain are added if they fit too.
    pub(crate) fn add(&self, fields: &mut Fields) {
        let mut front = String::new();
        for uri in &self.by {
            pair(&mut front, "By", uri);
        }
        pair(&mut front, "Hash", self.hash);
        let mut names = String::new();
        let subject = without_quotes(&non_ascii(self.subject));
        if subject.len() <= MAX_NAME {
            let _ = write!(names, ";Subject=\"{subject}\"");
        } else {
            fields.leave_out("Subject in x-forwarded-client-cert");
        }
        for san in self.sans {
            match san {
                San::Uri(uri) => pair(&mut names, "URI", uri),
                San::Dns(name) => pair(&mut names, "DNS", name),
                San::Email(_) | San::Ip(_) => {}
            }
        }
        let mut room = fields.room_for(NAME).saturating_sub(front.len() + names.len());
        let mut certificates = String::new();
        let mut add = |key, what, chain: &[&CertificateDer<'_>]| {
            let value = format!(";{key}=\"{}\"", url_encoded(chain));
            if value.len() <= room {
                room -= value.len();
                certificates.push_str(&value);
            } else {
                // The next part is larger, and of no use without this one.
                room = 0;
                fields.leave_out(what);
            }
        };
        if let Some(leaf) = self.chain.first() {
            add("Cert", "Cert in x-forwarded-client-cert", &[*leaf]);
        }
        if self.chain.len() > 1 {
            add("Chain", "Chain in x-forwarded-client-cert", &self.chain);
        }
        fields.push(NAME, front + &certificates + &names);
    }
}

/// Appends `;key=value`, with quotes if the value has a delimiter.
fn pair(out: &mut String, key: &str, value: &str) {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if value.len() > MAX_NAME || !value.bytes().all(plain) {
        return;
    }
    if !out.is_empty() || key == "URI" || key == "DNS" {
        out.push(';');
    }
    let quote = if value.contains([',', ';', '=']) { "\"" } else { "" };
    let _ = write!(out, "{key}={quote}{value}{quote}");
}

/// An RFC 4514 name with its escaped characters in hex.
fn without_quotes(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\'
            && let Some(escaped) = chars.next()
        {
            if escaped.is_ascii_hexdigit() {
                out.push(escaped);
            } else {
                let _ = write!(out, "{:02X}", u32::from(escaped));
            }
        }
    }
    out
}

/// The certificates in PEM, with everything but RFC 3986's unreserved characters percent-encoded.
fn url_encoded(chain: &[&CertificateDer<'_>]) -> String {
    const LINE: &str = "%0A";
    let mut out = String::new();
    for der in chain {
        let _ = write!(out, "-----BEGIN%20CERTIFICATE-----{LINE}");
        let text = BASE64.encode(der);
        for (i, c) in text.char_indices() {
            if i > 0 && i % 64 == 0 {
                out.push_str(LINE);
            }
            match c {
                '+' => out.push_str("%2B"),
                '/' => out.push_str("%2F"),
                '=' => out.push_str("%3D"),
                c => out.push(c),
            }
        }
        let _ = write!(out, "{LINE}-----END%20CERTIFICATE-----{LINE}");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(element: &Element<'_>) -> (String, Vec<&'static str>) {
        let mut fields = Fields::default();
        element.add(&mut fields);
        let value = fields.iter().next().unwrap().1.to_str().unwrap().to_owned();
        (value, fields.left_out().to_vec())
    }

    /// By Envoy's rules and them alone: quotes hide delimiters, `\"` is a quote, nothing else is special.
    fn parse(text: &str) -> Vec<(String, String)> {
        let (mut pairs, mut quoted, mut current) = (Vec::new(), false, String::new());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek() == Some(&'"') => current.extend(chars.next()),
                '"' => quoted = !quoted,
                ';' if !quoted => pairs.push(std::mem::take(&mut current)),
                ',' if !quoted => panic!("a second element in {text}"),
                c => current.push(c),
            }
        }
        assert!(!quoted, "an open quote in {text}");
        pairs.push(current);
        let split = |pair: String| pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        pairs.into_iter().map(|pair| split(pair).unwrap()).collect()
    }

    #[test]
    fn the_keys_come_in_envoys_order_and_values_with_delimiters_in_quotes() {
        let sans = [
            San::Uri("spiffe://example/notes;a=b".into()),
            San::Dns("a.example".into()),
            San::Dns("b.example".into()),
            San::Email("a@example".into()),
        ];
        let leaf = CertificateDer::from(vec![0xfb, 0xff]);
        let element = Element {
            by: vec!["spiffe://example/gate"],
            hash: "00ff",
            subject: r#"CN=a\,b,O=Say \"x\"\\"#,
            sans: &sans,
            chain: vec![&leaf],
        };
        assert_eq!(
            written(&element).0,
            "By=spiffe://example/gate;Hash=00ff;\
             Cert=\"-----BEGIN%20CERTIFICATE-----%0A%2B%2F8%3D%0A-----END%20CERTIFICATE-----%0A\";\
             Subject=\"CN=a\\2Cb,O=Say \\22x\\22\\5C\";URI=\"spiffe://example/notes;a=b\";\
             DNS=a.example;DNS=b.example"
        );
    }

    #[test]
    fn the_chain_goes_first_when_room_is_short_and_the_certificate_next() {
        let large = CertificateDer::from(vec![7; 1500]);
        let element = |count| Element {
            by: vec![],
            hash: "00",
            subject: "CN=x",
            sans: &[],
            chain: vec![&large; count],
        };
        assert_eq!(written(&element(2)).1, Vec::<&str>::new());
        assert_eq!(written(&element(3)).1, ["Chain in x-forwarded-client-cert"]);
        let huge = CertificateDer::from(vec![7; 8000]);
        let element = Element { chain: vec![&huge], ..element(0) };
        assert_eq!(
            written(&element),
            ("Hash=00;Subject=\"CN=x\"".to_owned(), vec!["Cert in x-forwarded-client-cert"])
        );
    }

    proptest! {
        #[test]
        fn no_name_can_end_its_value_or_begin_another(
            cn in "[ -~é\u{202e}]{0,40}",
            uri in "[ -~é]{0,40}",
            dns in "[ -~]{0,40}",
        ) {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, cn);
            let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            let (_, x509) = x509_parser::parse_x509_certificate(der.der()).unwrap();
            let subject = crate::identity::rfc4514(x509.subject());
            let sans = [San::Uri(uri.clone()), San::Dns(dns.clone())];
            let element =
                Element { by: vec![], hash: "00", subject: &subject, sans: &sans, chain: vec![] };
            let pairs = parse(&written(&element).0);

            prop_assert_eq!(&pairs[0], &("Hash".to_owned(), "00".to_owned()));
            prop_assert_eq!(&pairs[1].0, "Subject");
            prop_assert_eq!(&pairs[1].1, &without_quotes(&non_ascii(&subject)));
            for (key, value) in &pairs[2..] {
                let one = if key == "URI" { &uri } else { &dns };
                prop_assert_eq!(value, one);
            }
            prop_assert!(pairs.len() <= 4);
        }
    }
}

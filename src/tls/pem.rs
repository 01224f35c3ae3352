//! PEM files (RFC 7468), as far as the gate reads them. The only place that knows `rustls-pemfile`.

use std::borrow::Cow;
use std::io;

use rustls_pemfile::Item;
use rustls_pki_types::CertificateDer;

/// The sections of one PEM file.
pub(super) struct Pem {
    pub(super) items: Vec<Item>,
    pub(super) encrypted: bool,
    empty: bool,
}

impl Pem {
    /// Splits `text` into its sections.
    pub(super) fn parse(text: &[u8]) -> io::Result<Self> {
        let encrypted = is_encrypted(text);
        let plain = if encrypted { Cow::Owned(without_fields(text)) } else { Cow::Borrowed(text) };
        let items = rustls_pemfile::read_all(&mut &*plain).collect::<Result<_, _>>()?;
        Ok(Self { items, encrypted, empty: text.trim_ascii().is_empty() })
    }

    pub(super) fn certificates(self) -> Vec<CertificateDer<'static>> {
        let certificate = |item| match item {
            Item::X509Certificate(der) => Some(der),
            _ => None,
        };
        self.items.into_iter().filter_map(certificate).collect()
    }

    /// What is in the file, for the message that says what is not.
    pub(super) fn contents(&self) -> String {
        if self.empty {
            return "the file is empty".to_owned();
        }
        if self.encrypted {
            return "it holds an encrypted private key".to_owned();
        }
        let kinds: Vec<_> = self.items.iter().map(kind).collect();
        if kinds.is_empty() {
            return "it holds no PEM section (BEGIN … END)".to_owned();
        }
        format!("it holds {}", kinds.join(", "))
    }
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::X509Certificate(_) => "a certificate",
        Item::Pkcs1Key(_) | Item::Pkcs8Key(_) | Item::Sec1Key(_) => "a private key",
        Item::SubjectPublicKeyInfo(_) => "a public key",
        Item::Crl(_) => "a CRL",
        Item::Csr(_) => "a certificate request",
        _ => "something else",
    }
}

/// The certificates in PEM text; other sections are passed over.
pub fn certificates(pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    rustls_pemfile::certs(&mut &*pem).collect()
}

/// `rustls-pemfile` skips sections it does not know, these among them.
fn is_encrypted(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// An encrypted key of the old form begins with header fields (RFC 1421), which `rustls-pemfile` takes
/// for broken Base64.
fn without_fields(text: &[u8]) -> Vec<u8> {
    let field = |line: &&[u8]| line.starts_with(b"Proc-Type:") || line.starts_with(b"DEK-Info:");
    text.split_inclusive(|byte| *byte == b'\n').filter(|line| !field(line)).flatten().copied().collect()
}

//! PEM files (RFC 7468), as far as the gate reads them. The only place that knows `rustls-pemfile`.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use rustls_pemfile::Item;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use thiserror::Error;

/// The sections of one PEM file.
pub(super) struct Pem {
    pub(super) items: Vec<Item>,
    pub(super) encrypted: bool,
    empty: bool,
}

/// Why a file is of no use.
#[derive(Clone, Debug, Error)]
#[error("{}: {what}\n  mend: {mend}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub mend: &'static str,
}

impl FileError {
    pub(super) fn new(path: &Path, what: impl Into<String>, mend: &'static str) -> Self {
        Self { path: path.to_owned(), what: what.into(), mend }
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let mend = match error.kind() {
            io::ErrorKind::NotFound => "check the path; it is taken relative to the working directory",
            io::ErrorKind::PermissionDenied => "let the gate's user read it",
            _ => "make it a readable file",
        };
        Self::new(path, format!("cannot be read: {error}"), mend)
    }
}

/// The certificates of a sender's file, in their order.
///
/// # Errors
/// When the file cannot be read or has none.
pub fn sender_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let mend = "give the sender's certificate, followed by its intermediates, in PEM (from DER: openssl x509 \
                -inform DER -in FILE; from PKCS #12: openssl pkcs12 -nokeys -in FILE)";
    certificates_in(path, mend)
}

/// The certificates in a file, in their order; `mend` is for one that has none.
///
/// # Errors
/// When the file cannot be read or has none.
pub fn certificates_in(
    path: &Path,
    mend: &'static str,
) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let pem = Pem::open(path)?;
    let found = pem.contents();
    let certificates = pem.certificates();
    if certificates.is_empty() {
        return Err(FileError::new(path, format!("has no certificate: {found}"), mend));
    }
    Ok(certificates)
}

/// The private key in a file.
///
/// # Errors
/// When the file cannot be read or has none that is not encrypted.
pub fn key_in(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let pem = Pem::open(path)?;
    let found = pem.contents();
    pem.keys().next().ok_or_else(|| {
        let mend = "give the certificate's key in PEM, without encryption (openssl pkey -in KEY)";
        FileError::new(path, format!("has no private key: {found}"), mend)
    })
}

/// A file's content.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|error| FileError::unreadable(path, &error))
}

impl Pem {
    /// Reads a file and splits it into its sections.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        Self::of(path, &read(path)?)
    }

    /// Splits a file's content into its sections.
    pub(super) fn of(path: &Path, content: &[u8]) -> Result<Self, FileError> {
        Self::parse(content).map_err(|error| {
            let mend = "write the file again; it may be half-written or not PEM";
            FileError::new(path, format!("is broken PEM: {error}"), mend)
        })
    }

    /// Splits `text` into its sections.
    pub(super) fn parse(text: &[u8]) -> io::Result<Self> {
        let encrypted = is_encrypted(text);
        let plain = if encrypted { Cow::Owned(without_fields(text)) } else { Cow::Borrowed(text) };
        let items = rustls_pemfile::read_all(&mut &*plain).collect::<Result<_, _>>()?;
        if is_cut_off(text) {
            return Err(io::Error::other("it ends in the middle of a line"));
        }
        Ok(Self { items, encrypted, empty: text.trim_ascii().is_empty() })
    }

    pub(super) fn certificates(self) -> Vec<CertificateDer<'static>> {
        let certificate = |item| match item {
            Item::X509Certificate(der) => Some(der),
            _ => None,
        };
        self.items.into_iter().filter_map(certificate).collect()
    }

    pub(super) fn keys(self) -> impl Iterator<Item = PrivateKeyDer<'static>> {
        self.items.into_iter().filter_map(|item| match item {
            Item::Pkcs1Key(key) => Some(PrivateKeyDer::Pkcs1(key)),
            Item::Pkcs8Key(key) => Some(PrivateKeyDer::Pkcs8(key)),
            Item::Sec1Key(key) => Some(PrivateKeyDer::Sec1(key)),
            _ => None,
        })
    }

    pub(super) fn crls(self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> {
        self.items.into_iter().filter_map(|item| match item {
            Item::Crl(crl) => Some(crl),
            _ => None,
        })
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

/// A section that has lost all but the beginning of its first line is passed over as if it were a remark; a
/// chain that is still being written would then be taken without its intermediates.
fn is_cut_off(text: &[u8]) -> bool {
    let last = text.trim_ascii_end().split(|byte| *byte == b'\n').next_back().unwrap_or_default();
    last.starts_with(b"-") && !(last.starts_with(b"-----END ") && last.ends_with(b"-----"))
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

//! Files of certificates, keys and CRLs, in PEM (RFC 7468) or DER. The only module that uses
//! `rustls-pemfile`.
//!
//! Each byte of a file is part of an item, part of explanatory text between items, or an error (see `blocks`). An item
//! that cannot be used is an error as well.

mod blocks;
mod format;
mod kind;

use std::borrow::Cow;
use std::io;
use std::path::Path;

use rustls_pemfile::Item as Read;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use self::blocks::{Block, blocks};
use self::format::Format;
use crate::problem::{FileProblem, Problem};
use crate::wording;

pub(super) use self::format::is_one_element;
pub use self::kind::Kind;
pub(super) use self::kind::Use;

/// The content of one file.
#[derive(Debug, PartialEq)]
pub struct Contents {
    items: Vec<Item>,
    is_empty: bool,
}

/// An item of a file.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// Its kind.
    pub kind: Kind,
    /// The number of its first line, from 1; `None` in DER.
    pub line: Option<usize>,
    content: Content,
    /// Whether it is exactly one DER element, without more bytes.
    is_whole: bool,
}

#[derive(Debug, PartialEq)]
enum Content {
    Certificate(CertificateDer<'static>),
    Crl(CertificateRevocationListDer<'static>),
    Key(PrivateKeyDer<'static>),
    /// clawgate does not use items of this kind.
    Unread,
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> FileProblem {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "check the path; a relative path starts at the working directory",
        io::ErrorKind::PermissionDenied => "give clawgate's user read permission",
        _ => "name a readable file",
    };
    let what = format!("cannot be read: {}{}", wording::io(error), located(path));
    Problem::new(what, hint).in_file(path)
}

/// The absolute path of a relative one, as the end of a sentence; empty for an absolute path.
pub fn located(path: &Path) -> String {
    match (std::path::absolute(path), std::env::current_dir()) {
        (Ok(whole), Ok(folder)) if path.is_relative() => {
            format!(" (absolute path: {}; working directory: {})", whole.display(), folder.display())
        }
        _ => String::new(),
    }
}

/// The certificates in a client's file, in the order of the file.
///
/// # Errors
/// When the file cannot be read or has no certificate.
pub fn client_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
    let hint = "give the client's certificate, followed by its intermediates, in PEM (from DER: openssl x509 \
                -inform DER -in FILE; from PKCS #12: openssl pkcs12 -nokeys -in FILE)";
    // The caller reports certificates that cannot be used.
    let contents = Contents::parse(&read(path)?).map_err(|problem| problem.in_file(path))?;
    contents.some_certificates(path, hint)
}

/// The chain in a file, leaf first, and the items that are not used; `hint` is for a file without a chain.
///
/// # Errors
/// When the file cannot be read, has no certificate, or has an item that is not allowed.
pub fn chain_in(
    path: &Path,
    hint: &'static str,
) -> Result<(Vec<CertificateDer<'static>>, Vec<Unused>), FileProblem> {
    let contents = Contents::open(path, Use::Chain)?;
    let unused = contents.unused(Use::Chain);
    Ok((contents.some_certificates(path, hint)?, unused))
}

/// The CA certificates in a file; `hint` is for a file without one.
///
/// # Errors
/// As [`chain_in`].
pub fn cas_in(path: &Path, hint: &'static str) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
    Contents::open(path, Use::Cas)?.some_certificates(path, hint)
}

/// The private key in a file.
///
/// # Errors
/// When the file cannot be read, has no unencrypted key, or has an item that is not allowed.
pub fn key_in(path: &Path) -> Result<PrivateKeyDer<'static>, FileProblem> {
    let contents = Contents::open(path, Use::Key)?;
    let found = contents.description();
    contents.keys().next().ok_or_else(|| {
        let hint = "give the certificate's key in PEM, without encryption (openssl pkey -in KEY)";
        Problem::new(format!("has no private key: {found}"), hint).in_file(path)
    })
}

/// The format of `bytes`, if they are not text.
pub(super) fn not_text(bytes: &[u8]) -> Option<String> {
    match Format::of(bytes)? {
        Format::Der(kind) => Some(format!("is {} in DER", kind.name())),
        Format::Foreign(foreign) => Some(format!("is {}", foreign.name)),
    }
}

/// A file's content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileProblem> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

/// An item that is allowed in a file, but not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Its kind.
    pub kind: Kind,
    /// The number of its first line, from 1.
    pub line: usize,
}

impl Unused {
    /// The warning about it, with a hint.
    pub fn problem(&self) -> Problem {
        let Self { kind, line } = self;
        let what = format!("has {} in line {line}, which is not used", kind.name());
        let hint = match kind {
            Kind::PrivateKey | Kind::EncryptedKey => {
                "remove it, or name the file in tls.private_key (upstream.private_key) as well"
            }
            Kind::Certificate => {
                "remove it, or name the file in tls.certificate (upstream.certificate) as well"
            }
            Kind::DhParameters => "remove them; clawgate uses only the groups in tls.groups",
            _ => "remove it",
        };
        Problem::new(what, hint)
    }
}

impl Contents {
    /// Reads a file with this purpose.
    pub(super) fn open(path: &Path, purpose: Use) -> Result<Self, FileProblem> {
        let contents = Self::parse(&read(path)?).map_err(|problem| problem.in_file(path))?;
        contents.fit_for(purpose).map_err(|problem| problem.in_file(path))
    }

    /// Reads the content of a file.
    ///
    /// # Errors
    /// For the first byte that is neither part of an item nor of explanatory text.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        match Format::of(bytes) {
            Some(Format::Der(kind)) => {
                let content = content(kind, bytes)
                    .ok_or_else(|| Problem::new("is damaged DER", "write the file again"))?;
                let item = Item { kind, line: None, content, is_whole: true };
                Ok(Self { items: vec![item], is_empty: false })
            }
            Some(Format::Foreign(foreign)) => {
                let what =
                    format!("is {}, neither PEM nor DER of one certificate, key or CRL", foreign.name);
                Err(Problem::new(what, foreign.hint))
            }
            None => {
                let blocks = blocks(bytes)
                    .map_err(|error| Problem::new(format!("is broken PEM: {error}"), error.hint))?;
                let items = blocks.iter().map(Item::of).collect::<Result<_, _>>()?;
                Ok(Self { items, is_empty: bytes.trim_ascii().is_empty() })
            }
        }
    }

    /// The items, in their order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items, if each is complete and allowed in a file with this purpose.
    pub(super) fn fit_for(self, purpose: Use) -> Result<Self, Problem> {
        if let Some(item) = self.items.iter().find(|item| !item.is_whole) {
            let (line, name) = (item.line.unwrap_or(1), item.kind.name());
            let what = format!(
                "is broken PEM: line {line}: begins {name} that is incomplete or has extra bytes after it"
            );
            return Err(Problem::new(what, "write the file again"));
        }
        let wanted = purpose.wants();
        // For a file of another kind, the error about the missing item is more helpful.
        if !self.items.iter().any(|item| item.kind == wanted) {
            return Ok(self);
        }
        let misplaced = self.items.iter().find(|item| item.kind != wanted && !purpose.bears(item.kind));
        match misplaced {
            None => Ok(self),
            Some(Item { kind, line, .. }) => {
                let what = format!(
                    "has {} in line {}, which is not allowed together with {}",
                    kind.name(),
                    line.unwrap_or(1),
                    wanted.name()
                );
                Err(Problem::new(what, purpose.hint(*kind)))
            }
        }
    }

    /// The items that are not used.
    pub(super) fn unused(&self, purpose: Use) -> Vec<Unused> {
        let others = self.items.iter().filter(|item| item.kind != purpose.wants());
        // The curve of an EC key: the key also names it.
        let others = others.filter(|item| item.kind != Kind::EcParameters);
        others.map(|item| Unused { kind: item.kind, line: item.line.unwrap_or(1) }).collect()
    }

    /// Whether there is an encrypted key in it.
    pub(super) fn has_encrypted_key(&self) -> bool {
        self.items.iter().any(|item| item.kind == Kind::EncryptedKey)
    }

    pub(crate) fn certificates(self) -> Vec<CertificateDer<'static>> {
        let certificate = |item: Item| match item.content {
            Content::Certificate(der) => Some(der),
            _ => None,
        };
        self.items.into_iter().filter_map(certificate).collect()
    }

    fn some_certificates(
        self,
        path: &Path,
        hint: &'static str,
    ) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
        let found = self.description();
        let certificates = self.certificates();
        if certificates.is_empty() {
            return Err(Problem::new(format!("has no certificate: {found}"), hint).in_file(path));
        }
        Ok(certificates)
    }

    pub(super) fn keys(self) -> impl Iterator<Item = PrivateKeyDer<'static>> {
        self.items.into_iter().filter_map(|item| match item.content {
            Content::Key(key) => Some(key),
            _ => None,
        })
    }

    pub(crate) fn crls(self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> {
        self.items.into_iter().filter_map(|item| match item.content {
            Content::Crl(crl) => Some(crl),
            _ => None,
        })
    }

    /// The content of the file, for an error about a missing item.
    pub(super) fn description(&self) -> String {
        if self.is_empty {
            return "the file is empty".to_owned();
        }
        let mut kinds: Vec<_> = self.items.iter().map(|item| item.kind.name()).collect();
        kinds.dedup();
        if kinds.is_empty() {
            return "it has no PEM block (BEGIN … END)".to_owned();
        }
        format!("it has {}", kinds.join(", "))
    }
}

impl Item {
    fn of(block: &Block<'_>) -> Result<Self, Problem> {
        let Block { line, label, has_fields, .. } = *block;
        let kind = match Kind::of_label(label) {
            Ok(Kind::PrivateKey) if has_fields => Kind::EncryptedKey,
            Ok(kind) => kind,
            Err(Some(foreign)) => {
                let what = format!("has {} in line {line}", foreign.name);
                return Err(Problem::new(what, foreign.hint));
            }
            Err(None) => {
                let what = format!("has an unknown block in line {line}: {label}");
                let hint = "remove it; clawgate reads the blocks CERTIFICATE, X509 CRL and PRIVATE KEY";
                return Err(Problem::new(what, hint));
            }
        };
        let (content, is_whole) = decoded(kind, block).ok_or_else(|| {
            Problem::new(
                format!("is broken PEM: line {line}: begins a block ({label}) whose Base64 is damaged"),
                "write the file again; it may be incomplete",
            )
        })?;
        Ok(Self { kind, line: Some(line), content, is_whole })
    }
}

/// The content of a block, and whether it is exactly one DER element; `None` when it is not Base64.
fn decoded(kind: Kind, block: &Block<'_>) -> Option<(Content, bool)> {
    let label = match kind {
        // `rustls-pemfile` does not support these labels, so it reads their Base64 under another label.
        Kind::EncryptedKey | Kind::EcParameters | Kind::DhParameters => "PUBLIC KEY",
        Kind::Certificate => "CERTIFICATE",
        Kind::Request => "CERTIFICATE REQUEST",
        Kind::Crl | Kind::PrivateKey | Kind::PublicKey => block.label,
    };
    let text = match block.plain {
        // Without a copy: a CRL may have a hundred megabytes.
        Some(plain) if label == block.label => Cow::Borrowed(plain),
        _ => {
            let begin = format!("-----BEGIN {label}-----\n");
            let end = format!("\n-----END {label}-----\n");
            Cow::Owned([begin.as_bytes(), block.body, end.as_bytes()].concat())
        }
    };
    let (item, _) = rustls_pemfile::read_one_from_slice(&text).ok()??;
    let der: &[u8] = match &item {
        Read::X509Certificate(der) => der,
        Read::Crl(der) => der,
        Read::Pkcs1Key(der) => der.secret_pkcs1_der(),
        Read::Pkcs8Key(der) => der.secret_pkcs8_der(),
        Read::Sec1Key(der) => der.secret_sec1_der(),
        Read::SubjectPublicKeyInfo(der) => der,
        Read::Csr(der) => der,
        _ => return None,
    };
    // An encrypted key in its old form is not DER until it is decrypted.
    let is_whole = block.has_fields || is_one_element(der);
    let content = match item {
        Read::X509Certificate(der) => Content::Certificate(der),
        Read::Crl(der) => Content::Crl(der),
        Read::Pkcs1Key(key) => Content::Key(PrivateKeyDer::Pkcs1(key)),
        Read::Pkcs8Key(key) => Content::Key(PrivateKeyDer::Pkcs8(key)),
        Read::Sec1Key(key) => Content::Key(PrivateKeyDer::Sec1(key)),
        _ => Content::Unread,
    };
    Some((content, is_whole))
}

/// The content of a file in DER.
fn content(kind: Kind, der: &[u8]) -> Option<Content> {
    Some(match kind {
        Kind::Certificate => Content::Certificate(der.to_vec().into()),
        Kind::Crl => Content::Crl(der.to_vec().into()),
        Kind::PrivateKey => Content::Key(PrivateKeyDer::try_from(der.to_vec()).ok()?),
        _ => Content::Unread,
    })
}

#[cfg(test)]
mod tests;

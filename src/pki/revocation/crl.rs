//! One certificate revocation list (RFC 5280 section 5): as it was signed, with an index over its serials.
//!
//! webpki verifies a CRL's signature at every handshake, which means hashing the whole CRL, and allocates memory for
//! each entry. This module verifies a signature once for each key, and stores only the position of each entry in the
//! DER. A CRL of a million serials needs its own size and ten megabytes, and a look-up takes the same time for every
//! size.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashTable;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateRevocationListDer, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::num_bigint::BigUint;
use x509_parser::oid_registry::{
    OID_X509_EXT_DELTA_CRL_INDICATOR, OID_X509_EXT_ISSUER_DISTRIBUTION_POINT,
};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::RevokedCertificate;

use super::error;
use super::issuer::Issuer;
use super::layout::{Layout, Signed, offset, serial_at};
use super::scope::{Scope, Subject};
use crate::identity::name::cut;
use crate::identity::name::extension_name;
use crate::identity::{Validity, name_key, rfc3339, rfc4514};
use crate::pki::ca::Ca;
use crate::problem::Problem;

/// How far the clock of a CA may be ahead of clawgate's, in seconds.
const SKEW: i64 = 300;
/// Keys for which the result of verifying the signature is kept. Usually there is one; a CA that gets a new key under its
/// old name has two for a while.
const KEYS: usize = 4;

/// A revocation list.
pub struct Crl {
    /// The file that it was read from.
    pub file: PathBuf,
    /// The issuer: RFC 4514, shortened.
    pub issuer: String,
    /// The issuer, normalized for comparison ([`name_key`]).
    pub issuer_key: Box<[u8]>,
    /// thisUpdate, in seconds since 1970.
    pub this_update: i64,
    /// nextUpdate, in seconds since 1970.
    pub next_update: i64,
    /// How many certificates it revokes.
    pub entries: usize,
    number: Option<BigUint>,
    key_id: Option<Vec<u8>>,
    scope: Scope,
    der: CertificateRevocationListDer<'static>,
    /// The positions of the entries in `der`, by serial number.
    index: HashTable<u32>,
    hasher: RandomState,
    signed: Signed,
    /// Public keys (SubjectPublicKeyInfo) that were tried, and whether each verified the signature.
    signers: [OnceLock<(Vec<u8>, bool)>; KEYS],
    warned: AtomicBool,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The revocation date: RFC 3339; `None` when it cannot be parsed.
    pub since: Option<String>,
    /// The reason, as RFC 5280 section 5.3.1 spells it, if the entry has one.
    pub reason: Option<String>,
}

impl Crl {
    /// Reads a CRL in DER. `file` is the file that it was read from.
    ///
    /// # Errors
    /// When it is damaged or not supported.
    pub fn read(der: CertificateRevocationListDer<'static>, file: &Path) -> Result<Self, Problem> {
        let layout = Layout::of(&der)?;
        let hasher = RandomState::new();
        let mut index = HashTable::with_capacity(layout.count());
        for entry in layout.entries() {
            let entry = entry?;
            let place = u32::try_from(offset(&der, entry.der)).map_err(|_| error::damaged())?;
            let hash_of =
                |place: &u32| serial_at(&der, *place).map_or(0, |serial| hasher.hash_one(serial));
            index.insert_unique(hasher.hash_one(entry.serial), place, hash_of);
        }
        let mut crl = Self {
            file: file.to_owned(),
            issuer: cut(rfc4514(&layout.issuer)),
            issuer_key: name_key(&layout.issuer),
            this_update: layout.this_update.timestamp(),
            next_update: layout.next_update.timestamp(),
            entries: index.len(),
            number: None,
            key_id: None,
            scope: Scope::default(),
            index,
            hasher,
            signed: layout.signed,
            signers: Default::default(),
            warned: AtomicBool::new(false),
            der: Vec::new().into(),
        };
        for extension in &layout.extensions {
            crl.take(extension)?;
        }
        drop(layout.extensions);
        crl.der = der;
        Ok(crl)
    }

    /// RFC 5280 section 5.2.
    fn take(&mut self, extension: &X509Extension<'_>) -> Result<(), Problem> {
        match extension.parsed_extension() {
            ParsedExtension::CRLNumber(number) => self.number = Some(number.clone()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            _ if extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT => {
                self.scope = Scope::read(extension.value)?;
            }
            _ if extension.oid == OID_X509_EXT_DELTA_CRL_INDICATOR => return Err(error::delta()),
            ParsedExtension::ParseError { .. } => return Err(error::damaged()),
            _ if extension.critical => {
                return Err(error::unknown_critical("has", &extension_name(&extension.oid)));
            }
            _ => {}
        }
        Ok(())
    }

    /// The entry of a certificate, by its serial number (the INTEGER's content).
    pub fn revoked(&self, serial: &[u8]) -> Option<Revoked> {
        let is_it = |place: &u32| serial_at(&self.der, *place) == Some(serial);
        let place = self.index.find(self.hasher.hash_one(serial), is_it)?;
        // The certificate is revoked even if the rest of the entry cannot be read.
        let entry = usize::try_from(*place).ok().and_then(|place| self.der.get(place..));
        let entry = entry.and_then(|der| RevokedCertificate::from_der(der).ok()).map(|(_, entry)| entry);
        let reason = entry.as_ref().and_then(RevokedCertificate::reason_code);
        Some(Revoked {
            since: entry.as_ref().map(|entry| rfc3339(entry.revocation_date)),
            reason: reason.map(|(_, code)| camel_case(&code.to_string())),
        })
    }

    /// Whether `issuer` signed it, and may sign CRLs.
    pub(super) fn is_signed_by(&self, issuer: &Issuer<'_>) -> bool {
        if !issuer.signs_crls {
            return false;
        }
        for slot in &self.signers {
            let (key, holds) = slot.get_or_init(|| (issuer.spki.to_vec(), self.verify(issuer.spki)));
            if key == issuer.spki {
                return *holds;
            }
        }
        self.verify(issuer.spki)
    }

    fn verify(&self, spki: &[u8]) -> bool {
        let Signed { message, algorithm, signature } = &self.signed;
        let (message, signature) = (&self.der[message.clone()], &self.der[signature.clone()]);
        let spki = SubjectPublicKeyInfoDer::from(spki);
        let Ok(key) = RawPublicKeyEntity::try_from(&spki) else { return false };
        let all = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        let mut fitting =
            all.iter().filter(|known| *known.signature_alg_id() == self.der[algorithm.clone()]);
        fitting.any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok())
    }

    /// Whether a certificate of its issuer is within its scope.
    pub fn covers(&self, subject: &Subject) -> bool {
        self.scope.covers(subject)
    }

    /// Whether `other` is a later list of the same scope.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        self.scope == other.scope
            && (self.this_update, &self.number) < (other.this_update, &other.number)
    }

    /// Whether it has the same issuer as `other`, and the same authority key identifier.
    pub(super) fn has_issuer_of(&self, other: &Self) -> bool {
        self.issuer_key == other.issuer_key && self.key_id == other.key_id
    }

    /// Whether `ca` has the name of its issuer and, if both have key identifiers, the same one.
    pub fn may_be_of(&self, ca: &Ca) -> bool {
        let same = |(own, its): (&Vec<u8>, &Vec<u8>)| own == its;
        ca.name_key() == &*self.issuer_key
            && self.key_id.as_ref().zip(ca.key_id.as_ref()).is_none_or(same)
    }

    /// When it is valid.
    pub fn validity(&self) -> Validity {
        Validity { from: self.this_update, until: self.next_update }
    }

    /// Whether it is past its nextUpdate at `now` (seconds since 1970).
    pub(super) fn is_expired(&self, now: i64) -> bool {
        now >= self.next_update
    }

    /// Whether its thisUpdate is after `now` (seconds since 1970) by more than clocks may differ.
    pub(super) fn is_ahead(&self, now: i64) -> bool {
        self.this_update > now.saturating_add(SKEW)
    }

    /// `true` only at the first call, so that a warning about the CRL is logged once and not at every handshake.
    pub(crate) fn warns_first(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// The name of the file without its folder, such as `crl.pem`, for the log.
    pub fn file_name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, issuer, this_update, next_update, entries, .. } = self;
        f.debug_struct("Crl")
            .field("file", file)
            .field("issuer", issuer)
            .field("this_update", this_update)
            .field("next_update", next_update)
            .field("entries", entries)
            .finish_non_exhaustive()
    }
}

/// `KeyCompromise` as RFC 5280 spells it: `keyCompromise`.
fn camel_case(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

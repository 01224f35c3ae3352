//! One certificate revocation list (RFC 5280 section 5): as it was signed, with an index over its serials.
//!
//! webpki checks a list's signature anew at every handshake, which means hashing all of it, and keeps
//! each entry in allocations of its own. Here a signature is checked once for each key, and an entry is a
//! place in the DER: a list of a million serials costs its own size and ten megabytes, and looking one
//! up costs the same whatever the list's size.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashTable;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateRevocationListDer, SubjectPublicKeyInfoDer};
use webpki::{BorrowedCertRevocationList, RawPublicKeyEntity};
use x509_parser::asn1_rs::Any;
use x509_parser::extensions::{
    DistributionPointName, GeneralName, IssuingDistributionPoint, ParsedExtension, X509Extension,
};
use x509_parser::num_bigint::BigUint;
use x509_parser::oid_registry::{
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_ISSUER_DISTRIBUTION_POINT,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::RevokedCertificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use super::Issuer;
use super::error::CrlError;
use crate::identity::name::{cut, rfc4514};
use crate::identity::{Validity, rfc3339};
use crate::tls::trust::Ca;

/// Keys for which the outcome of checking the signature is remembered. One is the rule; a CA that is
/// given a new key under its old name has two for a while.
const KEYS: usize = 4;

/// A revocation list.
pub struct Crl {
    /// The file it came from.
    pub file: PathBuf,
    /// Whose certificates it is about: RFC 4514, cut.
    pub issuer: String,
    /// The same in DER, for comparing.
    pub issuer_der: Vec<u8>,
    /// When it was issued, seconds since 1970.
    pub this_update: i64,
    /// When its successor is due, seconds since 1970.
    pub next_update: i64,
    /// How many certificates it revokes.
    pub entries: usize,
    number: Option<BigUint>,
    key_id: Option<Vec<u8>>,
    scope: Option<Scope>,
    der: CertificateRevocationListDer<'static>,
    /// The places of the entries in `der`, by their serials.
    index: HashTable<u32>,
    hasher: RandomState,
    signed: Signed,
    /// Public keys (SubjectPublicKeyInfo) that were tried, and whether the signature is theirs.
    signers: [OnceLock<(Vec<u8>, bool)>; KEYS],
    told: AtomicBool,
}

/// Where in the DER the signature and what it covers are.
#[derive(Clone, Debug)]
struct Signed {
    message: Range<usize>,
    /// The content of the AlgorithmIdentifier.
    algorithm: Range<usize>,
    signature: Range<usize>,
}

/// Which of its issuer's certificates a list is about, where it is not about all (RFC 5280 section 5.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    uris: Vec<String>,
    leaves_only: bool,
    cas_only: bool,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// RFC 3339; `None` when the CA wrote it in a way that cannot be read.
    pub since: Option<String>,
    /// As RFC 5280 section 5.3.1 spells it, if the CA gave one.
    pub reason: Option<String>,
}

impl Crl {
    /// Reads a list in DER; `file` is where it came from.
    ///
    /// # Errors
    /// When it is damaged, or of a kind that is not supported.
    pub fn read(der: CertificateRevocationListDer<'static>, file: &Path) -> Result<Self, CrlError> {
        let layout = Layout::of(&der)?;
        // webpki reads it too, and stricter: what it does not know it does not let pass.
        let strict = BorrowedCertRevocationList::from_der(&der).map_err(CrlError::of)?;
        let hasher = RandomState::new();
        let mut index = HashTable::with_capacity(layout.entries().count());
        let mut entries = layout.entries();
        for known in &strict {
            let known = known.map_err(CrlError::of)?;
            let entry = entries.next().ok_or_else(CrlError::damaged)?;
            let serial = entry_serial(entry).filter(|serial| *serial == known.serial_number);
            let serial = serial.ok_or_else(CrlError::damaged)?;
            let place = u32::try_from(offset(&der, entry)).map_err(|_| CrlError::damaged())?;
            let hash_of =
                |place: &u32| serial_at(&der, *place).map_or(0, |serial| hasher.hash_one(serial));
            index.insert_unique(hasher.hash_one(serial), place, hash_of);
        }
        let mut crl = Self {
            file: file.to_owned(),
            issuer: cut(rfc4514(&layout.issuer)),
            issuer_der: layout.issuer.as_raw().to_vec(),
            this_update: layout.this_update.timestamp(),
            next_update: layout.next_update.timestamp(),
            entries: index.len(),
            number: None,
            key_id: None,
            scope: None,
            index,
            hasher,
            signed: layout.signed.clone(),
            signers: Default::default(),
            told: AtomicBool::new(false),
            der: Vec::new().into(),
        };
        crl.take_extensions(layout.extensions)?;
        drop(entries);
        crl.der = der;
        Ok(crl)
    }

    fn take_extensions(&mut self, mut list: &[u8]) -> Result<(), CrlError> {
        while !list.is_empty() {
            let (rest, extension) = X509Extension::from_der(list).map_err(|_| CrlError::damaged())?;
            match extension.parsed_extension() {
                ParsedExtension::CRLNumber(number) => self.number = Some(number.clone()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    self.key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::IssuingDistributionPoint(point) => self.scope = Some(Scope::of(point)),
                // Without its scope it would pass for a list of everything.
                _ if extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT => {
                    return Err(CrlError::damaged());
                }
                _ => {}
            }
            list = rest;
        }
        Ok(())
    }

    /// The entry of a certificate, by its serial number (the INTEGER's content).
    pub fn revoked(&self, serial: &[u8]) -> Option<Revoked> {
        let is_it = |place: &u32| serial_at(&self.der, *place) == Some(serial);
        let place = self.index.find(self.hasher.hash_one(serial), is_it)?;
        // Revoked it is, whatever else of the entry can be read.
        let entry = usize::try_from(*place).ok().and_then(|place| self.der.get(place..));
        let entry = entry.and_then(|der| RevokedCertificate::from_der(der).ok()).map(|(_, entry)| entry);
        let reason = entry.as_ref().and_then(RevokedCertificate::reason_code);
        Some(Revoked {
            since: entry.as_ref().map(|entry| rfc3339(entry.revocation_date)),
            reason: reason.map(|(_, code)| camel_case(&code.to_string())),
        })
    }

    /// Whether `issuer` signed it, and may sign lists.
    pub fn is_signed_by(&self, issuer: &Issuer<'_>) -> bool {
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
    pub fn covers(&self, certificate: &X509Certificate<'_>, is_leaf: bool) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.covers(certificate, is_leaf))
    }

    /// Whether `other` is a later list of the same scope.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        self.scope == other.scope
            && (self.this_update, &self.number) < (other.this_update, &other.number)
    }

    /// Whether it is of the same issuer as `other`, and says that it is of the same key.
    pub(super) fn has_issuer_of(&self, other: &Self) -> bool {
        self.issuer_der == other.issuer_der && self.key_id == other.key_id
    }

    /// Whether `ca` has the name of its issuer and, where both say which key, the same key.
    pub fn may_be_of(&self, ca: &Ca) -> bool {
        let same = |(own, its): (&Vec<u8>, &Vec<u8>)| own == its;
        ca.subject_der == self.issuer_der
            && self.key_id.as_ref().zip(ca.key_id.as_ref()).is_none_or(same)
    }

    /// When it holds.
    pub fn validity(&self) -> Validity {
        Validity { from: self.this_update, until: self.next_update }
    }

    /// Whether it is past its time at `now` (seconds since 1970).
    pub fn is_expired(&self, now: i64) -> bool {
        now >= self.next_update
    }

    /// `true` once: what is worth telling of it need not be told at every handshake.
    pub(in crate::tls) fn tell_once(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }

    /// `crl.pem`, the file's name alone: the log needs no path.
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

impl Scope {
    fn of(point: &IssuingDistributionPoint<'_>) -> Self {
        Self {
            uris: uris(point.distribution_point.as_ref()),
            leaves_only: point.only_contains_user_certs,
            cas_only: point.only_contains_ca_certs,
        }
    }

    fn covers(&self, certificate: &X509Certificate<'_>, is_leaf: bool) -> bool {
        if (self.leaves_only && !is_leaf) || (self.cas_only && is_leaf) {
            return false;
        }
        let points =
            certificate.extensions().iter().find(|e| e.oid == OID_X509_EXT_CRL_DISTRIBUTION_POINTS);
        let points = match points.map(X509Extension::parsed_extension) {
            Some(ParsedExtension::CRLDistributionPoints(points)) => points,
            // Which it names cannot be read.
            Some(_) => return false,
            None => return true,
        };
        let mut whole = points.iter().filter(|p| p.reasons.is_none() && p.crl_issuer.is_none());
        whole.any(|p| uris(p.distribution_point.as_ref()).iter().any(|uri| self.uris.contains(uri)))
    }
}

fn uris(name: Option<&DistributionPointName<'_>>) -> Vec<String> {
    let Some(DistributionPointName::FullName(names)) = name else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.iter().filter_map(uri).collect()
}

/// Tags of ASN.1.
const INTEGER: u32 = 2;
const SEQUENCE: u32 = 16;

/// The parts of a list's DER.
struct Layout<'a> {
    issuer: X509Name<'a>,
    this_update: ASN1Time,
    next_update: ASN1Time,
    revoked: &'a [u8],
    extensions: &'a [u8],
    signed: Signed,
}

impl<'a> Layout<'a> {
    /// x509-parser's own type for a list takes each entry apart, which a long one should not have to pay.
    fn of(der: &'a [u8]) -> Result<Self, CrlError> {
        let (_, outer) = element(der)?;
        let (rest, message) = element(outer.data)?;
        let signed_bytes = before(outer.data, rest);
        let (rest, algorithm) = element(rest)?;
        let (_, signature) = element(rest)?;
        // A BIT STRING begins with the number of bits that are not used.
        let [0, signature @ ..] = signature.data else { return Err(CrlError::damaged()) };
        let signed = Signed {
            message: range(der, signed_bytes),
            algorithm: range(der, algorithm.data),
            signature: range(der, signature),
        };
        let (rest, first) = element(message.data)?;
        if first.tag().0 != INTEGER {
            return Err(CrlError::of(webpki::Error::UnsupportedCrlVersion));
        }
        let (rest, _algorithm) = element(rest)?;
        let (rest, issuer) = X509Name::from_der(rest).map_err(|_| CrlError::damaged())?;
        let (rest, this_update) = ASN1Time::from_der(rest).map_err(|_| CrlError::damaged())?;
        let Ok((rest, next_update)) = ASN1Time::from_der(rest) else {
            let mend = "have it issued with a nextUpdate, as RFC 5280 section 5.1.2.5 demands";
            return Err(CrlError::new("does not say when the next one is due", mend));
        };
        let mut list = rest;
        let (mut revoked, mut extensions): (&[u8], &[u8]) = (&[], &[]);
        while !list.is_empty() {
            let (rest, part) = element(list)?;
            match part.tag().0 {
                SEQUENCE => revoked = part.data,
                0 => extensions = element(part.data)?.1.data,
                _ => return Err(CrlError::damaged()),
            }
            list = rest;
        }
        Ok(Self { issuer, this_update, next_update, revoked, extensions, signed })
    }

    /// The DER of each entry.
    fn entries(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut list = self.revoked;
        std::iter::from_fn(move || {
            let (rest, _) = element(list).ok()?;
            let entry = before(list, rest);
            list = rest;
            Some(entry)
        })
    }
}

fn element(der: &[u8]) -> Result<(&[u8], Any<'_>), CrlError> {
    Any::from_der(der).map_err(|_| CrlError::damaged())
}

/// The serial number in an entry, which is the first thing in it.
fn entry_serial(entry: &[u8]) -> Option<&[u8]> {
    let (_, entry) = element(entry).ok()?;
    Some(element(entry.data).ok()?.1.data)
}

fn serial_at(der: &[u8], place: u32) -> Option<&[u8]> {
    entry_serial(der.get(usize::try_from(place).ok()?..)?)
}

/// What of `whole` stands before `rest`, its end.
fn before<'a>(whole: &'a [u8], rest: &[u8]) -> &'a [u8] {
    &whole[..whole.len() - rest.len()]
}

/// Where in `whole` its `part` begins.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

fn range(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = offset(whole, part);
    start..start + part.len()
}

/// `KeyCompromise` as RFC 5280 spells it: `keyCompromise`.
fn camel_case(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

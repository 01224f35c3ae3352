//! The parts of a CRL's DER (RFC 5280 section 5.1).
//!
//! x509-parser's type for a CRL parses each entry, which needs much time and memory for a long CRL.

use std::ops::Range;

use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{ReasonCode, X509Name};

use super::error;
use crate::identity::name::extension_name;
use crate::pki::der::{self, BIT_STRING, INTEGER, SEQUENCE};
use crate::problem::Problem;

/// The tag of a list's extensions.
const EXTENSIONS: u8 = der::constructed(0);
/// The extension certificateIssuer of an entry (RFC 5280 section 5.3.3).
const CERTIFICATE_ISSUER: Oid<'static> = oid!(2.5.29.29);

/// The parts of a list.
pub(super) struct Layout<'a> {
    pub(super) issuer: X509Name<'a>,
    pub(super) this_update: ASN1Time,
    pub(super) next_update: ASN1Time,
    pub(super) extensions: Vec<X509Extension<'a>>,
    pub(crate) signed: Signed,
    revoked: &'a [u8],
}

/// Where in the DER the signature and what it covers are.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) message: Range<usize>,
    /// The content of the AlgorithmIdentifier.
    pub(super) algorithm: Range<usize>,
    pub(super) signature: Range<usize>,
}

impl<'a> Layout<'a> {
    pub(super) fn of(der: &'a [u8]) -> Result<Self, Problem> {
        let outer = der::only(der)?.tagged(SEQUENCE)?;
        let (rest, message) = der::first(outer)?;
        let (rest, algorithm) = der::first(rest)?;
        let signature = der::only(rest)?.tagged(BIT_STRING)?;
        // A BIT STRING begins with the number of bits that are not used.
        let [0, signature @ ..] = signature else { return Err(error::damaged()) };
        let signed = Signed {
            message: range(der, message.whole),
            algorithm: range(der, algorithm.tagged(SEQUENCE)?),
            signature: range(der, signature),
        };
        let (rest, first) = der::first(message.tagged(SEQUENCE)?)?;
        if first.tagged(INTEGER) != Ok(&[1]) {
            return Err(error::version_1());
        }
        let (rest, inner_algorithm) = der::first(rest)?;
        if inner_algorithm.whole != algorithm.whole {
            return Err(error::damaged());
        }
        let (rest, issuer) = X509Name::from_der(rest).map_err(|_| error::damaged())?;
        let (rest, this_update) = ASN1Time::from_der(rest).map_err(|_| error::damaged())?;
        let Ok((rest, next_update)) = ASN1Time::from_der(rest) else {
            return Err(error::endless());
        };
        let (mut revoked, mut extensions): (&[u8], Option<&[u8]>) = (&[], None);
        for (place, part) in der::all(rest)?.iter().enumerate() {
            match (place, part.tag) {
                (0, SEQUENCE) => revoked = part.content,
                (_, EXTENSIONS) if extensions.is_none() => {
                    extensions = Some(der::only(part.content)?.tagged(SEQUENCE)?);
                }
                _ => return Err(error::damaged()),
            }
        }
        // RFC 5280 section 5.2 requires a number and the issuer's key identifier.
        let extensions = extensions.ok_or_else(error::without_extensions)?;
        let extensions = extensions_of(extensions)?;
        Ok(Self { issuer, this_update, next_update, revoked, extensions, signed })
    }

    /// The number of entries, if all of them are valid.
    pub(super) fn count(&self) -> usize {
        let mut list = self.revoked;
        std::iter::from_fn(|| {
            list = der::first(list).ok()?.0;
            Some(())
        })
        .count()
    }

    /// The entries, with their DER and serial numbers. Each entry is checked completely.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, Problem>> + use<'a> {
        let mut list = self.revoked;
        std::iter::from_fn(move || {
            if list.is_empty() {
                return None;
            }
            Some(Entry::first(list).map(|(rest, entry)| {
                list = rest;
                entry
            }))
        })
    }
}

/// An entry of a list.
pub(super) struct Entry<'a> {
    pub(super) der: &'a [u8],
    /// The INTEGER's content.
    pub(super) serial: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The first entry of `list`, and the rest.
    fn first(list: &'a [u8]) -> Result<(&'a [u8], Self), Problem> {
        let (after, entry) = der::first(list)?;
        let (rest, serial) = der::first(entry.tagged(SEQUENCE)?)?;
        let serial = serial.tagged(INTEGER)?;
        let (rest, _date) = ASN1Time::from_der(rest).map_err(|_| error::damaged())?;
        if !rest.is_empty() {
            check_extensions(der::only(rest)?.tagged(SEQUENCE)?)?;
        }
        Ok((after, Self { der: entry.whole, serial }))
    }
}

/// RFC 5280 section 5.3: a critical extension of an entry must be known.
fn check_extensions(list: &[u8]) -> Result<(), Problem> {
    for extension in extensions_of(list)? {
        match extension.parsed_extension() {
            ParsedExtension::ReasonCode(ReasonCode(0..=6 | 8..=10))
            | ParsedExtension::InvalidityDate(_) => {}
            ParsedExtension::ReasonCode(_) => return Err(error::unknown_reason()),
            ParsedExtension::ParseError { .. } => return Err(error::damaged()),
            _ if extension.oid == CERTIFICATE_ISSUER => return Err(error::indirect()),
            _ if extension.critical => {
                let name = extension_name(&extension.oid);
                return Err(error::unknown_critical("has an entry with", &name));
            }
            _ => {}
        }
    }
    Ok(())
}

fn extensions_of(mut list: &[u8]) -> Result<Vec<X509Extension<'_>>, Problem> {
    let mut extensions: Vec<X509Extension<'_>> = Vec::new();
    while !list.is_empty() {
        let (rest, extension) = X509Extension::from_der(list).map_err(|_| error::damaged())?;
        if extensions.iter().any(|known| known.oid == extension.oid) {
            return Err(error::damaged());
        }
        extensions.push(extension);
        list = rest;
    }
    Ok(extensions)
}

/// The serial number of the entry at position `place`.
pub(super) fn serial_at(der: &[u8], place: u32) -> Option<&[u8]> {
    let (_, entry) = der::first(der.get(usize::try_from(place).ok()?..)?).ok()?;
    Some(der::first(entry.content).ok()?.1.content)
}

/// The position in `whole` at which `part` begins.
pub(super) fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

fn range(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = offset(whole, part);
    start..start + part.len()
}

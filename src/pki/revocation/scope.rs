//! The scope of a CRL: which of its issuer's certificates it covers (RFC 5280 sections 4.2.1.13 and 5.2.5).

use x509_parser::oid_registry::OID_X509_EXT_CRL_DISTRIBUTION_POINTS;
use x509_parser::prelude::X509Certificate;

use super::error;
use crate::pki::der::{self, Malformed};
use crate::problem::Problem;

/// The names of a distribution point. Each is a GeneralName in DER, and compared byte by byte.
type Names = Box<[Box<[u8]>]>;

/// The data about a certificate that CRL checks need.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its serial number (the INTEGER's content).
    pub serial: Box<[u8]>,
    /// Whether it is the leaf of the chain; otherwise it is a CA.
    pub is_leaf: bool,
    /// The names of its CRL distribution points, without those for some reasons only or of another CRL issuer.
    points: Names,
}

impl Subject {
    /// Reads `certificate`.
    pub fn of(certificate: &X509Certificate<'_>, is_leaf: bool) -> Self {
        let points =
            certificate.extensions().iter().find(|e| e.oid == OID_X509_EXT_CRL_DISTRIBUTION_POINTS);
        // If they cannot be read, no partial CRL covers it.
        let points = points.and_then(|points| named_points(points.value).ok()).unwrap_or_default();
        Self { serial: certificate.raw_serial().into(), is_leaf, points }
    }
}

/// The scope of a partial CRL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Certificates that name one of these distribution points. `None`: all certificates.
    points: Option<Names>,
    leaves_only: bool,
    cas_only: bool,
}

impl Scope {
    /// Reads the extension issuingDistributionPoint.
    pub(crate) fn read(extension: &[u8]) -> Result<Self, Problem> {
        let mut scope = Self::default();
        const POINT: u8 = der::constructed(0);
        const ONLY_USER_CERTS: u8 = der::primitive(1);
        const ONLY_CA_CERTS: u8 = der::primitive(2);
        const ONLY_SOME_REASONS: u8 = der::primitive(3);
        const INDIRECT: u8 = der::primitive(4);
        const ONLY_ATTRIBUTE_CERTS: u8 = der::primitive(5);
        for field in der::all(der::only(extension)?.tagged(der::SEQUENCE)?)? {
            let content = field.content;
            match field.tag {
                POINT => scope.points = Some(full_name(content)?.ok_or_else(error::relative_name)?),
                ONLY_USER_CERTS => scope.leaves_only = boolean(content)?,
                ONLY_CA_CERTS => scope.cas_only = boolean(content)?,
                ONLY_SOME_REASONS => return Err(error::some_reasons()),
                INDIRECT if boolean(content)? => return Err(error::indirect()),
                ONLY_ATTRIBUTE_CERTS if boolean(content)? => return Err(error::attributes()),
                INDIRECT | ONLY_ATTRIBUTE_CERTS => {}
                _ => return Err(error::damaged()),
            }
        }
        Ok(scope)
    }

    /// Whether it covers this certificate of its issuer (RFC 5280 section 6.3.3 (b)).
    pub(super) fn covers(&self, subject: &Subject) -> bool {
        if (self.leaves_only && !subject.is_leaf) || (self.cas_only && subject.is_leaf) {
            return false;
        }
        let Some(points) = &self.points else { return true };
        subject.points.iter().any(|point| points.contains(point))
    }
}

/// The names of all points in the extension cRLDistributionPoints, except those for some reasons or of other issuers.
fn named_points(extension: &[u8]) -> Result<Names, Malformed> {
    let mut names = Vec::new();
    for point in der::all(der::only(extension)?.tagged(der::SEQUENCE)?)? {
        let fields = der::all(point.tagged(der::SEQUENCE)?)?;
        // [1] are reasons, [2] is another issuer.
        if fields.iter().any(|field| field.tag != der::constructed(0)) {
            continue;
        }
        for name in fields {
            names.extend(full_name(name.content)?.into_iter().flatten());
        }
    }
    Ok(names.into())
}

/// The names in a DistributionPointName; `None` when it is relative to the issuer's.
fn full_name(name: &[u8]) -> Result<Option<Names>, Malformed> {
    let name = der::only(name)?;
    match name.tag {
        tag if tag == der::constructed(0) => {
            Ok(Some(der::all(name.content)?.iter().map(|name| name.whole.into()).collect()))
        }
        tag if tag == der::constructed(1) => Ok(None),
        _ => Err(Malformed),
    }
}

/// An implicitly tagged BOOLEAN. Some CAs also encode the default value.
fn boolean(content: &[u8]) -> Result<bool, Malformed> {
    match content {
        [0xff] => Ok(true),
        [0] => Ok(false),
        _ => Err(Malformed),
    }
}

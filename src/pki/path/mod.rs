//! Certification paths (RFC 5280 section 6): from a client's certificate up to a configured CA.
//!
//! `bounds` chooses which of the certificates sent are used at all, and `validation` decides whether they are a valid
//! path. If they are not, `building`, `issuer` and `unsupported` find out why.

pub(crate) mod bounds;
pub(crate) mod building;
mod issuer;
pub(crate) mod unsupported;
pub(crate) mod validation;

pub use self::building::Path;
pub use self::issuer::identify;

//! Certificates: files of keys and certificates, path validation, constraints, revocation.
//!
//! Input: a client's certificate chain, and the files that the settings name. Output: whether the chain is valid, and
//! if not, the data that the diagnosis needs to explain why. Imports only `identity`, `wording`, `finding` and
//! `telemetry`; it knows nothing of connections.

pub(crate) mod ca;
mod cache;
pub mod denylist;
mod der;
pub(crate) mod leaf;
pub(crate) mod material;
pub(crate) mod path;
pub mod pem;
pub mod revocation;
pub(crate) mod signature;
mod trust_store;

pub(crate) use self::ca::key_id;
pub use self::ca::{Ca, public_cas};
pub use self::cache::CertificateCaches;
pub use self::path::{Path, identify};
pub use self::signature::cache::{Budget, SignatureCache};
pub use self::signature::may_be_signed_by;
pub use self::trust_store::TrustStore;

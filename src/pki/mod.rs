//! Certificates: files of keys and certificates, path validation, constraints, revocation.
//!
//! Comes in: a client's certificate chain, and the files that the settings name. Goes out: whether the chain is valid,
//! and if not, what the diagnosis needs to explain why. Imports only `identity`, `wording`, `finding` and `telemetry`;
//! it knows nothing of connections.

pub mod authority;
pub mod bounds;
mod ca;
mod ca_names;
mod cache;
pub mod certification_path;
pub mod constraints;
pub mod denylist;
mod der;
mod issuer;
pub mod key_kind;
pub(crate) mod leaf;
pub mod link;
pub mod material;
pub mod path_validation;
pub mod pem;
mod public_cas;
pub mod revocation;
mod trust_store;
pub mod unsupported;

pub use self::ca::Ca;
pub(crate) use self::ca::key_id;
pub use self::cache::{Budget, CertificateCaches, SignatureCache};
pub use self::certification_path::Path;
pub use self::issuer::identify;
pub use self::link::may_be_signed_by;
pub use self::public_cas::public_cas;
pub use self::trust_store::TrustStore;
pub use self::unsupported::extension_name;

//! TLS: from an accepted socket to a verified chain, or to the reason why not.
pub mod material;

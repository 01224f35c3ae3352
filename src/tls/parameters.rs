//! The TLS parameters that clawgate accepts: versions, cipher suites, groups, tickets.
//!
//! All choices are safe: rustls has no others.

use rustls::crypto::aws_lc_rs::{self, ALL_CIPHER_SUITES, ALL_KX_GROUPS, DEFAULT_KX_GROUPS};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{
    CipherSuite, NamedGroup, ProtocolVersion, SignatureAlgorithm, SupportedCipherSuite,
    SupportedProtocolVersion, version,
};
use thiserror::Error;

use super::client_hello::ClientHello;
use crate::connection::{cipher_name, version_name};

/// The oldest version that clawgate accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Whether a client may resume a session, without presenting its certificate again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resumption {
    /// No: every connection needs a full handshake, with a proof of possession of the key.
    Off,
    /// Yes, with a ticket. The chain in the ticket is verified again.
    #[default]
    Safe,
}

/// A group for the key exchange.
pub type Group = &'static dyn SupportedKxGroup;

/// The TLS parameters that clawgate accepts.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The preferred ones first.
    suites: Vec<SupportedCipherSuite>,
    groups: Vec<Group>,
    /// The newest first; at least one, each with a suite and a group.
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether clients may resume sessions.
    pub resumption: Resumption,
    /// Whether the secrets of all connections are written to the file that `SSLKEYLOGFILE` names.
    pub key_log: bool,
}

/// Why parameters would exclude every client.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParametersError {
    /// No suite is for a version that is allowed.
    #[error("leave no cipher suite for TLS 1.3, and tls.min_version requires it")]
    Suites,
    /// No group can be used with the versions that the suites are for.
    #[error("can be used with TLS 1.3 only, and there is no cipher suite for it")]
    Groups,
}

impl Parameters {
    /// Versions from `min` on, with these suites and groups, the preferred ones first. Without suites: all of them; without
    /// groups: rustls's default.
    ///
    /// # Errors
    /// When no version is left that has both a suite and a group.
    pub fn new(
        min: MinVersion,
        suites: Vec<SupportedCipherSuite>,
        groups: Vec<Group>,
    ) -> Result<Self, ParametersError> {
        let suites = if suites.is_empty() { all_suites() } else { suites };
        let groups = if groups.is_empty() { DEFAULT_KX_GROUPS.to_vec() } else { groups };
        let allowed = match min {
            MinVersion::Tls12 => &[&version::TLS13, &version::TLS12][..],
            MinVersion::Tls13 => &[&version::TLS13],
        };
        let has_suite = |version: &&&SupportedProtocolVersion| {
            suites.iter().any(|suite| suite.version().version == version.version)
        };
        let has_group = |version: &&&SupportedProtocolVersion| {
            groups.iter().any(|group| group.usable_for_version(version.version))
        };
        let with_suite: Vec<_> = allowed.iter().filter(has_suite).collect();
        if with_suite.is_empty() {
            return Err(ParametersError::Suites);
        }
        let versions: Vec<_> = with_suite.into_iter().filter(has_group).copied().collect();
        if versions.is_empty() {
            return Err(ParametersError::Groups);
        }
        Ok(Self { suites, groups, versions, resumption: Resumption::default(), key_log: false })
    }

    /// The versions, the newest first.
    pub(crate) fn versions(&self) -> &[&'static SupportedProtocolVersion] {
        &self.versions
    }

    /// rustls's provider, reduced to these suites and groups.
    pub(crate) fn provider(&self) -> CryptoProvider {
        CryptoProvider {
            cipher_suites: self.suites.clone(),
            kx_groups: self.groups.clone(),
            ..aws_lc_rs::default_provider()
        }
    }

    /// Whether `hello` offers one of the versions.
    pub(super) fn shares_version(&self, hello: &ClientHello) -> bool {
        self.versions.iter().any(|version| {
            let name = version_name(version.version);
            hello.versions.iter().any(|offered| *offered == name)
        })
    }

    /// Whether any suite can be used with a server certificate of this kind of key.
    pub fn can_use(&self, algorithm: SignatureAlgorithm) -> bool {
        let of_version = |suite: &&SupportedCipherSuite| {
            self.versions.iter().any(|version| version.version == suite.version().version)
        };
        self.suites
            .iter()
            .filter(of_version)
            .any(|suite| suite.usable_for_signature_algorithm(algorithm))
    }

    /// The versions for a sentence: `TLS 1.2 or 1.3`.
    pub fn version_text(&self) -> &'static str {
        let has = |wanted| self.versions.iter().any(|version| version.version == wanted);
        match (has(ProtocolVersion::TLSv1_2), has(ProtocolVersion::TLSv1_3)) {
            (true, true) => "TLS 1.2 or 1.3",
            (true, false) => "TLS 1.2",
            _ => "TLS 1.3",
        }
    }

    /// IANA's names of the suites.
    pub fn suite_names(&self) -> Vec<String> {
        self.suites.iter().map(|suite| cipher_name(suite.suite())).collect()
    }

    /// Names of the groups.
    pub fn group_names(&self) -> Vec<&'static str> {
        self.groups.iter().map(|group| group_name(group.name())).collect()
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            suites: all_suites(),
            groups: DEFAULT_KX_GROUPS.to_vec(),
            versions: vec![&version::TLS13, &version::TLS12],
            resumption: Resumption::default(),
            key_log: false,
        }
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.versions == other.versions
            && self.suites == other.suites
            && self.group_names() == other.group_names()
            && (self.resumption, self.key_log) == (other.resumption, other.key_log)
    }
}

/// All suites. Those with AES-128 come first: it is secure as well, and its handshake needs no SHA-384, for which few
/// processors have instructions. The rest is in rustls's order.
fn all_suites() -> Vec<SupportedCipherSuite> {
    let mut suites = ALL_CIPHER_SUITES.to_vec();
    suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    suites
}

/// A name of nothing that clawgate supports.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("use one of {}", known.join(", "))]
pub struct Unsupported {
    /// All names there are.
    pub known: Vec<String>,
}

/// The suite with this name, IANA's or rustls'.
///
/// # Errors
/// When there is none.
pub fn suite(name: &str) -> Result<SupportedCipherSuite, Unsupported> {
    let named = |suite: &&SupportedCipherSuite| {
        cipher_name(suite.suite()) == name || suite.suite().as_str() == Some(name)
    };
    let known = || ALL_CIPHER_SUITES.iter().map(|suite| cipher_name(suite.suite()).to_string());
    let unsupported = || Unsupported { known: known().collect() };
    ALL_CIPHER_SUITES.iter().find(named).copied().ok_or_else(unsupported)
}

/// The group with this name, IANA's or rustls', in any case.
///
/// # Errors
/// When there is none.
pub fn group(name: &str) -> Result<Group, Unsupported> {
    let named = |group: &&Group| group_name(group.name()).eq_ignore_ascii_case(name);
    let known = || ALL_KX_GROUPS.iter().map(|group| group_name(group.name()).to_string());
    let unsupported = || Unsupported { known: known().collect() };
    ALL_KX_GROUPS.iter().find(named).copied().ok_or_else(unsupported)
}

fn group_name(group: NamedGroup) -> &'static str {
    group.as_str().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_of_iana_and_of_rustls_is_accepted() {
        for name in Parameters::default().suite_names() {
            assert_eq!(cipher_name(suite(&name).unwrap().suite()), name);
        }
        assert_eq!(suite("TLS13_AES_128_GCM_SHA256").unwrap(), suite("TLS_AES_128_GCM_SHA256").unwrap());
        for known in ALL_KX_GROUPS {
            assert_eq!(group(group_name(known.name())).unwrap().name(), known.name());
        }
        assert_eq!(group("x25519").unwrap().name(), NamedGroup::X25519);
        assert!(
            suite("TLS_RSA_WITH_RC4_128_SHA")
                .unwrap_err()
                .to_string()
                .contains("TLS_AES_128_GCM_SHA256")
        );
        assert!(group("sect163k1").unwrap_err().to_string().contains("X25519MLKEM768"));
    }

    proptest! {
        #[test]
        fn all_valid_parameters_make_a_configuration_with_all_their_versions(
            tls13_only: bool,
            suites in proptest::sample::subsequence(ALL_CIPHER_SUITES.to_vec(), 0..=ALL_CIPHER_SUITES.len()),
            groups in proptest::sample::subsequence(ALL_KX_GROUPS.to_vec(), 0..=ALL_KX_GROUPS.len()),
        ) {
            let min = if tls13_only { MinVersion::Tls13 } else { MinVersion::Tls12 };
            let wants_old = suites.iter().all(|suite| suite.version().version == ProtocolVersion::TLSv1_2);
            match Parameters::new(min, suites.clone(), groups) {
                Ok(parameters) => {
                    let builder = rustls::ServerConfig::builder_with_provider(parameters.provider().into());
                    prop_assert!(builder.with_protocol_versions(parameters.versions()).is_ok());
                    prop_assert!(!tls13_only || parameters.version_text() == "TLS 1.3");
                }
                Err(_) => prop_assert!(!suites.is_empty() && wants_old),
            }
        }
    }
}

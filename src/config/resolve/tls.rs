//! What the gate agrees to in a handshake.

use rustls::SupportedCipherSuite;

use super::Resolver;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::problem::Origin;
use crate::config::values;
use crate::tls::Resumption;
use crate::tls::material::Material;
use crate::tls::parameters::{Group, MinVersion, Parameters, ParametersError};

impl Resolver<'_> {
    pub(super) fn parameters(&mut self, material: Option<&Material>) -> Parameters {
        let min = self.value(&keys::MIN_VERSION, values::min_version, MinVersion::Tls12);
        let suites = self.many(&keys::CIPHER_SUITES, values::cipher_suite);
        let groups = self.many(&keys::GROUPS, values::group);
        let origins = (
            suites.first().map(|suite| suite.origin.clone()),
            groups.first().map(|group| group.origin.clone()),
        );
        let mut parameters = self.agreed(min, suites, groups, &origins);
        // Else each certificate has a suite: those of TLS 1.3 are for every kind of key.
        let nobody = |material: &&Material| {
            !material.own.is_empty()
                && !material.own.iter().any(|own| parameters.can_show(own.algorithm()))
        };
        if material.filter(nobody).is_some() {
            let origin = origins.0.unwrap_or(Origin::Default(keys::CIPHER_SUITES.toml));
            let what = "leave none that can be used with the key of the gate's certificate";
            self.report.problem(
                &origin,
                what,
                "add one of TLS 1.3, or one with RSA for an RSA key, with ECDSA for another",
            );
        }
        parameters.resumption = self.value(&keys::RESUMPTION, values::resumption, Resumption::Off);
        parameters.key_log = self.key_log();
        parameters
    }

    fn agreed(
        &mut self,
        min: MinVersion,
        suites: Vec<Sourced<SupportedCipherSuite>>,
        groups: Vec<Sourced<Group>>,
        (of_suites, of_groups): &(Option<Origin>, Option<Origin>),
    ) -> Parameters {
        let suites = suites.into_iter().map(|suite| suite.value).collect();
        let groups = groups.into_iter().map(|group| group.value).collect();
        Parameters::new(min, suites, groups).unwrap_or_else(|error| {
            let (origin, key, hint) = match error {
                ParametersError::Suites => (
                    of_suites,
                    &keys::CIPHER_SUITES,
                    "add a suite of TLS 1.3, e.g. TLS_AES_128_GCM_SHA256, or lower tls.min_version",
                ),
                ParametersError::Groups => {
                    (of_groups, &keys::GROUPS, "add X25519, or a cipher suite of TLS 1.3")
                }
            };
            let origin = origin.clone().unwrap_or(Origin::Default(key.toml));
            self.report.problem(&origin, error.to_string(), hint);
            Parameters::default()
        })
    }

    /// Whoever has the secrets can read all that is sent: said each time.
    fn key_log(&mut self) -> bool {
        let Some(Sourced { value: true, origin }) = self.one(&keys::KEY_LOG, values::switch) else {
            return false;
        };
        match &self.sources.key_log_file {
            None => {
                let hint = "set the variable SSLKEYLOGFILE to a file, or take this out";
                self.report.problem(&origin, "is true, but SSLKEYLOGFILE names no file", hint);
            }
            Some(path) => {
                let what = format!(
                    "the secrets of all connections are written to {} (SSLKEYLOGFILE): whoever reads it can read all \
                     that senders send",
                    path.display()
                );
                self.report.warning(
                    &origin,
                    what,
                    "take tls.key_log out as soon as the trouble is found",
                );
            }
        }
        true
    }
}

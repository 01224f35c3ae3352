//! What clawgate may agree on in a handshake.

use rustls::SupportedCipherSuite;

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::{List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::pki::material::Material;
use crate::tls::parameters::{Group, MinVersion, Parameters, ParametersError};

/// `material`: the certificates, where they can be used.
pub(super) fn parameters(r: &mut Resolver<'_>, material: Option<&Material>) -> Found<Parameters> {
    let key_log = key_log(r);
    let (min, resumption) = (r.value(&keys::MIN_VERSION), r.value(&keys::RESUMPTION));
    let (suites, groups) = (r.list(&keys::CIPHER_SUITES), r.list(&keys::GROUPS));
    let origin = suites.origin().cloned().unwrap_or(Origin::Default(keys::CIPHER_SUITES.toml));
    let mut parameters = agreeable(r, min?, suites, groups)?;
    // Without settings of suites each certificate has one: those of TLS 1.3 are for every kind of key.
    if let Some(Material { own, .. }) = material
        && !own.is_empty()
        && !own.iter().any(|own| parameters.can_use(own.algorithm()))
    {
        let what = "leave none that can be used with the key of the server certificate";
        let hint = "add one of TLS 1.3, or one with RSA for an RSA key, with ECDSA for another";
        return Err(r.report.problem(&origin, what, hint));
    }
    parameters.resumption = resumption?;
    parameters.key_log = key_log?;
    Ok(parameters)
}

fn agreeable(
    r: &mut Resolver<'_>,
    min: MinVersion,
    suites: List<SupportedCipherSuite>,
    groups: List<Group>,
) -> Found<Parameters> {
    let origins = (suites.origin().cloned(), groups.origin().cloned());
    Parameters::new(min, suites.all_values()?, groups.all_values()?).map_err(|error| {
        let (origin, toml, hint) = match error {
            ParametersError::Suites => (
                origins.0,
                keys::CIPHER_SUITES.toml,
                "add a suite of TLS 1.3, e.g. TLS_AES_128_GCM_SHA256, or lower tls.min_version",
            ),
            ParametersError::Groups => {
                (origins.1, keys::GROUPS.toml, "add X25519, or a cipher suite of TLS 1.3")
            }
        };
        let origin = origin.unwrap_or(Origin::Default(toml));
        r.report.problem(&origin, error.to_string(), hint)
    })
}

/// Everybody who has the secrets can read all traffic, so this is a warning each time.
fn key_log(r: &mut Resolver<'_>) -> Found<bool> {
    let Sourced { value: is_on, origin } = r.sourced(&keys::KEY_LOG)?;
    match &r.sources.key_log_file {
        _ if !is_on => {}
        None => {
            let hint = "set the variable SSLKEYLOGFILE to a file, or remove this";
            return Err(r.report.problem(&origin, "is true, but SSLKEYLOGFILE names no file", hint));
        }
        Some(path) => {
            let what = format!(
                "the secrets of all connections are written to {} (SSLKEYLOGFILE): everybody who can read that file \
                 can decrypt the traffic",
                path.display()
            );
            r.report.warning(&origin, what, "remove tls.key_log when you have found the problem");
        }
    }
    Ok(is_on)
}

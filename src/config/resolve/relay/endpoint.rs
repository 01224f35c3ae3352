//! The server of a target, and that of its tokens: URL, TLS and addresses.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

use super::super::resolver::Resolver;
use super::super::secure;
use crate::config::key::{Key, Setting};
use crate::config::keys::relay;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::config::values::{FileName, TargetUrl, UrlParts};
use crate::relay::settings::Endpoint;
use crate::upstream::{AddressCheck, Target, UpstreamTls, roots_in};

/// The system's CAs, which are read once, when the first target needs them.
#[derive(Default)]
pub(super) struct Trust(Option<Found<Arc<RootCertStore>>>);

/// Where a target's events go.
pub(super) fn of_target(r: &mut Resolver<'_>, layer: &Layer, trust: &mut Trust) -> Found<Endpoint> {
    let identity = identity(r, layer);
    let endpoint = endpoint(r, layer, &relay::URL, &relay::CA, trust);
    let (mut endpoint, identity) = (endpoint?, identity?);
    match (&mut endpoint.tls, identity) {
        (Some(tls), identity) => tls.identity = identity,
        (None, Some(_)) => {
            let origin = layer.get(&relay::CERTIFICATE).and_then(List::origin);
            let origin = origin.cloned().unwrap_or(Origin::Default(relay::CERTIFICATE.toml));
            return Err(not_for_plain_http(r, &origin));
        }
        (None, None) => {}
    }
    Ok(endpoint)
}

/// Where a target's tokens come from.
pub(super) fn of_tokens(r: &mut Resolver<'_>, layer: &Layer, trust: &mut Trust) -> Found<Endpoint> {
    endpoint(r, layer, &relay::TOKEN_URL, &relay::AUTH_CA, trust)
}

/// The endpoint of a URL that the table has.
fn endpoint(
    r: &mut Resolver<'_>,
    layer: &Layer,
    url: &Setting<TargetUrl>,
    ca: &Setting<FileName>,
    trust: &mut Trust,
) -> Found<Endpoint> {
    let url = r.value_in(layer, url);
    let ca = r.optional_in(layer, ca);
    let addresses = addresses(r, layer);
    let plain = r.value_in(layer, &relay::ALLOW_PLAIN_HTTP);
    let (Sourced { value: UrlParts { server, host, target }, origin }, ca) = (url?, ca?);
    let (addresses, plain) = (addresses?, plain?);
    check_address(r, &server, &addresses, &origin);
    let tls = match &server {
        Target::Https { host, .. } => Some(tls(r, host, ca.as_ref(), &origin, trust)?),
        _ => None,
    };
    if tls.is_none() && !plain.value {
        let what = "is http://, so everybody on the way could read the event and the credential";
        let hint = "use https://; for a server in your own network you may set allow_plain_http = true";
        r.report.problem(&origin, what, hint);
    }
    if let (None, Some(ca)) = (&tls, &ca) {
        return Err(not_for_plain_http(r, &ca.origin));
    }
    Ok(Endpoint { server, host, target, tls, addresses })
}

fn not_for_plain_http(r: &mut Resolver<'_>, origin: &Origin) -> crate::config::problem::Reported {
    r.report.problem(origin, "is for https, and the url is http://", "use https://, or remove this")
}

fn tls(
    r: &mut Resolver<'_>,
    host: &str,
    ca: Option<&Sourced<PathBuf>>,
    origin: &Origin,
    trust: &mut Trust,
) -> Found<UpstreamTls> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        let what = format!("`{host}` is not a host name that a certificate can have");
        r.report.problem(origin, what, "write https://NAME/PATH")
    });
    let roots = match ca {
        Some(ca) => roots_in(&ca.value).map(Arc::new).map_err(|error| r.file_problem(&ca.origin, error)),
        None => {
            let hint = "name the CA of its certificate in `ca` of the target";
            trust.0.get_or_insert_with(|| secure::of_system(r, origin, hint).map(Arc::new)).clone()
        }
    };
    Ok(UpstreamTls { roots: roots?, name: name?, identity: None })
}

/// The certificate that clawgate presents to the target.
fn identity(r: &mut Resolver<'_>, layer: &Layer) -> Found<Option<Arc<CertifiedKey>>> {
    let certificate = r.optional_in(layer, &relay::CERTIFICATE);
    let key = r.optional_in(layer, &relay::PRIVATE_KEY);
    let names: [&Key; 2] = [&relay::CERTIFICATE, &relay::PRIVATE_KEY];
    secure::identity(r, certificate?.as_ref(), key?.as_ref(), names)
}

fn addresses(r: &mut Resolver<'_>, layer: &Layer) -> Found<AddressCheck> {
    let Some(list) = r.list_in(layer, &relay::ALLOW_PRIVATE) else { return Ok(AddressCheck::default()) };
    let (mut allowed, mut found) = (Vec::new(), Ok(()));
    for Sourced { value, origin } in list.all()? {
        match AddressCheck::new(vec![value]) {
            Ok(_) => allowed.push(value),
            Err(error) => found = Err(r.report.problem(&origin, error.to_string(), error.hint())),
        }
    }
    found?;
    // Each of them was possible by itself.
    Ok(AddressCheck::new(allowed).unwrap_or_default())
}

/// An address that is written into the URL needs no look-up.
fn check_address(r: &mut Resolver<'_>, server: &Target, addresses: &AddressCheck, origin: &Origin) {
    let (Target::Http { host, .. } | Target::Https { host, .. }) = server else { return };
    let address = match host.as_str() {
        name if name.eq_ignore_ascii_case("localhost") => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        name => name.parse().ok(),
    };
    if let Some(Err(error)) = address.map(|address| addresses.check(address)) {
        r.report.problem(origin, error.to_string(), error.hint());
    }
}

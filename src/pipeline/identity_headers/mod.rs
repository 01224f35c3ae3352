//! Header fields that tell an upstream who the client is, and from where it connects. Each name used here is also one that
//! [`crate::upstream::SanitizedHeaders`] removes from requests of clients.

mod clawgate;
mod client_cert;
mod fields;
mod forwarded;
mod principal;
mod ssl_client;
mod xfcc;

use std::sync::OnceLock;

use http::{HeaderMap, HeaderValue};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use self::fields::{Fields, LINE};
use self::xfcc::Element;
use crate::connection::ConnectionInfo;
use crate::identity::Peer;
use crate::policy::Principal;
use crate::tls::Acceptor;
use crate::upstream::{Forms, Forwarding, IdentityForm};

/// The longest head that is sent to an upstream, in bytes: what Node accepts, less what hyper adds.
const MAX_HEAD: usize = 16 * 1024 - 128;

/// The header fields that tell upstreams who the client of one connection is. They are made when the first request needs
/// them.
#[derive(Debug, Default)]
pub(crate) struct IdentityHeaders {
    /// For each set of forms. Most routes use the same one, and reloads rarely change it: two are kept, fields for a
    /// third are made again for each request.
    made: [OnceLock<(Forms, Fields)>; 2],
}

/// A verified client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verified<'a> {
    pub(crate) peer: &'a Peer,
    /// Leaf first, as the client sent it.
    pub(crate) chain: &'a [CertificateDer<'static>],
    /// What admits the client: it knows the path to a CA, and clawgate's own certificate.
    pub(crate) acceptor: &'a Acceptor,
}

/// The head is too long for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadTooLong;

impl IdentityHeaders {
    /// Sets the fields about the certificate that `forwarding` asks for in `headers`, and replaces any of the same name. Calls `on_left_out`
    /// with the names of those that were too large.
    pub(crate) fn set(
        &self,
        headers: &mut HeaderMap,
        forwarding: Forwarding,
        client: Verified<'_>,
        on_left_out: impl FnOnce(&[&'static str]),
    ) {
        let forms = forwarding.identity;
        let set = |fields: &Fields| {
            for (name, value) in fields.iter() {
                headers.insert(name, value.clone());
            }
            if !fields.left_out().is_empty() {
                on_left_out(fields.left_out());
            }
        };
        let kept = |slot: &'_ &OnceLock<(Forms, Fields)>| {
            slot.get_or_init(|| (forms, make(forms, client))).0 == forms
        };
        match self.made.iter().find(kept).and_then(OnceLock::get) {
            Some((_, fields)) => set(fields),
            None => set(&make(forms, client)),
        }
    }
}

/// Sets the field about the signature of a request, if `forwarding` asks for clawgate's own fields.
pub(crate) fn set_principal<R>(
    headers: &mut HeaderMap,
    forwarding: Forwarding,
    request: &Principal<'_, R>,
) {
    if forwarding.identity.contains(IdentityForm::Clawgate) {
        principal::set(headers, request);
    }
}

/// Sets the fields with the addresses of the connection, if `forwarding` asks for them. `host` is the request's.
pub(crate) fn set_forwarded(
    headers: &mut HeaderMap,
    forwarding: Forwarding,
    connection: &ConnectionInfo,
    host: &HeaderValue,
) {
    let ConnectionInfo { client_addr, local_addr, .. } = connection;
    forwarded::set(headers, forwarding.forwarded, client_addr.ip(), *local_addr, host);
}

/// Refuses a head that is longer than an upstream accepts; `line` is the length of its first line. Only forms other than
/// clawgate's own can make a head so long.
pub(super) fn check_length(
    headers: &HeaderMap,
    forwarding: Forwarding,
    line: usize,
) -> Result<(), HeadTooLong> {
    if forwarding == Forwarding::default() {
        return Ok(());
    }
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE);
    if line + fields.sum::<usize>() > MAX_HEAD { Err(HeadTooLong) } else { Ok(()) }
}

/// The fields that fit, in this order: names, the certificate, its chain.
fn make(forms: Forms, client: Verified<'_>) -> Fields {
    let Verified { peer, chain, acceptor, .. } = client;
    let mut fields = Fields::default();
    if forms.contains(IdentityForm::Clawgate) {
        clawgate::add(&mut fields, peer);
        principal::add(&mut fields, peer);
    }
    if forms == Forms::default() {
        return fields;
    }
    // A verified certificate has been parsed before, so this does not fail.
    let x509 = chain.first().and_then(|leaf| Some((leaf, X509Certificate::from_der(leaf).ok()?.1)));
    let Some((leaf, x509)) = x509 else { return fields };
    if forms.contains(IdentityForm::SslClient) {
        ssl_client::add(&mut fields, leaf, &x509, peer.cn.as_deref());
    }
    if forms.contains(IdentityForm::ClientCert) {
        client_cert::add_leaf(&mut fields, leaf);
    }
    let wants_path = forms.contains(IdentityForm::ClientCertChain) || forms.contains(IdentityForm::Xfcc);
    let path = if wants_path { acceptor.path(chain) } else { Vec::new() };
    let path: Vec<_> = path.iter().collect();
    if forms.contains(IdentityForm::Xfcc) {
        let subject = crate::identity::rfc4514(x509.subject());
        let element = Element {
            by: acceptor.own_uris().collect(),
            hash: &peer.certificate.fingerprint_sha256,
            subject: &subject,
            sans: &peer.sans,
            chain: path.clone(),
        };
        element.add(&mut fields);
    }
    if forms.contains(IdentityForm::ClientCertChain) {
        client_cert::add_chain(&mut fields, path.get(1..).unwrap_or_default());
    }
    fields
}

#[cfg(test)]
mod tests;

//! `X-SSL-Client-*`: the names that upstreams behind nginx and HAProxy know.
//!
//! There is no standard. The values are those of nginx's variables `$ssl_client_verify`, `_s_dn`,
//! `_i_dn`, `_serial` and `_fingerprint` (which is SHA-1), and HAProxy's `ssl_c_s_dn(cn)` and
//! `ssl_c_sha1,hex`, under the names that their users most often give them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::{HEXLOWER, HEXUPPER};
use x509_parser::prelude::X509Certificate;

use super::fields::Fields;
use crate::identity::name::ascii;
use crate::identity::{openssl_name, serial_text};

/// Longest name, in bytes. A longer one is left out.
const MAX_NAME: usize = 1024;

/// Adds all fields for a verified certificate.
pub(crate) fn add(fields: &mut Fields, der: &[u8], x509: &X509Certificate<'_>, cn: Option<&str>) {
    fields.push("x-ssl-client-verify", "SUCCESS".to_owned());
    let mut name = |field, value: String| match value.len() {
        ..=MAX_NAME => fields.push(field, value),
        _ => fields.leave_out(field),
    };
    name("x-ssl-client-s-dn", openssl_name(x509.subject()));
    name("x-ssl-client-i-dn", openssl_name(x509.issuer()));
    if let Some(cn) = cn {
        name("x-ssl-client-cn", ascii(cn, b""));
    }
    // As OpenSSL prints it.
    name("x-ssl-client-serial", serial_text(x509.raw_serial()).to_uppercase());
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    name("x-ssl-client-fingerprint", HEXLOWER.encode(sha1.as_ref()));
    name("x-ssl-client-sha1", HEXUPPER.encode(sha1.as_ref()));
}

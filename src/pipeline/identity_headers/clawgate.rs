//! `X-Clawgate-Client-*`: clawgate's own form. Values are printable ASCII, with any other byte as `\XX` (as in RFC 4514 section
//! 2.4).

use super::fields::{Fields, non_ascii};
use crate::identity::name::{ascii, is_cut};
use crate::identity::{Peer, San};

/// Longest list of alternative names, in bytes.
const MAX_SAN: usize = 1024;
/// Longest value of the other fields, in bytes. A longer one is left out: a cut name would be another name.
const MAX_VALUE: usize = 512;

const SAN: &str = "x-clawgate-client-san";

/// Adds all fields.
pub(crate) fn add(fields: &mut Fields, peer: &Peer) {
    let certificate = &peer.certificate;
    let mut push = |name, value: String, max| match value.len() <= max {
        true => fields.push(name, value),
        false => fields.leave_out(name),
    };
    // The names in `certificate` are already escaped, except for what is not ASCII.
    for (field, name) in [
        ("x-clawgate-client-subject", &certificate.subject),
        ("x-clawgate-client-issuer", &certificate.issuer),
    ] {
        // A name that was cut for the log is not a name any more.
        push(field, non_ascii(name), if is_cut(name) { 0 } else { MAX_VALUE * 2 });
    }
    push("x-clawgate-client-serial", certificate.serial.clone(), MAX_VALUE);
    push("x-clawgate-client-fingerprint", certificate.fingerprint_sha256.clone(), MAX_VALUE);
    if let Some(cn) = &peer.cn {
        push("x-clawgate-client-cn", ascii(cn, b""), MAX_VALUE);
    }
    if !peer.sans.is_empty() {
        let (list, is_whole) = san_list(&peer.sans);
        if !is_whole {
            fields.leave_out(SAN);
        }
        fields.push(SAN, list);
    }
}

/// `dns:a.example,uri:spiffe://b`; a comma in a name is `\2C`. Names that do not fit are left out completely. Returns also
/// whether all names are in the list.
fn san_list(sans: &[San]) -> (String, bool) {
    let (mut list, mut is_whole) = (String::new(), true);
    for san in sans {
        let (kind, value) = san.parts();
        let value = ascii(&value, b",");
        if list.len() + kind.len() + value.len() + 2 > MAX_SAN {
            is_whole = false;
            continue;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(kind);
        list.push(':');
        list.push_str(&value);
    }
    (list, is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_so_that_none_can_pass_for_two() {
        let sans = [San::Uri("spiffe://a,dns:evil".into()), San::Dns("b.example".into())];
        assert_eq!(san_list(&sans), ("uri:spiffe://a\\2Cdns:evil,dns:b.example".to_owned(), true));
        let long = [San::Dns("a".repeat(2000)), San::Dns("b".into())];
        assert_eq!(san_list(&long), ("dns:b".to_owned(), false));
    }
}

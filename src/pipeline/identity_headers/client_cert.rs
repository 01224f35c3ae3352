//! `Client-Cert` and `Client-Cert-Chain` (RFC 9440): certificates as byte sequences (RFC 8941 section
//! 3.3.5).

use data_encoding::BASE64;
use rustls_pki_types::CertificateDer;

use super::fields::Fields;

const LEAF: &str = "client-cert";
const CHAIN: &str = "client-cert-chain";

/// Adds the client's own certificate.
pub(super) fn add_leaf(fields: &mut Fields, leaf: &CertificateDer<'_>) {
    fields.push(LEAF, byte_sequence(leaf));
}

/// Adds the certificates above it, in the order of TLS. All or none, since a part of a chain is of no use; none if the client's own
/// certificate did not fit. Without a certificate there is no field, since an empty list is not written (RFC 8941 section 3.1).
pub(super) fn add_chain(fields: &mut Fields, above: &[&CertificateDer<'_>]) {
    if fields.left_out().contains(&LEAF) {
        fields.leave_out(CHAIN);
    } else if !above.is_empty() {
        let items: Vec<_> = above.iter().map(|der| byte_sequence(der)).collect();
        fields.push(CHAIN, items.join(", "));
    }
}

/// RFC 8941 section 4.1.8: base64 with padding between colons.
fn byte_sequence(bytes: &[u8]) -> String {
    format!(":{}:", BASE64.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_base64_with_padding_between_colons() {
        assert_eq!(byte_sequence(b"hello"), ":aGVsbG8=:");
        assert_eq!(byte_sequence(&[0xfb, 0xff]), ":+/8=:");
    }

    #[test]
    fn a_chain_is_a_list_and_none_at_all_when_empty() {
        let mut fields = Fields::default();
        add_chain(&mut fields, &[]);
        assert_eq!(fields.iter().count(), 0);
        let (one, two) = (CertificateDer::from(vec![1]), CertificateDer::from(vec![2]));
        add_chain(&mut fields, &[&one, &two]);
        let values: Vec<_> = fields.iter().map(|(_, value)| value.to_str().unwrap()).collect();
        assert_eq!(values, [":AQ==:, :Ag==:"]);
    }

    #[test]
    fn a_chain_that_does_not_fit_is_left_out_whole_and_the_leaf_stays() {
        let mut fields = Fields::default();
        let large = CertificateDer::from(vec![0; 2500]);
        add_leaf(&mut fields, &large);
        add_chain(&mut fields, &[&large, &large]);
        assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [LEAF]);
        assert_eq!(fields.left_out(), [CHAIN]);
    }
}

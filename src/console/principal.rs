//! What has authenticated an event, in words.

/// The words for `principal`, as the inbox has it: `certificate:NAME`, `signature:SCHEME`.
pub(super) fn authentication(principal: &str) -> String {
    match principal.split_once(':') {
        Some(("certificate", name)) => format!("certificate {name}"),
        Some(("signature", scheme)) => format!("signature ({scheme})"),
        _ => principal.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_a_word_of_its_own() {
        assert_eq!(authentication("certificate:CN=a:b"), "certificate CN=a:b");
        assert_eq!(authentication("signature:github"), "signature (github)");
        assert_eq!(authentication("unverified"), "unverified");
    }
}

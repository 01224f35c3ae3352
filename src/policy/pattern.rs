//! Values with `*`, which stands for any characters within one label, but never for a separator.

use super::cert_field::CertField;

/// Stands for any characters within one label. Neither names nor the values of rules can contain this character.
pub(super) const WILDCARD: char = '\0';

/// A value of a field with at least one wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) kind: CertField,
    pub(super) text: Box<str>,
}

impl Pattern {
    /// Whether `name`, in its canonical form, matches.
    pub(super) fn matches(&self, name: &str) -> bool {
        // Most names differ at their ends, which are compared quickly.
        let ends = self.text.split_once(WILDCARD).zip(self.text.rsplit_once(WILDCARD));
        if ends.is_some_and(|((start, _), (_, end))| !name.starts_with(start) || !name.ends_with(end)) {
            return false;
        }
        // A `*` never matches beyond the path of a URI.
        if self.kind == CertField::Uri && name.contains(['?', '#']) {
            return false;
        }
        let mut labels = labels(self.kind, name);
        let mut wanted = self::labels(self.kind, &self.text);
        loop {
            match (wanted.next(), labels.next()) {
                (Some(pattern), Some(label)) if label_matches(pattern, label) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

/// The parts within which a `*` matches: the labels of a host name, the segments of a URI, the local part of an e-mail
/// address and the labels of its domain. An organization is a single label. A common name is often a host name, so it
/// is split like one.
fn labels(kind: CertField, text: &str) -> impl Iterator<Item = &str> {
    let (first, rest) = match kind {
        CertField::Dns | CertField::Cn => (None, Some(text.split('.'))),
        CertField::Uri => (None, Some(text.split('/'))),
        CertField::Email => match text.rsplit_once('@') {
            Some((local, domain)) => (Some(local), Some(domain.split('.'))),
            None => (Some(text), None),
        },
        _ => (Some(text), None),
    };
    first.into_iter().chain(rest.into_iter().flatten())
}

fn label_matches(pattern: &str, label: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(WILDCARD) else { return pattern == label };
    let (between, end) = rest.rsplit_once(WILDCARD).unwrap_or(("", rest));
    // A `*` alone does not match an empty label.
    if pattern.len() == WILDCARD.len_utf8() {
        return !label.is_empty();
    }
    let Some(mut label) = label.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)) else {
        return false;
    };
    for piece in between.split(WILDCARD) {
        match label.find(piece) {
            Some(at) => label = &label[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(kind: CertField, pattern: &str, name: &str) -> bool {
        let text = pattern.replace('*', &WILDCARD.to_string()).into();
        Pattern { kind, text }.matches(name)
    }

    #[test]
    fn a_star_stays_within_a_label_of_a_host_name() {
        let dns = |pattern: &str, name: &str| matches(CertField::Dns, pattern, name);
        assert!(dns("*.example", "a.example"));
        assert!(!dns("*.example", "a.b.example"));
        assert!(!dns("*.example", "example"));
        assert!(!dns("*.example", ".example"));
        assert!(dns("a*.example", "a.example") && dns("a*z.b*.example", "amz.bc.example"));
        assert!(!dns("a*.example", "b.example") && !dns("a*a.example", "a.example"));
        assert!(dns("*a*b*", "xaxbx") && dns("*a*b*", "ab") && !dns("*a*b*", "ba"));
        assert!(dns("x*ab*ab", "xabab") && !dns("x*ab*ab", "xab"));
        assert!(dns("*a*a*", "xaa") && !dns("*a*a*", "xa"), "no character counts twice");
    }

    #[test]
    fn a_star_stays_within_a_segment_of_a_path() {
        let uri = |pattern: &str, name: &str| matches(CertField::Uri, pattern, name);
        let pattern = "spiffe://x/ns/*/sa/notes";
        assert!(uri(pattern, "spiffe://x/ns/prod/sa/notes"));
        assert!(!uri(pattern, "spiffe://x/ns/a/b/sa/notes"));
        assert!(!uri(pattern, "spiffe://x/ns//sa/notes"));
        assert!(!uri("spiffe://x/ns/*", "spiffe://x/ns/prod/sa/notes"));
        assert!(!uri("spiffe://x/ns/*", "spiffe://x/ns/prod?a"));
        assert!(!uri("spiffe://x/ns/*", "spiffe://x/ns/prod#a"));
    }

    #[test]
    fn a_star_stays_on_its_side_of_an_address() {
        let email = |pattern: &str, name: &str| matches(CertField::Email, pattern, name);
        assert!(email("*@example", "a.b@example"));
        assert!(email("bot-*@*.example", "bot-1@mail.example"));
        assert!(!email("*@example", "a@b.example"));
        assert!(!email("*@*", "no address") && !email("*@*", "a.b"));
        assert!(email("*@example", "a@b@example"));
    }

    #[test]
    fn an_organization_is_one_label_and_a_common_name_has_those_of_a_host_name() {
        assert!(matches(CertField::O, "Example*", "Example, Ltd./DE"));
        assert!(matches(CertField::Ou, "*", "a.b") && !matches(CertField::Ou, "*", ""));
        assert!(
            matches(CertField::Cn, "notes-*", "notes-1")
                && !matches(CertField::Cn, "notes-*", "notes-1.other")
        );
    }
}

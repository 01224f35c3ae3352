//! "Did you mean": the known name nearest to one that is not known.

/// The candidate that most likely was meant, if one is near enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near_enough = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be inserted, removed, replaced or swapped with the next one, without regard to case.
pub fn distance(from: &str, to: &str) -> usize {
    strsim::osa_distance(&from.to_lowercase(), &to.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_changes() {
        for (from, to, expected) in [
            ("", "", 0),
            ("url", "", 3),
            ("url", "url", 0),
            ("url", "URL", 0),
            ("ulr", "url", 1),
            ("certifcate", "certificate", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["tls.certificate", "tls.private_key", "upstream.url"];
        assert_eq!(nearest("tls.certifcate", known), Some("tls.certificate"));
        assert_eq!(nearest("upstream.uri", known), Some("upstream.url"));
        assert_eq!(nearest("colour", known), None);
    }
}

//! The settings and files in use, as text without secrets: to be compared with others, and to be shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::keys::{self, KEYS};

/// Longer lists are compared as a whole: rules and pins may be many.
const LONGEST: usize = 200;

/// By their keys, each with its values; a key without values is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct InUse(BTreeMap<String, Vec<String>>);

/// One key whose values differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting; `files` for the content of a file.
    pub key: String,
    /// Values that are in use and will not be.
    pub removed: Vec<String>,
    /// Values that will be.
    pub added: Vec<String>,
    /// Whether only a restart makes the change.
    pub needs_restart: bool,
}

impl InUse {
    /// Reads what [`Serialize`] writes; `None` when it is something else.
    pub fn read(json: &serde_json::Value) -> Option<Self> {
        let entry = |(key, values): (&String, &serde_json::Value)| {
            let values = values.as_array()?.iter().map(|value| Some(value.as_str()?.to_owned()));
            Some((key.clone(), values.collect::<Option<Vec<_>>>()?))
        };
        json.as_object()?.iter().map(entry).collect::<Option<_>>().map(Self)
    }

    /// What is in use once a process that was started with `self` has loaded `next`.
    pub fn reloaded(&self, next: &Self) -> Self {
        let mut values = next.0.clone();
        for key in KEYS.iter().filter(|key| key.at_start) {
            match self.0.get(key.toml) {
                Some(started) => values.insert(key.toml.to_owned(), started.clone()),
                None => values.remove(key.toml),
            };
        }
        Self(values)
    }

    /// Every difference that `next` makes, by key.
    pub fn differences(&self, next: &Self) -> Vec<Difference> {
        let keys: BTreeSet<_> = self.0.keys().chain(next.0.keys()).collect();
        let of = |map: &Self, key: &str| map.0.get(key).cloned().unwrap_or_default();
        let difference = |key: &String| {
            let (before, after) = (of(self, key), of(next, key));
            let missing_in = |list: &[String], from: &[String]| -> Vec<_> {
                list.iter().filter(|value| !from.contains(value)).cloned().collect()
            };
            let (mut removed, mut added) = (missing_in(&before, &after), missing_in(&after, &before));
            // The same values in another order, or one of them twice.
            if removed.is_empty() && added.is_empty() {
                (removed, added) = (before.clone(), after.clone());
            }
            let needs_restart = keys::find(key).is_some_and(|key| key.at_start);
            (before != after).then(|| Difference { key: key.clone(), removed, added, needs_restart })
        };
        keys.into_iter().filter_map(difference).collect()
    }

    /// The settings of `next` for which a process that was started with `self` must be restarted.
    pub fn needs_restart(&self, next: &Self) -> Vec<String> {
        let differences = self.differences(next).into_iter();
        differences
            .filter(|difference| difference.needs_restart)
            .map(|difference| difference.key)
            .collect()
    }

    /// Notes the values of one setting.
    pub(super) fn set(&mut self, key: &str, values: impl IntoIterator<Item = impl ToString>) {
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        let values = match values.len() {
            0 => return,
            count if count > LONGEST => {
                let digest = crate::identity::sha256(values.join("\n").as_bytes());
                vec![format!("{count} values with the SHA-256 {digest}")]
            }
            _ => values,
        };
        self.0.insert(key.to_owned(), values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_use(values: &[(&str, &[&str])]) -> InUse {
        let mut in_use = InUse::default();
        for (key, values) in values {
            in_use.set(key, values.iter());
        }
        in_use
    }

    #[test]
    fn a_setting_that_is_put_back_needs_no_restart_any_more() {
        let started = in_use(&[("listen.address", &["a"]), ("clients.allow", &["x"])]);
        let changed = in_use(&[("listen.address", &["b"]), ("clients.allow", &["y"])]);
        assert_eq!(started.needs_restart(&changed), ["listen.address"]);
        let running = started.reloaded(&changed);
        assert_eq!(running, in_use(&[("listen.address", &["a"]), ("clients.allow", &["y"])]));
        assert_eq!(running.needs_restart(&changed), ["listen.address"]);
        assert_eq!(started.needs_restart(&started.clone()), [""; 0]);
    }

    #[test]
    fn a_difference_names_the_values_that_come_and_go() {
        let before = in_use(&[("clients.allow", &["x", "y"]), ("trace.endpoint", &["t"])]);
        let after = in_use(&[("clients.allow", &["y", "z"]), ("log.level", &["info"])]);
        let differences = before.differences(&after);
        let text: Vec<_> = differences
            .iter()
            .map(|d| format!("{} -{:?} +{:?} {}", d.key, d.removed, d.added, d.needs_restart))
            .collect();
        assert_eq!(
            text,
            [
                r#"clients.allow -["x"] +["z"] false"#,
                r#"log.level -[] +["info"] true"#,
                r#"trace.endpoint -["t"] +[] true"#,
            ]
        );
        assert_eq!(before.differences(&in_use(&[("clients.allow", &["y", "x"])])).len(), 2);
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        let one = in_use(&[("clients.allow", &["x", "y"])]);
        assert_eq!(InUse::read(&serde_json::to_value(&one).unwrap()), Some(one));
        assert_eq!(InUse::read(&serde_json::json!({"a": "b"})), None);
    }

    #[test]
    fn thousands_of_rules_are_one_value() {
        let rules: Vec<_> = (0..5000).map(|number| format!("cn=a{number}")).collect();
        let mut many = InUse::default();
        many.set("clients.allow", &rules);
        let text = serde_json::to_string(&many).unwrap();
        assert!(text.len() < 200 && text.contains("5000 values"), "{text}");
    }
}

//! The table of settings.

use std::collections::BTreeSet;

use crate::config::environment::set_by_kubernetes;
use crate::config::key::Unset;
use crate::config::keys::{CONFIG_ENV, CONFIG_FLAG, KEYS};
use crate::config::value_type::Kind;

#[test]
fn no_name_stands_for_two_settings() {
    let all_differ = |names: Vec<&str>| {
        let set: BTreeSet<_> = names.iter().collect();
        assert_eq!(set.len(), names.len(), "{names:?}");
    };
    all_differ(KEYS.iter().map(|key| key.toml).collect());
    all_differ(KEYS.iter().filter_map(|key| key.flag).chain([CONFIG_FLAG]).collect());
    all_differ(KEYS.iter().filter_map(|key| key.env).chain([CONFIG_ENV]).collect());
}

#[test]
fn every_default_is_a_value_of_its_setting() {
    for key in KEYS {
        if let Unset::Value(text) = key.unset {
            assert_eq!((key.check)(text), Ok(()), "{}", key.toml);
        }
    }
}

#[test]
fn every_flag_has_a_variable_and_a_secret_has_no_flag() {
    for key in KEYS {
        assert!(key.flag.is_none() || key.env.is_some(), "{}", key.toml);
        assert!(key.kind != Kind::Secret || key.flag.is_none(), "{} would show in `ps`", key.toml);
        assert!(key.env.is_none_or(|env| env.starts_with("CLAWGATE_")), "{}", key.toml);
    }
}

#[test]
fn no_variable_looks_like_one_that_kubernetes_sets() {
    for env in KEYS.iter().filter_map(|key| key.env) {
        assert!(!set_by_kubernetes(env), "{env}");
    }
}

//! The sources of settings laid over each other: flags over environment over file over defaults.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::args::SettingsArgs;
use super::key::{Key, Kind};
use super::keys::{self, KEYS};
use super::problem::{Origin, Report};

/// The settings that name a file with a token.
static TOKEN_FILES: [&Key; 4] =
    [&keys::TOKEN_FILE, &keys::ROUTE_TOKEN_FILE, &keys::ADMIN_TOKEN_FILE, &keys::TRACE_TOKEN_FILE];
/// Those that name a file with a private key.
static KEY_FILES: [&Key; 2] = [&keys::PRIVATE_KEY, &keys::UPSTREAM_PRIVATE_KEY];

/// A value and where it came from.
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// A value as it was written. Any of them may be a token, so all are wiped when dropped, and none
/// can be printed by accident.
pub(super) type Text = Sourced<Zeroizing<String>>;

/// What one source sets.
#[derive(Default)]
pub(super) struct Layer(BTreeMap<&'static str, Vec<Text>>);

impl Layer {
    /// Sets `key`. Without values: it was set, but to nothing usable, which has been reported.
    pub(super) fn set(&mut self, key: &Key, values: Vec<Text>) {
        self.0.insert(key.toml, values);
    }

    /// The files and folders it names.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let named = KEYS.iter().copied().filter(|key| key.kind == Kind::File);
        named.filter_map(|key| self.get(key)).flatten().map(named_file)
    }

    /// The values, if this source sets any.
    pub(super) fn get(&self, key: &Key) -> Option<&[Text]> {
        self.0.get(key.toml).map(Vec::as_slice)
    }

    /// Drops what is set for other keys than those.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|toml, _| is_kept(toml));
    }

    /// The layer of the flags.
    pub(super) fn from_args(args: &SettingsArgs, report: &mut Report) -> Self {
        let mut layer = Self::default();
        for (key, values) in args.given() {
            let origin = Origin::Flag(format!("--{}", key.flag.unwrap_or_default()));
            let values = values.iter().filter_map(|value| text(value, &origin, report)).collect();
            layer.set(key, values);
        }
        layer
    }
}

/// All sources but the defaults, the strongest first.
pub(super) struct Layers(pub(super) [Layer; 3]);

impl Layers {
    /// The values from the strongest source that sets `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&[Text]> {
        self.0.iter().find_map(|layer| layer.get(key))
    }

    /// The files and folders that are named; a setting of a weaker source that is not used counts for
    /// nothing.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let named = KEYS.iter().copied().filter(|key| key.kind == Kind::File);
        named.filter_map(|key| self.get(key)).flatten().map(named_file)
    }
}

impl Layer {
    /// The files it names that hold a token.
    pub(super) fn token_files(&self) -> impl Iterator<Item = PathBuf> {
        TOKEN_FILES.into_iter().filter_map(|key| self.get(key)).flatten().map(named_file)
    }

    /// The files it names that hold a private key.
    pub(super) fn key_files(&self) -> impl Iterator<Item = PathBuf> {
        KEY_FILES.into_iter().filter_map(|key| self.get(key)).flatten().map(named_file)
    }

    /// Whether it has a token itself.
    pub(super) fn has_token(&self) -> bool {
        [&keys::TOKEN, &keys::ROUTE_TOKEN].into_iter().any(|key| self.get(key).is_some())
    }
}

fn named_file(text: &Text) -> PathBuf {
    PathBuf::from(text.value.trim())
}

/// Takes a value from outside the file.
pub(super) fn text(value: &OsStr, origin: &Origin, report: &mut Report) -> Option<Text> {
    let Some(value) = value.to_str() else {
        report.problem(origin, "is not valid UTF-8", "write it in UTF-8; file names too");
        return None;
    };
    piece(value, origin.clone(), report)
}

/// Takes one value. An empty one is refused everywhere: most often it is a variable that was not
/// filled in, and taking it for "not set" would open what somebody meant to restrict.
pub(super) fn piece(value: &str, origin: Origin, report: &mut Report) -> Option<Text> {
    if value.trim().is_empty() {
        report.problem(&origin, "is set, but empty", "give it a value, or leave it out");
        return None;
    }
    Some(Sourced { value: Zeroizing::new(value.to_owned()), origin })
}

//! The sources of settings laid over each other: flags over environment over file over defaults.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::args::SettingsArgs;
use super::key::Key;
use super::keys::KEYS;
use super::problem::{Found, Origin, Report, Reported};
use super::value_type::{Content, Kind};

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// A value as it was written. Any of them may be a token, so all are wiped when dropped, and none
/// can be printed by accident.
pub(super) type Text = Sourced<Zeroizing<String>>;

/// The values of one setting.
pub(super) struct List<T> {
    /// Those that can be used.
    pub(super) values: Vec<Sourced<T>>,
    /// Whether others could not be.
    complete: Found<()>,
}

impl<T> List<T> {
    /// No values.
    pub(super) fn none() -> Self {
        Self { values: Vec::new(), complete: Ok(()) }
    }

    /// A list that lacks something.
    pub(super) fn missing(reported: Reported) -> Self {
        Self { values: Vec::new(), complete: Err(reported) }
    }

    /// The first one, if all can be used.
    pub(super) fn first(&self) -> Found<Option<&Sourced<T>>> {
        self.complete.map(|()| self.values.first())
    }

    /// All of them, if all can be used.
    pub(super) fn all(self) -> Found<Vec<Sourced<T>>> {
        self.complete.map(|()| self.values)
    }

    /// The same without their origins.
    pub(super) fn all_values(self) -> Found<Vec<T>> {
        Ok(self.all()?.into_iter().map(|sourced| sourced.value).collect())
    }

    /// The last one, if all can be used.
    pub(super) fn last(self) -> Found<Option<Sourced<T>>> {
        Ok(self.all()?.pop())
    }

    /// Where the first one came from.
    pub(super) fn origin(&self) -> Option<&Origin> {
        self.values.first().map(|first| &first.origin)
    }
}

impl List<Zeroizing<String>> {
    /// Reads each text.
    pub(super) fn read<T>(&self, read: impl FnMut(&Text) -> Found<Sourced<T>>) -> List<T> {
        let mut list: List<T> = self.values.iter().map(read).collect();
        list.complete = self.complete.and(list.complete);
        list
    }
}

impl<T> FromIterator<Found<Sourced<T>>> for List<T> {
    fn from_iter<I: IntoIterator<Item = Found<Sourced<T>>>>(items: I) -> Self {
        let mut list = Self::none();
        for item in items {
            match item {
                Ok(value) => list.values.push(value),
                Err(reported) => list.complete = Err(reported),
            }
        }
        list
    }
}

/// What one source sets.
#[derive(Default)]
pub(super) struct Layer(BTreeMap<&'static str, List<Zeroizing<String>>>);

impl Layer {
    /// Sets `key`.
    pub(super) fn set(&mut self, key: &Key, values: List<Zeroizing<String>>) {
        self.0.insert(key.toml, values);
    }

    /// The values, if this source sets any.
    pub(super) fn get(&self, key: &Key) -> Option<&List<Zeroizing<String>>> {
        self.0.get(key.toml)
    }

    /// Drops what is set for other keys than those.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|toml, _| is_kept(toml));
    }

    /// The files and folders that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.named_by(|key| key.content().is_some())
    }

    /// The files that it names and that hold this.
    pub(super) fn files_with(&self, content: Content) -> impl Iterator<Item = PathBuf> {
        self.named_by(move |key| key.content() == Some(content))
    }

    fn named_by(&self, is_wanted: impl Fn(&Key) -> bool) -> impl Iterator<Item = PathBuf> {
        let keys = KEYS.iter().filter(move |key| is_wanted(key));
        keys.filter_map(|key| self.get(key)).flat_map(|list| &list.values).map(named_file)
    }

    /// Whether it has a token itself.
    pub(super) fn has_token(&self) -> bool {
        KEYS.iter().any(|key| key.kind == Kind::Secret && self.get(key).is_some())
    }

    /// The layer of the flags.
    pub(super) fn from_args(args: &SettingsArgs, report: &mut Report) -> Self {
        let mut layer = Self::default();
        for (key, values) in args.given() {
            let origin = Origin::Flag(format!("--{}", key.flag.unwrap_or_default()));
            layer.set(key, values.iter().map(|value| text(value, &origin, report)).collect());
        }
        layer
    }
}

/// All sources but the defaults, the strongest first.
pub(super) struct Layers(pub(super) [Layer; 3]);

impl Layers {
    /// The values from the strongest source that sets `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&List<Zeroizing<String>>> {
        self.0.iter().find_map(|layer| layer.get(key))
    }

    /// The first of them.
    pub(super) fn first(&self, key: &Key) -> Option<&Text> {
        self.get(key)?.values.first()
    }

    /// Whether any source sets `key`.
    pub(super) fn sets(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// The files and folders that are named, but for those of a weaker source that is not used.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let named = KEYS.iter().filter(|key| key.content().is_some());
        named.filter_map(|key| self.get(key)).flat_map(|list| &list.values).map(named_file)
    }
}

fn named_file(text: &Text) -> PathBuf {
    PathBuf::from(text.value.trim())
}

/// Takes a value from outside the file.
pub(super) fn text(value: &OsStr, origin: &Origin, report: &mut Report) -> Found<Text> {
    match value.to_str() {
        Some(value) => piece(value, origin.clone(), report),
        None => Err(report.problem(origin, "is not valid UTF-8", "write it in UTF-8; file names too")),
    }
}

/// Takes one value. An empty one is refused everywhere: most often it is a variable that was not
/// filled in, and taking it for "not set" would open what somebody meant to restrict.
pub(super) fn piece(value: &str, origin: Origin, report: &mut Report) -> Found<Text> {
    if value.trim().is_empty() {
        return Err(report.problem(&origin, "is set, but empty", "give it a value, or remove it"));
    }
    Ok(Sourced { value: Zeroizing::new(value.to_owned()), origin })
}

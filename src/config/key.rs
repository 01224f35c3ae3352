//! What there is to say of one setting.

use super::value_type::{Content, Kind};
use std::marker::PhantomData;
use std::ops::Deref;

use super::value_type::{Invalid, ValueType};

/// One setting, without the type of its values.
#[derive(Debug)]
pub struct Key {
    /// Its dotted key in the TOML file; `route.…` stands for a key of a `[[route]]` table, `relay.target.…` for one of a `[[relay.target]]` table.
    pub toml: &'static str,
    /// How its values are written.
    pub kind: Kind,
    /// Its flag, without the dashes.
    pub flag: Option<&'static str>,
    /// Its one-letter flag. Given without a value, it means `true`.
    pub short: Option<char>,
    /// Its environment variable.
    pub env: Option<&'static str>,
    /// For a setting that may be repeated: the separator of values in the environment variable. In the file it is an
    /// array, and the flag is given several times.
    pub separator: Option<char>,
    /// What holds when nobody sets it.
    pub unset: Unset,
    /// The name of the value in help texts.
    pub placeholder: &'static str,
    /// One line of explanation.
    pub help: &'static str,
    /// Whether only a restart changes it; a reload leaves it as it is.
    pub at_start: bool,
    /// Whether a text is one of its values.
    pub(super) check: fn(&str) -> Result<(), Invalid>,
}

/// What holds when nobody sets a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// It has to be set.
    Required,
    /// This value.
    Value(&'static str),
    /// What these words say.
    Means(&'static str),
}

impl Key {
    /// Whether it belongs to a `[[route]]` table in the file.
    pub fn in_route(&self) -> bool {
        self.toml.starts_with("route.")
    }

    /// The last part of the TOML key.
    pub fn leaf(&self) -> &'static str {
        self.toml.rsplit('.').next().unwrap_or(self.toml)
    }

    /// All the ways to set it: `--cert, CLAWGATE_CERT or tls.certificate`.
    pub fn ways(&self) -> String {
        let flag = self.flag.map(|flag| format!("--{flag}"));
        let names: Vec<String> = flag.into_iter().chain(self.env.map(str::to_owned)).collect();
        if names.is_empty() {
            return self.toml.to_owned();
        }
        format!("{} or {}", names.join(", "), self.toml)
    }

    /// The default as people should read it.
    pub fn default_text(&self) -> &'static str {
        match self.unset {
            Unset::Required => "none, required",
            Unset::Value(text) | Unset::Means(text) => text,
        }
    }

    /// What a file that it names holds.
    pub(super) fn content(&self) -> Option<Content> {
        match self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// Whether `/status` has its value with each route.
    pub(super) fn is_shown_with_routes(&self) -> bool {
        let sections = ["route.", "relay.target.", "upstream.", "limits.upstream_"];
        sections.iter().any(|section| self.toml.starts_with(section)) || self.toml == "limits.body"
    }
}

/// One setting with values of the type `V`.
#[derive(Debug)]
pub(super) struct Setting<V> {
    pub(super) key: Key,
    values: PhantomData<fn() -> V>,
}

impl<V> Deref for Setting<V> {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.key
    }
}

impl<V: ValueType> Setting<V> {
    pub(super) const fn new(
        toml: &'static str,
        placeholder: &'static str,
        unset: Unset,
        help: &'static str,
    ) -> Self {
        let (flag, short, env, separator, at_start) = (None, None, None, None, false);
        let (kind, check) = (V::KIND, check::<V>);
        let key =
            Key { toml, kind, flag, short, env, separator, unset, placeholder, help, at_start, check };
        Self { key, values: PhantomData }
    }

    pub(super) const fn outside(mut self, flag: &'static str, env: &'static str) -> Self {
        self.key.flag = Some(flag);
        self.key.env = Some(env);
        self
    }

    pub(super) const fn short(mut self, letter: char) -> Self {
        self.key.short = Some(letter);
        self
    }

    pub(super) const fn env_only(mut self, env: &'static str) -> Self {
        self.key.env = Some(env);
        self
    }

    pub(super) const fn repeatable(mut self, separator: char) -> Self {
        self.key.separator = Some(separator);
        self
    }

    pub(super) const fn at_start(mut self) -> Self {
        self.key.at_start = true;
        self
    }
}

fn check<V: ValueType>(text: &str) -> Result<(), Invalid> {
    V::read(text).map(drop)
}

//! What there is to say of one setting.

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Its dotted key in the TOML file; `route.…` stands for a key of a `[[route]]` table.
    pub toml: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Its flag, without the dashes.
    pub flag: Option<&'static str>,
    /// Its one-letter flag. Given without a value, it means `true`.
    pub short: Option<char>,
    /// Its environment variable.
    pub env: Option<&'static str>,
    /// For a setting that may be repeated: what stands between the values in the environment
    /// variable. In the file it is an array, and the flag is given several times.
    pub separator: Option<char>,
    /// What holds when nobody sets it.
    pub unset: Unset,
    /// A stand-in for the value, for help texts.
    pub placeholder: &'static str,
    /// One line of explanation.
    pub help: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// What kind of value a setting has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string that names a file or a folder, which is watched for changes.
    File,
    /// A number of bytes: a string such as `256KiB`, or an integer.
    Size,
    /// A string such as `5s`.
    Duration,
    /// An integer.
    Count,
    /// `true` or `false`.
    Switch,
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
    pub(super) const fn new(
        toml: &'static str,
        kind: Kind,
        placeholder: &'static str,
        unset: Unset,
        help: &'static str,
    ) -> Self {
        let (flag, short, env, separator, secret) = (None, None, None, None, false);
        Self { toml, kind, flag, short, env, separator, unset, placeholder, help, secret }
    }

    pub(super) const fn outside(mut self, flag: &'static str, env: &'static str) -> Self {
        self.flag = Some(flag);
        self.env = Some(env);
        self
    }

    pub(super) const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    pub(super) const fn env_only(mut self, env: &'static str) -> Self {
        self.env = Some(env);
        self
    }

    pub(super) const fn repeatable(mut self, separator: char) -> Self {
        self.separator = Some(separator);
        self
    }

    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

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
}

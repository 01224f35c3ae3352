//! A preset with the settings' own values, checked.

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use thiserror::Error;

use super::algorithm::Algorithm;
use super::encoding::{Encoding, SecretEncoding};
use super::format::{Format, Mark};
use super::preset::{Challenge, Method, Preset, PresetLayout, ReplayBy};
use super::source::{Source, SourceError, is_field_name};
use super::template::{Part, Template, TemplateError};
use super::timestamp::TimestampUnit;

/// What the settings say beside the name of a preset. What they do not say is the preset's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `algorithm`.
    pub algorithm: Option<Algorithm>,
    /// `signature`, or `source` of a token: all places where signatures may be. Empty: the preset's.
    pub signature: Vec<Source>,
    /// `separator`: what is between several signatures, or between fields.
    pub separator: Option<char>,
    /// `field_separator`: what is between the name of a field and its value.
    pub field_separator: Option<char>,
    /// `field`: the field that has the signature.
    pub field: Option<String>,
    /// `prefix`: what is before the signature or token.
    pub prefix: Option<String>,
    /// `encoding`.
    pub encoding: Option<Encoding>,
    /// `secret_encoding`.
    pub secret_encoding: Option<SecretEncoding>,
    /// `signed`.
    pub signed: Option<Template>,
    /// `timestamp`.
    pub timestamp: Option<Source>,
    /// `timestamp_unit`.
    pub timestamp_unit: Option<TimestampUnit>,
    /// `tolerance`.
    pub tolerance: Option<Duration>,
    /// `id`.
    pub id: Option<Template>,
    /// `replay`.
    pub replay: Option<ReplayBy>,
}

/// A preset with the settings' own values, checked: how requests are verified.
#[derive(Clone, Debug)]
pub struct Scheme {
    preset: &'static Preset,
    pub(super) layouts: Vec<Layout>,
    pub(super) format: Format,
    pub(super) secret_encoding: SecretEncoding,
    pub(super) signed: Option<Template>,
    pub(super) timestamp_unit: TimestampUnit,
    tolerance: Duration,
    replay: ReplayBy,
}

/// Where signature, time and id are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) signature: Vec<Source>,
    pub(super) timestamp: Option<Source>,
    pub(super) id: Option<Template>,
    pub(super) requires: Vec<(HeaderName, HeaderValue)>,
}

/// Why settings do not make a scheme.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SchemeError {
    /// A setting is missing, which this scheme has no value for.
    #[error("`{scheme}` needs `{key}`")]
    Needs {
        /// The name of the preset.
        scheme: &'static str,
        /// The setting.
        key: &'static str,
    },
    /// A setting that means nothing for this scheme.
    #[error("`{key}` means nothing for `{scheme}`")]
    Unused {
        /// The name of the preset.
        scheme: &'static str,
        /// The setting.
        key: &'static str,
    },
    /// `hmac` with the algorithm of a public key, or the other way round.
    #[error("`{scheme}` cannot have the algorithm {algorithm}")]
    Algorithm {
        /// The name of the preset.
        scheme: &'static str,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// `{timestamp}` is signed, or the time limited, but it is not said where the time is.
    #[error("`{key}` needs `timestamp`, which says where the time is")]
    NoTimestamp {
        /// The setting.
        key: &'static str,
    },
    /// `{id}` is signed, or replay goes by it, but it is not said where the id is.
    #[error("`{key}` needs `id`, which says where the id is")]
    NoId {
        /// The setting.
        key: &'static str,
    },
    /// The id is made of itself, or of the body.
    #[error("`id` cannot have `{{id}}` or `{{body}}` in it")]
    IdOfItself,
    /// A field of the signature header, where there is not one such header.
    #[error("`{0}` needs exactly one `signature`, which is a header")]
    FieldWithoutHeader(Source),
    /// A field is only where there is a list, or a list of one.
    #[error("`{0}` is no name of a field: use letters, digits, `-`, `_` and `.`")]
    FieldName(String),
    /// A separator that is not one ASCII character.
    #[error("`{0}` cannot be a separator: use an ASCII character")]
    Separator(char),
    /// The signature is a part of what is signed.
    #[error("`{0}` is within what is signed, so no signature can fit")]
    SignsItself(Source),
    /// A token cannot be what a repeated request is recognised by: all requests have the same.
    #[error(
        "`replay = \"signature\"` would refuse all requests but the first: they have the same token"
    )]
    ReplayByToken,
    /// A source of a preset. A test reads all presets.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A template of a preset. A test reads all presets.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Which parts of a request are under the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The whole body.
    pub body: bool,
    /// The URL with its query.
    pub url: bool,
    /// The method.
    pub method: bool,
    /// The time.
    pub timestamp: bool,
    /// The id of the event.
    pub id: bool,
}

impl Scheme {
    /// Puts the settings' own values in the place of the preset's, and checks that they fit together.
    pub fn new(preset: &'static Preset, overrides: Overrides) -> Result<Self, SchemeError> {
        for (key, is_set) in overrides.unused_by(preset.method) {
            if is_set {
                return Err(SchemeError::Unused { scheme: preset.name, key });
            }
        }
        let marks = overrides.marks(preset)?;
        let signed = match (&overrides.signed, preset.signed) {
            (Some(signed), _) => Some(signed.clone()),
            (None, "") => None,
            (None, signed) => Some(signed.parse()?),
        };
        let mut scheme = Self {
            preset,
            layouts: overrides.layouts(preset)?,
            format: Format {
                separator: overrides.separator.or(preset.separator),
                field_separator: overrides.field_separator.unwrap_or(preset.field_separator),
                marks,
                prefix: overrides.prefix.clone().unwrap_or_else(|| preset.prefix.to_owned()),
                encoding: overrides.encoding.unwrap_or(preset.encoding),
            },
            secret_encoding: overrides.secret_encoding.unwrap_or(preset.secret_encoding),
            signed,
            timestamp_unit: overrides.timestamp_unit.unwrap_or(preset.timestamp_unit),
            tolerance: overrides.tolerance.unwrap_or(preset.tolerance),
            replay: ReplayBy::Off,
        };
        scheme.check(&overrides)?;
        scheme.replay = overrides.replay.unwrap_or_else(|| scheme.usual_replay());
        Ok(scheme)
    }

    /// The preset that it was made of.
    pub fn preset(&self) -> &'static Preset {
        self.preset
    }

    /// The name of the preset.
    pub fn name(&self) -> &'static str {
        self.preset.name
    }

    /// How requests are verified.
    pub fn method(&self) -> Method {
        self.preset.method
    }

    /// The algorithms whose signatures are taken; none for a token and for Twilio.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.format.marks.iter().map(|mark| mark.algorithm)
    }

    /// What is signed; `None` for a token and for Twilio.
    pub fn signed(&self) -> Option<&Template> {
        self.signed.as_ref()
    }

    /// How far the time may be away from ours, before or after. `None` if requests have no time.
    pub fn tolerance(&self) -> Option<Duration> {
        let has_time = self.layouts.iter().any(|layout| layout.timestamp.is_some());
        if has_time { Some(self.tolerance) } else { None }
    }

    /// The same, whether requests have a time or not.
    pub(super) fn usual_tolerance(&self) -> Duration {
        self.tolerance
    }

    /// What a repeated request is recognised by.
    pub fn replay(&self) -> ReplayBy {
        self.replay
    }

    /// How the sender tests an address.
    pub fn challenge(&self) -> Option<Challenge> {
        self.preset.challenge
    }

    /// The status that the sender asks for.
    pub fn success_status(&self) -> StatusCode {
        self.preset.success_status.unwrap_or(StatusCode::OK)
    }

    /// Whether keys are secrets, so that `secret_file` names them.
    pub fn takes_secrets(&self) -> bool {
        self.method() != Method::PublicKey
    }

    /// Whether keys may be public keys, so that `public_key_file` names them.
    pub fn takes_public_keys(&self) -> bool {
        self.algorithms().any(|algorithm| !algorithm.is_hmac())
    }

    /// Whether the URL is signed, so that the settings must say what senders call.
    pub fn needs_public_url(&self) -> bool {
        self.coverage().url
    }

    /// Which parts of a request are under the signature.
    pub fn coverage(&self) -> Coverage {
        let Some(signed) = &self.signed else {
            let is_twilio = self.method() == Method::Twilio;
            return Coverage {
                body: is_twilio,
                url: is_twilio,
                method: false,
                timestamp: false,
                id: false,
            };
        };
        let layout = self.layouts.first();
        let timestamp = layout.and_then(|layout| layout.timestamp.as_ref());
        let id = layout.and_then(|layout| layout.id.as_ref());
        let time_is_signed =
            timestamp.is_some_and(|source| covers(signed, timestamp, &Part::Source(source.clone())));
        Coverage {
            body: signed.has(&Part::Body),
            url: signed.has(&Part::Url),
            method: signed.has(&Part::Method),
            timestamp: time_is_signed,
            id: signed.has(&Part::Id)
                || id.is_some_and(|id| id.parts().iter().all(|part| covers(signed, timestamp, part))),
        }
    }

    /// By the id where nobody can change it without breaking the signature.
    fn usual_replay(&self) -> ReplayBy {
        let has_id = self.layouts.iter().any(|layout| layout.id.is_some());
        match self.method() {
            Method::Token if has_id => ReplayBy::Id,
            Method::Token => ReplayBy::Off,
            _ if self.coverage().id => ReplayBy::Id,
            _ => ReplayBy::Signature,
        }
    }

    fn check(&self, overrides: &Overrides) -> Result<(), SchemeError> {
        let Format { separator, field_separator, .. } = self.format;
        if let Some(wrong) = separator.into_iter().chain([field_separator]).find(|c| !c.is_ascii()) {
            return Err(SchemeError::Separator(wrong));
        }
        if overrides.replay == Some(ReplayBy::Signature) && self.method() == Method::Token {
            return Err(SchemeError::ReplayByToken);
        }
        self.layouts.iter().try_for_each(|layout| self.check_layout(layout, overrides))
    }

    fn check_layout(&self, layout: &Layout, overrides: &Overrides) -> Result<(), SchemeError> {
        let signed = self.signed.as_ref();
        let signs = |part| signed.is_some_and(|signed| signed.has(part));
        if layout.timestamp.is_none() {
            let keys =
                [("signed", signs(&Part::Timestamp)), ("tolerance", overrides.tolerance.is_some())];
            if let Some((key, _)) = keys.into_iter().find(|(_, is_wrong)| *is_wrong) {
                return Err(SchemeError::NoTimestamp { key });
            }
        }
        if layout.id.is_none() {
            let keys =
                [("signed", signs(&Part::Id)), ("replay", overrides.replay == Some(ReplayBy::Id))];
            if let Some((key, _)) = keys.into_iter().find(|(_, is_wrong)| *is_wrong) {
                return Err(SchemeError::NoId { key });
            }
        }
        if layout.id.as_ref().is_some_and(|id| id.has(&Part::Id) || id.has(&Part::Body)) {
            return Err(SchemeError::IdOfItself);
        }
        let templates = signed.into_iter().chain(&layout.id);
        let mut fields =
            templates.flat_map(Template::sources).chain(&layout.timestamp).chain(&layout.signature);
        if let Some(field) = fields.find(|source| matches!(source, Source::Field(_)))
            && (!matches!(layout.signature[..], [Source::Header(_)]) || self.method() == Method::Token)
        {
            return Err(SchemeError::FieldWithoutHeader(field.clone()));
        }
        let signs_itself = |source: &&Source| {
            signed.is_some_and(|signed| covers(signed, None, &Part::Source(Source::clone(source))))
        };
        match layout.signature.iter().find(signs_itself) {
            Some(source) => Err(SchemeError::SignsItself(source.clone())),
            None => Ok(()),
        }
    }
}

/// Whether nobody can change `part` without changing what is signed.
fn covers(signed: &Template, timestamp: Option<&Source>, part: &Part) -> bool {
    match part {
        Part::Literal(_) => true,
        Part::Source(Source::Body(_)) if signed.has(&Part::Body) => true,
        Part::Source(Source::Query(_)) | Part::Path if signed.has(&Part::Url) => true,
        Part::Source(source) if Some(source) == timestamp && signed.has(&Part::Timestamp) => true,
        part => signed.has(part),
    }
}

impl Layout {
    fn read(
        layout: &PresetLayout,
        requires: &[(&'static str, &'static str)],
    ) -> Result<Self, SchemeError> {
        let source = |text: &&str| text.parse::<Source>();
        let required = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Ok(Self {
            signature: layout.signature.iter().map(source).collect::<Result<_, _>>()?,
            timestamp: layout.timestamp.as_ref().map(source).transpose()?,
            id: layout.id.map(Template::source_or_template).transpose()?,
            requires: requires.iter().map(required).collect(),
        })
    }
}

impl Overrides {
    /// The settings that mean nothing for a method, and whether each is set.
    fn unused_by(&self, method: Method) -> Vec<(&'static str, bool)> {
        let about_keys = ("secret_encoding", self.secret_encoding.is_some());
        let about_times = [
            ("timestamp", self.timestamp.is_some()),
            ("timestamp_unit", self.timestamp_unit.is_some()),
            ("tolerance", self.tolerance.is_some()),
        ];
        let about_signatures = [
            ("algorithm", self.algorithm.is_some()),
            ("separator", self.separator.is_some()),
            ("field_separator", self.field_separator.is_some()),
            ("field", self.field.is_some()),
            ("encoding", self.encoding.is_some()),
            ("signed", self.signed.is_some()),
        ];
        let about_places =
            [("signature", !self.signature.is_empty()), ("prefix", self.prefix.is_some())];
        match method {
            Method::Hmac => Vec::new(),
            Method::PublicKey => vec![about_keys],
            Method::Token => {
                about_signatures.into_iter().chain(about_times).chain([about_keys]).collect()
            }
            Method::Twilio => {
                let all = about_signatures.into_iter().chain(about_times).chain(about_places);
                all.chain([about_keys]).collect()
            }
        }
    }

    fn marks(&self, preset: &'static Preset) -> Result<Vec<Mark<String>>, SchemeError> {
        if matches!(preset.method, Method::Token | Method::Twilio) {
            return Ok(Vec::new());
        }
        if let Some(name) = self.field.as_ref().filter(|name| !is_field_name(name)) {
            return Err(SchemeError::FieldName(name.clone()));
        }
        let is_wrong = |algorithm: &Algorithm| algorithm.is_hmac() != (preset.method == Method::Hmac);
        if let Some(algorithm) = self.algorithm.filter(is_wrong) {
            return Err(SchemeError::Algorithm { scheme: preset.name, algorithm });
        }
        let mut marks: Vec<_> = preset
            .marks
            .iter()
            .map(|mark| Mark { field: mark.field.map(str::to_owned), algorithm: mark.algorithm })
            .collect();
        match (&self.field, self.algorithm) {
            (None, None) => {}
            (Some(field), None) if marks.iter().any(|mark| mark.field.as_ref() == Some(field)) => {
                marks.retain(|mark| mark.field.as_ref() == Some(field));
            }
            (field, algorithm) => {
                let first = marks.first().map(|mark| mark.algorithm);
                let field = field.clone().or_else(|| marks.first().and_then(|mark| mark.field.clone()));
                let algorithm = algorithm.or(first);
                marks = algorithm.map(|algorithm| Mark { field, algorithm }).into_iter().collect();
            }
        }
        if marks.is_empty() {
            return Err(SchemeError::Needs { scheme: preset.name, key: "algorithm" });
        }
        Ok(marks)
    }

    fn layouts(&self, preset: &'static Preset) -> Result<Vec<Layout>, SchemeError> {
        let layouts = preset.layouts.iter().map(|layout| Layout::read(layout, preset.requires));
        let mut layouts = layouts.collect::<Result<Vec<_>, _>>()?;
        let Self { signature, timestamp, id, .. } = self;
        if layouts.is_empty() {
            if signature.is_empty() && preset.method != Method::Twilio {
                let key = if preset.method == Method::Token { "source" } else { "signature" };
                return Err(SchemeError::Needs { scheme: preset.name, key });
            }
            layouts.push(Layout {
                signature: Vec::new(),
                timestamp: None,
                id: None,
                requires: Vec::new(),
            });
        }
        if !signature.is_empty() || timestamp.is_some() {
            // Other headers than the sender's own: its alternatives mean nothing beside them.
            layouts.truncate(1);
        }
        for layout in &mut layouts {
            if !signature.is_empty() {
                layout.signature.clone_from(signature);
                layout.requires.clear();
            }
            layout.timestamp = timestamp.clone().or(layout.timestamp.take());
            layout.id = id.clone().or(layout.id.take());
        }
        Ok(layouts)
    }
}

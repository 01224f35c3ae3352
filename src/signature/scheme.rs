//! A preset with the settings' own values, checked.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use super::algorithm::Algorithm;
use super::coverage::{Coverage, covers};
use super::encoding::SecretEncoding;
use super::format::Format;
use super::hubspot;
use super::layout::Layout;
use super::overrides::Overrides;
use super::preset::{Challenge, Method, Preset, ReplayBy};
use super::scheme_error::SchemeError;
use super::source::Source;
use super::template::{Part, Template};
use super::timestamp::TimestampUnit;

/// A preset with the settings' own values, checked: how requests are verified.
#[derive(Clone, Debug)]
pub struct Scheme {
    preset: &'static Preset,
    pub(super) layouts: Vec<Layout>,
    pub(super) format: Format,
    pub(super) secret_encoding: SecretEncoding,
    pub(super) signed: Option<Template>,
    pub(super) timestamp_unit: TimestampUnit,
    pub(super) tolerance: Duration,
    replay: ReplayBy,
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

    /// Where the secret itself is in each request; nothing for schemes that sign.
    pub fn token_sources(&self) -> impl Iterator<Item = &Source> {
        let layouts = self.layouts.iter().filter(|_| self.method() == Method::Token);
        layouts.flat_map(|layout| &layout.signature)
    }

    /// Whether the sender takes the body of an answer for instructions, so that clawgate's own answers must have none: Twilio
    /// reads TwiML there.
    pub fn wants_empty_answers(&self) -> bool {
        self.method() == Method::Twilio
    }

    /// Whether keys are secrets, so that `secret_file` names them.
    pub fn takes_secrets(&self) -> bool {
        match self.method() {
            Method::Token | Method::Twilio => true,
            Method::Hmac | Method::PublicKey => self.algorithms().any(Algorithm::is_hmac),
        }
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

    /// The first place where a signature may be.
    pub(super) fn first_signature(&self) -> Option<&Source> {
        self.layouts.first().and_then(|layout| layout.signature.first())
    }

    /// Path and query as the sender signs them.
    pub(super) fn signed_target<'t>(&self, target: &'t str) -> Cow<'t, str> {
        if self.preset.url_escapes { hubspot::unescaped(target) } else { Cow::Borrowed(target) }
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
        let differs = |part: &Part| matches!(part, Part::Source(_) | Part::Timestamp);
        let is_id =
            |id: &Template| id.parts().iter().any(differs) && !id.has(&Part::Id) && !id.has(&Part::Body);
        if !layout.id.as_ref().is_none_or(is_id) {
            return Err(SchemeError::NotAnId);
        }
        let templates = signed.into_iter().chain(&layout.id);
        let mut sources =
            templates.flat_map(Template::sources).chain(&layout.timestamp).chain(&layout.signature);
        if let Some(field) = sources.find(|source| matches!(source, Source::Field(_)))
            && (!matches!(layout.signature[..], [Source::Header(_)]) || self.method() == Method::Token)
        {
            return Err(SchemeError::FieldWithoutHeader(field.clone()));
        }
        let values =
            [("signed", signed), ("id", layout.id.as_ref())].into_iter().flat_map(|(key, template)| {
                template.into_iter().flat_map(Template::sources).map(move |source| (key, source))
            });
        let mut values = values.chain(layout.timestamp.iter().map(|source| ("timestamp", source)));
        if let Some((key, source)) = values.find(|(_, source)| matches!(source, Source::Headers(_))) {
            return Err(SchemeError::Pattern { key, place: source.clone() });
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

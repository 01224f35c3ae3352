//! What the settings say beside the name of a preset.

use std::time::Duration;

use super::algorithm::Algorithm;
use super::encoding::{Encoding, SecretEncoding};
use super::format::Mark;
use super::layout::Layout;
use super::preset::{Method, Preset, ReplayBy};
use super::scheme_error::SchemeError;
use super::source::{Source, is_field_name};
use super::template::Template;
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

impl Overrides {
    /// The settings that mean nothing for a method, and whether each is set.
    pub(super) fn unused_by(&self, method: Method) -> Vec<(&'static str, bool)> {
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

    pub(super) fn marks(&self, preset: &'static Preset) -> Result<Vec<Mark<String>>, SchemeError> {
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

    pub(super) fn layouts(&self, preset: &'static Preset) -> Result<Vec<Layout>, SchemeError> {
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

//! How webhook senders sign their requests.

use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use http::StatusCode;

use crate::config::value_type::{Invalid, Kind, ValueType, invalid, parse};
use crate::signature::{PRESETS, Preset, Source, Template, UnknownName, preset};
use crate::wording::nearest;

/// The name of a preset.
#[derive(Debug)]
pub(in crate::config) struct VerifyPreset;

impl ValueType for VerifyPreset {
    type Value = &'static Preset;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<&'static Preset, Invalid> {
        preset(text).ok_or_else(|| {
            let names = PRESETS.iter().map(|preset| preset.name);
            let hint = match nearest(text, names.clone()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!(
                    "use hmac, public-key or token and say how the webhook sender signs, or one of {}",
                    names.collect::<Vec<_>>().join(", ")
                ),
            };
            Invalid::new(format!("`{text}` is no scheme that clawgate knows"), hint)
        })
    }

    fn show(preset: &&'static Preset) -> String {
        preset.name.to_owned()
    }
}

/// One of the names of `T`.
#[derive(Debug)]
pub(in crate::config) struct Named<T>(PhantomData<T>);

impl<T: FromStr<Err = UnknownName> + Display> ValueType for Named<T> {
    type Value = T;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<T, Invalid> {
        text.parse().map_err(|UnknownName { value, names }| {
            Invalid::new(format!("`{value}` is not one of its values"), format!("use one of {names}"))
        })
    }

    fn show(value: &T) -> String {
        value.to_string()
    }
}

/// Where a signature, token or time is.
#[derive(Debug)]
pub(in crate::config) struct SignatureSource;

impl ValueType for SignatureSource {
    type Value = Source;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Source, Invalid> {
        parse(text, "write e.g. header:x-signature, field:t, body:/event/id or query:signature")
    }

    fn show(source: &Source) -> String {
        source.to_string()
    }
}

/// What an event is known by.
#[derive(Debug)]
pub(in crate::config) struct EventId;

impl ValueType for EventId {
    type Value = Template;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Template, Invalid> {
        Template::source_or_template(text).map_err(|error| {
            let hint = "write e.g. header:webhook-id, body:/event/id, or {body:/jobId}-{body:/runAtMs}";
            Invalid::new(error.to_string(), hint)
        })
    }

    fn show(id: &Template) -> String {
        id.to_string()
    }
}

/// What is signed.
#[derive(Debug)]
pub(in crate::config) struct SignedText;

impl ValueType for SignedText {
    type Value = Template;
    const KIND: Kind = Kind::Verbatim;

    fn read(text: &str) -> Result<Template, Invalid> {
        parse(text, "write e.g. {body}, {timestamp}.{body} or {id}.{timestamp}.{body}")
    }

    fn show(signed: &Template) -> String {
        signed.to_string()
    }
}

/// One character.
#[derive(Debug)]
pub(in crate::config) struct Separator;

impl ValueType for Separator {
    type Value = char;
    const KIND: Kind = Kind::Verbatim;

    fn read(text: &str) -> Result<char, Invalid> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Ok(only),
            _ => invalid(
                format!("`{text}` is not one character"),
                "write the character alone, e.g. \",\" or \" \"",
            ),
        }
    }

    fn show(separator: &char) -> String {
        separator.to_string()
    }
}

/// Text that is taken as it is.
#[derive(Debug)]
pub(in crate::config) struct Verbatim;

impl ValueType for Verbatim {
    type Value = String;
    const KIND: Kind = Kind::Verbatim;

    fn read(text: &str) -> Result<String, Invalid> {
        Ok(text.to_owned())
    }

    fn show(text: &String) -> String {
        text.clone()
    }
}

/// The status of a success, 200 to 299.
#[derive(Debug)]
pub(in crate::config) struct Status;

impl ValueType for Status {
    type Value = StatusCode;
    const KIND: Kind = Kind::Count;

    fn read(text: &str) -> Result<StatusCode, Invalid> {
        let status = text.parse::<StatusCode>().ok().filter(StatusCode::is_success);
        status.ok_or_else(|| {
            Invalid::new(format!("`{text}` is no status of a success"), "use one from 200 to 299")
        })
    }

    fn show(status: &StatusCode) -> String {
        status.as_str().to_owned()
    }
}

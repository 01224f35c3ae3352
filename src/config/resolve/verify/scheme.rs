//! The scheme: a preset with the values of the table in place of its own.

use super::super::resolver::Resolver;
use crate::config::keys::{self, verify};
use crate::config::layers::{Layer, List};
use crate::config::problem::{Found, Origin, Reported};
use crate::config::value_type::Invalid;
use crate::signature::{Method, Overrides, Preset, Scheme, SchemeError};

/// The scheme of `table`, whose first key is at `origin`.
pub(super) fn of_table(r: &mut Resolver<'_>, table: &Layer, origin: &Origin) -> Found<Scheme> {
    let preset = r.optional_in(table, &verify::SCHEME);
    let overrides =
        overrides(r, table, preset.as_ref().ok().and_then(|preset| Some(preset.as_ref()?.value)));
    let preset = preset?.ok_or_else(|| {
        let missing = || {
            let hint = "add scheme = \"github\" or the name of another webhook sender, or \"hmac\", \
                        \"public-key\" or \"token\"";
            r.report.problem(origin, "[route.verify] has no scheme", hint)
        };
        r.sources.torn.unwrap_or_else(missing)
    })?;
    Scheme::new(preset.value, overrides?).map_err(|error| problem(r, table, &preset.origin, &error))
}

fn overrides(r: &mut Resolver<'_>, table: &Layer, preset: Option<&Preset>) -> Found<Overrides> {
    let is_token = preset.is_some_and(|preset| preset.method == Method::Token);
    if preset.is_some() {
        check_place(r, table, is_token);
    }
    let place = if is_token { &verify::SOURCE } else { &verify::SIGNATURE };
    let signature = r.list_in(table, place).map_or(Ok(Vec::new()), List::all_values);
    macro_rules! own {
        ($key:ident) => {
            r.optional_in(table, &verify::$key).map(|own| own.map(|own| own.value))
        };
    }
    let found = (
        (own!(ALGORITHM), own!(SEPARATOR), own!(FIELD_SEPARATOR), own!(FIELD), own!(PREFIX)),
        (own!(ENCODING), own!(SECRET_ENCODING), own!(SIGNED), own!(TIMESTAMP), own!(TIMESTAMP_UNIT)),
        (own!(TOLERANCE), own!(ID), own!(REPLAY)),
    );
    let ((algorithm, separator, field_separator, field, prefix), written, others) = found;
    let (encoding, secret_encoding, signed, timestamp, timestamp_unit) = written;
    let (tolerance, id, replay) = others;
    Ok(Overrides {
        algorithm: algorithm?,
        signature: signature?,
        separator: separator?,
        field_separator: field_separator?,
        field: field?,
        prefix: prefix?,
        encoding: encoding?,
        secret_encoding: secret_encoding?,
        signed: signed?,
        timestamp: timestamp?,
        timestamp_unit: timestamp_unit?,
        tolerance: tolerance?,
        id: id?,
        replay: replay?,
    })
}

/// Where a token is, `source` says; where a signature is, `signature`.
fn check_place(r: &mut Resolver<'_>, table: &Layer, is_token: bool) {
    let (unused, what, hint) = if is_token {
        (&verify::SIGNATURE, "is for signatures, and the scheme is a token", "write source instead")
    } else {
        (&verify::SOURCE, "is for tokens, and the scheme is a signature", "write signature instead")
    };
    if let Some(origin) = table.get(unused).and_then(List::origin) {
        r.report.problem(origin, what, hint);
    }
}

/// Reports why the values do not fit together, at the key that the error is about.
fn problem(r: &mut Resolver<'_>, table: &Layer, scheme: &Origin, error: &SchemeError) -> Reported {
    let (key, hint) = match error {
        SchemeError::Needs { key, .. } => ("scheme", needed(key)),
        SchemeError::Unused { key, .. } => (*key, "remove it"),
        SchemeError::Algorithm { .. } => {
            ("algorithm", "use scheme = \"hmac\" for sha1 to sha512, and \"public-key\" for the others")
        }
        SchemeError::NoTimestamp { key } => (*key, needed("timestamp")),
        SchemeError::NoId { key } => (*key, needed("id")),
        SchemeError::IdOfItself => ("id", "make it of sources, e.g. {body:/jobId}-{body:/runAtMs}"),
        SchemeError::FieldWithoutHeader(_) => ("signature", "name one header, e.g. header:x-signature"),
        SchemeError::FieldName(_) => ("field", "write e.g. v1"),
        SchemeError::Separator(_) => ("separator", "write e.g. \",\" or \" \""),
        SchemeError::SignsItself(_) => ("signed", "remove it there"),
        SchemeError::ReplayByToken => ("replay", "use id or off"),
        SchemeError::Source(_) | SchemeError::Template(_) => ("scheme", "report this as a bug"),
    };
    let key = keys::find(&format!("{}.{key}", verify::SECTION));
    let origin = key.and_then(|key| table.get(key)).and_then(List::origin).unwrap_or(scheme);
    let problem = Invalid::new(error.to_string(), hint);
    r.report.invalid(origin, &written(table), problem)
}

fn needed(key: &str) -> &'static str {
    match key {
        "algorithm" => "add e.g. algorithm = \"ed25519\"",
        "source" => "add e.g. source = \"header:x-webhook-token\"",
        "timestamp" => "add e.g. timestamp = \"header:x-timestamp\"",
        "id" => "add e.g. id = \"header:x-event-id\"",
        _ => "add e.g. signature = \"header:x-signature\"",
    }
}

/// All texts of the table, and as names of headers are shown: what may be a secret in them is not quoted.
fn written(table: &Layer) -> String {
    let lists = keys::in_section(verify::SECTION).filter_map(|key| table.get(key));
    let texts: Vec<_> = lists.flat_map(|list| &list.values).map(|text| text.value.as_str()).collect();
    let texts = texts.join("\n");
    format!("{}\n{texts}", texts.to_lowercase())
}

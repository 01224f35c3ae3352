//! The scheme: a preset with the values of the table in place of its own.

use super::super::resolver::Resolver;
use crate::config::key::Setting;
use crate::config::keys::{self, verify};
use crate::config::layers::{Layer, List};
use crate::config::problem::{Found, Origin, Reported};
use crate::config::value_type::{Invalid, ValueType};
use crate::signature::{Method, Overrides, Preset, Scheme, SchemeError};

/// The scheme of `table`, whose first key is at `origin`.
pub(super) fn of_table(r: &mut Resolver<'_>, table: &Layer, origin: &Origin) -> Found<Scheme> {
    let preset = r.optional_in(table, &verify::SCHEME)?.ok_or_else(|| {
        let missing = || {
            let hint = "add scheme = \"github\" or the name of another webhook sender, or \"hmac\", \
                        \"public-key\" or \"token\"";
            r.report.problem(origin, "[route.verify] has no scheme", hint)
        };
        r.sources.torn.unwrap_or_else(missing)
    })?;
    let overrides = overrides(r, table, preset.value)?;
    Scheme::new(preset.value, overrides).map_err(|error| problem(r, table, origin, &error))
}

fn overrides(r: &mut Resolver<'_>, table: &Layer, preset: &Preset) -> Found<Overrides> {
    let is_token = preset.method == Method::Token;
    check_place(r, table, is_token);
    let place = if is_token { &verify::SOURCE } else { &verify::SIGNATURE };
    Ok(Overrides {
        algorithm: own(r, table, &verify::ALGORITHM)?,
        signature: r.list_in(table, place).map_or(Ok(Vec::new()), List::all_values)?,
        separator: own(r, table, &verify::SEPARATOR)?,
        field_separator: own(r, table, &verify::FIELD_SEPARATOR)?,
        field: own(r, table, &verify::FIELD)?,
        prefix: own(r, table, &verify::PREFIX)?,
        encoding: own(r, table, &verify::ENCODING)?,
        secret_encoding: own(r, table, &verify::SECRET_ENCODING)?,
        signed: own(r, table, &verify::SIGNED)?,
        timestamp: own(r, table, &verify::TIMESTAMP)?,
        timestamp_unit: own(r, table, &verify::TIMESTAMP_UNIT)?,
        tolerance: own(r, table, &verify::TOLERANCE)?,
        id: own(r, table, &verify::ID)?,
        replay: own(r, table, &verify::REPLAY)?,
    })
}

fn own<V: ValueType>(
    r: &mut Resolver<'_>,
    table: &Layer,
    setting: &Setting<V>,
) -> Found<Option<V::Value>> {
    Ok(r.optional_in(table, setting)?.map(|own| own.value))
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

/// Reports why the values do not fit together, at the key that the error is about, or at that of the scheme (`origin`).
fn problem(r: &mut Resolver<'_>, table: &Layer, origin: &Origin, error: &SchemeError) -> Reported {
    let (key, hint) = match error {
        SchemeError::Needs { key, .. } => ("scheme", needed(key)),
        SchemeError::Unused { key, .. } => (*key, "remove it"),
        SchemeError::Algorithm { .. } => {
            ("algorithm", "use scheme = \"hmac\" for sha1 to sha512, and \"public-key\" for the others")
        }
        SchemeError::NoTimestamp { key } => (*key, needed("timestamp")),
        SchemeError::NoId { key } => (*key, needed("id")),
        SchemeError::Pattern { key, .. } => (*key, "name one header, without a star"),
        SchemeError::NotAnId => ("id", "make it of sources, e.g. {body:/jobId}-{body:/runAtMs}"),
        SchemeError::FieldWithoutHeader(_) => ("signature", "name one header, e.g. header:x-signature"),
        SchemeError::FieldName(_) => ("field", "write e.g. v1"),
        SchemeError::Separator(_) => ("separator", "write e.g. \",\" or \" \""),
        SchemeError::SignsItself(_) => ("signed", "remove it there"),
        SchemeError::ReplayByToken => ("replay", "use id or off"),
        SchemeError::Source(_) | SchemeError::Template(_) => ("scheme", "report this as a bug"),
    };
    let key = keys::find(&format!("{}.{key}", verify::SECTION));
    let origin = key.and_then(|key| table.get(key)).and_then(List::origin).unwrap_or(origin);
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

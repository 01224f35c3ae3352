//! The log for people at a terminal: one to four lines for each event, the most important first.
//!
//! The first line says when it happened, how serious it is and what happened. Then come the detail, the hint and the
//! client's certificate. All other fields are shown only with `-v`; the JSON form of the log always has them.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};
use tracing::Level;

/// How the lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Whether all fields are shown.
    pub verbose: bool,
    /// Whether ANSI colours are used.
    pub colour: bool,
    /// The width at which lines are broken; `None` for never.
    pub width: Option<usize>,
}

/// One event, ready to be laid out.
pub(super) struct Entry<'a> {
    /// RFC 3339, UTC.
    pub(super) time: &'a str,
    pub(super) level: Level,
    pub(super) name: &'a str,
    pub(super) fields: Map<String, Value>,
}

/// The maximum length of a value without `-v`, in characters.
const MAX_VALUE: usize = 64;
/// The indentation of all lines after the first. It is as wide as the time and a space.
const INDENT: &str = "          ";

impl Layout {
    /// Appends the lines of `entry`, each with its line feed.
    pub(super) fn write(self, entry: Entry<'_>, out: &mut String) {
        let Entry { time, level, name, mut fields } = entry;
        // The event is about a client: the headline names it, and detail and hint explain the event.
        let is_explained =
            name == "handshake_failed" || (fields.contains_key("peer") && fields.contains_key("hint"));
        let headline = match name {
            "request" => request(&mut fields),
            _ if is_explained => refused(name, &mut fields),
            _ => name.to_owned(),
        };
        let detail = take_text(&mut fields, "detail").or_else(|| take_text(&mut fields, "message"));
        let hint = take_text(&mut fields, "hint");
        let certificate = fields.get("client_cert").and_then(Value::as_object).map(certificate);
        let rest = match self.verbose || !(is_explained || name == "request") {
            true => self.pairs(&fields),
            false => String::new(),
        };

        let clock = time.get(11..19).unwrap_or(time);
        let label = self.styled(style_of(level), &format!("{:5}", level.as_str()));
        let headline = self.styled(Style::new().bold(), &headline);
        let clock = self.styled(Style::new().dimmed(), &format!("{clock}Z"));
        let _ = writeln!(out, "{clock} {label} {headline}");
        let dim = Style::new().dimmed();
        let paragraphs = [
            (detail, Style::new()),
            (hint.map(|hint| format!("-> {hint}")), AnsiColor::Cyan.on_default()),
            (certificate, dim),
            ((!rest.is_empty()).then_some(rest), dim),
        ];
        for (text, style) in paragraphs.into_iter().filter_map(|(text, style)| Some((text?, style))) {
            self.paragraph(&text, style, out);
        }
    }

    fn paragraph(self, text: &str, style: Style, out: &mut String) {
        let width = self.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT.len()).max(20));
        // A detail may contain line feeds. Other control characters are escaped: they could move the cursor.
        let text = escaped(text);
        let options = textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in text.split('\n').flat_map(|line| textwrap::wrap(line, &options)) {
            let _ = writeln!(out, "{INDENT}{}", self.styled(style, &line));
        }
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// `key=value` for each field, those of an inner object as `outer.inner`.
    fn pairs(self, fields: &Map<String, Value>) -> String {
        let mut pairs = Vec::new();
        self.push_pairs("", fields, &mut pairs);
        pairs.join(" ")
    }

    fn push_pairs(self, prefix: &str, fields: &Map<String, Value>, pairs: &mut Vec<String>) {
        for (key, value) in fields {
            let text = match value {
                Value::Null => continue,
                Value::Object(inner) if self.verbose => {
                    self.push_pairs(&format!("{prefix}{key}."), inner, pairs);
                    continue;
                }
                Value::Object(_) => continue,
                Value::Array(items) => self.list(items),
                Value::String(text) => self.value(text),
                other => other.to_string(),
            };
            pairs.push(format!("{prefix}{key}={text}"));
        }
    }

    fn list(self, items: &[Value]) -> String {
        let texts: Vec<_> = items.iter().filter_map(Value::as_str).collect();
        if texts.len() == items.len() {
            return self.value(&texts.join(", "));
        }
        if self.verbose {
            Value::Array(items.to_vec()).to_string()
        } else {
            format!("[{}]", items.len())
        }
    }

    /// The value, in quotes if it would be ambiguous without them, and shortened if it is long.
    fn value(self, text: &str) -> String {
        let cut = if self.verbose { text.to_owned() } else { shortened(text, MAX_VALUE) };
        let is_bare = !cut.is_empty()
            && cut.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\\'));
        if is_bare { cut } else { Value::String(cut).to_string() }
    }
}

/// `200 POST /hooks/wake  meeting-notes  1.2 ms`
fn request(fields: &mut Map<String, Value>) -> String {
    let status = fields.shift_remove("status").map(|status| status.to_string()).unwrap_or_default();
    let mut words = vec![status];
    words.extend(["method", "path"].into_iter().filter_map(|key| take_short(fields, key)));
    words.extend(take_short(fields, "reason"));
    words.extend(client(fields));
    words.extend(take_short(fields, "peer"));
    if let Some(duration) = fields.shift_remove("duration_ms").and_then(|millis| millis.as_f64()) {
        words.push(format!("{duration:.1} ms"));
    }
    words.retain(|word| !word.is_empty());
    words.join("  ")
}

/// `handshake_failed  client_cert_missing  127.0.0.1:51602`, with the client's name if it has one. A summary also has
/// the count.
fn refused(name: &str, fields: &mut Map<String, Value>) -> String {
    let mut words = vec![name.to_owned()];
    words.extend(take_short(fields, "reason"));
    words.extend(client(fields));
    words.extend(["peer", "limit"].into_iter().filter_map(|key| take_short(fields, key)));
    let count = fields.get("repeated").and_then(|repeated| repeated.get("count"));
    words.extend(count.map(|count| format!("{count} more times")));
    words.join("  ")
}

/// The shortest name of the client.
fn client(fields: &mut Map<String, Value>) -> Option<String> {
    let name = take_short(fields, "cn").or_else(|| take_short(fields, "san"));
    name.or_else(|| take_short(fields, "fingerprint_sha256"))
}

/// `certificate CN=notes, issued by CN=CA, valid until 2027-01-01T00:00:00Z, SHA-256 12ab…`
fn certificate(fields: &Map<String, Value>) -> String {
    let text = |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut words = Vec::new();
    words.extend(text("subject").map(|subject| shortened(subject, MAX_VALUE)));
    words.extend(text("issuer").map(|issuer| format!("issued by {}", shortened(issuer, MAX_VALUE))));
    words.extend(text("not_after").map(|end| format!("valid until {end}")));
    words.extend(text("fingerprint_sha256").map(|digest| format!("SHA-256 {}", shortened(digest, 16))));
    format!("certificate {}", words.join(", "))
}

/// `text` with all control characters escaped except line feeds.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

fn take_text(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    match fields.shift_remove(key)? {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn take_short(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    take_text(fields, key).map(|text| shortened(&text, MAX_VALUE))
}

/// At most `limit` characters of `text`. If characters are missing, the last one is `…`.
fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

fn style_of(level: Level) -> Style {
    match level {
        Level::ERROR => AnsiColor::Red.on_default().bold(),
        Level::WARN => AnsiColor::Yellow.on_default().bold(),
        Level::INFO => AnsiColor::Green.on_default(),
        Level::DEBUG | Level::TRACE => Style::new().dimmed(),
    }
}

#[cfg(test)]
mod tests;

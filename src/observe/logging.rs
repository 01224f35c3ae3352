//! Log lines: JSON for machines, text for people, one line an event on stdout.

use std::fmt;
use std::io::{self, Write};
use std::time::SystemTime;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// `time LEVEL event key=value …`
    Text,
}

/// A subscriber that writes the events `filter` lets through to stdout.
///
/// `filter` is an [`EnvFilter`] directive such as `info` or `info,clawgate=debug`.
pub fn subscriber(format: Format, filter: EnvFilter) -> impl Subscriber + Send + Sync {
    Registry::default().with(filter).with(Lines { format })
}

struct Lines {
    format: Format,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let level = event.metadata().level().as_str();
        let mut line = match self.format {
            Format::Json => fields.json(time, level, event.metadata().target()),
            Format::Text => fields.text(time, level, event.metadata().target()),
        };
        line.push('\n');
        // One write for the whole line, so that lines of several threads do not mix. A closed stdout
        // must not end the gate, so the result is dropped.
        let _ = io::stdout().lock().write_all(line.as_bytes());
    }
}

/// The fields of one event: the gate's own have a name and a ready JSON record, those of other crates
/// whatever they like.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    record: Option<String>,
    other: Map<String, Value>,
}

impl Fields {
    fn json(self, time: impl fmt::Display, level: &str, target: &str) -> String {
        let name = self.name.as_deref().unwrap_or("log");
        let level = level.to_ascii_lowercase();
        let head = format!(r#"{{"timestamp":"{time}","level":"{level}","event":"{name}""#);
        match self.record.as_deref() {
            Some("{}") => head + "}",
            Some(record) => head + "," + record.trim_start_matches('{'),
            None => {
                let mut other = self.other;
                other.insert("target".to_owned(), target.into());
                head + "," + Value::Object(other).to_string().trim_start_matches('{')
            }
        }
    }

    fn text(self, time: impl fmt::Display, level: &str, target: &str) -> String {
        let name = self.name.as_deref().unwrap_or(target);
        let mut line = format!("{time} {level:5} {name}");
        let record = self.record.and_then(|record| serde_json::from_str(&record).ok());
        let fields = record.unwrap_or(self.other);
        push_pairs(&mut line, "", &fields);
        line
    }
}

/// Appends ` key=value` for each field, those of an inner object as `outer.inner`.
fn push_pairs(line: &mut String, prefix: &str, fields: &Map<String, Value>) {
    for (key, value) in fields {
        match value {
            Value::Null => {}
            Value::Object(inner) => push_pairs(line, &format!("{prefix}{key}."), inner),
            Value::String(text) if is_bare(text) => {
                line.push_str(&format!(" {prefix}{key}={text}"));
            }
            value => line.push_str(&format!(" {prefix}{key}={value}")),
        }
    }
}

fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.name = Some(value.to_owned()),
            "record" => self.record = Some(value.to_owned()),
            name => {
                self.other.insert(name.to_owned(), value.into());
            }
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.other.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.other.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.other.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.other.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(record: &str) -> Fields {
        Fields { name: Some("request".into()), record: Some(record.into()), other: Map::new() }
    }

    #[test]
    fn an_own_event_is_one_flat_json_object() {
        let line = own(r#"{"a":1,"b":{"c":"x"}}"#).json("T", "WARN", "t");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["timestamp"], "T");
        assert_eq!(value["level"], "warn");
        assert_eq!(value["event"], "request");
        assert_eq!(value["b"]["c"], "x");
        serde_json::from_str::<Value>(&own("{}").json("T", "INFO", "t")).unwrap();
    }

    #[test]
    fn an_event_of_another_crate_keeps_its_target() {
        let mut fields = Fields::default();
        fields.other.insert("message".into(), "hello".into());
        let value: Value = serde_json::from_str(&fields.json("T", "INFO", "hyper")).unwrap();
        assert_eq!((&value["event"], &value["target"]), (&"log".into(), &"hyper".into()));
    }

    #[test]
    fn text_quotes_what_could_be_mistaken_and_leaves_out_what_is_not_known() {
        let line =
            own(r#"{"detail":"two words","n":3,"cert":{"cn":"a"},"sni":null}"#).text("T", "INFO", "t");
        assert_eq!(line, "T INFO  request detail=\"two words\" n=3 cert.cn=a");
    }
}

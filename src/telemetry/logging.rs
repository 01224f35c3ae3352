//! The log on stdout: one line of JSON per event for programs, or a few lines of text (`terminal`) for people.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use super::event::{TARGET, with_scratch};
use super::terminal::{Entry, Layout};
use super::writer::{Priority, Writer};

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// A few lines for people.
    Text(Layout),
}

/// The log. A thread writes its lines. When the process ends, this value writes the remaining ones.
#[derive(Debug)]
#[must_use = "without it, lines in the buffer are lost when the process ends"]
pub struct Log {
    writer: Writer,
    format: Format,
}

/// How long the process waits for a slow reader of the log before it exits.
const LAST_LINES: Duration = Duration::from_secs(2);

impl Log {
    /// Starts the thread that writes lines; earlier lines are kept until then. Call this after entering the sandbox,
    /// because a thread inherits the sandbox of the thread that starts it.
    pub fn start(&self) {
        let format = self.format;
        let lost = move |count: u64| {
            let record =
                format!(r#"{{"count":{count},"hint":"the program that reads the log was too slow"}}"#);
            let mut line = Vec::new();
            let time = humantime::format_rfc3339_millis(SystemTime::now());
            Fields { name: Some("log_lines_lost".into()), record: Some(record), other: Map::new() }
                .write(format, time, Level::WARN, TARGET, &mut line);
            line
        };
        self.writer.start(io::stdout(), lost);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.writer.flush(LAST_LINES);
    }
}

/// A subscriber that logs the events that `filter` selects, and the log that writes them to stdout.
pub fn subscriber(format: Format, filter: Targets) -> (impl Subscriber + Send + Sync, Log) {
    let writer = Writer::new();
    let lines = Lines { format, writer: writer.clone() };
    (Registry::default().with(filter).with(lines), Log { writer, format })
}

/// A subscriber that writes clawgate's own events to stderr, each as a line of JSON: for commands that print their result to
/// stdout.
pub fn on_stderr() -> impl Subscriber + Send + Sync {
    let own = Targets::new().with_target(TARGET, Level::INFO);
    Registry::default().with(own).with(OnStderr)
}

struct OnStderr;

impl<S: Subscriber> Layer<S> for OnStderr {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Vec::new();
        fields.write(Format::Json, time, level, target, &mut line);
        // A closed stderr must not end the command in the middle of its work.
        let _ = io::stderr().lock().write_all(&line);
    }
}

struct Lines {
    format: Format,
    writer: Writer,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        with_scratch(|line| {
            let mut weight = if level <= Level::WARN { Priority::Heavy } else { Priority::Usual };
            if self.format == Format::Json && target == TARGET {
                let mut own = Own { line, light: false };
                own.begin(time, level);
                event.record(&mut own);
                if own.light && level > Level::WARN {
                    weight = Priority::Light;
                }
            } else {
                let mut fields = Fields::default();
                event.record(&mut fields);
                fields.write(self.format, time, level, target, line);
            }
            self.writer.put(line, weight);
        });
    }
}

/// Writes one of clawgate's own events into the line: its name, then the fields of its record, which is JSON already.
struct Own<'a> {
    line: &'a mut Vec<u8>,
    /// Whether the event belongs to the access log.
    light: bool,
}

impl Own<'_> {
    fn begin(&mut self, time: impl fmt::Display, level: Level) {
        // Writing into a Vec cannot fail.
        let _ = write!(self.line, r#"{{"timestamp":"{time}","level":"{}","event":""#, lower(level));
    }
}

impl Visit for Own<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => {
                self.light = value == "request";
                self.line.extend_from_slice(value.as_bytes());
                self.line.push(b'"');
            }
            "record" => {
                // The record is copied without its opening brace, because the line already has one.
                if value.len() > 2 {
                    self.line.push(b',');
                }
                self.line.extend_from_slice(&value.as_bytes()[1..]);
                self.line.push(b'\n');
            }
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

fn lower(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The fields of one event. clawgate's own events have a name and a serialized record; events of other crates have any
/// fields.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    record: Option<String>,
    other: Map<String, Value>,
}

impl Fields {
    fn write(
        self,
        format: Format,
        time: impl fmt::Display,
        level: Level,
        target: &str,
        line: &mut Vec<u8>,
    ) {
        match format {
            Format::Json => {
                line.extend_from_slice(self.json(time, level.as_str(), target).as_bytes());
                line.push(b'\n');
            }
            Format::Text(layout) => {
                line.extend_from_slice(self.text(layout, time, level, target).as_bytes())
            }
        }
    }

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

    fn text(self, layout: Layout, time: impl fmt::Display, level: Level, target: &str) -> String {
        let name = self.name.as_deref().unwrap_or(target);
        let record = self.record.and_then(|record| serde_json::from_str(&record).ok());
        let fields = record.unwrap_or(self.other);
        let mut text = String::new();
        layout.write(Entry { time: &time.to_string(), level, name, fields }, &mut text);
        text
    }
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
}

//! What is logged, and other text.

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::config::log::LogLevel;
use crate::config::value_type::{Invalid, Kind, ValueType, invalid};

impl ValueType for LogLevel {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        const HINT: &str =
            "use off, error, warn, info, debug or trace, or a filter such as `info,clawgate::tls=debug`";
        // Not by `Targets::from_str`, which takes any bare word for a target, so that `inof` would log
        // everything named so.
        let (mut filter, mut named) = (Targets::new(), Vec::new());
        for part in text.split(',') {
            let (target, level) = match part.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, part.trim()),
            };
            let level = match level.parse::<LevelFilter>() {
                Ok(known) if !level.is_empty() => known,
                _ => return invalid(format!("`{level}` is no log level"), HINT),
            };
            match target {
                None => filter = for_all(filter, level),
                Some(target) if is_module_path(target) => named.push((target.to_owned(), level)),
                Some(target) => return invalid(format!("`{target}` is no module"), HINT),
            }
        }
        // A level for a module holds whether it stands before or after one for all.
        Ok(Self { text: text.to_owned(), filter: filter.with_targets(named) })
    }

    fn show(level: &Self) -> String {
        level.text.clone()
    }
}

/// Libraries log for those who write programs: at `info` and below only what clawgate logs itself is useful.
fn for_all(filter: Targets, level: LevelFilter) -> Targets {
    let of_libraries = if level > LevelFilter::INFO { level } else { LevelFilter::OFF };
    filter.with_default(of_libraries).with_target("clawgate", level)
}

/// Whether it may be one, such as `clawgate::tls`; a filter by spans or fields has brackets.
fn is_module_path(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
}

/// Any text.
#[derive(Debug)]
pub(in crate::config) struct Name;

impl ValueType for Name {
    type Value = String;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<String, Invalid> {
        Ok(text.to_owned())
    }

    fn show(name: &String) -> String {
        name.clone()
    }
}

/// A secret, which is read by those who use it, and nowhere else.
#[derive(Debug)]
pub(in crate::config) struct SecretText;

impl ValueType for SecretText {
    type Value = ();
    const KIND: Kind = Kind::Secret;

    fn read(_: &str) -> Result<(), Invalid> {
        Ok(())
    }

    fn show((): &()) -> String {
        "set".to_owned()
    }
}

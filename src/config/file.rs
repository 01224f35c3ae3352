//! The settings in a TOML file.
//!
//! The parsed document is walked by hand, not mirrored with serde: serde stops at the first mistake,
//! and here all of them are found, each with its line.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};
use zeroize::Zeroizing;

use super::key::Key;
use super::keys::{self, KEYS};
use super::layers::{Layer, List, Text, piece};
use super::problem::{Found, Origin, Report, Reported};
use super::suggest::nearest;
use super::value_type::Kind;
use super::values::named;
use crate::wording;

/// What a file sets.
#[derive(Default)]
pub(super) struct File {
    /// All but the routes.
    pub(super) layer: Layer,
    /// The `[[route]]` tables, in their order.
    pub(super) routes: Vec<RouteTable>,
    /// Whether parts could not be read at all, so that a missing key may well be there.
    pub(super) torn: Option<Reported>,
}

/// One `[[route]]` table.
pub(super) struct RouteTable {
    /// Where it begins.
    pub(super) origin: Origin,
    /// What it sets.
    pub(super) layer: Layer,
}

impl File {
    /// Reads the file that `named_by` names.
    pub(super) fn read(path: &Path, named_by: &Origin, report: &mut Report) -> Self {
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) => {
                let what = format!("cannot read {}: {}", named(path), wording::io(&error));
                let hint = if error.kind() == io::ErrorKind::NotFound {
                    "name a TOML file that exists; without one, flags and environment suffice"
                } else {
                    "make it a TOML file that clawgate's user may read"
                };
                return Self::unread(report.problem(named_by, what, hint));
            }
        };
        let path = Arc::from(path);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(path, text, report),
            Err(error) => {
                let line = Lines::of(&bytes).number(error.valid_up_to());
                let origin = Origin::File { path, line, key: None };
                Self::unread(report.problem(&origin, "is not valid UTF-8", "save the file as UTF-8"))
            }
        }
    }

    fn unread(reported: Reported) -> Self {
        Self { torn: Some(reported), ..Self::default() }
    }

    /// Reads the content of a file.
    pub(super) fn parse(path: Arc<Path>, text: &str, report: &mut Report) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        let lines = Lines::of(text.as_bytes());
        let mut reader =
            Reader { path, lines, broken_lines: BTreeSet::new(), file: Self::default(), report };
        for error in errors {
            let origin = reader.origin(error.span().unwrap_or_default(), None);
            if let Origin::File { line, .. } = origin {
                reader.broken_lines.insert(line);
            }
            // The message alone: the error's `Display` quotes the line, which may hold a token.
            let hint = match error.message() {
                "duplicate key" => "keep one of them",
                _ => "correct the TOML there; text stands in quotes, as in certificate = \"server.pem\"",
            };
            let what = format!("is not TOML: {}", error.message());
            reader.file.torn = Some(reader.report.problem(&origin, what, hint));
        }
        let mut layer = Layer::default();
        reader.table("", document.get_ref(), &mut layer);
        reader.file.layer = layer;
        reader.file
    }
}

struct Reader<'a> {
    path: Arc<Path>,
    lines: Lines,
    broken_lines: BTreeSet<usize>,
    file: File,
    report: &'a mut Report,
}

impl Reader<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>, layer: &mut Layer) {
        for (name, value) in table {
            let dotted = match section {
                "" => name.get_ref().to_string(),
                section => format!("{section}.{}", name.get_ref()),
            };
            let origin = self.origin(name.span(), Some(dotted.clone()));
            // `"tls.certificate"` in quotes is one name with a dot in it, not a key of `[tls]`.
            let one_name = !name.get_ref().contains('.');
            if let Some(key) = keys::find(&dotted).filter(|_| one_name) {
                let values = self.values(key, &origin, value);
                layer.set(key, values);
            } else if dotted == "route" {
                self.routes(&origin, value.get_ref());
            } else if !keys::is_section(&dotted) || !one_name {
                // A line that is not TOML may hold anything, such as a token.
                if self.is_broken(&origin).is_none() {
                    self.unknown(&dotted, &origin);
                }
            } else if let DeValue::Table(table) = value.get_ref() {
                if table.is_empty() && dotted == keys::verify::SECTION {
                    let hint = format!("add its keys, or remove it: {}", names_in(&dotted));
                    self.report.problem(&origin, "is empty, so it would verify nothing", hint);
                }
                if table.is_empty() && dotted == keys::inbox::ROUTE_SECTION {
                    let hint = format!("add its keys, or remove it: {}", names_in(&dotted));
                    self.report.problem(&origin, "is empty, so it would store nothing", hint);
                }
                if table.is_empty() && dotted == keys::shape::SECTION {
                    let hint = format!("add its keys, or remove it: {}", names_in(&dotted));
                    self.report.problem(&origin, "is empty, so it would change nothing", hint);
                }
                self.table(&dotted, table, layer);
            } else if self.is_broken(&origin).is_none() {
                let what = format!("is a section, not {}", a_kind_of(value.get_ref()));
                let hint = format!("write [{dotted}] above its keys: {}", names_in(&dotted));
                self.report.problem(&origin, what, hint);
            }
        }
    }

    fn routes(&mut self, origin: &Origin, value: &DeValue<'_>) {
        let DeValue::Array(tables) = value else {
            let what = format!("is a list of tables, not {}", a_kind_of(value));
            self.report.problem(origin, what, "write [[route]], with two brackets, above its keys");
            return;
        };
        if tables.is_empty() {
            self.report.problem(
                origin,
                "is an empty list",
                "remove it to have the default route /hooks/",
            );
        }
        for table in tables.iter() {
            let origin = self.origin(table.span(), Some("route".to_owned()));
            let DeValue::Table(content) = table.get_ref() else {
                let what = format!("is {}, not a table", a_kind_of(table.get_ref()));
                self.report.problem(&origin, what, "write [[route]] above the keys of each route");
                continue;
            };
            let mut layer = Layer::default();
            self.table("route", content, &mut layer);
            self.file.routes.push(RouteTable { origin, layer });
        }
    }

    fn values(
        &mut self,
        key: &Key,
        origin: &Origin,
        value: &Spanned<DeValue<'_>>,
    ) -> List<Zeroizing<String>> {
        if let (Kind::Lengths, DeValue::Table(table)) = (key.kind, value.get_ref()) {
            return self.lengths(key, origin, table);
        }
        let DeValue::Array(array) = value.get_ref() else {
            return List::from_iter([self.scalar(key, origin.clone(), value.get_ref())]);
        };
        if let Some(reported) = self.is_broken(origin) {
            return List::missing(reported);
        }
        // A route is one path; several are several routes. The flag is repeatable all the same.
        if key.separator.is_none() || key.toml == keys::ROUTE_PATH.toml {
            let what = "takes one value, not a list";
            return List::missing(self.report.problem(origin, what, "remove the brackets"));
        }
        if array.is_empty() {
            let hint = format!("name at least one value, or remove it: {}", key.default_text());
            return List::missing(self.report.problem(origin, "is an empty list", hint));
        }
        self.elements(key, array)
    }

    fn lengths(&mut self, key: &Key, origin: &Origin, table: &DeTable<'_>) -> List<Zeroizing<String>> {
        if table.is_empty() {
            let hint = format!("name at least one value, or remove it: {}", key.default_text());
            return List::missing(self.report.problem(origin, "is an empty table", hint));
        }
        let member = |(name, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            let origin = self.origin(name.span(), Some(key.toml.to_owned()));
            match (self.is_broken(&origin), value.get_ref()) {
                (Some(reported), _) => Err(reported),
                (None, DeValue::Integer(number)) => {
                    piece(&format!("{} = {}", name.get_ref(), decimal(number)), origin, self.report)
                }
                (None, other) => {
                    let what = format!("has {}, not a number of characters", a_kind_of(other));
                    Err(self.report.problem(&origin, what, format!("write {}", example(key))))
                }
            }
        };
        table.iter().map(member).collect()
    }

    fn elements(&mut self, key: &Key, array: &DeArray<'_>) -> List<Zeroizing<String>> {
        let element = |element: &Spanned<DeValue<'_>>| {
            let origin = self.origin(element.span(), Some(key.toml.to_owned()));
            self.scalar(key, origin, element.get_ref())
        };
        array.iter().map(element).collect()
    }

    fn scalar(&mut self, key: &Key, origin: Origin, value: &DeValue<'_>) -> Found<Text> {
        // The parser made up what stands on a line that is not TOML, to be able to go on.
        if let Some(reported) = self.is_broken(&origin) {
            return Err(reported);
        }
        match (key.kind, value) {
            (
                Kind::Text | Kind::Secret | Kind::File(_) | Kind::Size | Kind::Duration,
                DeValue::String(text),
            ) => piece(text, origin, self.report),
            (Kind::Verbatim, DeValue::String(text)) if !text.is_empty() => {
                Ok(Text { value: Zeroizing::new(text.to_string()), origin })
            }
            (Kind::Verbatim, DeValue::String(text)) => piece(text, origin, self.report),
            (Kind::Count, DeValue::String(text)) if text == "off" => piece(text, origin, self.report),
            (Kind::Size | Kind::Count, DeValue::Integer(number)) => {
                piece(&decimal(number), origin, self.report)
            }
            (Kind::Switch, DeValue::Boolean(on)) => piece(&on.to_string(), origin, self.report),
            (kind, value) => {
                let what = format!("is {}, not {}", a_kind_of(value), wanted(kind));
                Err(self.report.problem(&origin, what, format!("write {}", example(key))))
            }
        }
    }

    fn unknown(&mut self, dotted: &str, origin: &Origin) {
        let section = dotted.rsplit_once('.').map_or("", |(section, _)| section);
        let hint = match meant(dotted) {
            Some(key) if key == dotted => "remove the quotes around the dots".to_owned(),
            Some(key) => format!("did you mean `{key}`?"),
            None if keys::is_section(section) => {
                format!("remove it; [{section}] has {}", names_in(section))
            }
            None => "remove it; examples/full.toml has all known keys".to_owned(),
        };
        self.report.problem(origin, "is no known key", hint);
    }

    fn origin(&self, span: Range<usize>, key: Option<String>) -> Origin {
        let line = self.lines.number(span.start);
        Origin::File { path: Arc::clone(&self.path), line, key }
    }

    fn is_broken(&self, origin: &Origin) -> Option<Reported> {
        let is_there = matches!(origin, Origin::File { line, .. } if self.broken_lines.contains(line));
        self.file.torn.filter(|_| is_there)
    }
}

/// The names that may stand below `[section]`.
fn names_in(section: &str) -> String {
    let below = |key: &Key| key.toml[section.len() + 1..].to_owned();
    keys::in_section(section).map(below).collect::<Vec<_>>().join(", ")
}

/// The key or section that was meant by an unknown one: a misspelt one, or one of another section.
fn meant(dotted: &str) -> Option<String> {
    let names: BTreeSet<&str> = KEYS.iter().map(|key| key.toml).collect();
    let sections = names.iter().filter_map(|name| name.split('.').next()).collect::<BTreeSet<_>>();
    let Some((section, leaf)) = dotted.rsplit_once('.') else {
        return nearest(dotted, sections).or_else(|| with_leaf(dotted)).map(str::to_owned);
    };
    let siblings = || keys::in_section(section);
    // `secret` is rather `secret_file` than `scheme`.
    let longer = |key: &&Key| key.leaf().strip_prefix(leaf).is_some_and(|rest| rest.starts_with('_'));
    let sibling = siblings()
        .find(longer)
        .map(Key::leaf)
        .or_else(|| nearest(leaf, siblings().map(Key::leaf)))
        .and_then(|leaf| siblings().find(|key| key.leaf() == leaf))
        .map(|key| key.toml);
    sibling.map(str::to_owned).or_else(|| subsection(section, leaf)).or_else(|| {
        // In a known section, its own name would make any two keys look alike.
        let elsewhere = || nearest(dotted, names).filter(|_| !keys::is_section(section));
        with_leaf(leaf).or_else(elsewhere).map(str::to_owned)
    })
}

/// The section within `section` whose name is nearest to `leaf`, such as `route.verify`.
fn subsection(section: &str, leaf: &str) -> Option<String> {
    let below = keys::in_section(section).filter_map(|key| key.toml.get(section.len() + 1..));
    let names: BTreeSet<_> =
        below.filter_map(|name| name.split_once('.')).map(|(name, _)| name).collect();
    nearest(leaf, names).map(|name| format!("{section}.{name}"))
}

fn with_leaf(leaf: &str) -> Option<&'static str> {
    let same =
        |key: &&&Key| key.leaf() == leaf || key.flag.is_some_and(|flag| flag.replace('-', "_") == leaf);
    KEYS.iter().find(same).map(|key| key.toml)
}

fn a_kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Verbatim | Kind::Secret | Kind::File(_) => "a string",
        Kind::Size => "a size",
        Kind::Duration => "a duration",
        Kind::Count => "a whole number",
        Kind::Switch => "true or false",
        Kind::Lengths => "a table of places with lengths",
    }
}

fn example(key: &Key) -> String {
    let leaf = key.leaf();
    match key.kind {
        Kind::Text | Kind::Verbatim | Kind::Secret | Kind::File(_) => {
            format!("it in quotes: {leaf} = \"{}\"", key.placeholder)
        }
        Kind::Size => format!("it with its unit, in quotes: {leaf} = \"256KiB\""),
        Kind::Duration => format!("it with its unit, in quotes: {leaf} = \"5s\""),
        Kind::Count => format!("it without quotes: {leaf} = 4"),
        Kind::Switch => format!("{leaf} = true or {leaf} = false, without quotes"),
        Kind::Lengths => format!("e.g. {leaf} = {{ \"/summary\" = 500 }}"),
    }
}

fn decimal(number: &DeInteger<'_>) -> String {
    let value = u64::from_str_radix(number.as_str(), number.radix());
    value.map_or_else(|_| number.to_string(), |value| value.to_string())
}

/// Where the lines of a text end, so that the number of a line is found fast: a list may have ten thousand rules.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &[u8]) -> Self {
        Self(text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, that the byte at `offset` is on.
    fn number(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|end| *end < offset)
    }
}

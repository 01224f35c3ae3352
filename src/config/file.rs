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
use toml::de::{DeArray, DeTable, DeValue};
use zeroize::Zeroizing;

use super::key::Key;
use super::keys;
use super::known_keys::{meant, names_in, nothing};
use super::layers::{Layer, List, Text, piece};
use super::mapping_table::{self, MapTable};
use super::problem::{Found, Origin, Report, Reported};
use super::toml_value::{a_kind_of, decimal, example, wanted};
use super::value_type::{Invalid, Kind};
use super::values::named;
use crate::wording;

/// What a file sets.
#[derive(Default)]
pub(super) struct File {
    /// All but the routes.
    pub(super) layer: Layer,
    /// The `[[route]]` tables, in their order.
    pub(super) routes: Vec<RouteTable>,
    /// The `[[relay.target]]` tables, in their order.
    pub(super) targets: Vec<TargetTable>,
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

/// One `[[relay.target]]` table.
pub(super) struct TargetTable {
    /// Where it begins.
    pub(super) origin: Origin,
    /// What it sets, but for the mapping.
    pub(super) layer: Layer,
    /// Its mapping.
    pub(super) map: Option<MapTable>,
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
        let broken_lines = BTreeSet::new();
        let file = Self::default();
        let mut reader = Reader { path, lines, broken_lines, file, report, target: None, map: None };
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
    /// The number of the `[[relay.target]]` that is read, from 1.
    target: Option<usize>,
    /// Its mapping, once that has been read.
    map: Option<MapTable>,
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
                if key.kind == Kind::Table {
                    self.map(key, origin, value);
                    continue;
                }
                let values = self.values(key, &origin, value);
                layer.set(key, values);
            } else if dotted == "route" {
                self.routes(&origin, value.get_ref());
            } else if dotted == keys::relay::TARGETS && one_name {
                self.targets(&origin, value.get_ref());
            } else if !keys::is_section(&dotted) || !one_name {
                // A line that is not TOML may hold anything, such as a token.
                if self.is_broken(&origin).is_none() {
                    self.unknown(&dotted, &origin);
                }
            } else if let DeValue::Table(table) = value.get_ref() {
                if let Some(what) = nothing(&dotted).filter(|_| table.is_empty()) {
                    let hint = format!("add its keys, or remove it: {}", names_in(&dotted));
                    self.report.problem(&origin, format!("is empty, so it would {what}"), hint);
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
        let hint = "remove it to have the default route /hooks/";
        for (origin, content) in self.tables("route", origin, value, hint) {
            let mut layer = Layer::default();
            self.table("route", content, &mut layer);
            self.file.routes.push(RouteTable { origin, layer });
        }
    }

    fn targets(&mut self, origin: &Origin, value: &DeValue<'_>) {
        let tables = self.tables(keys::relay::TARGETS, origin, value, "remove it");
        for (place, (origin, content)) in tables.into_iter().enumerate() {
            self.target = Some(place + 1);
            let mut layer = Layer::default();
            self.table(keys::relay::TARGETS, content, &mut layer);
            let origin = self.labelled(origin);
            let map = self.map.take();
            self.file.targets.push(TargetTable { origin, layer, map });
            self.target = None;
        }
    }

    /// The tables of a list, each with where it begins.
    fn tables<'t, 'd>(
        &mut self,
        name: &str,
        origin: &Origin,
        value: &'t DeValue<'d>,
        hint_if_empty: &str,
    ) -> Vec<(Origin, &'t DeTable<'d>)> {
        let DeValue::Array(tables) = value else {
            let what = format!("is a list of tables, not {}", a_kind_of(value));
            let hint = format!("write [[{name}]], with two brackets, above its keys");
            self.report.problem(origin, what, hint);
            return Vec::new();
        };
        if tables.is_empty() {
            self.report.problem(origin, "is an empty list", hint_if_empty);
        }
        let mut found = Vec::new();
        for table in tables.iter() {
            let origin = self.origin(table.span(), Some(name.to_owned()));
            match table.get_ref() {
                DeValue::Table(content) => found.push((origin, content)),
                other => {
                    let what = format!("is {}, not a table", a_kind_of(other));
                    let hint = format!("write [[{name}]] above the keys of each of them");
                    self.report.problem(&origin, what, hint);
                }
            }
        }
        found
    }

    fn map(&mut self, key: &Key, origin: Origin, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            if self.is_broken(&origin).is_none() {
                let what = format!("is {}, not {}", a_kind_of(value.get_ref()), wanted(key.kind));
                self.report.problem(&origin, what, format!("write {}", example(key)));
            }
            return;
        };
        let at = |reader: &Self, span| reader.origin(span, Some(key.toml.to_owned()));
        let (fields, wrong) = mapping_table::read(table);
        let mut complete = Ok(());
        for (span, what, hint) in wrong {
            let origin = at(self, span);
            let broken = self.is_broken(&origin);
            // Any word of it may be a secret.
            let report = || self.report.invalid(&origin, &what, Invalid::new(what.as_str(), hint));
            complete = Err(broken.unwrap_or_else(report));
        }
        let fields = fields.into_iter().map(|(name, field, span)| (name, field, at(self, span)));
        self.map = Some(MapTable { origin, fields: fields.collect(), complete });
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
        self.labelled(Origin::File { path: Arc::clone(&self.path), line, key })
    }

    /// The same, with the number of the target whose key it is: `relay.target[2].url`.
    fn labelled(&self, origin: Origin) -> Origin {
        let (Some(number), Origin::File { path, line, key: Some(key) }) = (self.target, &origin) else {
            return origin;
        };
        let Some(rest) = key.strip_prefix(keys::relay::TARGETS) else { return origin };
        if rest.starts_with('[') {
            return origin;
        }
        let key = format!("{}[{number}]{rest}", keys::relay::TARGETS);
        Origin::File { path: Arc::clone(path), line: *line, key: Some(key) }
    }

    fn is_broken(&self, origin: &Origin) -> Option<Reported> {
        let is_there = matches!(origin, Origin::File { line, .. } if self.broken_lines.contains(line));
        self.file.torn.filter(|_| is_there)
    }
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

//! Reads the values of settings from all sources.
//!
//! What cannot be read is reported, and `Err(Reported)` stands for it: nothing goes on with a made-up value.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::config::file::{RouteTable, TargetTable};
use crate::config::in_use::InUse;
use crate::config::key::{Key, Setting, Unset};
use crate::config::keys::{self, KEYS, relay};
use crate::config::layers::{Layer, Layers, List, Sourced, Text};
use crate::config::problem::{Found, Origin, Report, Reported};
use crate::config::value_type::{Kind, ValueType};
use crate::pki::Ca;
use crate::problem::{FileProblem, Problem};
use crate::relay::protobuf::imported_files;

/// All sources, read.
pub(in crate::config) struct Sources {
    /// What they set.
    pub(in crate::config) layers: Layers,
    /// The file's `[[route]]` tables.
    pub(in crate::config) routes: Vec<RouteTable>,
    /// The file's `[[relay.target]]` tables.
    pub(in crate::config) targets: Vec<TargetTable>,
    /// The file that `SSLKEYLOGFILE` names.
    pub(in crate::config) key_log_file: Option<PathBuf>,
    /// The folder for data that systemd made.
    pub(in crate::config) state_directory: Option<PathBuf>,
    /// Whether parts of the file could not be read, so that a missing setting may well be there.
    pub(in crate::config) torn: Option<Reported>,
    /// To check clients only, without a server certificate: the CAs that its chain is known to have.
    pub(in crate::config) clients_with: Option<Vec<Ca>>,
}

impl Sources {
    /// The files and folders that are named.
    pub(in crate::config) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let of_routes = self.routes.iter().flat_map(|route| route.layer.files());
        let of_targets = self.targets.iter().flat_map(|target| target.layer.files());
        self.layers.files().chain(of_routes).chain(of_targets).chain(self.imported_schemas())
    }

    /// The files that the schemas of targets import.
    fn imported_schemas(&self) -> impl Iterator<Item = PathBuf> {
        let schemas = self.targets.iter().filter_map(|target| target.layer.get(&relay::PROTOBUF_SCHEMA));
        let named = schemas.flat_map(|schema| &schema.values);
        named.flat_map(|schema| imported_files(Path::new(schema.value.trim())))
    }

    /// The tables of the routes that are open: paths from outside the file replace them.
    pub(super) fn open_tables(&self) -> &[RouteTable] {
        if self.layers.sets(&keys::ROUTE_PATH) { &[] } else { &self.routes }
    }
}

pub(super) struct Resolver<'a> {
    pub(super) sources: &'a Sources,
    pub(super) report: Report,
    /// The values that were read, as text.
    pub(super) in_use: InUse,
    /// When certificates have to be valid.
    pub(super) now: SystemTime,
}

impl<'a> Resolver<'a> {
    /// Reports every value that cannot be read. So all of them are known, though others stop at the first one that
    /// they need.
    pub(super) fn new(sources: &'a Sources, now: SystemTime, report: Report) -> Self {
        let mut resolver = Self { sources, report, in_use: InUse::default(), now };
        for key in KEYS {
            let in_layers = sources.layers.get(key);
            let routes = sources.open_tables().iter().map(|table| &table.layer);
            let targets = sources.targets.iter().map(|table| &table.layer);
            let in_tables = routes.chain(targets).filter_map(|table| table.get(key));
            for text in in_layers.into_iter().chain(in_tables).flat_map(|list| &list.values) {
                if let Err(problem) = (key.check)(value_of(key.kind, text)) {
                    resolver.report.invalid(&text.origin, &text.value, problem);
                }
            }
        }
        resolver
    }

    /// All values of a setting, or its default, if it has one.
    pub(super) fn list<V: ValueType>(&mut self, setting: &Setting<V>) -> List<V::Value> {
        let list = match (self.sources.layers.get(setting), setting.unset) {
            (Some(texts), _) => read::<V>(texts, &mut self.report),
            (None, Unset::Value(text)) => {
                let origin = Origin::Default(setting.toml);
                let default = Sourced { value: Zeroizing::new(text.to_owned()), origin };
                std::iter::once(read_one::<V>(&default, &mut self.report)).collect()
            }
            (None, Unset::Required | Unset::Means(_)) => List::none(),
        };
        let is_shown = setting.content().is_none()
            && setting.kind != Kind::Secret
            && !setting.is_shown_with_routes();
        if is_shown {
            self.in_use.set(setting.toml, list.values.iter().map(|sourced| V::show(&sourced.value)));
        }
        list
    }

    /// The value of a setting, which may be unset.
    pub(super) fn optional<V: ValueType>(
        &mut self,
        setting: &Setting<V>,
    ) -> Found<Option<Sourced<V::Value>>> {
        self.list(setting).last()
    }

    /// The value of a setting that has a default.
    pub(super) fn sourced<V: ValueType>(&mut self, setting: &Setting<V>) -> Found<Sourced<V::Value>> {
        self.optional(setting)?.ok_or_else(|| {
            let hint = format!("set {}", setting.ways());
            self.report.problem(&Origin::Default(setting.toml), "is required, but not set", hint)
        })
    }

    /// The same without its origin.
    pub(super) fn value<V: ValueType>(&mut self, setting: &Setting<V>) -> Found<V::Value> {
        self.sourced(setting).map(|found| found.value)
    }

    /// All values of a setting in the table of a route; `None`: it has none.
    pub(super) fn list_in<V: ValueType>(
        &mut self,
        table: &Layer,
        setting: &Setting<V>,
    ) -> Option<List<V::Value>> {
        table.get(setting).map(|texts| read::<V>(texts, &mut self.report))
    }

    /// The value of a setting in the table of a route, which may not have it.
    pub(super) fn optional_in<V: ValueType>(
        &mut self,
        table: &Layer,
        setting: &Setting<V>,
    ) -> Found<Option<Sourced<V::Value>>> {
        self.list_in(table, setting).map_or(Ok(None), List::last)
    }

    /// The value of a setting in the table of a route, or its default, which it has.
    pub(super) fn value_in<V: ValueType>(
        &mut self,
        table: &Layer,
        setting: &Setting<V>,
    ) -> Found<Sourced<V::Value>> {
        match (self.optional_in(table, setting)?, setting.unset) {
            (Some(own), _) => Ok(own),
            (None, Unset::Value(text)) => {
                let origin = Origin::Default(setting.toml);
                let default = Sourced { value: Zeroizing::new(text.to_owned()), origin };
                read_one::<V>(&default, &mut self.report)
            }
            (None, Unset::Required | Unset::Means(_)) => {
                let (origin, hint) = (Origin::Default(setting.toml), format!("set {}", setting.ways()));
                Err(self.report.problem(&origin, "is required, but not set", hint))
            }
        }
    }

    /// Where a setting was set, if it was.
    pub(super) fn origin(&self, key: &Key) -> Option<Origin> {
        self.sources.layers.first(key).map(|text| text.origin.clone())
    }

    /// The same, or that nobody set it.
    pub(super) fn origin_or_default(&self, key: &Key) -> Origin {
        self.origin(key).unwrap_or(Origin::Default(key.toml))
    }

    /// Reports what is wrong with a file that a setting names.
    pub(super) fn file_problem(&mut self, origin: &Origin, problem: FileProblem) -> Reported {
        let Problem { place, what, hint } = problem;
        self.report.problem(origin, format!("{}: {what}", place.display()), hint)
    }
}

fn read<V: ValueType>(texts: &List<Zeroizing<String>>, report: &mut Report) -> List<V::Value> {
    texts.read(|text| read_one::<V>(text, report))
}

fn read_one<V: ValueType>(text: &Text, report: &mut Report) -> Found<Sourced<V::Value>> {
    match V::read(value_of(V::KIND, text)) {
        Ok(value) => Ok(Sourced { value, origin: text.origin.clone() }),
        Err(problem) => Err(report.invalid(&text.origin, &text.value, problem)),
    }
}

/// The part of a text that is the value.
fn value_of(kind: Kind, text: &Text) -> &str {
    if matches!(kind, Kind::Verbatim | Kind::Lengths) { &text.value } else { text.value.trim() }
}

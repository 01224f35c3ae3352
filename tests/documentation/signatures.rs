//! docs/signatures.md: its table of presets is that of the code, and it has all settings of `[route.verify]`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use clawgate::signature::{Challenge, PRESETS, Preset, Scheme};

use super::{codes, read};

const PAGE: &str = "docs/signatures.md";
const BEGIN: &str = "<!-- made by tests/documentation/signatures.rs -->\n";

/// The part of the page from `begin` to the next heading.
fn section<'a>(page: &'a str, begin: &str) -> &'a str {
    let (_, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{begin} is not on the page"));
    rest.split("\n## ").next().unwrap()
}

#[test]
fn every_preset_is_in_the_table_with_what_it_signs() {
    let mut table = String::from(
        "| preset | sender | signed | valid | id | repeats | test of the address | success | timeout |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for preset in PRESETS {
        // Those with nothing filled in are no presets of a sender.
        let Ok(scheme) = Scheme::new(preset, Default::default()) else { continue };
        writeln!(table, "{}", row(preset, &scheme)).unwrap();
    }
    for (note, presets) in notes() {
        write!(table, "\n* {}: {note}.", presets.join(", ")).unwrap();
    }
    table.push('\n');

    assert!(
        section(&read(PAGE), BEGIN).trim() == table.trim(),
        "after the mark, {PAGE} should have\n\n{table}"
    );
}

fn row(preset: &Preset, scheme: &Scheme) -> String {
    let covered = scheme.coverage();
    let parts = [
        ("body", covered.body),
        ("URL", covered.url),
        ("method", covered.method),
        ("time", covered.timestamp),
        ("id", covered.id),
    ];
    let signed: Vec<_> =
        parts.iter().filter(|(_, is_signed)| *is_signed).map(|(name, _)| *name).collect();
    let signed = if signed.is_empty() { "**nothing**".to_owned() } else { signed.join(", ") };
    let time = scheme.tolerance().filter(|_| covered.timestamp).map_or("for ever".to_owned(), minutes);
    let valid = if covered.body { time } else { format!("{time}, **with any body**") };
    let id = preset.layouts.first().and_then(|layout| layout.id);
    let id =
        id.map_or(String::new(), |id| format!("`{id}`{}", if covered.id { "" } else { ", not signed" }));
    let test = preset.challenge.map_or(String::new(), |test| format!("`{test}`"));
    let success = preset.success_status.map_or("2xx".to_owned(), |status| status.as_u16().to_string());
    let timeout = preset.timeout.map_or(String::new(), minutes);
    let cells = [
        format!("`{}`", preset.name),
        preset.sender.to_owned(),
        signed,
        valid,
        id,
        scheme.replay().to_string(),
        test,
        success,
        timeout,
    ];
    cells.iter().fold("|".to_owned(), |row, cell| match &**cell {
        "" => row + " |",
        cell => format!("{row} {cell} |"),
    })
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

/// Each note, with the presets that have it. What holds for all tokens is in the text.
fn notes() -> Vec<(&'static str, Vec<String>)> {
    let mut notes: Vec<(&str, Vec<String>)> = Vec::new();
    for preset in PRESETS.iter().filter(|preset| preset.name != "token" && !preset.note.is_empty()) {
        let name = format!("`{}`", preset.name);
        match notes.iter_mut().find(|(note, _)| *note == preset.note) {
            Some((_, presets)) => presets.push(name),
            None => notes.push((preset.note, vec![name])),
        }
    }
    notes
}

#[test]
fn every_setting_of_a_signed_route_and_no_other_is_explained() {
    let page = read(PAGE);
    let keys = clawgate::config::keys::KEYS.iter();
    let known: BTreeSet<_> = keys.filter_map(|key| key.toml.strip_prefix("route.verify.")).collect();
    let (table, _) = section(&page, "\n## `[route.verify]`\n").split_once("\n### ").unwrap();

    assert_eq!(codes(table), known);
}

#[test]
fn every_test_of_an_address_is_explained() {
    let page = read(PAGE);
    let known: BTreeSet<_> = Challenge::ALL.iter().map(|test| test.name()).collect();

    assert_eq!(codes(section(&page, "\n## Tests of the address\n")), known);
}

#[test]
fn the_capacity_of_the_replay_window_is_that_of_the_code() {
    let capacity = clawgate::signature::replay::CAPACITY;
    let hours = clawgate::signature::replay::DEFAULT_WINDOW.as_secs() / 3600;
    let page = read(PAGE);

    let text = section(&page, "\n## Repeated requests\n").replace(',', "");

    assert!(text.contains(&format!("{capacity} events")), "{capacity}");
    assert!(text.contains(&format!("{hours} hours")), "{hours}");
}

//! Imports point downwards: a module imports only modules below it. No two files use each other in a circle. Files
//! are short.

mod graph;
mod items;

use std::fs;
use std::path::Path;

use graph::Graph;

/// The modules from top to bottom. One may import what is in a lower row only.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["generate", "inbox_commands", "relay_commands", "top"],
    &["app", "cli"],
    &["doctor", "reload"],
    &["admin", "explain", "server"],
    &["console", "pipeline", "platform", "signing"],
    &["checks"],
    &["config", "dispatch"],
    &["relay"],
    &["upstream"],
    &["tls", "route"],
    &["inbox", "pki", "policy", "shaping"],
    &["signature", "wording"],
    &["finding"],
    &["limits"],
    &[
        "http1_guard",
        "live",
        "problem",
        "problem_details",
        "proxy_protocol",
        "random",
        "shutdown",
        "telemetry",
        "timer",
    ],
    &["connection"],
    &["identity"],
];

fn layer(module: &str) -> usize {
    let row = LAYERS.iter().position(|row| row.contains(&module));
    row.unwrap_or_else(|| panic!("the module {module} is in no layer: give it its place in LAYERS"))
}

/// The module of a file: its folder in `src/`, or its own name.
fn module(file: &Path) -> &str {
    let first = Path::new(file.components().next().unwrap().as_os_str());
    first.file_stem().unwrap().to_str().unwrap()
}

fn src() -> Graph {
    Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &["lib.rs", "main.rs"])
}

#[test]
fn imports_point_downwards() {
    let graph = src();
    let mut wrong = Vec::new();
    for (file, uses) in graph.files.iter().zip(&graph.uses).filter(|(file, _)| module(file) != "lib") {
        for used in uses.iter().map(|used| &graph.files[*used]) {
            let (from, to) = (module(file), module(used));
            if from != to && layer(to) <= layer(from) {
                wrong.push(format!("{} uses {}", file.display(), used.display()));
            }
        }
    }
    assert!(graph.files.len() > 200, "only {} files found", graph.files.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let graph = src();

    let circles: Vec<_> = graph.cycles().iter().map(|files| graph.uses_among(files)).collect();

    assert!(circles.is_empty(), "{circles:#?}");
}

/// The circles of a crate with these files.
fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let graph = Graph::read(folder.path(), &["lib.rs"]);
    let names = |files: Vec<&Path>| files.iter().map(|file| file.display().to_string()).collect();
    graph.cycles().into_iter().map(names).collect()
}

#[test]
fn a_circle_is_found_through_super_braces_imports_and_code() {
    let ways = [
        "use super::b::B; pub struct A(B);",
        "use crate::{b::{self}, c::C}; pub struct A(b::B, C);",
        "pub struct A(crate::b::B);",
        "use super::*; pub struct A(b::B);",
        "pub struct A; fn f() { vec![crate::b::B::new()]; }",
    ];
    for way in ways {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", way),
            ("b.rs", "pub struct B; impl B { fn a() -> super::a::A { todo!() } }"),
            ("c.rs", "pub struct C;"),
        ]);

        assert_eq!(found, [["a.rs", "b.rs"]], "{way}");
    }
}

#[test]
fn a_re_export_is_the_use_of_the_file_that_defines_the_item() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; mod c; pub use self::b::B; pub use self::c::C;"),
        ("a/b.rs", "use super::C; pub struct B(C);"),
        ("a/c.rs", "pub struct C;"),
    ];
    assert_eq!(circles(&files), [[""; 0]; 0]);

    let back = ("a/c.rs", "pub struct C(Option<Box<super::B>>);");
    assert_eq!(circles(&[files[0], files[1], files[2], back]), [["a/b.rs", "a/c.rs"]]);
}

#[test]
fn an_item_that_a_macro_defines_is_an_item_of_the_module_that_calls_the_macro() {
    let found = circles(&[
        ("lib.rs", "mod a; mod b; pub use b::Made;"),
        ("a.rs", "use crate::Made; pub struct A(Made);"),
        ("b.rs", "make! { Made } pub fn f() -> crate::a::A { todo!() }"),
    ]);

    assert_eq!(found, [["a.rs", "b.rs"]]);
}

#[test]
fn tests_and_visibilities_are_no_use() {
    let found = circles(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; pub fn f() { b::g() }"),
        ("a/b.rs", "pub(super) fn g() {} #[cfg(test)] mod tests { use crate::a::f; }"),
    ]);

    assert_eq!(found, [[""; 0]; 0]);
}

/// The most lines that a file in `src` and `tests` may have; CONTRIBUTING.md says the same.
const MAX_LINES: usize = 400;

#[test]
fn files_stay_short_enough_to_read() {
    fn walk(path: &Path, long: &mut Vec<String>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), long));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(path).unwrap().lines().count();
            if lines > MAX_LINES {
                long.push(format!("{} has {lines} lines", path.display()));
            }
        }
    }
    let mut long = Vec::new();
    for folder in ["src", "tests"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut long);
    }
    assert!(long.is_empty(), "split these by topic: {long:#?}");
}

//! Links and file names in documents, and the names in the mutation tests, lead to something that exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold documents, without those below them.
const FOLDERS: [&str; 5] = ["", "docs", "docs/decisions", "tests", "fuzz"];

/// Folders of the repository: a name in backquotes that begins with one of them is a file or a folder.
const ROOTS: [&str; 8] =
    ["benches/", "deploy/", "docs/", "examples/", "fuzz/", "scripts/", "src/", "tests/"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents, by their names within the repository.
fn documents() -> Vec<PathBuf> {
    let files = |folder: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(repository().join(folder)).unwrap();
        entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name())).collect()
    };
    let mut documents: Vec<_> = FOLDERS.into_iter().flat_map(files).collect();
    documents.retain(|name| name.extension().is_some_and(|extension| extension == "md"));
    documents
}

fn read(document: &Path) -> String {
    fs::read_to_string(repository().join(document)).unwrap()
}

/// The lines outside of fenced blocks.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The targets of links that stay within the repository.
fn links(prose: &str) -> Vec<&str> {
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// What is in backquotes.
fn quoted(prose: &str) -> Vec<&str> {
    prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The names by which a page's headings can be linked to, as GitHub makes them.
fn anchors(prose: &str) -> BTreeSet<String> {
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_within_the_repository_leads_to_a_file_and_to_a_heading_in_it() {
    let mut broken = Vec::new();
    let mut count = 0;
    for document in documents() {
        let folder = document.parent().unwrap();
        for link in links(&prose(&read(&document))) {
            count += 1;
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { folder.join(path) };
            let is_page = target.extension().is_some_and(|extension| extension == "md");
            let leads_somewhere = repository().join(&target).exists()
                && (heading.is_empty() || !is_page || anchors(&prose(&read(&target))).contains(heading));
            if !leads_somewhere {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(count > 100, "only {count} links found");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    let mut count = 0;
    for document in documents() {
        for name in quoted(&prose(&read(&document))) {
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
                continue;
            }
            // There names are those below src.
            let in_src = document == Path::new("ARCHITECTURE.md");
            let name = if ROOTS.iter().any(|root| name.starts_with(root)) {
                name.to_owned()
            } else if in_src && (name.ends_with(".rs") || name.ends_with('/')) {
                format!("src/{name}")
            } else {
                continue;
            };
            count += 1;
            if !repository().join(&name).exists() {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(count > 200, "only {count} names found");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The values of the table `name` in `scripts/mutants.sh`, word by word.
fn mutants(name: &str) -> Vec<String> {
    let script = read(Path::new("scripts/mutants.sh"));
    let table = script.split(&format!("declare -A {name}=(")).nth(1).unwrap();
    let values = table.split("\n)").next().unwrap().split('\'').skip(1).step_by(2);
    values.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[test]
fn every_file_that_the_mutation_tests_name_exists() {
    let excluded = read(Path::new(".cargo/mutants.toml"));
    let excluded = excluded.split("'src/").skip(1).filter_map(|rest| rest.split(':').next());
    let excluded = excluded.map(|path| format!("src/{}", path.replace('\\', "")));
    let mut names: Vec<_> = mutants("files").into_iter().chain(excluded).collect();
    assert!(names.len() > 30, "only {} names found", names.len());

    names.retain(|name| !repository().join(name.trim_end_matches("*.rs")).exists());

    assert!(names.is_empty(), "{names:#?}");
}

#[test]
fn every_test_module_that_the_mutation_tests_name_exists() {
    let mut modules = mutants("tests");
    assert!(modules.len() > 30, "only {} names found", modules.len());

    modules.retain(|module| {
        let path = module.trim_end_matches("::").replace("::", "/");
        let file = repository().join("tests").join(path);
        !file.is_dir() && !file.with_extension("rs").is_file()
    });

    assert!(modules.is_empty(), "{modules:#?}");
}

#[test]
fn every_decision_is_in_the_table_of_decisions() {
    let index = read(Path::new("docs/decisions/README.md"));
    let decisions = documents().into_iter().filter(|document| document.starts_with("docs/decisions"));
    let names = decisions.map(|document| document.file_name().unwrap().to_str().unwrap().to_owned());

    let missing: Vec<_> =
        names.filter(|name| name != "README.md" && !index.contains(&format!("]({name})"))).collect();

    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_architecture_is_two_pages() {
    let words = read(Path::new("ARCHITECTURE.md")).split_whitespace().count();

    assert!(words <= 1500, "{words} words");
}

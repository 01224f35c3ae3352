//! Links between pages lead to files and headings that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// All Markdown files at the top, and below `docs`, `tests`, `fuzz` and `.github`.
fn pages() -> Vec<PathBuf> {
    fn walk(dir: &Path, deep: bool, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            // What a build leaves there is none of ours.
            if path.is_dir() && deep && !path.ends_with("target") {
                walk(&path, deep, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&repository(), false, &mut found);
    for dir in ["docs", "tests", "fuzz", ".github"] {
        walk(&repository().join(dir), true, &mut found);
    }
    found
}

/// The text without its fenced blocks.
fn prose(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let mut is_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(is_prose).map(|line| line.to_owned() + "\n").collect()
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(path: &Path) -> BTreeSet<String> {
    let text = prose(path);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for page in pages() {
        for link in prose(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads_somewhere =
                target.exists() && (anchor.is_empty() || anchors(&target).contains(anchor));
            if !leads_somewhere {
                wrong.push(format!("{}: {link}", page.display()));
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 100, "only {checked} links found");
}

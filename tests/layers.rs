//! Imports point downwards: a room knows the rooms below it, never those above.

use std::fs;
use std::path::Path;

/// The rooms from top to bottom. One may import what is in a lower row only.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["generate"],
    &["app", "cli"],
    &["doctor"],
    &["admin", "explain", "ingress"],
    &["checks"],
    &["config"],
    &["upstream"],
    &["tls", "route"],
    &["policy", "wording"],
    &["finding"],
    &["identity"],
    &["eviction", "live", "memory", "observe", "proxy_protocol", "shutdown"],
];

fn layer(room: &str) -> usize {
    let row = LAYERS.iter().position(|row| row.contains(&room));
    row.unwrap_or_else(|| panic!("the room {room} is in no layer: give it its place in LAYERS"))
}

/// All `crate::room` in a file of the library, `clawgate::room` in that of the binary.
fn imports(room: &str, text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    let prefix = if room == "main" { "clawgate::" } else { "crate::" };
    {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            let name = |text: &str| {
                text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
            };
            match rest.strip_prefix('{') {
                Some(list) => rooms
                    .extend(list.split('}').next().unwrap().split(',').map(|item| name(item.trim()))),
                None => rooms.push(name(rest)),
            }
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn check(room: &str, path: &Path, wrong: &mut Vec<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            check(room, &entry.unwrap().path(), wrong);
        }
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    for import in imports(room, &text) {
        if import != room && layer(&import) <= layer(room) {
            wrong.push(format!("{} imports {import}", path.display()));
        }
    }
}

#[test]
fn imports_point_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut rooms = 0;
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if room != "lib" {
            rooms += 1;
            check(&room, &path, &mut wrong);
        }
    }
    assert!(rooms > 8, "only {rooms} rooms found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_stay_short_enough_to_read() {
    fn walk(path: &Path, long: &mut Vec<String>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), long));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(path).unwrap().lines().count();
            if lines > 450 {
                long.push(format!("{} has {lines} lines", path.display()));
            }
        }
    }
    let mut long = Vec::new();
    for folder in ["src", "tests"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut long);
    }
    assert!(long.is_empty(), "{long:#?}");
}

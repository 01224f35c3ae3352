//! What `docs/logging.md` says of events and their fields.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

/// Sections of the page, by their headings without the levels: events, and parts that several events have.
pub static SECTIONS: LazyLock<BTreeMap<String, Section>> = LazyLock::new(|| {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logging.md");
    let page = std::fs::read_to_string(page).unwrap();
    page.split("\n### ")
        .skip(1)
        .map(Section::read)
        .map(|section| (section.name.clone(), section))
        .collect()
});

/// One heading with its table.
pub struct Section {
    /// `` `started` `` for an event, `A connection` for a part.
    name: String,
    levels: Vec<String>,
    rows: Vec<Row>,
}

/// A row of a table: a field, or the name of a section whose rows belong here.
enum Row {
    Field { name: String, kind: String, part: Option<String> },
    Part(String),
}

/// A documented field: `text`, `number`, `boolean`, `list` or `object`, and the section of what is in it.
pub struct Field {
    pub kind: &'static str,
    pub part: Option<&'static str>,
}

impl Section {
    fn read(text: &str) -> Self {
        let heading = text.lines().next().unwrap();
        let (name, levels) = heading.split_once(" (").unwrap_or((heading, ""));
        let levels = levels.trim_end_matches(')').split(", ").map(str::to_owned).collect();
        let rows = text.lines().filter_map(Row::read).collect();
        Self { name: name.to_owned(), levels, rows }
    }

    /// All fields, those of parts among them.
    pub fn fields(&'static self) -> BTreeMap<&'static str, Field> {
        let mut fields = BTreeMap::new();
        for row in &self.rows {
            match row {
                Row::Field { name, kind, part } => {
                    fields
                        .insert(name.as_str(), Field { kind, part: part.as_deref().map(section_name) });
                }
                Row::Part(anchor) => fields.extend(SECTIONS[section_name(anchor)].fields()),
            }
        }
        fields
    }
}

impl Row {
    fn read(line: &str) -> Option<Self> {
        let cells: Vec<_> = line.strip_prefix("| ")?.split(" | ").collect();
        let anchor = |cell: &str| {
            Some(cell.split_once("](#")?.1.split_once(')').expect("a link that ends").0.to_owned())
        };
        if let Some(name) = cells[0].strip_prefix('`') {
            let (name, kind) = (name.trim_end_matches('`').to_owned(), cells[1].to_owned());
            return Some(Self::Field { name, kind, part: cells.get(2).and_then(|cell| anchor(cell)) });
        }
        anchor(cells[0]).map(Self::Part)
    }
}

/// The name of the section with this anchor, as GitHub makes it of a heading.
fn section_name(anchor: &str) -> &'static str {
    let is_it = |section: &&Section| {
        let levels = match section.levels.join(" ").replace(',', "") {
            levels if levels.is_empty() => levels,
            levels => format!(" {levels}"),
        };
        let heading = format!("{}{levels}", section.name.replace('`', "")).to_lowercase();
        heading.replace(' ', "-") == anchor
    };
    &SECTIONS.values().find(is_it).unwrap_or_else(|| panic!("no section #{anchor}")).name
}

/// Panics when a line of the log has something that the page does not, or that is of another type there.
pub fn compare(line: &Value) {
    let event = line["event"].as_str().expect("an event");
    let section = SECTIONS.get(&format!("`{event}`"));
    let section =
        section.unwrap_or_else(|| panic!("the event {event} is not in docs/logging.md: {line}"));
    let level = line["level"].as_str().unwrap().to_owned();
    let is_listed = section.levels.contains(&level) || section.levels == ["any level"];
    assert!(is_listed, "docs/logging.md does not say that {event} has the level {level}: {line}");
    if event == "log" {
        return;
    }
    let mut fields = line.as_object().unwrap().clone();
    for common in ["timestamp", "level", "event"] {
        assert!(fields.remove(common).is_some(), "{common}: {line}");
    }
    compare_fields(&fields, section, &format!("{event}: {line}"));
}

fn compare_fields(found: &serde_json::Map<String, Value>, section: &'static Section, line: &str) {
    let fields = section.fields();
    for (name, value) in found {
        let field = fields.get(name.as_str());
        let field = field.unwrap_or_else(|| panic!("{name} is not in docs/logging.md: {line}"));
        let kind = match value {
            Value::Null => continue,
            Value::String(_) => "text",
            Value::Number(_) => "number",
            Value::Bool(_) => "boolean",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        assert_eq!(field.kind, kind, "{name}: {line}");
        let part = || &SECTIONS[field.part.unwrap_or_else(|| panic!("{name} has no part: {line}"))];
        for item in value.as_array().into_iter().flatten().chain(value.is_object().then_some(value)) {
            if let Value::Object(inner) = item {
                compare_fields(inner, part(), line);
            }
        }
    }
}

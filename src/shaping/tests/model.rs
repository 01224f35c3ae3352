//! The rules once more, written as simply as can be: each value is compared with each pointer.

use super::super::pattern::Step;
use crate::shaping::{PointerPattern, ShapeSettings};

/// A document. Keys and single values are as they are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Single(&'static str),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

/// A step that was taken into a document.
#[derive(Clone, Debug)]
enum Taken {
    Key(String),
    Index(usize),
}

/// The body would be refused.
#[derive(Debug)]
pub(super) struct Refused;

impl Json {
    /// Writes it with these blanks between the parts, again and again.
    pub(super) fn write(&self, blanks: &mut dyn Iterator<Item = &'static str>, to: &mut String) {
        to.extend(blanks.next());
        match self {
            Self::Single(text) => to.push_str(text),
            Self::Text(text) => to.push_str(text),
            Self::Array(items) => {
                to.push('[');
                for (place, item) in items.iter().enumerate() {
                    to.push_str(if place == 0 { "" } else { "," });
                    item.write(blanks, to);
                }
                to.push(']');
            }
            Self::Object(members) => {
                to.push('{');
                for (place, (key, value)) in members.iter().enumerate() {
                    to.push_str(if place == 0 { "" } else { "," });
                    to.extend(blanks.next());
                    to.push_str(key);
                    to.extend(blanks.next());
                    to.push(':');
                    value.write(blanks, to);
                }
                to.push('}');
            }
        }
        to.extend(blanks.next());
    }

    pub(super) fn compact(&self) -> String {
        let mut text = String::new();
        self.write(&mut std::iter::empty(), &mut text);
        text
    }

    fn text(&self) -> &str {
        match self {
            Self::Single(text) => text,
            Self::Text(text) => text,
            Self::Array(_) | Self::Object(_) => "",
        }
    }

    fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }
}

/// How many of the steps fit, if none of those that there are on both sides is wrong.
fn fits(pattern: &PointerPattern, way: &[Taken]) -> bool {
    let fits = |(step, taken): (&Step, &Taken)| match (step, taken) {
        (Step::Any, _) => true,
        (Step::Name(name), Taken::Key(key)) => name == key,
        (Step::Name(name), Taken::Index(index)) => *name == index.to_string(),
    };
    pattern.steps().iter().zip(way).all(fits)
}

fn is_at(pattern: &PointerPattern, way: &[Taken]) -> bool {
    pattern.steps().len() == way.len() && fits(pattern, way)
}

fn leads_below(pattern: &PointerPattern, way: &[Taken]) -> bool {
    pattern.steps().len() > way.len() && fits(pattern, way)
}

fn is_above(pattern: &PointerPattern, way: &[Taken]) -> bool {
    pattern.steps().len() <= way.len() && fits(pattern, way)
}

/// What a document becomes.
pub(super) fn expected(json: &Json, settings: &ShapeSettings) -> Result<Json, Refused> {
    if !json.is_container() {
        return Err(Refused);
    }
    within(json, &mut Vec::new(), settings)
}

fn within(json: &Json, way: &mut Vec<Taken>, settings: &ShapeSettings) -> Result<Json, Refused> {
    match json {
        Json::Object(members) => {
            let mut names = Vec::new();
            let mut left = Vec::new();
            for (key, value) in members {
                let name: String = serde_json::from_str(key).unwrap();
                way.push(Taken::Key(name.clone()));
                let is_on_a_way = settings
                    .pointers()
                    .any(|(_, pattern)| pattern.steps().len() >= way.len() && fits(pattern, way));
                if is_on_a_way && names.contains(&name) {
                    return Err(Refused);
                }
                names.push(name);
                if let Some(value) = one(value, way, settings)? {
                    left.push((*key, value));
                }
                way.pop();
            }
            Ok(Json::Object(left))
        }
        Json::Array(items) => {
            let number = |pattern: &PointerPattern| match pattern.steps().get(way.len()) {
                Some(Step::Name(name)) if fits(pattern, way) => name.parse::<usize>().ok(),
                _ => None,
            };
            let last = settings.pointers().filter_map(|(_, pattern)| number(pattern)).max();
            let mut left = Vec::new();
            for (index, item) in items.iter().enumerate() {
                way.push(Taken::Index(index));
                let new = one(item, way, settings)?;
                way.pop();
                match new {
                    Some(item) => left.push(item),
                    None if last.is_some_and(|last| index <= last) => left.push(Json::Single("null")),
                    None => {}
                }
            }
            Ok(Json::Array(left))
        }
        single => Ok(single.clone()),
    }
}

/// What one value becomes; `None` if it goes.
fn one(json: &Json, way: &mut Vec<Taken>, settings: &ShapeSettings) -> Result<Option<Json>, Refused> {
    if settings.drop.iter().any(|pattern| is_at(pattern, way)) {
        return Ok(None);
    }
    if let Some(keep) = &settings.keep {
        let stays = |pattern| is_above(pattern, way) || json.is_container() && leads_below(pattern, way);
        if !keep.iter().any(stays) {
            return Ok(None);
        }
    }
    let text = json.text();
    let is_string = text.starts_with('"');
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let content = || serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
    let quoted = |text: String| Ok(Some(Json::Text(format!("\"{text}\""))));
    let lengths = settings.truncate.iter().filter(|(pattern, _)| is_at(pattern, way));
    let length = lengths.map(|(_, length)| *length).min();
    if settings.hash.iter().any(|pattern| is_at(pattern, way)) {
        return match text {
            "null" | "\"\"" => Ok(Some(json.clone())),
            _ if is_string || is_number => {
                quoted(settings.hash_key.as_ref().unwrap().pseudonym(&content()))
            }
            _ => Err(Refused),
        };
    }
    if settings.ip_prefix.iter().any(|pattern| is_at(pattern, way)) {
        return match text {
            "null" | "\"\"" => Ok(Some(json.clone())),
            "\"192.0.2.7\"" => quoted("192.0.2.0".to_owned()),
            "\"192.0.2.0\"" => Ok(Some(json.clone())),
            _ => Err(Refused),
        };
    }
    match length {
        None => within(json, way, settings).map(Some),
        Some(_) if text == "null" => Ok(Some(json.clone())),
        Some(_) if !is_string => Err(Refused),
        Some(length) => quoted(beginning(&text[1..text.len() - 1], length)),
    }
}

/// The beginning of the content of a string that is read as its first characters.
fn beginning(content: &str, length: usize) -> String {
    let read = |content: &str| serde_json::from_str::<String>(&format!("\"{content}\"")).ok();
    let wanted: String = read(content).unwrap().chars().take(length).collect();
    let ends = (0..=content.len()).filter(|end| content.is_char_boundary(*end));
    let beginnings = ends.map(|end| &content[..end]);
    beginnings.into_iter().find(|text| read(text).as_ref() == Some(&wanted)).unwrap().to_owned()
}

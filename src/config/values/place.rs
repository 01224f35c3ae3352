//! Places in JSON bodies.

use crate::config::value_type::{Invalid, Kind, ValueType, invalid, parse};
use crate::shaping::PointerPattern;

const HINT: &str =
    "write e.g. /transcript, /attendees/*/email for each of a list, or /a~1b for the key `a/b`";

/// A JSON Pointer with `*`.
#[derive(Debug)]
pub(in crate::config) struct Place;

impl ValueType for Place {
    type Value = PointerPattern;
    const KIND: Kind = Kind::Verbatim;

    fn read(text: &str) -> Result<PointerPattern, Invalid> {
        if text.is_empty() {
            return invalid("names the whole body", HINT);
        }
        parse(text, HINT)
    }

    fn show(place: &PointerPattern) -> String {
        place.to_string()
    }
}

/// Such a place, and how many characters of the string there stay.
#[derive(Debug)]
pub(in crate::config) struct PlaceLength;

impl ValueType for PlaceLength {
    type Value = (PointerPattern, usize);
    const KIND: Kind = Kind::Lengths;

    fn read(text: &str) -> Result<(PointerPattern, usize), Invalid> {
        let (place, length) = text.rsplit_once(" = ").unwrap_or((text, ""));
        let place = Place::read(place)?;
        match length.parse::<u32>().ok().and_then(|length| usize::try_from(length).ok()) {
            Some(0) => {
                invalid(format!("leaves nothing of `{place}`"), "name the place in `drop` instead")
            }
            Some(length) => Ok((place, length)),
            None => {
                let what = format!("has no number of characters for `{place}` from 1 to {}", u32::MAX);
                invalid(what, "write e.g. 500")
            }
        }
    }

    fn show((place, length): &(PointerPattern, usize)) -> String {
        format!("{place} = {length}")
    }
}

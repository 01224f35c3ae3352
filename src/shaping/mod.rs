//! Shaping: takes parts out of JSON bodies, or replaces them, before anybody else sees them.
//!
//! Comes in: the rules of a route ([`ShapeSettings`]) and a body. Goes out: the body without what the rules take away
//! ([`Shaped`]), or why that is impossible ([`NotShapeable`]). Nothing here reads files. Imports
//! [`crate::signature::Pointer`] only. The settings come from [`crate::config`], and `pipeline/shape.rs` applies them to requests.
//!
//! | file | what is there |
//! | --- | --- |
//! | `pattern.rs` | [`PointerPattern`]: a JSON Pointer with `*` |
//! | `settings.rs` | [`ShapeSettings`], [`Rule`] |
//! | `conflicts.rs` | [`ShapeError`]: rules that cannot be, or that could never have an effect |
//! | `hash_key.rs` | [`HashKey`], which makes pseudonyms |
//! | `shape.rs` | [`Shape`], [`Shaped`] |
//! | `tree.rs` | all pointers of a shape as one tree |
//! | `walk.rs` | decides about each member and item that a pointer may name |
//! | `cursor.rs` | finds the parts of a body, as they are written |
//! | `output.rs` | copies the body except for what is cut or replaced |
//! | `scalar.rs`, `truncate.rs`, `ip_prefix.rs` | new values for single values |
//! | `refusal.rs` | [`NotShapeable`] |
//! | `route.rs` | [`RouteShape`]: the shape of a route |
//!
//! # Pointers
//!
//! A pointer is one of RFC 6901 with one addition: a step that is `*` alone is every item of an array, and every member of an
//! object. A key that has `*` in it is written with `~2`: `/a/~2` is the member `*` of `a`. A number names an item of an array,
//! or a member of an object.
//!
//! # Order of the rules
//!
//! All pointers are about the body as it came. About one value the first of these decides:
//!
//! 1. `drop`: it goes.
//! 2. `keep`, if there is any: it goes if it is neither named, nor within what is named, nor an object or array on the way there.
//! 3. `hash`, 4. `ip_prefix`, 5. `truncate`: it gets a new value, from one of these alone.
//!
//! `when_larger` switches `drop`, `keep` and `truncate` off for bodies that are not larger. `hash` and `ip_prefix` always
//! apply: whether a person has a pseudonym must not depend on the length of the rest.
//!
//! A member goes with its comma. An item goes, too, and the later ones move up, unless a pointer names it or a later one by its
//! number: then it becomes `null`, so that a number means the same item before and after.
//!
//! # What stays
//!
//! What no rule takes away is copied byte for byte: numbers, escapes, blanks, the order of keys. So a body in which no rule has an
//! effect is not changed at all.
//!
//! # What is refused
//!
//! A body that is not JSON, or neither an object nor an array; a key that is twice in an object and that a pointer goes through
//! (two parsers could read different values); and a value that a rule cannot be applied to, such as an object at a pointer of
//! `hash`. `null` and an empty string are no such values: they stay. An empty body is not changed.
//!
//! # Cost
//!
//! A body is read twice: once to check it, once to find its parts. The second time, each key is looked up once for each pointer that
//! has `*` on the way there. The stack is as deep as the pointers, which have at most
//! [`crate::signature::MAX_POINTER_STEPS`] steps, not as the body.

mod conflicts;
mod cursor;
mod hash_key;
mod ip_prefix;
mod output;
mod pattern;
mod refusal;
mod route;
mod scalar;
mod settings;
mod shape;
#[cfg(test)]
mod tests;
mod tree;
mod truncate;
mod walk;

pub use self::conflicts::ShapeError;
pub use self::hash_key::{HashKey, HashKeyError, MAX_HASH_KEY_FILE, MIN_HASH_KEY};
pub use self::pattern::PointerPattern;
pub use self::refusal::{Kind, NotShapeable};
pub use self::route::RouteShape;
pub use self::settings::{MAX_POINTERS, Rule, ShapeSettings};
pub use self::shape::{Change, Shape, Shaped};

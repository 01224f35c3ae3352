//! What a route makes of its bodies.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::conflicts::{ShapeError, check};
use super::hash_key::HashKey;
use super::refusal::NotShapeable;
use super::settings::{Rule, ShapeSettings};
use super::tree::Tree;
use super::walk::Walk;

/// The rules of a route, checked and ready to be applied.
#[derive(Clone, Debug)]
pub struct Shape {
    /// All rules.
    all: Tree,
    /// Those that apply also to bodies that are not larger than `when_larger`.
    constant: Tree,
    when_larger: Option<usize>,
    hash_key: Option<HashKey>,
}

/// A body to which the rules have been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaped<'b> {
    /// The body; the one that came in if nothing has changed.
    pub body: Cow<'b, [u8]>,
    /// What has changed: each rule and pointer that had an effect.
    pub changes: Vec<Change>,
}

/// A rule that had an effect. [`Display`](fmt::Display) writes it as `drop /transcript`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The rule.
    pub rule: Rule,
    /// Its pointer, as the settings have it. `None` for `keep`: what went is what no pointer names.
    pub pointer: Option<Arc<str>>,
    /// How many values went or got a new value. What is within a value that went is not counted.
    pub count: usize,
}

impl Shape {
    /// Checks the rules.
    pub fn new(settings: ShapeSettings) -> Result<Self, ShapeError> {
        check(&settings)?;
        let all = Tree::new(&settings);
        let constant = Tree::of_constant_rules(&settings);
        Ok(Self { all, constant, when_larger: settings.when_larger, hash_key: settings.hash_key })
    }

    /// Applies the rules to a body.
    ///
    /// A body that no rule applies to, because it is not larger than `when_larger`, is not read at all, so it need not be JSON.
    pub fn apply<'b>(&self, body: &'b [u8]) -> Result<Shaped<'b>, NotShapeable> {
        let is_large = self.when_larger.is_none_or(|limit| body.len() > limit);
        let tree = if is_large { &self.all } else { &self.constant };
        if tree.is_empty() || body.is_empty() {
            return Ok(Shaped { body: Cow::Borrowed(body), changes: Vec::new() });
        }
        let text =
            std::str::from_utf8(body).map_err(|error| NotShapeable::NotUtf8(error.valid_up_to()))?;
        let done = Walk::through(text, tree, self.hash_key.as_ref())?;
        let tasks = tree.tasks.iter().zip(done.changed).map(|(task, count)| Change {
            rule: task.rule,
            pointer: Some(Arc::clone(&task.pointer)),
            count,
        });
        let not_kept = Change { rule: Rule::Keep, pointer: None, count: done.not_kept };
        let changes = tasks.chain([not_kept]).filter(|change| change.count > 0).collect();
        Ok(Shaped { body: done.body, changes })
    }
}

impl Shaped<'_> {
    /// Whether the body is the one that came in.
    pub fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointer {
            Some(pointer) => write!(f, "{} {pointer}", self.rule),
            None => self.rule.fmt(f),
        }
    }
}

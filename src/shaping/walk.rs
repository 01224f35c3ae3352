//! Walks into a body as far as pointers lead, and decides about each member and item there.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::hash_key::HashKey;
use super::output::{Cutter, Output};
use super::parts::{each_item, each_member};
use super::refusal::{Kind, NotShapeable};
use super::scalar::{replacement, unquoted};
use super::settings::Rule;
use super::tree::{NodeId, ROOT, Tree};

/// One body on its way through the rules.
#[derive(Debug)]
pub(super) struct Walk<'s, 'b> {
    tree: &'s Tree,
    key: Option<&'s HashKey>,
    output: Output<'b>,
    /// How many values each task has changed.
    changed: Vec<usize>,
    /// How many values went because `keep` does not name them.
    not_kept: usize,
}

/// An object or array: the nodes that lead to it, and whether all in it stays.
#[derive(Clone, Copy)]
struct Place<'n> {
    nodes: &'n [NodeId],
    is_kept: bool,
}

/// What becomes of a member or item.
enum Fate {
    Goes,
    Stays { is_kept: bool },
}

/// What a walk has done.
#[derive(Debug)]
pub(super) struct Done<'b> {
    pub(super) body: Cow<'b, [u8]>,
    /// How many values each task has changed.
    pub(super) changed: Vec<usize>,
    /// How many values went because `keep` does not name them.
    pub(super) not_kept: usize,
}

impl<'s, 'b> Walk<'s, 'b> {
    /// Walks into `root`, the value that `text` is.
    pub(super) fn through(
        text: &'b str,
        root: &'b str,
        tree: &'s Tree,
        key: Option<&'s HashKey>,
    ) -> Result<Done<'b>, NotShapeable> {
        let output = Output::new(text);
        let mut walk = Self { tree, key, output, changed: vec![0; tree.tasks.len()], not_kept: 0 };
        walk.enter(root, Place { nodes: ROOT, is_kept: !tree.keeps })?;
        Ok(Done { body: walk.output.finish(), changed: walk.changed, not_kept: walk.not_kept })
    }

    fn enter(&mut self, value: &'b str, place: Place<'_>) -> Result<(), NotShapeable> {
        match Kind::of(value) {
            Kind::Object => self.object(value, place),
            Kind::Array => self.array(value, place),
            _ => Ok(()),
        }
    }

    fn object(&mut self, object: &'b str, place: Place<'_>) -> Result<(), NotShapeable> {
        let mut cutter = Cutter::default();
        let mut seen = HashSet::new();
        each_member(object, |key, value| {
            let name = unquoted(key).ok_or(NotShapeable::KeyNotUnicode)?;
            let nodes = self.tree.member(place.nodes, &name);
            if let Some(node) = nodes.first()
                && !seen.insert(name)
            {
                return Err(NotShapeable::DuplicateKey(self.tree.node(*node).pointer.clone()));
            }
            let span = self.output.span(key).start..self.output.span(value).end;
            match self.fate(value, &nodes, place) {
                Fate::Goes => cutter.cut(&mut self.output, span),
                Fate::Stays { is_kept } => {
                    cutter.leave(&mut self.output, span);
                    self.value(value, Place { nodes: &nodes, is_kept })?;
                }
            }
            Ok(())
        })?;
        cutter.finish(&mut self.output);
        Ok(())
    }

    fn array(&mut self, array: &'b str, place: Place<'_>) -> Result<(), NotShapeable> {
        let mut cutter = Cutter::default();
        let numbered = self.tree.numbered_items(place.nodes);
        let mut index = 0;
        each_item(array, |item| {
            let nodes = self.tree.item(place.nodes, index);
            let must_stay = index < numbered;
            index += 1;
            let span = self.output.span(item);
            if must_stay && Kind::of(item) == Kind::Null {
                // It may be what an item has become that went.
                cutter.leave(&mut self.output, span);
                return Ok(());
            }
            match self.fate(item, &nodes, place) {
                Fate::Goes if must_stay => {
                    cutter.leave(&mut self.output, Range::clone(&span));
                    self.output.replace(span, "null");
                }
                Fate::Goes => cutter.cut(&mut self.output, span),
                Fate::Stays { is_kept } => {
                    cutter.leave(&mut self.output, span);
                    self.value(item, Place { nodes: &nodes, is_kept })?;
                }
            }
            Ok(())
        })?;
        cutter.finish(&mut self.output);
        Ok(())
    }

    /// Whether a value with these nodes stays, in an object or array at `place`.
    fn fate(&mut self, value: &str, nodes: &[NodeId], place: Place<'_>) -> Fate {
        if let Some(task) =
            self.first_task(nodes).filter(|task| self.tree.tasks[*task].rule == Rule::Drop)
        {
            self.changed[task] += 1;
            return Fate::Goes;
        }
        let mut found = nodes.iter().map(|node| self.tree.node(*node));
        let is_kept = place.is_kept || found.clone().any(|node| node.keep);
        if is_kept || Kind::of(value).is_container() && found.any(|node| node.leads_to_keep) {
            return Fate::Stays { is_kept };
        }
        self.not_kept += 1;
        Fate::Goes
    }

    /// Changes a value that stays.
    fn value(&mut self, value: &'b str, place: Place<'_>) -> Result<(), NotShapeable> {
        if let Some(task) = self.first_task(place.nodes) {
            if let Some(text) = replacement(&self.tree.tasks[task], value, self.key)? {
                let span = self.output.span(value);
                self.output.replace(span, &text);
                self.changed[task] += 1;
            }
            return Ok(());
        }
        let goes_on = place.nodes.iter().any(|node| self.tree.node(*node).goes_on());
        if goes_on { self.enter(value, place) } else { Ok(()) }
    }

    /// The task of these nodes that decides. Of several of `truncate` that is the one with the smallest length.
    fn first_task(&self, nodes: &[NodeId]) -> Option<usize> {
        let tasks = nodes.iter().filter_map(|node| self.tree.node(*node).task);
        tasks.min_by_key(|task| (self.tree.tasks[*task].rule, self.tree.tasks[*task].length))
    }
}

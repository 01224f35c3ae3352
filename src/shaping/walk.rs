//! Walks into a body as far as pointers lead, and decides about each member and item there.

use std::borrow::Cow;
use std::collections::HashSet;

use super::cursor::Cursor;
use super::hash_key::HashKey;
use super::output::{Cutter, Output};
use super::refusal::{Kind, NotShapeable};
use super::scalar::{replacement, unquoted};
use super::settings::Rule;
use super::tree::{NodeId, ROOT, Tree};

/// One body on its way through the rules.
#[derive(Debug)]
pub(super) struct Walk<'s, 'b> {
    tree: &'s Tree,
    key: Option<&'s HashKey>,
    cursor: Cursor<'b>,
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Goes,
    /// It goes, but the items behind it keep their numbers.
    LeavesNull,
    Stays {
        is_kept: bool,
    },
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
    /// Walks into the object or array that `text` is.
    pub(super) fn through(
        text: &'b str,
        tree: &'s Tree,
        key: Option<&'s HashKey>,
    ) -> Result<Done<'b>, NotShapeable> {
        let cursor = Cursor::new(text)?;
        let kind = cursor.kind();
        if !kind.is_container() {
            return Err(NotShapeable::NotContainer(kind));
        }
        let changed = vec![0; tree.tasks.len()];
        let mut walk = Self { tree, key, cursor, output: Output::new(text), changed, not_kept: 0 };
        walk.enter(Place { nodes: ROOT, is_kept: !tree.keeps })?;
        Ok(Done { body: walk.output.finish(), changed: walk.changed, not_kept: walk.not_kept })
    }

    /// Walks through the value here, if it is an object or array.
    fn enter(&mut self, place: Place<'_>) -> Result<(), NotShapeable> {
        match self.cursor.kind() {
            Kind::Object => self.object(place),
            Kind::Array => self.array(place),
            _ => {
                self.cursor.value();
                Ok(())
            }
        }
    }

    fn object(&mut self, place: Place<'_>) -> Result<(), NotShapeable> {
        let mut cutter = Cutter::default();
        let mut seen = HashSet::new();
        let any = self.tree.any(place.nodes);
        self.cursor.enter();
        while self.cursor.next() {
            let start = self.cursor.at();
            let name = unquoted(self.cursor.key()).ok_or(NotShapeable::KeyNotUnicode)?;
            let nodes = self.tree.member(place.nodes, &any, &name);
            if let Some(node) = nodes.first()
                && !seen.insert(name)
            {
                return Err(NotShapeable::DuplicateKey(self.tree.node(*node).pointer.clone()));
            }
            let fate = self.fate(&nodes, place);
            self.carry_out(fate, &nodes, start, &mut cutter)?;
        }
        cutter.finish(&mut self.output);
        Ok(())
    }

    fn array(&mut self, place: Place<'_>) -> Result<(), NotShapeable> {
        let mut cutter = Cutter::default();
        let any = self.tree.any(place.nodes);
        let numbered = self.tree.numbered_items(place.nodes);
        let mut index = 0;
        self.cursor.enter();
        while self.cursor.next() {
            let start = self.cursor.at();
            let must_stay = index < numbered;
            let nodes = self.tree.item(place.nodes, &any, index);
            index += 1;
            // It may be what an item has become that went.
            let is_empty = must_stay && self.cursor.kind() == Kind::Null;
            let fate = if is_empty { Fate::Stays { is_kept: true } } else { self.fate(&nodes, place) };
            let fate = if must_stay && fate == Fate::Goes { Fate::LeavesNull } else { fate };
            self.carry_out(fate, &nodes, start, &mut cutter)?;
        }
        cutter.finish(&mut self.output);
        Ok(())
    }

    /// Carries out what becomes of the member or item that begins at `start`, and whose value is here. Goes on behind it.
    fn carry_out(
        &mut self,
        fate: Fate,
        nodes: &[NodeId],
        start: usize,
        cutter: &mut Cutter,
    ) -> Result<(), NotShapeable> {
        match fate {
            Fate::Goes => {
                self.cursor.value();
                cutter.cut(&mut self.output, start..self.cursor.at());
                return Ok(());
            }
            Fate::LeavesNull => {
                cutter.begin(&mut self.output, start);
                self.cursor.value();
                self.output.replace(start..self.cursor.at(), "null");
            }
            Fate::Stays { is_kept } => {
                cutter.begin(&mut self.output, start);
                self.value(Place { nodes, is_kept })?;
            }
        }
        cutter.end(self.cursor.at());
        Ok(())
    }

    /// Whether the value here, which has these nodes, stays in an object or array at `place`.
    fn fate(&mut self, nodes: &[NodeId], place: Place<'_>) -> Fate {
        let task = self.first_task(nodes);
        if let Some(task) = task.filter(|task| self.tree.tasks[*task].rule == Rule::Drop) {
            self.changed[task] += 1;
            return Fate::Goes;
        }
        let mut found = nodes.iter().map(|node| self.tree.node(*node));
        let is_kept = place.is_kept || found.clone().any(|node| node.keep);
        if is_kept || self.cursor.kind().is_container() && found.any(|node| node.leads_to_keep) {
            return Fate::Stays { is_kept };
        }
        self.not_kept += 1;
        Fate::Goes
    }

    /// Changes the value here, which stays, and goes on behind it.
    fn value(&mut self, place: Place<'_>) -> Result<(), NotShapeable> {
        if let Some(task) = self.first_task(place.nodes) {
            let start = self.cursor.at();
            let value = self.cursor.value();
            if let Some(text) = replacement(&self.tree.tasks[task], value, self.key)? {
                self.output.replace(start..self.cursor.at(), &text);
                self.changed[task] += 1;
            }
            return Ok(());
        }
        if place.nodes.iter().any(|node| self.tree.node(*node).goes_on()) {
            return self.enter(place);
        }
        self.cursor.value();
        Ok(())
    }

    /// The task of these nodes that decides. Of several of `truncate` that is the one with the smallest length.
    fn first_task(&self, nodes: &[NodeId]) -> Option<usize> {
        let tasks = nodes.iter().filter_map(|node| self.tree.node(*node).task);
        tasks.min_by_key(|task| (self.tree.tasks[*task].rule, self.tree.tasks[*task].length))
    }
}

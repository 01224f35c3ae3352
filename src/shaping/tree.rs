//! All pointers of a shape as one tree, so that a body is walked through once for all of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::pattern::{PointerPattern, Step};
use super::settings::{Rule, ShapeSettings};

/// The pointers of a shape. Several nodes can be reached by one way through a body: one by name, one by `*`.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// What becomes of values; [`Node::task`] is a place in this list.
    pub(super) tasks: Vec<Task>,
    /// Whether only what is named stays.
    pub(super) keeps: bool,
}

/// The place of a node in its tree.
pub(super) type NodeId = usize;

/// Where a body is walked into: the nodes for the object or array.
pub(super) const ROOT: &[NodeId] = &[0];

/// The end of a step.
#[derive(Clone, Debug)]
pub(super) struct Node {
    names: HashMap<String, NodeId>,
    items: HashMap<usize, NodeId>,
    any: Option<NodeId>,
    /// A pointer that goes through here.
    pub(super) pointer: Arc<str>,
    /// What becomes of a value here.
    pub(super) task: Option<usize>,
    /// Whether a value here stays as a whole.
    pub(super) keep: bool,
    /// Whether a part of a value here stays.
    pub(super) leads_to_keep: bool,
}

/// One pointer, and what becomes of the values there.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) rule: Rule,
    pub(super) pointer: Arc<str>,
    /// How many characters stay, for `truncate`.
    pub(super) length: usize,
}

impl Node {
    fn new(pointer: &Arc<str>) -> Self {
        Self {
            names: HashMap::new(),
            items: HashMap::new(),
            any: None,
            pointer: Arc::clone(pointer),
            task: None,
            keep: false,
            leads_to_keep: false,
        }
    }

    /// Whether a pointer goes on from here.
    pub(super) fn goes_on(&self) -> bool {
        self.any.is_some() || !self.names.is_empty()
    }
}

impl Tree {
    /// The tree of all rules.
    pub(super) fn new(settings: &ShapeSettings) -> Self {
        let mut tree = Self::of_constant_rules(settings);
        for pattern in &settings.drop {
            tree.add_task(Rule::Drop, pattern, 0);
        }
        for (pattern, length) in &settings.truncate {
            tree.add_task(Rule::Truncate, pattern, *length);
        }
        for pattern in settings.keep.iter().flatten() {
            tree.keeps = true;
            let [way @ .., end] = &*tree.add(pattern) else { continue };
            tree.nodes[*end].keep = true;
            way.iter().for_each(|node| tree.nodes[*node].leads_to_keep = true);
        }
        tree
    }

    /// The tree of the rules that apply to bodies of all sizes.
    pub(super) fn of_constant_rules(settings: &ShapeSettings) -> Self {
        let mut tree = Self { nodes: vec![Node::new(&"".into())], tasks: Vec::new(), keeps: false };
        for pattern in &settings.hash {
            tree.add_task(Rule::Hash, pattern, 0);
        }
        for pattern in &settings.ip_prefix {
            tree.add_task(Rule::IpPrefix, pattern, 0);
        }
        tree
    }

    /// Whether there is no rule.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    fn add_task(&mut self, rule: Rule, pattern: &PointerPattern, length: usize) {
        let task = self.tasks.len();
        self.tasks.push(Task { rule, pointer: Arc::clone(pattern.text()), length });
        if let Some(end) = self.add(pattern).last() {
            self.nodes[*end].task = Some(task);
        }
    }

    /// The nodes on the way of a pointer, without the root.
    fn add(&mut self, pattern: &PointerPattern) -> Vec<NodeId> {
        let mut node = ROOT[0];
        let mut way = Vec::new();
        for step in pattern.steps() {
            node = self.child(node, step, pattern.text());
            way.push(node);
        }
        way
    }

    fn child(&mut self, parent: NodeId, step: &Step, pointer: &Arc<str>) -> NodeId {
        let new = self.nodes.len();
        let node = &mut self.nodes[parent];
        let child = match step {
            Step::Any => *node.any.get_or_insert(new),
            Step::Name(name) => {
                // RFC 6901 section 4: an index has no leading zero.
                if let Some(index) = name.parse().ok().filter(|index: &usize| index.to_string() == *name)
                {
                    node.items.entry(index).or_insert(new);
                }
                *node.names.entry(name.clone()).or_insert(new)
            }
        };
        if child == new {
            self.nodes.push(Node::new(pointer));
        }
        child
    }

    pub(super) fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node]
    }

    /// The nodes that every member and item has in an object or array that has the nodes `of`.
    pub(super) fn any(&self, of: &[NodeId]) -> Vec<NodeId> {
        of.iter().filter_map(|node| self.nodes[*node].any).collect()
    }

    /// The nodes of a member of an object that has the nodes `of`. `any` are those of every member.
    pub(super) fn member<'n>(&self, of: &[NodeId], any: &'n [NodeId], name: &str) -> Cow<'n, [NodeId]> {
        let named = of.iter().filter_map(|node| self.nodes[*node].names.get(name));
        with_named(any, named)
    }

    /// The nodes of an item of an array that has the nodes `of`. `any` are those of every item.
    pub(super) fn item<'n>(&self, of: &[NodeId], any: &'n [NodeId], index: usize) -> Cow<'n, [NodeId]> {
        let named = of.iter().filter_map(|node| self.nodes[*node].items.get(&index));
        with_named(any, named)
    }

    /// The number of items, from the first one on, that must stay where they are in an array that has these nodes, because a
    /// pointer names the last of them by its number.
    pub(super) fn numbered_items(&self, of: &[NodeId]) -> usize {
        let indices = of.iter().flat_map(|node| self.nodes[*node].items.keys());
        indices.max().map_or(0, |last| last.saturating_add(1))
    }
}

fn with_named<'a>(any: &[NodeId], named: impl Iterator<Item = &'a NodeId>) -> Cow<'_, [NodeId]> {
    let mut named = named.copied().peekable();
    if named.peek().is_none() { any.into() } else { named.chain(any.iter().copied()).collect() }
}

//! Which file of `src/` uses which other: `use` declarations and paths in code, resolved as the compiler does it, through
//! `crate::`, `self::`, `super::`, nested braces, names that are imported, and re-exports.
//!
//! A re-export (`pub use`) is no use of its own: a file that names the item through it uses the file that defines the item. Code under
//! `#[cfg(test)]` does not count, and neither do paths within the arguments of macros, unless they begin with `crate`.
//! A path into a module that names an item which the module's text does not define uses the module's file: a macro
//! defines the item there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

use super::items::{attributes, is_cfg_test, module_file, name_of};

/// How many re-exports are followed, so that a circle of them ends.
const MAX_DEPTH: usize = 16;

/// A module of the crate.
struct Module {
    /// The file that it is in, as an index into [`Graph::files`].
    file: usize,
    parent: Option<usize>,
    /// Modules in it, by name.
    children: HashMap<String, usize>,
    /// What it defines itself, but for modules.
    items: BTreeSet<String>,
    /// What is imported into it, by name: the path, and the module from which it is read.
    imports: HashMap<String, Vec<String>>,
    /// The paths whose whole content is imported.
    globs: Vec<Vec<String>>,
}

/// What a path leads to.
enum Target {
    Module(usize),
    /// An item that is defined in this file.
    Item(usize),
}

/// All files below a folder, and which uses which.
pub struct Graph {
    /// Paths relative to the folder, e.g. `tls/mod.rs`.
    pub files: Vec<PathBuf>,
    /// The files that each file uses, by index.
    pub uses: Vec<BTreeSet<usize>>,
    modules: Vec<Module>,
    roots: Vec<usize>,
}

impl Graph {
    /// Reads the crate whose root files are `roots` (`lib.rs`, `main.rs`) in the folder `src`.
    pub fn read(src: &Path, roots: &[&str]) -> Self {
        let mut graph =
            Self { files: Vec::new(), uses: Vec::new(), modules: Vec::new(), roots: Vec::new() };
        let mut parsed = Vec::new();
        for root in roots {
            let module = graph.load(src, Path::new(root), None, &mut parsed);
            graph.roots.push(module);
        }
        for (module, items) in &parsed {
            let mut paths = Paths { module: *module, found: Vec::new(), graph: &graph };
            items.iter().for_each(|item| paths.visit_item(item));
            let file = graph.modules[*module].file;
            let used: Vec<_> = paths.found.into_iter().filter(|used| *used != file).collect();
            graph.uses[file].extend(used);
        }
        graph
    }

    /// The groups of files that use each other in a circle, each with its members in order.
    pub fn cycles(&self) -> Vec<Vec<&Path>> {
        let reach: Vec<BTreeSet<usize>> =
            (0..self.files.len()).map(|file| self.reachable(file)).collect();
        let mut groups = BTreeMap::new();
        for file in 0..self.files.len() {
            let group: BTreeSet<usize> =
                reach[file].iter().copied().filter(|other| reach[*other].contains(&file)).collect();
            if !group.is_empty() {
                groups.insert(group, ());
            }
        }
        groups
            .into_keys()
            .map(|group| group.into_iter().map(|file| self.files[file].as_path()).collect())
            .collect()
    }

    /// Each use of one of these files by another of them, as text.
    pub fn uses_among(&self, group: &[&Path]) -> Vec<String> {
        let member = |file: usize| group.contains(&self.files[file].as_path());
        let of_file = |file: usize| {
            let used = self.uses[file].iter().filter(|used| member(**used));
            used.map(move |used| {
                format!("{} uses {}", self.files[file].display(), self.files[*used].display())
            })
        };
        (0..self.files.len()).filter(|file| member(*file)).flat_map(of_file).collect()
    }

    /// All files that `file` uses, or that a file uses that it uses, and so on.
    fn reachable(&self, file: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<_> = self.uses[file].iter().copied().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(&self.uses[next]);
            }
        }
        seen
    }

    /// Reads a file, its module and all modules in it; `parsed` collects what the modules hold.
    fn load(
        &mut self,
        src: &Path,
        file: &Path,
        parent: Option<usize>,
        parsed: &mut Vec<(usize, Vec<Item>)>,
    ) -> usize {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let syntax =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.files.push(file.to_owned());
        self.uses.push(BTreeSet::new());
        // The modules of `a.rs` are in `a/`, those of `a/mod.rs`, `lib.rs` and `main.rs` beside it.
        let stem = file.file_stem().unwrap();
        let beside = ["mod", "lib", "main"].iter().any(|name| stem == *name);
        let folder = if beside { file.parent().unwrap().to_owned() } else { file.with_extension("") };
        let file = self.files.len() - 1;
        self.module(src, file, &folder, parent, syntax.items, parsed)
    }

    fn module(
        &mut self,
        src: &Path,
        file: usize,
        folder: &Path,
        parent: Option<usize>,
        items: Vec<Item>,
        parsed: &mut Vec<(usize, Vec<Item>)>,
    ) -> usize {
        let id = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            children: HashMap::new(),
            items: BTreeSet::new(),
            imports: HashMap::new(),
            globs: Vec::new(),
        });
        let mut kept = Vec::new();
        for item in items.into_iter().filter(|item| !attributes(item).iter().any(is_cfg_test)) {
            match item {
                Item::Mod(ItemMod { ident, content, attrs, .. }) => {
                    let name = ident.to_string();
                    let child = match content {
                        Some((_, items)) => {
                            self.module(src, file, &folder.join(&name), Some(id), items, parsed)
                        }
                        None => {
                            let path = module_file(src, folder, &name, &attrs);
                            self.load(src, &path, Some(id), parsed)
                        }
                    };
                    self.modules[id].children.insert(name, child);
                }
                Item::Use(ItemUse { tree, vis, .. }) => {
                    self.import(id, Vec::new(), &tree);
                    if matches!(vis, Visibility::Inherited) {
                        kept.push(Item::Use(ItemUse {
                            tree,
                            vis,
                            attrs: Vec::new(),
                            use_token: Default::default(),
                            leading_colon: None,
                            semi_token: Default::default(),
                        }));
                    }
                }
                item => {
                    self.modules[id].items.extend(name_of(&item));
                    kept.push(item);
                }
            }
        }
        parsed.push((id, kept));
        id
    }

    /// Notes the names that a `use` brings into a module.
    fn import(&mut self, module: usize, mut path: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(next) => {
                path.push(next.ident.to_string());
                self.import(module, path, &next.tree);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.import(module, path.clone(), item))
            }
            UseTree::Glob(_) => self.modules[module].globs.push(path),
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let as_name =
                    if name == "self" { path.last().cloned().unwrap_or_default() } else { name.clone() };
                if name != "self" {
                    path.push(name);
                }
                self.modules[module].imports.insert(as_name, path);
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    path.push(rename.ident.to_string());
                }
                self.modules[module].imports.insert(rename.rename.to_string(), path);
            }
        }
    }

    /// The file in which what `path` names in `module` is defined; `None` for names of other crates and local ones.
    fn resolve(&self, module: usize, path: &[String]) -> Option<usize> {
        match self.target(module, path, 0)? {
            Target::Module(module) => Some(self.modules[module].file),
            Target::Item(file) => Some(file),
        }
    }

    fn target(&self, module: usize, path: &[String], depth: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Target::Module(self.root(module)),
            "self" => Target::Module(module),
            "super" => Target::Module(self.modules[module].parent?),
            // The binary names the library by the name of the crate.
            "clawgate" if self.root(module) != self.roots[0] => Target::Module(self.roots[0]),
            name => self.member(module, name, depth)?,
        };
        for name in rest {
            at = match at {
                Target::Module(module) if name == "super" => {
                    Target::Module(self.modules[module].parent?)
                }
                // A name that the module's text does not show is defined by a macro there.
                Target::Module(module) => {
                    self.member(module, name, depth).unwrap_or(Target::Item(self.modules[module].file))
                }
                // A variant of an enum, a function of a type.
                Target::Item(file) => return Some(Target::Item(file)),
            };
        }
        Some(at)
    }

    /// What `name` means in a module.
    fn member(&self, module: usize, name: &str, depth: usize) -> Option<Target> {
        let here = &self.modules[module];
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(child) = here.children.get(name) {
            return Some(Target::Module(*child));
        }
        if here.items.contains(name) {
            return Some(Target::Item(here.file));
        }
        if let Some(path) = here.imports.get(name) {
            return self.target(module, path, depth + 1);
        }
        here.globs.iter().find_map(|glob| match self.target(module, glob, depth + 1)? {
            Target::Module(module) => self.member(module, name, depth + 1),
            Target::Item(file) => Some(Target::Item(file)),
        })
    }

    fn root(&self, mut module: usize) -> usize {
        while let Some(parent) = self.modules[module].parent {
            module = parent;
        }
        module
    }
}

/// Collects the files that the code of a module uses.
struct Paths<'a> {
    module: usize,
    found: Vec<usize>,
    graph: &'a Graph,
}

impl Paths<'_> {
    fn note(&mut self, path: &[String]) {
        self.found.extend(self.graph.resolve(self.module, path));
    }

    fn note_use(&mut self, mut path: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(next) => {
                path.push(next.ident.to_string());
                self.note_use(path, &next.tree);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.note_use(path.clone(), item))
            }
            UseTree::Name(name) if name.ident != "self" => {
                path.push(name.ident.to_string());
                self.note(&path);
            }
            UseTree::Rename(rename) if rename.ident != "self" => {
                path.push(rename.ident.to_string());
                self.note(&path);
            }
            // A module by itself is used where a path goes through it.
            UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => {}
        }
    }

    /// Paths that begin with `crate` in the arguments of a macro, which are no syntax tree.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.note_tokens(group.stream()),
                TokenTree::Ident(ident) if ident == "crate" => {
                    let path: Vec<_> = tokens[at..]
                        .iter()
                        .take_while(|token| matches!(token, TokenTree::Ident(_)) || is_colon(token))
                        .filter(|token| !is_colon(token))
                        .map(ToString::to_string)
                        .collect();
                    if path.len() > 1 {
                        self.note(&path);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_use(Vec::new(), &item.tree);
    }

    /// `pub(crate)` and `pub(super)` name a module without using it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.note_tokens(call.tokens.clone());
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !item.attrs.iter().any(is_cfg_test) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}

//! What the parser of Rust says of one item: its name, its attributes, the file of a module.

use std::path::{Path, PathBuf};

use syn::{Attribute, Item};

/// Where the file of `mod name;` is.
pub fn module_file(src: &Path, folder: &Path, name: &str, attributes: &[Attribute]) -> PathBuf {
    assert!(
        !attributes.iter().any(|attribute| attribute.path().is_ident("path")),
        "{name}: #[path] is not understood"
    );
    let alone = folder.join(format!("{name}.rs"));
    if src.join(&alone).exists() { alone } else { folder.join(name).join("mod.rs") }
}

pub fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

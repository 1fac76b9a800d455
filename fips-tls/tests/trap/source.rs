//! The sources that are compiled: rustls's, found through Cargo, and this crate's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use syn::{ImplItemFn, Item, ItemImpl, ItemStruct, Type, Visibility};

/// What Cargo resolves for the whole workspace with all its features.
pub fn metadata() -> &'static Value {
    static METADATA: LazyLock<Value> = LazyLock::new(|| {
        let out = Command::new(env!("CARGO"))
            .args(["metadata", "--locked", "--all-features"])
            .args(["--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "cargo metadata: {stderr}");
        serde_json::from_slice(&out.stdout).expect("cargo prints JSON")
    });
    &METADATA
}

/// The one package of this name.
pub fn package(name: &str) -> &'static Value {
    let packages = metadata()["packages"].as_array().unwrap();
    let mut found = packages.iter().filter(|package| package["name"] == name);
    let package = found.next().unwrap_or_else(|| panic!("no package {name}"));
    assert!(found.next().is_none(), "two packages {name}");
    package
}

/// All items of rustls, those of inner modules too.
pub fn rustls() -> &'static [Item] {
    static ITEMS: LazyLock<SyncItems> = LazyLock::new(|| {
        let manifest = package("rustls")["manifest_path"].as_str().unwrap();
        SyncItems(texts(&Path::new(manifest).with_file_name("src")))
    });
    ITEMS.parse()
}

/// All items of this crate.
pub fn ours() -> &'static [Item] {
    static ITEMS: LazyLock<SyncItems> =
        LazyLock::new(|| SyncItems(texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))));
    ITEMS.parse()
}

/// Sources; syntax trees do not cross threads, so each has its own.
struct SyncItems(Vec<(PathBuf, String)>);

impl SyncItems {
    fn parse(&self) -> &'static [Item] {
        let mut items = Vec::new();
        for (path, text) in &self.0 {
            let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            flatten(file.items, &mut items);
        }
        items.leak()
    }
}

fn texts(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(self::texts(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push((path, text));
        }
    }
    texts
}

fn flatten(items: Vec<Item>, into: &mut Vec<Item>) {
    for item in items {
        match item {
            Item::Mod(module) => {
                if let Some((_, inner)) = module.content {
                    flatten(inner, into);
                }
            }
            item => into.push(item),
        }
    }
}

/// The one struct of this name.
pub fn structure<'a>(items: &'a [Item], name: &str) -> &'a ItemStruct {
    let mut found = items.iter().filter_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    });
    let item = found.next().unwrap_or_else(|| panic!("no struct {name}"));
    assert!(found.next().is_none(), "two structs {name}");
    item
}

pub fn fields(items: &[Item], name: &str) -> Vec<String> {
    structure(items, name)
        .fields
        .iter()
        .map(|field| field.ident.as_ref().unwrap().to_string())
        .collect()
}

/// The blocks of methods, and of traits, of a type.
pub fn impls<'a>(items: &'a [Item], name: &str) -> Vec<&'a ItemImpl> {
    items
        .iter()
        .filter_map(|item| match item {
            Item::Impl(item) if type_name(&item.self_ty) == name => Some(item),
            _ => None,
        })
        .collect()
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().unwrap().ident.to_string(),
        _ => String::new(),
    }
}

pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Public functions of a type's own.
pub fn methods<'a>(items: &'a [Item], name: &str) -> Vec<&'a ImplItemFn> {
    impls(items, name)
        .into_iter()
        .filter(|item| item.trait_.is_none())
        .flat_map(|item| &item.items)
        .filter_map(|item| match item {
            syn::ImplItem::Fn(function) if is_public(&function.vis) => Some(function),
            _ => None,
        })
        .collect()
}

/// That a table names what was found, no more and no less.
#[track_caller]
pub fn assert_all_judged(what: &str, found: Vec<String>, table: Vec<&str>) {
    for name in &found {
        assert!(
            table.contains(&name.as_str()),
            "{what}: nobody has judged {name}: can it widen the policy? Answer in the table"
        );
    }
    for (place, name) in table.iter().enumerate() {
        assert!(
            found.iter().any(|found| found == name),
            "{what}: {name} is gone"
        );
        assert!(!table[..place].contains(name), "{what}: {name} twice");
    }
}

//! The types of a crate, read from its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::{Attribute, Fields, Item, ItemImpl, Visibility};

/// One struct or enum.
pub(crate) struct Type {
    /// `pub`, which the lint `unreachable_pub` takes for reachable from outside.
    pub(crate) public: bool,
    /// The traits it has, derived or written, by their last name.
    pub(crate) traits: BTreeSet<String>,
    fields: Vec<syn::Type>,
}

/// Every type by its path, such as `fips_core::hmac::Key`: the crate, the file, the name.
pub(crate) type Types = BTreeMap<String, Type>;

/// The three crates.
pub(crate) fn all() -> Types {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut reader = Reader::default();
    for (name, folder) in [
        ("fips_core", "fips-core"),
        ("fips_tls", "fips-tls"),
        ("fips_certs", "certs"),
    ] {
        reader.file(name, &root.join(folder).join("src/lib.rs"));
    }
    reader.finish()
}

/// Whether a value of the type can only be made of words of the program's own text, numbers,
/// times and addresses: there is no place for a secret in it.
pub(crate) fn is_plain(types: &Types, path: &str) -> bool {
    let mut above = BTreeSet::new();
    type_is_plain(types, path, &mut above)
}

fn type_is_plain<'t>(types: &'t Types, path: &'t str, above: &mut BTreeSet<&'t str>) -> bool {
    // A type within itself adds nothing.
    !above.insert(path)
        || types[path]
            .fields
            .iter()
            .all(|field| field_is_plain(types, path, field, above))
}

fn field_is_plain<'t>(
    types: &'t Types,
    within: &str,
    field: &syn::Type,
    above: &mut BTreeSet<&'t str>,
) -> bool {
    const ATOMS: [&str; 11] = [
        "Duration",
        "IpAddr",
        "OffsetDateTime",
        "SystemTime",
        "bool",
        "f64",
        "i64",
        "u16",
        "u32",
        "u64",
        "usize",
    ];
    match field {
        syn::Type::Tuple(tuple) => tuple
            .elems
            .iter()
            .all(|part| field_is_plain(types, within, part, above)),
        // Words of the program's own, and lists of plain values.
        syn::Type::Reference(reference) => {
            let lasting = reference
                .lifetime
                .as_ref()
                .is_some_and(|l| l.ident == "static");
            lasting
                && match &*reference.elem {
                    syn::Type::Path(path) => path.path.is_ident("str"),
                    syn::Type::Slice(slice) => field_is_plain(types, within, &slice.elem, above),
                    _ => false,
                }
        }
        syn::Type::Path(path) => {
            // With a path before it, it is of another crate.
            let [last] = &path.path.segments.iter().collect::<Vec<_>>()[..] else {
                return false;
            };
            let name = last.ident.to_string();
            match &last.arguments {
                syn::PathArguments::None if ATOMS.contains(&&*name) => true,
                syn::PathArguments::None => named(types, within, &name)
                    .is_some_and(|path| type_is_plain(types, path, above)),
                // A list of bytes is none of plain values: `u8` is no atom.
                syn::PathArguments::AngleBracketed(inner)
                    if ["Option", "Vec"].contains(&&*name) =>
                {
                    inner.args.iter().all(|argument| match argument {
                        syn::GenericArgument::Type(inner) => {
                            field_is_plain(types, within, inner, above)
                        }
                        _ => false,
                    })
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// The types that hold one of `secrets` or memory that is wiped, public or not.
pub(crate) fn holders(types: &Types, secrets: &[&str]) -> BTreeSet<String> {
    let mut holders: BTreeSet<String> = secrets.iter().map(|path| (*path).to_owned()).collect();
    loop {
        let more: Vec<_> = types
            .iter()
            .filter(|(path, _)| !holders.contains(*path))
            .filter(|(path, found)| {
                found.fields.iter().any(|field| {
                    words(field).iter().any(|word| {
                        word == "Zeroizing"
                            || named(types, path, word).is_some_and(|path| holders.contains(path))
                    })
                })
            })
            .map(|(path, _)| path.clone())
            .collect();
        if more.is_empty() {
            return holders;
        }
        holders.extend(more);
    }
}

/// Every identifier in a type.
fn words(field: &syn::Type) -> Vec<String> {
    field
        .to_token_stream()
        .to_string()
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(str::to_owned)
        .collect()
}

/// The one type of that name: in the same crate, else in any.
fn named<'t>(types: &'t Types, within: &str, name: &str) -> Option<&'t str> {
    let ending = format!("::{name}");
    let crate_name = within.split("::").next()?;
    let found: Vec<_> = types
        .keys()
        .filter(|path| path.ends_with(&ending))
        .collect();
    let same: Vec<_> = found
        .iter()
        .filter(|path| path.starts_with(crate_name))
        .copied()
        .collect();
    match (&same[..], &found[..]) {
        ([one], _) | ([], [one]) => Some(one),
        _ => None,
    }
}

#[derive(Default)]
struct Reader {
    types: Types,
    /// The type's path, and the trait's name.
    impls: Vec<(String, String)>,
}

impl Reader {
    fn file(&mut self, module: &str, path: &Path) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        let file = syn::parse_file(&text).unwrap();
        self.items(module, path, &file.items);
    }

    fn items(&mut self, module: &str, file: &Path, items: &[Item]) {
        for item in items {
            match item {
                Item::Enum(item) if !is_test(&item.attrs) => {
                    let fields = item
                        .variants
                        .iter()
                        .flat_map(|variant| types_of(&variant.fields));
                    self.add(
                        module,
                        &item.ident,
                        &item.vis,
                        &item.attrs,
                        fields.collect(),
                    );
                }
                Item::Impl(item) if !is_test(&item.attrs) => self.implementation(module, item),
                // Neither makes a type.
                Item::Macro(item) => assert!(
                    ["macro_rules", "thread_local"]
                        .iter()
                        .any(|name| item.mac.path.is_ident(name)),
                    "{module}: a macro may make types that this test does not see"
                ),
                Item::Mod(item) if !is_test(&item.attrs) => {
                    let name = item.ident.to_string();
                    let inner = format!("{module}::{name}");
                    match &item.content {
                        Some((_, items)) => self.items(&inner, file, items),
                        None => self.file(&inner, &file_of(file, &name)),
                    }
                }
                Item::Struct(item) if !is_test(&item.attrs) => {
                    let fields = types_of(&item.fields);
                    self.add(module, &item.ident, &item.vis, &item.attrs, fields);
                }
                Item::Union(item) => panic!("{module}: {} is a union", item.ident),
                _ => {}
            }
        }
    }

    fn add(
        &mut self,
        module: &str,
        name: &syn::Ident,
        visibility: &Visibility,
        attributes: &[Attribute],
        fields: Vec<syn::Type>,
    ) {
        let mut traits = BTreeSet::new();
        for attribute in attributes
            .iter()
            .filter(|one| one.path().is_ident("derive"))
        {
            attribute
                .parse_nested_meta(|meta| {
                    traits.extend(meta.path.segments.last().map(|last| last.ident.to_string()));
                    Ok(())
                })
                .unwrap();
        }
        // thiserror's.
        if traits.contains("Error") {
            traits.insert("Display".to_owned());
        }
        let public = matches!(visibility, Visibility::Public(_));
        let found = Type {
            public,
            traits,
            fields,
        };
        let path = format!("{module}::{name}");
        assert!(self.types.insert(path, found).is_none());
    }

    fn implementation(&mut self, module: &str, item: &ItemImpl) {
        let (Some((of, _)), syn::Type::Path(path)) = (&item.trait_, &*item.self_ty) else {
            return;
        };
        if let (Some(of), Some(last)) = (of.segments.last(), path.path.segments.last()) {
            self.impls
                .push((format!("{module}::{}", last.ident), of.ident.to_string()));
        }
    }

    fn finish(mut self) -> Types {
        for (path, of) in self.impls {
            let (within, name) = path.rsplit_once("::").unwrap();
            let known = if self.types.contains_key(&path) {
                Some(path.clone())
            } else {
                named(&self.types, within, name).map(str::to_owned)
            };
            // Else a type of another crate.
            if let Some(found) = known.and_then(|path| self.types.get_mut(&path)) {
                found.traits.insert(of);
            }
        }
        self.types
    }
}

fn types_of(fields: &Fields) -> Vec<syn::Type> {
    fields.iter().map(|field| field.ty.clone()).collect()
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

/// The file of module `name`, declared in `file`.
fn file_of(file: &Path, name: &str) -> std::path::PathBuf {
    let stem = file.file_stem().unwrap();
    let folder = if stem == "lib" || stem == "mod" {
        file.parent().unwrap().to_owned()
    } else {
        file.with_extension("")
    };
    let beside = folder.join(name).with_extension("rs");
    if beside.exists() {
        beside
    } else {
        folder.join(name).join("mod.rs")
    }
}

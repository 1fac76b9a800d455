//! What a PKI consists of, as data: authorities, leaves, kubeconfigs, keys and other files, one
//! row each.

mod custom;
mod definition;
mod entry;
mod kubeadm;
mod kubeconfig;
mod node;
mod options;
mod rke2;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::key::KeySource;
use crate::store::EntryPath;

pub use definition::Definition;
pub use entry::{
    AuthorityEntry, Content, Credentials, Encryption, FileEntry, KeySetEntry, KubeconfigEntry,
    LeafEntry, PasswdUser, Place,
};
pub use kubeconfig::Frame;
pub(crate) use kubeconfig::{Found, Leaf as UserLeaf, User};
pub use node::NodeOptions;
pub use options::{Admins, Options, Override, Program};

/// Where this crate keeps its own state, below the root of a store.
pub(crate) const STATE: &str = "fips/";

/// The table one engine makes, checks and renews a PKI by.
///
/// Names and files are unique in it, and every entry that another one names is there.
#[derive(Clone, Debug)]
pub struct Catalogue {
    definition: Definition,
    authorities: Vec<AuthorityEntry>,
    leaves: Vec<LeafEntry>,
    kubeconfigs: Vec<KubeconfigEntry>,
    key_sets: Vec<KeySetEntry>,
    files: Vec<FileEntry>,
    /// Where authorities' keys lie, other than in a file as they are.
    key_sources: BTreeMap<String, KeySource>,
    /// Where the entry of a name is.
    names: BTreeMap<String, At>,
    /// The kubeconfigs by their files.
    frames: BTreeMap<EntryPath, usize>,
    /// The files of all entries.
    paths: BTreeSet<EntryPath>,
}

/// A list and a place in it.
#[derive(Clone, Copy, Debug)]
enum At {
    Authority(usize),
    File(usize),
    KeySet(usize),
    Kubeconfig(usize),
    Leaf(usize),
    /// The copy of that authority's certificate.
    Nochain(usize),
}

/// An entry of a catalogue.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Entry<'c> {
    /// An authority.
    Authority(&'c AuthorityEntry),
    /// A file that is made once.
    File(&'c FileEntry),
    /// Keys without certificates.
    KeySet(&'c KeySetEntry),
    /// A kubeconfig.
    Kubeconfig(&'c KubeconfigEntry),
    /// A leaf.
    Leaf(&'c LeafEntry),
    /// The copy of that authority's certificate, called `AUTHORITY.nochain`.
    Nochain(&'c AuthorityEntry),
}

impl Catalogue {
    /// The catalogue of a program: RKE2's and k3s's below `<data-dir>/server`, kubeadm's below
    /// `/etc/kubernetes`.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] and [`Error::Name`] for options that make no sense.
    pub fn new(options: Options) -> Result<Self, Error> {
        let external = options.external_authorities.clone();
        let mut catalogue = match options.program {
            Program::K3s | Program::Rke2 => rke2::catalogue(options),
            Program::Kubeadm => kubeadm::catalogue(options),
        }?;
        for name in external {
            let entry = catalogue
                .authorities
                .iter_mut()
                .find(|entry| entry.name == name);
            let entry = entry.ok_or_else(|| Error::Catalogue {
                option: "external_authorities".into(),
                why: format!("{name:?} is no authority of this catalogue"),
            })?;
            entry.key = None;
        }
        Ok(catalogue)
    }

    /// The tree of a node of RKE2 or k3s below `<data-dir>/agent`: the certificates of the
    /// server's authorities without their keys, and the node's leaves and kubeconfigs.
    /// [`Pki::make_node`](crate::Pki::make_node) makes it.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] and [`Error::Name`] for options that make no sense.
    pub fn node(options: NodeOptions) -> Result<Self, Error> {
        node::catalogue(options)
    }

    /// A catalogue of the user's own, as TOML.
    ///
    /// ```
    /// use fips_certs::catalogue::Catalogue;
    ///
    /// let catalogue = Catalogue::from_toml(
    ///     r#"
    ///     [[authority]]
    ///     name = "ca"
    ///     common_name = "example-ca"
    ///
    ///     [[leaf]]
    ///     name = "web"
    ///     common_name = "web"
    ///     names = ["web.example.org", "192.0.2.1"]
    ///     usages = "server"
    ///     issuer = "ca"
    ///     "#,
    /// )?;
    /// assert_eq!(catalogue.leaf("web").unwrap().file().as_str(), "web.crt");
    /// # Ok::<(), fips_certs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::CatalogueFile`] with the line, for what is no TOML, has an unknown field, or
    /// makes no sense: an authority that is not there, a circle of them, a file that two entries
    /// share or that lies outside.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        custom::catalogue(text)
    }

    /// The catalogue a definition stands for.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] and [`Error::Name`] for one that makes no sense.
    pub fn from_definition(definition: Definition) -> Result<Self, Error> {
        match definition {
            Definition::BuiltIn(options) => Self::new(*options),
            Definition::Custom(text) => Self::from_toml(&text),
            Definition::Node(options) => Self::node(options),
        }
    }

    /// Adds a leaf that the definition does not have, and that a record does not keep.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] when its name or its files are there already, or its authority is
    /// not.
    pub fn with_leaf(mut self, entry: LeafEntry) -> Result<Self, Error> {
        self.add_leaf(entry)?;
        Ok(self)
    }

    /// Says where the key of the authority `name` lies. For one that is in no file, no file of
    /// the catalogue is its key.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`] for another name; [`Error::Catalogue`] for a key in a file where
    /// the layout has none.
    pub fn with_key_source(mut self, name: &str, source: KeySource) -> Result<Self, Error> {
        let known = self.authorities.iter().map(|entry| entry.name.as_str());
        let known = known.collect::<Vec<_>>().join(", ");
        let entry = self
            .authorities
            .iter_mut()
            .find(|entry| entry.name == name)
            .ok_or_else(|| Error::UnknownEntry {
                name: name.to_owned(),
                known,
            })?;
        match &source {
            KeySource::External | KeySource::Pkcs11(_) => {
                if let Some(path) = entry.key.take() {
                    self.paths.remove(&path);
                }
            }
            KeySource::File | KeySource::SealedFile if entry.key.is_none() => {
                return Err(flaw(name, "it has no file that its key could be in"));
            }
            KeySource::File | KeySource::SealedFile => {}
        }
        match source {
            KeySource::File => self.key_sources.remove(name),
            source => self.key_sources.insert(name.to_owned(), source),
        };
        Ok(self)
    }

    /// Where the key of the authority `name` lies.
    pub fn key_source(&self, name: &str) -> &KeySource {
        const FILE: &KeySource = &KeySource::File;
        const EXTERNAL: &KeySource = &KeySource::External;
        match self.key_sources.get(name) {
            Some(source) => source,
            None if self
                .authority(name)
                .is_some_and(|entry| entry.key.is_some()) =>
            {
                FILE
            }
            None => EXTERNAL,
        }
    }

    /// The authorities whose keys lie not simply in a file, as kept in the PKI's record.
    pub fn key_sources(&self) -> &BTreeMap<String, KeySource> {
        &self.key_sources
    }

    fn empty(definition: Definition) -> Self {
        Self {
            definition,
            authorities: Vec::new(),
            leaves: Vec::new(),
            kubeconfigs: Vec::new(),
            key_sets: Vec::new(),
            files: Vec::new(),
            key_sources: BTreeMap::new(),
            names: BTreeMap::new(),
            frames: BTreeMap::new(),
            paths: BTreeSet::new(),
        }
    }

    /// What it was made from, as kept in the PKI's record.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The authorities, in the order they are made: an issuer before what it signs.
    pub fn authorities(&self) -> &[AuthorityEntry] {
        &self.authorities
    }

    /// The leaves.
    pub fn leaves(&self) -> &[LeafEntry] {
        &self.leaves
    }

    /// The kubeconfigs.
    pub fn kubeconfigs(&self) -> &[KubeconfigEntry] {
        &self.kubeconfigs
    }

    /// The keys without certificates.
    pub fn key_sets(&self) -> &[KeySetEntry] {
        &self.key_sets
    }

    /// The other files that are made once.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The entry called `name`.
    pub fn entry(&self, name: &str) -> Option<Entry<'_>> {
        Some(match *self.names.get(name)? {
            At::Authority(at) => Entry::Authority(self.authorities.get(at)?),
            At::File(at) => Entry::File(self.files.get(at)?),
            At::KeySet(at) => Entry::KeySet(self.key_sets.get(at)?),
            At::Kubeconfig(at) => Entry::Kubeconfig(self.kubeconfigs.get(at)?),
            At::Leaf(at) => Entry::Leaf(self.leaves.get(at)?),
            At::Nochain(at) => Entry::Nochain(self.authorities.get(at)?),
        })
    }

    /// The authority called `name`.
    pub fn authority(&self, name: &str) -> Option<&AuthorityEntry> {
        match self.entry(name)? {
            Entry::Authority(entry) => Some(entry),
            _ => None,
        }
    }

    /// The leaf called `name`.
    pub fn leaf(&self, name: &str) -> Option<&LeafEntry> {
        match self.entry(name)? {
            Entry::Leaf(entry) => Some(entry),
            _ => None,
        }
    }

    /// The kubeconfig at `path`.
    pub fn kubeconfig_at(&self, path: &EntryPath) -> Option<&KubeconfigEntry> {
        self.kubeconfigs.get(*self.frames.get(path)?)
    }

    /// The components that leaves, kubeconfigs and other files belong to.
    pub fn services(&self) -> BTreeSet<&str> {
        let leaves = self.leaves.iter().map(|entry| entry.service.as_str());
        let kubeconfigs = self.kubeconfigs.iter().map(|entry| entry.service.as_str());
        leaves.chain(kubeconfigs).collect()
    }

    /// Every file of the catalogue. The record, which is written beside them, is not one: see
    /// [`Pki::files`](crate::Pki::files).
    pub fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        self.paths.iter()
    }

    /// Whether `path` is a file of the catalogue.
    pub(crate) fn holds(&self, path: &EntryPath) -> bool {
        self.paths.contains(path)
    }

    /// Adds an authority; its issuer is there already.
    fn add_authority(&mut self, entry: AuthorityEntry) -> Result<(), Error> {
        if let Some(issuer) = &entry.issuer {
            self.known_authority(&entry.name, issuer)?;
        }
        // Beside the list of the key that signs stands that of another key, see `pki::revocation`.
        if entry.name.ends_with(".new") || entry.name.ends_with(".old") {
            let why = "the name of an authority does not end in .new or .old, which mark the \
                       lists of its other keys";
            return Err(flaw(&entry.name, why));
        }
        let at = self.authorities.len();
        self.name(&entry.name, At::Authority(at))?;
        if entry.nochain.is_some() {
            self.name(&entry.nochain_name(), At::Nochain(at))?;
        }
        for path in entry.paths() {
            self.path(&entry.name, path)?;
        }
        let public = std::iter::once(&entry.certificate).chain(&entry.nochain);
        public_names(&entry.name, public)?;
        self.authorities.push(entry);
        Ok(())
    }

    /// Adds a leaf. Its authority is there already, and so is the kubeconfig that it is in.
    fn add_leaf(&mut self, entry: LeafEntry) -> Result<(), Error> {
        self.known_authority(&entry.name, &entry.issuer)?;
        if entry.usages.server() && entry.names.is_empty() {
            return Err(flaw(&entry.name, "a server needs a name or an address"));
        }
        match &entry.place {
            Place::Kubeconfig(path) => {
                let frame = self.kubeconfig_at(path);
                if !frame.is_some_and(|frame| {
                    frame.leaf == entry.name && frame.credentials == Credentials::Embedded
                }) {
                    let why = format!("{path} is no kubeconfig that this leaf is embedded in");
                    return Err(flaw(&entry.name, &why));
                }
            }
            Place::Pair { certificate, key } => {
                public_names(&entry.name, [certificate])?;
                self.path(&entry.name, certificate)?;
                self.path(&entry.name, key)?;
            }
        }
        self.name(&entry.name, At::Leaf(self.leaves.len()))?;
        self.leaves.push(entry);
        Ok(())
    }

    /// Adds a kubeconfig. Its leaf comes after it, see [`finished`](Self::finished).
    fn add_kubeconfig(&mut self, entry: KubeconfigEntry) -> Result<(), Error> {
        self.known_authority(&entry.name, &entry.authority)?;
        self.path(&entry.name, &entry.path)?;
        let at = self.kubeconfigs.len();
        self.name(&entry.name, At::Kubeconfig(at))?;
        self.frames.insert(entry.path.clone(), at);
        self.kubeconfigs.push(entry);
        Ok(())
    }

    fn add_key_set(&mut self, entry: KeySetEntry) -> Result<(), Error> {
        for path in entry.paths() {
            self.path(&entry.name, path)?;
        }
        public_names(&entry.name, &entry.public)?;
        self.name(&entry.name, At::KeySet(self.key_sets.len()))?;
        self.key_sets.push(entry);
        Ok(())
    }

    fn add_file(&mut self, entry: FileEntry) -> Result<(), Error> {
        self.path(&entry.name, &entry.path)?;
        self.name(&entry.name, At::File(self.files.len()))?;
        self.files.push(entry);
        Ok(())
    }

    /// The whole: each kubeconfig has its leaf, and single entries what is different for them.
    fn finished(mut self, overrides: &BTreeMap<String, Override>) -> Result<Self, Error> {
        for (name, other) in overrides {
            self.change(name, other)?;
        }
        for entry in &self.kubeconfigs {
            if self.leaf(&entry.leaf).is_none() {
                let why = format!("its leaf {:?} is not in the catalogue", entry.leaf);
                return Err(flaw(&entry.name, &why));
            }
        }
        for entry in &self.leaves {
            if let Some(issuer) = self.authority(&entry.issuer) {
                options::judge_order(&entry.name, entry.lifetime, issuer.lifetime)?;
            }
        }
        Ok(self)
    }

    fn change(&mut self, name: &str, other: &Override) -> Result<(), Error> {
        let (lifetime, key_type) = match self.names.get(name) {
            Some(At::Authority(at)) => {
                let entry = &mut self.authorities[*at];
                (Some(&mut entry.lifetime), &mut entry.key_type)
            }
            Some(At::KeySet(at)) => (None, &mut self.key_sets[*at].key_type),
            Some(At::Leaf(at)) => {
                let entry = &mut self.leaves[*at];
                (Some(&mut entry.lifetime), &mut entry.key_type)
            }
            Some(At::File(_) | At::Kubeconfig(_) | At::Nochain(_)) | None => {
                let why = "the catalogue has no authority, leaf or key of that name";
                return Err(flaw(&format!("overrides.{name}"), why));
            }
        };
        if let Some(wanted) = other.key_type {
            *key_type = wanted;
        }
        match (lifetime, other.lifetime) {
            (Some(lifetime), Some(wanted)) => *lifetime = wanted,
            (None, Some(_)) => {
                let why = "a key without a certificate has no lifetime";
                return Err(flaw(&format!("overrides.{name}.lifetime"), why));
            }
            (_, None) => {}
        }
        Ok(())
    }

    fn known_authority(&self, entry: &str, name: &str) -> Result<(), Error> {
        match self.authority(name) {
            Some(_) => Ok(()),
            None => Err(flaw(
                entry,
                &format!("its authority {name:?} is not in the catalogue"),
            )),
        }
    }

    fn name(&mut self, name: &str, at: At) -> Result<(), Error> {
        match self.names.insert(name.to_owned(), at) {
            None => Ok(()),
            Some(_) => Err(flaw(name, "the name is there twice")),
        }
    }

    /// Takes a file for an entry. None is another's, nor lies below another, nor in the folder
    /// of this crate's own state.
    fn path(&mut self, entry: &str, path: &EntryPath) -> Result<(), Error> {
        if path.as_str().starts_with(STATE) {
            let why = format!("{path} lies in the folder of this program's own state");
            return Err(flaw(entry, &why));
        }
        if !self.paths.insert(path.clone()) {
            return Err(flaw(entry, &format!("{path} is there twice")));
        }
        // A file cannot be a folder of another one.
        let text = path.as_str();
        let mut folders = text.match_indices('/').map(|(end, _)| &text[..end]);
        let folder = folders.find(|folder| {
            EntryPath::new(*folder).is_ok_and(|folder| self.paths.contains(&folder))
        });
        if let Some(folder) = folder {
            return Err(flaw(entry, &format!("{path} lies below the file {folder}")));
        }
        // A space is the first character a name below can begin with.
        let first = EntryPath::new(format!("{text}/ ")).ok();
        let next = first.and_then(|first| self.paths.range(first..).next());
        let below = next.and_then(|found| found.as_str().strip_prefix(text));
        if below.is_some_and(|rest| rest.starts_with('/')) {
            let why = format!("{path} is the folder of another file");
            return Err(flaw(entry, &why));
        }
        Ok(())
    }
}

/// Refuses a public file whose name says that it is secret.
fn public_names<'p>(
    entry: &str,
    paths: impl IntoIterator<Item = &'p EntryPath>,
) -> Result<(), Error> {
    match paths
        .into_iter()
        .find(|path| path.as_str().ends_with(".key"))
    {
        None => Ok(()),
        Some(path) => Err(flaw(
            entry,
            &format!("{path} holds no key; call it otherwise"),
        )),
    }
}

fn flaw(entry: &str, why: &str) -> Error {
    Error::Catalogue {
        option: entry.to_owned(),
        why: why.to_owned(),
    }
}

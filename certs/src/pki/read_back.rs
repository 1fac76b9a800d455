//! What is written is judged again from what the store reads back, before anything old goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use fips_core::signing::PrivateKey;
use fips_core::{Boundary, Diagnostic, constant_time, verification};
use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use zeroize::Zeroizing;

use super::issuer::Above;
use crate::audit::{self, Event};
use crate::catalogue::{Found, KubeconfigEntry};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::key;
use crate::store::{Action, Change, EntryPath, Secrecy, Store};
use crate::usages::Usages;

/// What an entry must turn out to be.
enum Expected {
    /// An authority's certificates: as many of its chain as stand in the file.
    Authority {
        chain: Arc<[Certificate]>,
        count: usize,
    },
    /// The bytes of the change.
    Bytes,
    /// The key of this public half.
    Key(Vec<u8>),
    /// A kubeconfig with this leaf and the key of this public half.
    Kubeconfig {
        entry: Box<KubeconfigEntry>,
        leaf: Leaf,
        key: Vec<u8>,
    },
    /// A file of this leaf.
    Leaf(Leaf),
}

/// A leaf and the chain above it, whose last certificate is the trust.
pub(super) struct Leaf {
    /// Its DER: of many leaves that are staged, nothing more is kept.
    der: CertificateDer<'static>,
    chain: Arc<[Certificate]>,
    /// What stands behind it first, see [`Issuer`].
    crosses: Arc<[Certificate]>,
    /// Whether the chain stands behind it.
    chained: bool,
    /// What it must be good for.
    usages: Usages,
}

impl Leaf {
    pub(super) fn new(leaf: &Certificate, above: Above, chained: bool, usages: Usages) -> Self {
        Self {
            der: leaf.der().clone(),
            chain: above.chain,
            crosses: above.crosses,
            chained,
            usages,
        }
    }

    /// The leaf, and the chain that stands behind it, as a file.
    pub(super) fn to_pem(&self, leaf: &Certificate) -> String {
        std::iter::once(leaf)
            .chain(self.behind())
            .map(Certificate::to_pem)
            .collect()
    }

    /// Others' signatures first: OpenSSL takes the first issuer that fits, and the root is the
    /// end of its search.
    fn behind(&self) -> impl Iterator<Item = &Certificate> {
        let chain = if self.chained { &*self.chain } else { &[] };
        self.crosses.iter().chain(chain)
    }

    /// Whether `file` is this leaf with what stands behind it, and the path holds.
    fn judge(&self, file: &[u8], now: OffsetDateTime) -> Result<(), String> {
        let found = Certificate::from_pem(file).map_err(|error| error.to_string())?;
        match found.split_first() {
            Some((leaf, behind)) if leaf.der() == &self.der && behind.iter().eq(self.behind()) => {
                path_holds(leaf, &self.chain, self.usages, now)
            }
            _ => Err("it holds other certificates".into()),
        }
    }
}

/// A change in the making, and what each entry of it must turn out to be.
pub(super) struct Staged {
    change: Change,
    events: Vec<Event>,
    expected: BTreeMap<EntryPath, Expected>,
}

impl Staged {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            change: Change::new(reason),
            events: Vec::new(),
            expected: BTreeMap::new(),
        }
    }

    /// Has `event` logged together with the change.
    pub(super) fn log(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// With the lines of the audit log: nothing can be staged after that.
    pub(super) fn logged(
        mut self,
        boundary: &Boundary,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let events = std::mem::take(&mut self.events);
        self.change = audit::append(boundary, store, self.change, events, now)?;
        for (path, action) in self.change.entries() {
            if matches!(action, Action::Put { .. }) {
                self.expected.entry(path.clone()).or_insert(Expected::Bytes);
            }
        }
        Ok(self)
    }

    /// The first `count` certificates of an authority's chain, its own first.
    pub(super) fn authority(
        self,
        path: &EntryPath,
        chain: &Arc<[Certificate]>,
        count: usize,
    ) -> Self {
        let content: String = chain.iter().take(count).map(Certificate::to_pem).collect();
        let expected = Expected::Authority {
            chain: Arc::clone(chain),
            count,
        };
        self.put(path, Secrecy::Public, content.into_bytes(), expected)
    }

    pub(super) fn bytes(
        self,
        path: &EntryPath,
        secrecy: Secrecy,
        content: impl Into<Zeroizing<Vec<u8>>>,
    ) -> Self {
        self.put(path, secrecy, content, Expected::Bytes)
    }

    pub(super) fn key(self, path: &EntryPath, key: &PrivateKey) -> Result<Self, Error> {
        let mut pem = key::to_pem(key)?;
        let content = Zeroizing::new(std::mem::take(&mut *pem).into_bytes());
        let expected = Expected::Key(key.public_key().to_vec());
        Ok(self.put(path, Secrecy::Secret, content, expected))
    }

    /// Rests the change on `path` being what was read there.
    pub(super) fn expect(mut self, path: &EntryPath, content: Option<&[u8]>) -> Self {
        self.change = self.change.expect(path.clone(), content);
        self
    }

    /// That there is nothing at `path`.
    pub(super) fn remove(mut self, path: &EntryPath) -> Self {
        self.change = self.change.remove(path.clone());
        self.expected.remove(path);
        self
    }

    /// What is to be removed.
    pub(super) fn removed(&self) -> impl Iterator<Item = &EntryPath> {
        self.change
            .entries()
            .filter(|(_, action)| matches!(action, Action::Remove))
            .map(|(path, _)| path)
    }

    /// A kubeconfig whose text embeds `leaf` and `key`.
    pub(super) fn kubeconfig(
        self,
        entry: &KubeconfigEntry,
        mut text: Zeroizing<String>,
        leaf: Leaf,
        key: &PrivateKey,
    ) -> Self {
        let content = Zeroizing::new(std::mem::take(&mut *text).into_bytes());
        let expected = Expected::Kubeconfig {
            entry: Box::new(entry.clone()),
            leaf,
            key: key.public_key().to_vec(),
        };
        self.put(&entry.path, Secrecy::Secret, content, expected)
    }

    /// A file of `certificate`, which `leaf` describes.
    pub(super) fn leaf(self, path: &EntryPath, certificate: &Certificate, leaf: Leaf) -> Self {
        let content = leaf.to_pem(certificate).into_bytes();
        self.put(path, Secrecy::Public, content, Expected::Leaf(leaf))
    }

    fn put(
        mut self,
        path: &EntryPath,
        secrecy: Secrecy,
        content: impl Into<Zeroizing<Vec<u8>>>,
        expected: Expected,
    ) -> Self {
        self.change = self.change.put(path.clone(), secrecy, content);
        self.expected.insert(path.clone(), expected);
        self
    }

    pub(super) fn change(&self) -> &Change {
        &self.change
    }

    /// What is written, the audit log aside.
    pub(super) fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        self.expected.keys().filter(|path| !audit::holds(path))
    }

    /// What is to be written at `path`, when anything is.
    pub(super) fn content(&self, path: &EntryPath) -> Option<&Zeroizing<Vec<u8>>> {
        match self.change.action(path)? {
            Action::Put { content, .. } => Some(content),
            Action::Remove => None,
        }
    }

    /// Judges one entry as it was read back.
    pub(super) fn verify(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        path: &EntryPath,
        content: &[u8],
    ) -> Result<(), Error> {
        let held = match self.expected.get(path) {
            None => Err("nobody asked for it".to_owned()),
            Some(Expected::Authority { chain, count }) => {
                authority_holds(content, chain, *count, diagnostic)
            }
            Some(Expected::Bytes) => self
                .content(path)
                .is_some_and(|bytes| constant_time::equal(bytes, content))
                .then_some(())
                .ok_or("the bytes differ".into()),
            Some(Expected::Key(public)) => key_holds(boundary, content, public),
            Some(Expected::Kubeconfig { entry, leaf, key }) => Found::parse(content)
                .and_then(|found| kubeconfig_holds(boundary, entry, &found, leaf, key, now)),
            Some(Expected::Leaf(leaf)) => leaf.judge(content, now),
        };
        held.map_err(|why| Error::ReadBack {
            path: path.clone(),
            why,
        })
    }
}

fn key_holds(boundary: &Boundary, file: &[u8], public: &[u8]) -> Result<(), String> {
    let key = key::from_pem(boundary, file).map_err(|error| error.to_string())?;
    (key.public_key() == public)
        .then_some(())
        .ok_or("the key is not that of the certificate".into())
}

fn kubeconfig_holds(
    boundary: &Boundary,
    entry: &KubeconfigEntry,
    found: &Found,
    leaf: &Leaf,
    public: &[u8],
    now: OffsetDateTime,
) -> Result<(), String> {
    if let Some(difference) = entry.differences(found).into_iter().next() {
        return Err(difference);
    }
    let missing = || "a certificate or the key is missing".to_owned();
    leaf.judge(found.certificate.as_deref().ok_or_else(missing)?, now)?;
    key_holds(boundary, found.key().ok_or_else(missing)?, public)
}

/// Whether a file holds the first `count` certificates of a chain that ends in a root.
fn authority_holds(
    file: &[u8],
    chain: &[Certificate],
    count: usize,
    diagnostic: &Diagnostic,
) -> Result<(), String> {
    let found = Certificate::from_pem(file).map_err(|error| error.to_string())?;
    if !found.iter().eq(chain.iter().take(count)) {
        return Err("it holds other certificates".into());
    }
    let root = chain.last().into_iter().map(|root| (root, root));
    for (below, above) in chain.iter().zip(chain.iter().skip(1)).chain(root) {
        below
            .verify_issued_by(diagnostic, above)
            .map_err(|why| why.to_string())?;
    }
    Ok(())
}

/// The path as a TLS peer judges it (RFC 5280 §6), by webpki with the module's verification:
/// the last certificate of the chain is its trust, those before it are sent along.
pub(super) fn path_holds(
    leaf: &Certificate,
    chain: &[Certificate],
    usages: Usages,
    now: OffsetDateTime,
) -> Result<(), String> {
    let wrong = |error: webpki::Error| format!("the chain does not verify: {error}");
    let seconds = u64::try_from(now.unix_timestamp()).map_err(|_| "the clock is before 1970")?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let (anchor, between) = chain.split_last().ok_or("its CA's chain is empty")?;
    let anchors = [anchor_from_trusted_cert(anchor.der()).map_err(wrong)?];
    let between: Vec<CertificateDer<'_>> = between.iter().map(|one| one.der().clone()).collect();
    let end = EndEntityCert::try_from(leaf.der()).map_err(wrong)?;
    for (wanted, usage) in [
        (usages.server(), KeyUsage::server_auth()),
        (usages.client(), KeyUsage::client_auth()),
    ] {
        if wanted {
            let algorithms = verification::ALL;
            end.verify_for_usage(algorithms, &anchors, &between, time, usage, None, None)
                .map_err(wrong)?;
        }
    }
    Ok(())
}

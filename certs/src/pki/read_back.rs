//! What is written is judged again from what the store reads back, before anything old goes.

use std::collections::BTreeMap;

use fips_core::{Boundary, Diagnostic, constant_time, verification};
use rustls_pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::audit::{self, Event};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::key;
use crate::store::{Action, Change, EntryPath, Secrecy, Store};
use crate::usages::Usages;

/// What an entry must turn out to be.
enum Expected {
    /// A root's certificate, alone.
    Authority(Box<Certificate>),
    /// These bytes.
    Bytes(Vec<u8>),
    /// The key of this public half.
    Key(Vec<u8>),
    /// A leaf and the chain after it, whose last certificate is the trust, good for these
    /// usages.
    Leaf {
        leaf: Box<Certificate>,
        chain: Vec<Certificate>,
        usages: Usages,
    },
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
            if let (Action::Put { content, .. }, false) = (action, self.expected.contains_key(path))
            {
                let expected = Expected::Bytes(content.to_vec());
                self.expected.insert(path.clone(), expected);
            }
        }
        Ok(self)
    }

    pub(super) fn authority(self, path: &EntryPath, certificate: &Certificate) -> Self {
        let content = certificate.to_pem().into_bytes();
        let expected = Expected::Authority(Box::new(certificate.clone()));
        self.put(path, Secrecy::Public, content, expected)
    }

    pub(super) fn bytes(self, path: &EntryPath, secrecy: Secrecy, content: Vec<u8>) -> Self {
        let expected = Expected::Bytes(content.clone());
        self.put(path, secrecy, content, expected)
    }

    pub(super) fn key(
        self,
        path: &EntryPath,
        key: &fips_core::signing::PrivateKey,
    ) -> Result<Self, Error> {
        let mut pem = key::to_pem(key)?;
        let content = zeroize::Zeroizing::new(std::mem::take(&mut *pem).into_bytes());
        let expected = Expected::Key(key.public_key().to_vec());
        Ok(self.put(path, Secrecy::Secret, content, expected))
    }

    /// The leaf, and `chain` from its issuer up.
    pub(super) fn leaf(
        self,
        path: &EntryPath,
        leaf: &Certificate,
        chain: &[Certificate],
        usages: Usages,
    ) -> Self {
        let file = std::iter::once(leaf).chain(chain);
        let content: String = file.map(Certificate::to_pem).collect();
        let expected = Expected::Leaf {
            leaf: Box::new(leaf.clone()),
            chain: chain.to_vec(),
            usages,
        };
        self.put(path, Secrecy::Public, content.into_bytes(), expected)
    }

    fn put(
        mut self,
        path: &EntryPath,
        secrecy: Secrecy,
        content: impl Into<zeroize::Zeroizing<Vec<u8>>>,
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
            Some(Expected::Bytes(bytes)) => constant_time::equal(bytes, content)
                .then_some(())
                .ok_or("the bytes differ".into()),
            Some(Expected::Key(public)) => key::from_pem(boundary, content)
                .map_err(|error| error.to_string())
                .and_then(|key| {
                    (key.public_key() == public)
                        .then_some(())
                        .ok_or("the key is not that of the certificate".into())
                }),
            Some(Expected::Authority(root)) => same(content, [&**root]).and_then(|()| {
                root.verify_issued_by(diagnostic, root)
                    .map_err(|why| why.to_string())
            }),
            Some(Expected::Leaf {
                leaf,
                chain,
                usages,
            }) => same(content, std::iter::once(&**leaf).chain(chain))
                .and_then(|()| path_holds(leaf, chain, *usages, now)),
        };
        held.map_err(|why| Error::ReadBack {
            path: path.clone(),
            why,
        })
    }
}

/// Whether a file parses back to exactly these certificates.
fn same<'c>(
    content: &[u8],
    expected: impl IntoIterator<Item = &'c Certificate>,
) -> Result<(), String> {
    let found = Certificate::from_pem(content).map_err(|error| error.to_string())?;
    if found.iter().eq(expected) {
        return Ok(());
    }
    Err("it holds other certificates".into())
}

/// The path as a TLS peer judges it (RFC 5280 §6), by webpki with the module's verification:
/// the last certificate of the chain is its trust, those before it are sent along.
fn path_holds(
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

//! Node passwords: that a node's name, once joined, is not taken by another.

use std::collections::BTreeMap;
use std::fmt;

use fips_core::{Boundary, Diagnostic, constant_time};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::TokenRefused;
use super::list::{Found, MacKey, random_digits, to_json};
use crate::audit::{self, Event, EventKind};
use crate::clock::Clock;
use crate::error::Error;
use crate::store::{Change, EntryPath, Secrecy, Store};

const SCHEMA: u32 = 1;
const MOST_NAME: usize = 253;

/// A node's password: 128 random bits as 32 digits, made by the node and kept by it.
///
/// # Security
///
/// `Debug` shows nothing of it; it is wiped when dropped.
#[derive(Clone)]
pub struct NodePassword(Zeroizing<String>);

impl NodePassword {
    /// A new one.
    ///
    /// # Errors
    ///
    /// A failure of the module.
    pub fn generate(_boundary: &Boundary) -> Result<Self, Error> {
        Ok(Self(random_digits::<16>()?))
    }

    /// Reads one; k3s's have the same form.
    ///
    /// # Errors
    ///
    /// [`TokenRefused::Form`] for what is not 32 digits of 0-9 and a-f.
    pub fn parse(text: &str) -> Result<Self, TokenRefused> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == 32 {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(TokenRefused::Form(
                "a node's password is 32 digits of 0-9 and a-f",
            ))
        }
    }

    /// The digits.
    pub fn reveal(&self) -> Zeroizing<String> {
        self.0.clone()
    }
}

impl fmt::Debug for NodePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodePassword").finish_non_exhaustive()
    }
}

/// What became of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The name was free, and is bound to it now.
    First,
    /// It is the one the name is bound to.
    Same,
}

/// The node passwords of a store: of each its HMAC-SHA-256 under a key of the store's, in the
/// secret entry `fips/node-passwords.json`.
#[derive(Clone, Copy)]
pub struct NodePasswords<'s> {
    store: &'s dyn Store,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    schema: u32,
    key: MacKey,
    /// Verifier by node.
    nodes: BTreeMap<String, String>,
}

impl<'s> NodePasswords<'s> {
    /// Those in `store`.
    pub fn new(store: &'s dyn Store) -> Self {
        Self { store }
    }

    /// Binds `node` to its first password; later it must be the same.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] for another password; [`Error::Policy`] for a name that is empty, longer
    /// than 253 bytes or holds control characters; failures of the module and the store.
    pub fn bind(
        &self,
        boundary: &Boundary,
        node: &str,
        password: &NodePassword,
        clock: &dyn Clock,
    ) -> Result<Bound, Error> {
        if node.is_empty() || node.len() > MOST_NAME || node.contains(char::is_control) {
            return Err(Error::Policy {
                why: "a node's name has 1 to 253 bytes and no control characters".to_owned(),
            });
        }
        let diagnostic = Diagnostic::new().map_err(|refusal| Error::Refused(Box::new(refusal)))?;
        loop {
            let (mut file, before) = match self.read()? {
                Some((file, bytes)) => (file, Some(bytes)),
                None => (File::new(boundary)?, None),
            };
            match file.judge(&diagnostic, node, password) {
                Ok(()) => return Ok(Bound::Same),
                Err(Error::Token(TokenRefused::Unknown)) => {}
                Err(error) => return Err(error),
            }
            let verifier = file.key.verifier(&diagnostic, node, &password.0)?;
            file.nodes.insert(node.to_owned(), verifier);
            let event = Event::new(EventKind::NodeBound, node);
            match self.write(boundary, &file, before.as_deref(), event, clock) {
                Err(Error::Changed { .. }) => {}
                done => return done.map(|()| Bound::First),
            }
        }
    }

    /// Judges the password of `node`.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] for another one, and for a node that is not bound.
    pub fn verify(
        &self,
        diagnostic: &Diagnostic,
        node: &str,
        password: &NodePassword,
    ) -> Result<(), Error> {
        match self.read()? {
            Some((file, _)) => file.judge(diagnostic, node, password),
            None => Err(TokenRefused::Unknown.into()),
        }
    }

    /// Removes what `node` is bound to, so that it can join anew; whether it was bound.
    ///
    /// # Errors
    ///
    /// Failures of the store.
    pub fn release(
        &self,
        boundary: &Boundary,
        node: &str,
        clock: &dyn Clock,
    ) -> Result<bool, Error> {
        loop {
            let Some((mut file, before)) = self.read()? else {
                return Ok(false);
            };
            if file.nodes.remove(node).is_none() {
                return Ok(false);
            }
            let event = Event::new(EventKind::NodeReleased, node);
            match self.write(boundary, &file, Some(&before), event, clock) {
                Err(Error::Changed { .. }) => {}
                done => return done.map(|()| true),
            }
        }
    }

    fn path() -> Result<EntryPath, Error> {
        EntryPath::new("fips/node-passwords.json")
    }

    fn read(&self) -> Result<Option<Found<File>>, Error> {
        let path = Self::path()?;
        let Some(content) = self.store.read(&path)? else {
            return Ok(None);
        };
        match serde_json::from_slice::<File>(&content) {
            Ok(file) if file.schema == SCHEMA => Ok(Some((file, content))),
            // Without the content, which is secret.
            _ => Err(Error::Record {
                path,
                why: "it is no list of node passwords of this program".to_owned(),
            }),
        }
    }

    fn write(
        &self,
        boundary: &Boundary,
        file: &File,
        before: Option<&Vec<u8>>,
        event: Event,
        clock: &dyn Clock,
    ) -> Result<(), Error> {
        let path = Self::path()?;
        let change = Change::new("change the node passwords")
            .expect(path.clone(), before.map(Vec::as_slice))
            .put(path, Secrecy::Secret, to_json(file, "the node passwords")?);
        let change = audit::append(boundary, self.store, change, [event], clock.now())?;
        self.store.apply(&change, &|_, _| Ok(()))
    }
}

impl File {
    fn new(boundary: &Boundary) -> Result<Self, Error> {
        Ok(Self {
            schema: SCHEMA,
            key: MacKey::generate(boundary)?,
            nodes: BTreeMap::new(),
        })
    }

    fn judge(
        &self,
        diagnostic: &Diagnostic,
        node: &str,
        password: &NodePassword,
    ) -> Result<(), Error> {
        let verifier = self.key.verifier(diagnostic, node, &password.0)?;
        match self.nodes.get(node) {
            None => Err(TokenRefused::Unknown.into()),
            Some(bound) if constant_time::equal(bound.as_bytes(), verifier.as_bytes()) => Ok(()),
            Some(_) => Err(TokenRefused::OtherNodePassword {
                node: node.to_owned(),
            }
            .into()),
        }
    }
}

impl fmt::Debug for NodePasswords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodePasswords").finish_non_exhaustive()
    }
}

//! The rows of a catalogue.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::kubeconfig::Frame;
use crate::error::Error;
use crate::key::KeyType;
use crate::names::{Subject, SubjectAltName};
use crate::store::EntryPath;
use crate::usages::Usages;

/// One authority.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorityEntry {
    /// Its name, such as `etcd/server-ca`.
    pub name: String,
    /// Whom its certificate names.
    pub subject: Subject,
    /// Whether `@` and the time of making follow the common name, as RKE2 and k3s have it.
    pub stamped: bool,
    /// The name of the authority that signs it; none for a root.
    pub issuer: Option<String>,
    /// How long it lives, if its issuer does.
    pub lifetime: Duration,
    /// The kind of its key.
    pub key_type: KeyType,
    /// The bundle: its certificate first, then the chain above it, added trust after that.
    pub certificate: EntryPath,
    /// Its key; none where it is kept elsewhere, and nothing can be signed from here.
    pub key: Option<EntryPath>,
    /// The first certificate alone, where the layout has such a file.
    pub nochain: Option<EntryPath>,
}

/// One leaf.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeafEntry {
    /// Its name, such as `client-admin`.
    pub name: String,
    /// The component it belongs to, such as `etcd`.
    pub service: String,
    /// Whom it names.
    pub subject: Subject,
    /// Names and addresses.
    pub names: Vec<SubjectAltName>,
    /// What it is for.
    pub usages: Usages,
    /// The name of the authority that signs it.
    pub issuer: String,
    /// How long it lives, if its authority does.
    pub lifetime: Duration,
    /// The kind of its key.
    pub key_type: KeyType,
    /// Where leaf and key are.
    pub place: Place,
    /// Whether its authority's chain follows it: RKE2 and k3s write it, kubeadm does not.
    pub chained: bool,
    /// Whether it may be missing: another program makes it by its settings or its version.
    pub optional: bool,
}

/// Where a leaf and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a kubeconfig, as the user's data; the catalogue's kubeconfig of that path is the frame.
    Kubeconfig(EntryPath),
    /// In two files.
    Pair {
        /// The leaf, and its chain.
        certificate: EntryPath,
        /// Its key.
        key: EntryPath,
    },
}

/// One kubeconfig.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KubeconfigEntry {
    /// Its name, such as `admin.kubeconfig`.
    pub name: String,
    /// The component it belongs to.
    pub service: String,
    /// Where it lies.
    pub path: EntryPath,
    /// The authority of the server it names.
    pub authority: String,
    /// The leaf of its user.
    pub leaf: String,
    /// Server and names in it.
    pub frame: Frame,
    /// How the certificates stand in it.
    pub credentials: Credentials,
    /// Whether it may be missing.
    pub optional: bool,
}

/// How a kubeconfig names its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// As data: the authority's whole file, the leaf and its key.
    Embedded,
    /// By file, as the program that reads it sees them.
    Files {
        /// The authority's file.
        authority: String,
        /// The leaf's.
        certificate: String,
        /// The key's.
        key: String,
    },
}

/// Keys without certificates: those that service-account tokens are signed with, or one that
/// waits for its certificate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeySetEntry {
    /// Its name, such as `service`.
    pub name: String,
    /// The component it belongs to.
    pub service: String,
    /// The kind of a new key.
    pub key_type: KeyType,
    /// The private keys: the first one signs, those after it were signed with before.
    pub keys: EntryPath,
    /// The first of them alone, where the layout has such a file.
    pub current: Option<EntryPath>,
    /// The public halves (`PUBLIC KEY`), where the layout has such a file.
    pub public: Option<EntryPath>,
    /// Whether it may be missing.
    pub optional: bool,
}

/// Another file, made once with the PKI.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileEntry {
    /// Its name, such as `encryption-config`.
    pub name: String,
    /// The component it belongs to.
    pub service: String,
    /// Where it lies.
    pub path: EntryPath,
    /// What is in it.
    pub content: Content,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What a file that is made once holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// The configuration of secrets encryption at rest, with a fresh key of 256 bits.
    EncryptionConfig(Encryption),
    /// A table of users, each with the same fresh password: `PASSWORD,USER,USER,ROLE`.
    Passwd(Vec<PasswdUser>),
    /// 48 random bytes in hexadecimal, on one line.
    PreSharedKey,
    /// This text, which holds no secret.
    Text(String),
}

/// A user in a table of passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswdUser {
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
}

/// How the API server encrypts secrets at rest. Its `secretbox` (XSalsa20-Poly1305) is no
/// approved algorithm, and not one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// AES-CBC (SP 800-38A), what RKE2 and k3s write.
    Aescbc,
    /// AES-GCM (SP 800-38D) with random nonces: rotate the key before 2^32 writes.
    Aesgcm,
}

impl Encryption {
    /// As it stands in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aescbc => "aescbc",
            Self::Aesgcm => "aesgcm",
        }
    }
}

impl std::str::FromStr for Encryption {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "aescbc" => Ok(Self::Aescbc),
            "aesgcm" => Ok(Self::Aesgcm),
            "secretbox" => Err(Error::Catalogue {
                option: "encryption".into(),
                why: "secretbox is XSalsa20-Poly1305, which is no approved algorithm; use aescbc \
                      or aesgcm"
                    .into(),
            }),
            _ => Err(Error::Catalogue {
                option: "encryption".into(),
                why: format!("{name:?} is neither aescbc nor aesgcm"),
            }),
        }
    }
}

impl AuthorityEntry {
    /// The name by which the copy of its certificate is renewed.
    pub(crate) fn nochain_name(&self) -> String {
        format!("{}.nochain", self.name)
    }

    /// Whom the certificate names that is made at `now`.
    pub(crate) fn subject_at(&self, now: OffsetDateTime) -> Result<Subject, Error> {
        if !self.stamped {
            return Ok(self.subject.clone());
        }
        let stamped = format!("{}@{}", self.subject.common_name(), now.unix_timestamp());
        let subject = Subject::new(stamped)?;
        match self.subject.organization() {
            Some(organization) => subject.with_organization(organization),
            None => Ok(subject),
        }
    }

    /// The files it consists of.
    pub fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        std::iter::once(&self.certificate)
            .chain(&self.key)
            .chain(&self.nochain)
    }
}

impl LeafEntry {
    /// The file the leaf is in.
    pub fn file(&self) -> &EntryPath {
        self.place.file()
    }

    /// The file its key is in.
    pub fn key_file(&self) -> &EntryPath {
        match &self.place {
            Place::Kubeconfig(path) => path,
            Place::Pair { key, .. } => key,
        }
    }
}

impl Place {
    /// `STEM.crt` and `STEM.key`.
    pub(super) fn pair(stem: &str) -> Result<Self, Error> {
        Ok(Self::Pair {
            certificate: EntryPath::new(format!("{stem}.crt"))?,
            key: EntryPath::new(format!("{stem}.key"))?,
        })
    }

    /// The file the leaf is in.
    pub fn file(&self) -> &EntryPath {
        match self {
            Self::Kubeconfig(path)
            | Self::Pair {
                certificate: path, ..
            } => path,
        }
    }
}

impl KeySetEntry {
    /// The files it consists of.
    pub fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        std::iter::once(&self.keys)
            .chain(&self.current)
            .chain(&self.public)
    }
}

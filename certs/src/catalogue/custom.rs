//! A catalogue of the user's own, written as TOML; `docs/catalogue.md` describes it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::options::{judge_lifetime, judge_order};
use super::{
    AuthorityEntry, Catalogue, Content, Credentials, Definition, Encryption, FileEntry, Frame,
    KeySetEntry, KubeconfigEntry, LeafEntry, PasswdUser, Place,
};
use crate::error::Error;
use crate::key::KeyType;
use crate::names::{Subject, SubjectAltName};
use crate::store::EntryPath;
use crate::usages::Usages;

const DAY: Duration = Duration::from_secs(86_400);

/// The largest text that is taken: the record holds all of it.
const MOST_BYTES: usize = 12 << 20;

/// The most authorities one below another.
const MOST_BELOW: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    authority: Vec<Spanned<Authority>>,
    #[serde(default)]
    leaf: Vec<Spanned<Leaf>>,
    #[serde(default)]
    kubeconfig: Vec<Spanned<Kubeconfig>>,
    #[serde(default)]
    keys: Vec<Spanned<Keys>>,
    #[serde(default)]
    file: Vec<Spanned<Made>>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Defaults {
    authority_days: u32,
    authority_key: KeyType,
    leaf_days: u32,
    leaf_key: KeyType,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            authority_days: 3650,
            authority_key: KeyType::default(),
            leaf_days: 365,
            leaf_key: KeyType::default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authority {
    name: String,
    common_name: String,
    organization: Option<String>,
    #[serde(default)]
    stamped: bool,
    issuer: Option<String>,
    days: Option<u32>,
    key_type: Option<KeyType>,
    certificate: Option<String>,
    key: Option<String>,
    nochain: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaf {
    name: String,
    service: Option<String>,
    common_name: String,
    organization: Option<String>,
    #[serde(default)]
    names: Vec<SubjectAltName>,
    usages: Usages,
    issuer: String,
    days: Option<u32>,
    key_type: Option<KeyType>,
    certificate: Option<String>,
    key: Option<String>,
    kubeconfig: Option<String>,
    #[serde(default = "yes")]
    chained: bool,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kubeconfig {
    name: String,
    service: Option<String>,
    path: String,
    authority: String,
    leaf: String,
    server: String,
    cluster: String,
    context: String,
    user: String,
    namespace: Option<String>,
    files: Option<Files>,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    authority: String,
    certificate: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    name: String,
    service: Option<String>,
    key_type: Option<KeyType>,
    path: String,
    current: Option<String>,
    public: Option<String>,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    name: String,
    service: Option<String>,
    path: String,
    encryption: Option<String>,
    passwd: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pre_shared_key: bool,
    text: Option<String>,
    #[serde(default)]
    optional: bool,
}

const fn yes() -> bool {
    true
}

/// Where in the text something stands.
struct Text<'t>(&'t str);

impl Text<'_> {
    fn line(&self, at: usize) -> usize {
        let before = self.0.as_bytes().get(..at).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn refuse(&self, at: usize, why: impl ToString) -> Error {
        Error::CatalogueFile {
            line: self.line(at),
            why: why.to_string(),
        }
    }
}

pub(super) fn catalogue(text: &str) -> Result<Catalogue, Error> {
    let at = Text(text);
    if text.len() > MOST_BYTES {
        return Err(at.refuse(0, format!("the file has more than {MOST_BYTES} bytes")));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        at.refuse(start, error.message())
    })?;
    let defaults = &file.defaults;
    judge_days(&at, 0, "defaults.authority_days", defaults.authority_days)?;
    judge_days(&at, 0, "defaults.leaf_days", defaults.leaf_days)?;
    let mut catalogue = Catalogue::empty(Definition::Custom(text.to_owned()));
    if file.authority.is_empty() {
        return Err(at.refuse(0, "there is no [[authority]]"));
    }
    for spanned in in_order(&at, &file.authority)? {
        let start = spanned.span().start;
        spanned
            .get_ref()
            .entry(defaults)
            .and_then(|entry| catalogue.add_authority(entry))
            .map_err(|error| at.refuse(start, error))?;
    }
    for spanned in &file.kubeconfig {
        spanned
            .get_ref()
            .entry()
            .and_then(|entry| catalogue.add_kubeconfig(entry))
            .map_err(|error| at.refuse(spanned.span().start, error))?;
    }
    for spanned in &file.leaf {
        let start = spanned.span().start;
        let refuse = |error: Error| at.refuse(start, error);
        let entry = spanned.get_ref().entry(defaults).map_err(refuse)?;
        if let Some(issuer) = catalogue.authority(&entry.issuer) {
            judge_order(&entry.name, entry.lifetime, issuer.lifetime).map_err(refuse)?;
        }
        catalogue.add_leaf(entry).map_err(refuse)?;
    }
    for spanned in &file.keys {
        spanned
            .get_ref()
            .entry(defaults)
            .and_then(|entry| catalogue.add_key_set(entry))
            .map_err(|error| at.refuse(spanned.span().start, error))?;
    }
    for spanned in &file.file {
        spanned
            .get_ref()
            .entry()
            .and_then(|entry| catalogue.add_file(entry))
            .map_err(|error| at.refuse(spanned.span().start, error))?;
    }
    for spanned in &file.kubeconfig {
        let kubeconfig = spanned.get_ref();
        if catalogue.leaf(&kubeconfig.leaf).is_none() {
            let why = format!(
                "{}: there is no leaf {:?}",
                kubeconfig.name, kubeconfig.leaf
            );
            return Err(at.refuse(spanned.span().start, why));
        }
    }
    catalogue.finished(&BTreeMap::new())
}

/// The authorities, each after the one that signs it.
fn in_order<'f>(
    at: &Text<'_>,
    authorities: &'f [Spanned<Authority>],
) -> Result<Vec<&'f Spanned<Authority>>, Error> {
    let by_name: BTreeMap<&str, &Spanned<Authority>> = authorities
        .iter()
        .map(|spanned| (spanned.get_ref().name.as_str(), spanned))
        .collect();
    let mut depths = Vec::with_capacity(authorities.len());
    for spanned in authorities {
        let start = spanned.span().start;
        let (mut depth, mut below) = (0, spanned.get_ref());
        while let Some(issuer) = &below.issuer {
            let Some(above) = by_name.get(issuer.as_str()) else {
                let why = format!("{}: there is no authority {issuer:?}", below.name);
                return Err(at.refuse(start, why));
            };
            depth += 1;
            if depth > MOST_BELOW {
                let why = format!(
                    "{}: its issuers are a circle, or more than {MOST_BELOW}",
                    spanned.get_ref().name
                );
                return Err(at.refuse(start, why));
            }
            below = above.get_ref();
        }
        depths.push((depth, spanned));
    }
    depths.sort_by_key(|(depth, _)| *depth);
    Ok(depths.into_iter().map(|(_, spanned)| spanned).collect())
}

fn judge_days(at: &Text<'_>, start: usize, option: &str, days: u32) -> Result<(), Error> {
    judge_lifetime(option, DAY * days).map_err(|error| at.refuse(start, error))
}

fn lifetime(name: &str, days: Option<u32>, default: u32) -> Result<Duration, Error> {
    let lifetime = DAY * days.unwrap_or(default);
    judge_lifetime(&format!("{name}.days"), lifetime)?;
    Ok(lifetime)
}

fn subject(common_name: &str, organization: Option<&String>) -> Result<Subject, Error> {
    let subject = Subject::new(common_name)?;
    match organization {
        Some(organization) => subject.with_organization(organization.as_str()),
        None => Ok(subject),
    }
}

/// Where an entry's file lies: at the path given, or by its name.
fn file(path: Option<&String>, name: &str, suffix: &str) -> Result<EntryPath, Error> {
    match path {
        Some(path) => EntryPath::new(path.as_str()),
        None => EntryPath::new(format!("{name}{suffix}")),
    }
}

fn some_file(path: Option<&String>) -> Result<Option<EntryPath>, Error> {
    path.map(|path| EntryPath::new(path.as_str())).transpose()
}

fn service(service: Option<&String>, name: &str) -> String {
    service.map_or_else(|| name.to_owned(), Clone::clone)
}

impl Authority {
    fn entry(&self, defaults: &Defaults) -> Result<AuthorityEntry, Error> {
        Ok(AuthorityEntry {
            name: self.name.clone(),
            subject: subject(&self.common_name, self.organization.as_ref())?,
            stamped: self.stamped,
            issuer: self.issuer.clone(),
            lifetime: lifetime(&self.name, self.days, defaults.authority_days)?,
            key_type: self.key_type.unwrap_or(defaults.authority_key),
            certificate: file(self.certificate.as_ref(), &self.name, ".crt")?,
            key: Some(file(self.key.as_ref(), &self.name, ".key")?),
            nochain: some_file(self.nochain.as_ref())?,
        })
    }
}

impl Leaf {
    fn entry(&self, defaults: &Defaults) -> Result<LeafEntry, Error> {
        let place = match &self.kubeconfig {
            Some(_) if self.certificate.is_some() || self.key.is_some() => {
                return Err(Error::Catalogue {
                    option: self.name.clone(),
                    why: "it is in a kubeconfig, or in files of its own, not in both".into(),
                });
            }
            Some(path) => Place::Kubeconfig(EntryPath::new(path.as_str())?),
            None => Place::Pair {
                certificate: file(self.certificate.as_ref(), &self.name, ".crt")?,
                key: file(self.key.as_ref(), &self.name, ".key")?,
            },
        };
        Ok(LeafEntry {
            name: self.name.clone(),
            service: service(self.service.as_ref(), &self.name),
            subject: subject(&self.common_name, self.organization.as_ref())?,
            names: self.names.clone(),
            usages: self.usages,
            issuer: self.issuer.clone(),
            lifetime: lifetime(&self.name, self.days, defaults.leaf_days)?,
            key_type: self.key_type.unwrap_or(defaults.leaf_key),
            place,
            chained: self.chained,
            optional: self.optional,
        })
    }
}

impl Kubeconfig {
    fn entry(&self) -> Result<KubeconfigEntry, Error> {
        Ok(KubeconfigEntry {
            name: self.name.clone(),
            service: service(self.service.as_ref(), &self.name),
            path: EntryPath::new(self.path.as_str())?,
            authority: self.authority.clone(),
            leaf: self.leaf.clone(),
            frame: Frame {
                server: self.server.clone(),
                cluster: self.cluster.clone(),
                context: self.context.clone(),
                user: self.user.clone(),
                namespace: self.namespace.clone(),
            },
            credentials: match &self.files {
                None => Credentials::Embedded,
                Some(files) => Credentials::Files {
                    authority: files.authority.clone(),
                    certificate: files.certificate.clone(),
                    key: files.key.clone(),
                },
            },
            optional: self.optional,
        })
    }
}

impl Keys {
    fn entry(&self, defaults: &Defaults) -> Result<KeySetEntry, Error> {
        Ok(KeySetEntry {
            name: self.name.clone(),
            service: service(self.service.as_ref(), &self.name),
            key_type: self.key_type.unwrap_or(defaults.leaf_key),
            keys: EntryPath::new(self.path.as_str())?,
            current: some_file(self.current.as_ref())?,
            public: some_file(self.public.as_ref())?,
            optional: self.optional,
        })
    }
}

impl Made {
    fn entry(&self) -> Result<FileEntry, Error> {
        let refuse = |why: String| Error::Catalogue {
            option: self.name.clone(),
            why,
        };
        let word = |text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
            if text.is_empty() || !text.chars().all(plain) {
                return Err(refuse(format!("{text:?} is no name of a user or a role")));
            }
            Ok(text.to_owned())
        };
        let given = [
            self.encryption.is_some(),
            self.passwd.is_some(),
            self.pre_shared_key,
            self.text.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err(refuse(
                "it holds one of encryption, passwd, pre_shared_key = true, text".into(),
            ));
        }
        let content = if let Some(encryption) = &self.encryption {
            Content::EncryptionConfig(encryption.parse::<Encryption>()?)
        } else if let Some(users) = &self.passwd {
            let users = users.iter().map(|(name, role)| {
                Ok(PasswdUser {
                    name: word(name)?,
                    role: word(role)?,
                })
            });
            Content::Passwd(users.collect::<Result<_, Error>>()?)
        } else if let Some(text) = &self.text {
            Content::Text(text.clone())
        } else {
            Content::PreSharedKey
        };
        Ok(FileEntry {
            name: self.name.clone(),
            service: service(self.service.as_ref(), &self.name),
            path: EntryPath::new(self.path.as_str())?,
            content,
            optional: self.optional,
        })
    }
}

#[cfg(test)]
mod tests;

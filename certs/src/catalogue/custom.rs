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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the documentation.
    fn example() -> String {
        let page = include_str!("../../../docs/catalogue.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    }

    const SMALL: &str = "\
[[authority]]
name = \"ca\"
common_name = \"example-ca\"

[[leaf]]
name = \"web\"
common_name = \"web\"
names = [\"web.example.org\"]
usages = \"server\"
issuer = \"ca\"
";

    #[test]
    fn the_documented_example_is_a_catalogue() {
        let catalogue = catalogue(&example()).unwrap();
        let api = catalogue.leaf("api").unwrap();
        assert_eq!(api.lifetime, DAY * 90);
        assert_eq!(api.key_type, KeyType::P384);
        assert_eq!(api.names.len(), 3);
        let operator = catalogue.leaf("operator").unwrap();
        assert!(matches!(operator.place, Place::Kubeconfig(_)));
        let names = catalogue
            .authorities()
            .iter()
            .map(|entry| entry.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["root", "cluster-ca"]);
        let services: Vec<_> = catalogue.services().into_iter().collect();
        assert_eq!(
            services,
            ["admin", "api-server", "probe", "probe.kubeconfig"]
        );
        let again = Catalogue::from_definition(catalogue.definition().clone()).unwrap();
        assert!(again.paths().eq(catalogue.paths()));
    }

    #[test]
    fn every_flaw_names_its_line() {
        assert!(catalogue(SMALL).is_ok());
        let authority = "[[authority]]\nname = \"b\"\ncommon_name = \"b\"\n";
        let keys = "[[keys]]\nname = \"k\"\n";
        for (from, to, line, words) in [
            ("names", "nmaes", 8, "unknown field"),
            ("\"server\"", "\"sign\"", 9, "unknown variant"),
            ("issuer = \"ca\"", "issuer = \"other\"", 5, "\"other\""),
            ("issuer = \"ca\"\n", "", 5, "missing field `issuer`"),
            ("names = [\"web.example.org\"]", "names = []", 5, "a name"),
            ("web.example.org", "a..b", 8, "no DNS name"),
            ("\"example-ca\"", "\"\"", 1, "empty"),
            (
                "\"ca\"\ncommon",
                "\"ca\"\nissuer = \"ca\"\ncommon",
                1,
                "circle",
            ),
            (
                "\"ca\"\ncommon",
                "\"ca\"\nissuer = \"x\"\ncommon",
                1,
                "no authority \"x\"",
            ),
            ("\"ca\"\ncommon", "\"ca\"\ndays = 0\ncommon", 1, "a minute"),
            ("\"ca\"\ncommon", "\"ca\"\ndays = 300\ncommon", 6, "outlive"),
            (
                "\"ca\"\ncommon",
                "\"ca\"\ndays = -1\ncommon",
                3,
                "invalid value",
            ),
            (
                "\"ca\"\ncommon",
                "\"ca\"\nkey_type = \"ed25519\"\ncommon",
                3,
                "unknown variant",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\ncertificate = \"../w.crt\"\ncommon",
                5,
                "begins with a dot",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\ncertificate = \"/w.crt\"\ncommon",
                5,
                "absolute",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\ncertificate = \"ca.crt\"\ncommon",
                5,
                "twice",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\ncertificate = \"ca.crt/w\"\ncommon",
                5,
                "below the file",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\ncertificate = \"w.key\"\ncommon",
                5,
                "otherwise",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\nkey = \"fips/web.key\"\ncommon",
                5,
                "own state",
            ),
            (
                "\"web\"\ncommon",
                "\"web\"\nkubeconfig = \"k\"\ncommon",
                5,
                "no kubeconfig",
            ),
            (
                "\"web\"\ncommon",
                "\"ca\"\ncertificate = \"w.crt\"\nkey = \"w\"\ncommon",
                5,
                "name is there twice",
            ),
            ("[[leaf]]", &format!("{authority}[[leaf]]\n"), 0, ""),
            ("[[leaf]]", "[[leaves]]", 5, "unknown field"),
            (
                "[[leaf]]",
                "[[file]]\nname = \"f\"\npath = \"f\"\nencryption = \"secretbox\"\n[[leaf]]",
                5,
                "approved",
            ),
            (
                "[[leaf]]",
                "[[file]]\nname = \"f\"\npath = \"f\"\n[[leaf]]",
                5,
                "holds one of",
            ),
            (
                "[[leaf]]",
                "[[file]]\nname = \"f\"\npath = \"f\"\npasswd = {\"a,b\" = \"c\"}\n[[leaf]]",
                5,
                "no name of a user",
            ),
            (
                "[[leaf]]",
                &format!("{keys}path = \"ca.key\"\n[[leaf]]"),
                5,
                "twice",
            ),
            (
                "[[leaf]]",
                &format!("{keys}path = \"k/a.key\"\npublic = \"k\"\n[[leaf]]"),
                5,
                "folder of another",
            ),
            ("[[leaf]]", "[[leaf]", 5, ""),
        ] {
            let text = SMALL.replacen(from, to, 1);
            assert_ne!(text, SMALL);
            match (catalogue(&text), line) {
                (Ok(_), 0) => {}
                (Err(Error::CatalogueFile { line: found, why }), _) => {
                    assert!(why.contains(words), "{to}: {why}");
                    assert_eq!(found, line, "{to}: {why}");
                }
                (other, _) => panic!("{to}: {other:?}"),
            }
        }
    }

    #[test]
    fn many_leaves_are_read_by_name() {
        let mut text = SMALL.to_owned();
        for index in 0..20_000 {
            text += &format!(
                "[[leaf]]\nname = \"l{index}\"\ncommon_name = \"l\"\nusages = \"client\"\nissuer = \"ca\"\n"
            );
        }
        let catalogue = catalogue(&text).unwrap();
        assert_eq!(catalogue.leaves().len(), 20_001);
        assert_eq!(
            catalogue.leaf("l19999").unwrap().file().as_str(),
            "l19999.crt"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_changed_example_is_a_catalogue_or_an_error_in_words(
            at in any::<prop::sample::Index>(),
            length in 0..40_usize,
            put in "[ -~\n]{0,12}",
        ) {
            let mut text = example();
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            text.replace_range(start..end, &put);
            match catalogue(&text) {
                Ok(found) => {
                    // What is read once is read again from the record.
                    let json = serde_json::to_string(found.definition()).unwrap();
                    let again: Definition = serde_json::from_str(&json).unwrap();
                    let again = Catalogue::from_definition(again).unwrap();
                    prop_assert!(again.paths().eq(found.paths()));
                    for path in found.paths() {
                        prop_assert!(!path.as_str().starts_with("fips/"));
                    }
                    for leaf in found.leaves() {
                        prop_assert!(found.authority(&leaf.issuer).is_some());
                    }
                }
                Err(Error::CatalogueFile { line, why }) => {
                    prop_assert!(line <= text.lines().count() + 1 && !why.is_empty());
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        #[test]
        fn any_text_is_an_error_in_words(text in "\\PC{0,200}") {
            prop_assert!(catalogue(&text).is_err());
        }
    }
}

//! What is made once with a PKI: keys without certificates, and other files, most of them
//! secret. A renewal makes none of it anew: what was sealed or signed with it would be lost.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use fips_core::{Boundary, random};
use serde::Deserialize;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::files;
use super::read_back::Staged;
use super::row::{Kind, Row, Status};
use crate::catalogue::{Content, Encryption, FileEntry, KeySetEntry, PasswdUser};
use crate::error::Error;
use crate::key::{self, PublicHalf};
use crate::pem;
use crate::store::{Secrecy, Store};

/// Why what is missing is not made again.
pub(super) const MADE_ONCE: &str = "it is made once: with another one nothing would be read or \
                                    verified any more that was written with this one; restore it \
                                    from a backup";

/// Bytes of a pre-shared key, as k3s draws them.
const PSK_BYTES: usize = 48;
/// Bytes of a password, as k3s draws them.
const PASSWORD_BYTES: usize = 16;
/// Bytes of an AES-256 key.
const KEY_BYTES: usize = 32;

/// Makes the keys of `entry` and stages them.
pub(super) fn new_keys(
    staged: Staged,
    boundary: &Boundary,
    entry: &KeySetEntry,
) -> Result<Staged, Error> {
    let key = key::generate(boundary, entry.key_type)?;
    derived(staged.key(&entry.keys, &key)?, entry, &key)
}

/// Stages again what follows from the keys that are there.
pub(super) fn derived_keys(
    staged: Staged,
    boundary: &Boundary,
    store: &dyn Store,
    entry: &KeySetEntry,
) -> Result<Staged, Error> {
    let file = store.read(&entry.keys)?.ok_or_else(|| Error::Key {
        why: format!("{} is missing", entry.keys),
    })?;
    let keys = key::each_from_pem(boundary, &file)?;
    match keys.first() {
        Some(first) => derived(staged, entry, first),
        None => Ok(staged),
    }
}

fn derived(
    mut staged: Staged,
    entry: &KeySetEntry,
    first: &fips_core::signing::PrivateKey,
) -> Result<Staged, Error> {
    if let Some(path) = &entry.current {
        staged = staged.key(path, first)?;
    }
    if let Some(path) = &entry.public {
        let pem = key::public_to_pem(first)?.into_bytes();
        staged = staged.bytes(path, Secrecy::Public, pem);
    }
    Ok(staged)
}

/// Makes the content of `entry` and stages it.
pub(super) fn new_file(staged: Staged, entry: &FileEntry) -> Result<Staged, Error> {
    let content = match &entry.content {
        Content::EncryptionConfig(encryption) => encryption_config(*encryption)?,
        Content::Passwd(users) => passwd(users)?,
        Content::PreSharedKey => {
            let mut text = hexadecimal::<PSK_BYTES>()?;
            text.push(b'\n');
            text
        }
        Content::Text(text) => Zeroizing::new(text.clone().into_bytes()),
    };
    // The real programs write them all for their owner alone.
    Ok(staged.bytes(&entry.path, Secrecy::Secret, content))
}

fn drawn<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    random::bytes()
        .map(Zeroizing::new)
        .map_err(|source| Error::Crypto {
            action: "draw a secret",
            source,
        })
}

/// `N` random bytes in hexadecimal, with room for a newline.
fn hexadecimal<const N: usize>() -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = drawn::<N>()?;
    let mut text = Zeroizing::new(Vec::with_capacity(2 * N + 1));
    text.resize(2 * N, 0);
    HEXLOWER.encode_mut(bytes.as_ref(), &mut text);
    Ok(text)
}

fn passwd(users: &[PasswdUser]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let password = hexadecimal::<PASSWORD_BYTES>()?;
    let lines = users.iter().map(|user| {
        let rest = format!(",{0},{0},{1}\n", user.name, user.role);
        (password.len() + rest.len(), rest)
    });
    let lines: Vec<_> = lines.collect();
    let mut text = Zeroizing::new(Vec::with_capacity(lines.iter().map(|line| line.0).sum()));
    for (_, rest) in &lines {
        text.extend_from_slice(&password);
        text.extend_from_slice(rest.as_bytes());
    }
    Ok(text)
}

/// As Go's `encoding/json` writes `EncryptionConfiguration`.
fn encryption_config(encryption: Encryption) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = drawn::<KEY_BYTES>()?;
    let mut buffer = Zeroizing::new([0; 64]);
    let secret = <base64ct::Base64 as base64ct::Encoding>::encode(key.as_ref(), buffer.as_mut())
        .map_err(|_| Error::Encode {
            subject: "a key".into(),
            why: "it is too long".into(),
        })?;
    let name = encryption.name();
    let before = format!(
        "{{\"kind\":\"EncryptionConfiguration\",\"apiVersion\":\"apiserver.config.k8s.io/v1\",\
         \"resources\":[{{\"resources\":[\"secrets\"],\"providers\":[{{\"{name}\":{{\"keys\":[\
         {{\"name\":\"{name}key\",\"secret\":\""
    );
    let after = "\"}]}},{\"identity\":{}}]}]}";
    let mut text = Zeroizing::new(Vec::with_capacity(
        before.len() + secret.len() + after.len(),
    ));
    for part in [before.as_str(), secret, after] {
        text.extend_from_slice(part.as_bytes());
    }
    Ok(text)
}

/// The row of a set of keys; none for one that may be missing, and is.
pub(super) fn keys_row(store: &dyn Store, entry: &KeySetEntry) -> Option<Row> {
    let mut row = Row::new(&entry.keys, Kind::KeySet).entry(&entry.name);
    let file = match files::content(store, &entry.keys) {
        Ok(None) if entry.optional => return None,
        Ok(None) => Err(format!("{} is missing", entry.keys)),
        Ok(Some(file)) => Ok(file),
        Err(why) => Err(why),
    };
    let keys = file.and_then(|file| {
        PublicHalf::each_of_file(&file).map_err(|why| format!("{}: {why}", entry.keys))
    });
    let first = match keys {
        Ok(keys) => keys.into_iter().next(),
        Err(why) => {
            row.worsen(Status::Torn, why);
            return Some(row);
        }
    };
    let first = first.unwrap_or(PublicHalf::Unstated);
    if let Some(path) = &entry.current {
        let found = files::content(store, path)
            .and_then(|file| file.ok_or_else(|| format!("{path} is missing")))
            .and_then(|file| PublicHalf::of_file(&file).map_err(|why| format!("{path}: {why}")));
        judge(
            &mut row,
            found,
            &first,
            &format!("{path} is another key than the first of the set"),
        );
    }
    if let Some(path) = &entry.public {
        let found = files::content(store, path)
            .and_then(|file| file.ok_or_else(|| format!("{path} is missing")))
            .and_then(|file| public_half(&file).map_err(|why| format!("{path}: {why}")));
        judge(
            &mut row,
            found,
            &first,
            &format!("{path} is not the public half of the first key"),
        );
    }
    Some(row)
}

/// What follows from the keys is written again, so it has only drifted.
fn judge(row: &mut Row, found: Result<PublicHalf, String>, first: &PublicHalf, other: &str) {
    match (found, first) {
        (Err(why), _) => row.worsen(Status::Drifted, why),
        (Ok(PublicHalf::Stated(found)), PublicHalf::Stated(first)) if found != *first => {
            row.worsen(Status::Drifted, other);
        }
        (Ok(_), _) => {}
    }
}

/// The first public key of a file.
fn public_half(file: &[u8]) -> Result<PublicHalf, String> {
    let sections = pem::sections(file)?;
    let first = sections
        .iter()
        .find(|section| section.label() == b"PUBLIC KEY")
        .ok_or("holds no PEM section PUBLIC KEY")?;
    let der = first.decode()?;
    let (rest, info) = SubjectPublicKeyInfo::from_der(&der)
        .map_err(|_| "its DER cannot be read as a public key")?;
    if !rest.is_empty() {
        return Err("has bytes after the public key".into());
    }
    Ok(PublicHalf::Stated(info.subject_public_key.data.to_vec()))
}

/// The row of another file; none for one that may be missing, and is.
pub(super) fn file_row(store: &dyn Store, entry: &FileEntry) -> Option<Row> {
    let mut row = Row::new(&entry.path, Kind::File).entry(&entry.name);
    match files::content(store, &entry.path) {
        Ok(None) if entry.optional => return None,
        Ok(None) => row.worsen(Status::Torn, format!("{} is missing", entry.path)),
        Err(why) => row.worsen(Status::Torn, why),
        Ok(Some(file)) => match &entry.content {
            Content::EncryptionConfig(_) => {
                for (status, reason) in encryption_flaws(&file) {
                    row.worsen(status, reason);
                }
            }
            Content::Passwd(users) => {
                for reason in passwd_flaws(&file, users) {
                    row.worsen(Status::Torn, reason);
                }
            }
            Content::PreSharedKey => {
                let text = file.trim_ascii();
                if text.len() < 2 * KEY_BYTES || !text.iter().all(u8::is_ascii_hexdigit) {
                    row.worsen(
                        Status::Torn,
                        "it is no key of 32 bytes or more in hexadecimal",
                    );
                }
            }
            // The program that reads it writes it anew at each start, by its own settings.
            Content::Text(_) if file.is_empty() => row.worsen(Status::Torn, "it is empty"),
            Content::Text(_) => {}
        },
    }
    Some(row)
}

fn passwd_flaws(file: &[u8], users: &[PasswdUser]) -> Vec<String> {
    let Ok(text) = str::from_utf8(file) else {
        return vec!["it is not UTF-8".into()];
    };
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split(',').map(|cell| cell.trim_matches('"')).collect())
        .collect();
    let mut flaws = Vec::new();
    for user in users {
        let found = lines
            .iter()
            .find(|line| line.get(1) == Some(&user.name.as_str()));
        match found.map(Vec::as_slice) {
            None => flaws.push(format!("it has no user {}", user.name)),
            Some([password, _, _, role, ..]) if !password.is_empty() && *role == user.role => {}
            Some(_) => flaws.push(format!(
                "its user {} has no password, or not the role {}",
                user.name, user.role
            )),
        }
    }
    flaws
}

#[derive(Deserialize)]
struct Configuration<'a> {
    #[serde(borrow)]
    resources: Vec<Resource<'a>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    providers: Vec<Provider<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider<'a> {
    #[serde(borrow)]
    aescbc: Option<Keys<'a>>,
    #[serde(borrow)]
    aesgcm: Option<Keys<'a>>,
    identity: Option<serde::de::IgnoredAny>,
    kms: Option<serde::de::IgnoredAny>,
    secretbox: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(borrow)]
    keys: Vec<Key<'a>>,
}

/// Text without escapes is borrowed, so that no copy of a secret is made.
#[derive(Deserialize)]
struct Key<'a> {
    #[serde(borrow)]
    secret: Cow<'a, str>,
}

/// What is wrong with a configuration of encryption at rest.
fn encryption_flaws(file: &[u8]) -> Vec<(Status, String)> {
    let configuration: Configuration<'_> = match serde_json::from_slice(file) {
        Ok(configuration) => configuration,
        // serde's message can quote what it found.
        Err(error) => {
            let why = format!(
                "it is no JSON of an EncryptionConfiguration this program reads: line {}, column {}",
                error.line(),
                error.column()
            );
            return vec![(Status::Torn, why)];
        }
    };
    let mut flaws = Vec::new();
    for resource in &configuration.resources {
        if resource
            .providers
            .first()
            .is_none_or(|first| first.identity.is_some())
        {
            let why = "its first provider is identity: what is written now is not encrypted";
            flaws.push((Status::Warning, why.to_owned()));
        }
        for provider in &resource.providers {
            if provider.secretbox.is_some() {
                let why = "secretbox is XSalsa20-Poly1305, which is no approved algorithm; use \
                           aescbc or aesgcm";
                flaws.push((Status::Drifted, why.to_owned()));
            }
            if provider.kms.is_some() {
                let why = "kms keeps its keys where this program cannot judge them";
                flaws.push((Status::Warning, why.to_owned()));
            }
            let keys = [&provider.aescbc, &provider.aesgcm].into_iter().flatten();
            for key in keys.flat_map(|keys| &keys.keys) {
                let padding = key.secret.bytes().rev().take_while(|b| *b == b'=').count();
                let length = (key.secret.len() / 4 * 3).saturating_sub(padding);
                if ![16, 24, 32].contains(&length) {
                    let why = "a key of it has not 16, 24 or 32 bytes";
                    flaws.push((Status::Torn, why.to_owned()));
                }
            }
        }
    }
    flaws
}

//! Profiles as operators write them: a built-in one, and what is left of it.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::{Profile, Row};
use crate::error::Error;
use crate::name::one_line;
use crate::policy::{Group, KeyRule, Scheme, Suite, Version};

/// The most bits of an RSA key that the module verifies with.
const MOST_RSA_BITS: u32 = 8192;

/// Where a rule is written that the built-in profile does not have so.
const SOURCE: &str = "the profile file";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    base: String,
    versions: Option<Vec<String>>,
    suites: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    schemes: Option<Vec<String>>,
    keys: Option<Vec<String>>,
    rsa_minimum: Option<u32>,
}

/// Why a file is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileFileError {
    /// No list may be empty.
    #[error("`{list}` is empty, so that nothing could connect: leave it out, or name what is left")]
    Empty {
        /// The list.
        list: &'static str,
    },
    /// A floor below the base's, of a kind that is not taken, or above every key.
    #[error("rsa_minimum = {found}: {why}")]
    Floor {
        /// What was written.
        found: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not the form of a profile's file.
    #[error("not a profile file (TOML with a base): {0}")]
    Malformed(String),
    /// What the base does not name.
    #[error(
        "{list} = {entry:?}: profile {base} does not name it, and a file can only narrow; it \
         names: {named}"
    )]
    NotNamed {
        /// The list.
        list: &'static str,
        /// What was written, its beginning.
        entry: String,
        /// The base.
        base: &'static str,
        /// What the base names.
        named: String,
    },
    /// Named twice.
    #[error("{list} = {entry:?}: it is named twice")]
    Twice {
        /// The list.
        list: &'static str,
        /// What was written.
        entry: String,
    },
    /// No profile of that name.
    #[error("base = {found:?}: the known profiles are {}", Profile::NAMES.join(", "))]
    UnknownBase {
        /// What was written, its beginning.
        found: String,
    },
    /// What is left of one list is of no use with what is left of the others.
    #[error("{list} = {entry:?}: {why}")]
    Useless {
        /// The list.
        list: &'static str,
        /// What was named or is left.
        entry: String,
        /// Why it would never be used.
        why: &'static str,
    },
}

impl Profile {
    /// Reads a profile file: `base`, a built-in profile, and of `versions`, `suites`, `groups`,
    /// `schemes` (names of the IANA registries; versions as `TLS 1.3`) and `keys` (`ECDSA
    /// P-256`, `RSA`) what is left of it, in the base's order; `rsa_minimum` raises the floor.
    /// What is left out stays as the base has it.
    ///
    /// ```
    /// use fips_tls::Profile;
    ///
    /// let profile = Profile::from_toml(
    ///     r#"
    ///     base = "sp800_52r2"
    ///     versions = ["TLS 1.3"]
    ///     suites = ["TLS_AES_256_GCM_SHA384"]
    ///     rsa_minimum = 3072
    ///     "#,
    /// )
    /// .unwrap();
    /// assert_eq!(profile.suites().len(), 1);
    /// // It is not a list of wishes.
    /// let error = Profile::from_toml("base = \"tls13\"\ngroups = [\"x25519\"]").unwrap_err();
    /// assert!(error.to_string().contains("secp256r1"));
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProfileFileError`]: what is unknown, wider than the base, empty, or of no use with the
    /// rest.
    pub fn from_toml(text: &str) -> Result<Self, ProfileFileError> {
        let file: File = toml::from_str(text)
            .map_err(|error| ProfileFileError::Malformed(one_line(error.message(), 256)))?;
        let profile: Self = file
            .base
            .parse()
            .map_err(|_| ProfileFileError::UnknownBase {
                found: one_line(&file.base, 128),
            })?;
        profile.narrowed_by(&file)
    }

    /// As [`from_toml`](Self::from_toml), from a file.
    ///
    /// # Errors
    ///
    /// Also [`Error::File`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = crate::file::read_text(path)?;
        Self::from_toml(&text).map_err(|error| Error::from(error).in_file(path))
    }

    /// Writes the profile as a file: its base, and every list whole.
    ///
    /// `None` for one with groups turned on that its base does not have of itself: a file can
    /// only narrow.
    pub fn to_toml(&self) -> Option<String> {
        let mut text = format!("base = {:?}\n", self.name);
        let mut list = |name: &str, values: Vec<String>| {
            // Names of registries: no character needs an escape.
            let quoted: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
            let _ = writeln!(text, "{name} = [{}]", quoted.join(", "));
        };
        list("versions", names(&self.versions, version_name));
        list("suites", names(&self.suites, suite_name));
        list("groups", names(&self.groups, group_name));
        list("schemes", names(&self.schemes, scheme_name));
        list("keys", names(&self.key_rules, key_name));
        if let Some(floor) = self.rsa_floor() {
            let _ = writeln!(text, "rsa_minimum = {floor}");
        }
        Self::from_toml(&text).is_ok().then_some(text)
    }

    fn narrowed_by(self, file: &File) -> Result<Self, ProfileFileError> {
        let base = self.name;
        let narrowed = Self {
            versions: kept(
                base,
                "versions",
                &self.versions,
                &file.versions,
                version_name,
            )?,
            suites: kept(base, "suites", &self.suites, &file.suites, suite_name)?,
            groups: kept(base, "groups", &self.groups, &file.groups, group_name)?,
            schemes: kept(base, "schemes", &self.schemes, &file.schemes, scheme_name)?,
            key_rules: kept(base, "keys", &self.key_rules, &file.keys, key_name)?,
            ..self.clone()
        };
        let mut narrowed = narrowed.raised(file.rsa_minimum)?;
        let settled =
            narrowed
                .clone()
                .used()?
                .settled()
                .map_err(|_| ProfileFileError::Useless {
                    list: "versions",
                    entry: narrowed
                        .versions
                        .iter()
                        .map(|row| row.value.name())
                        .collect(),
                    why: "no suite and group that are left belong to it",
                })?;
        // What was named must not go without a word.
        lost(
            "versions",
            &file.versions,
            &narrowed.versions,
            &settled.versions,
            version_name,
        )?;
        lost(
            "suites",
            &file.suites,
            &narrowed.suites,
            &settled.suites,
            suite_name,
        )?;
        lost(
            "groups",
            &file.groups,
            &narrowed.groups,
            &settled.groups,
            group_name,
        )?;
        narrowed = settled;
        if narrowed.key_rules != self.key_rules {
            narrowed.key_source = SOURCE;
        }
        if narrowed.schemes != self.schemes {
            narrowed.signature_source = SOURCE;
        }
        if narrowed != self {
            narrowed.title = "a built-in profile, narrowed by a profile file";
        }
        Ok(narrowed)
    }

    /// Leaves out the suites that no key or no scheme is left for.
    fn used(mut self) -> Result<Self, ProfileFileError> {
        let rsa = self.rsa_floor().is_some() && self.schemes.iter().any(|row| is_rsa(row.value));
        let ecdsa = self.key_rules.iter().any(|row| {
            let key = row.value;
            self.schemes.iter().any(|row| fits(row.value, key))
        });
        let tls13 = self.schemes.iter().any(|row| {
            let scheme = row.value;
            scheme.signs_tls13_handshakes() && if is_rsa(scheme) { rsa } else { ecdsa }
        });
        if !rsa && !ecdsa {
            return Err(ProfileFileError::Useless {
                list: "schemes",
                entry: names(&self.schemes, scheme_name).join(", "),
                why: "none of them signs with a key of a kind that is left",
            });
        }
        self.suites.retain(|row| match row.value.version() {
            Version::Tls13 => tls13,
            Version::Tls12 => {
                rsa && row.value.takes_rsa_key() || ecdsa && row.value.takes_ecdsa_key()
            }
        });
        Ok(self)
    }

    fn rsa_floor(&self) -> Option<u32> {
        self.key_rules.iter().find_map(|row| match row.value {
            KeyRule::RsaAtLeast(floor) => Some(floor),
            _ => None,
        })
    }

    fn raised(mut self, minimum: Option<u32>) -> Result<Self, ProfileFileError> {
        let Some(found) = minimum else {
            return Ok(self);
        };
        let fault = |why| ProfileFileError::Floor { found, why };
        let floor = self
            .rsa_floor()
            .ok_or_else(|| fault("keys has no RSA: leave one of them out, or name RSA"))?;
        if found < floor {
            return Err(fault("it is below the base's, and a file can only narrow"));
        }
        if found > MOST_RSA_BITS {
            return Err(fault(
                "no key of more than 8192 bits is verified: leave RSA out of keys",
            ));
        }
        for row in &mut self.key_rules {
            if matches!(row.value, KeyRule::RsaAtLeast(_)) && found != floor {
                *row = Row {
                    value: KeyRule::RsaAtLeast(found),
                    source: SOURCE,
                };
            }
        }
        Ok(self)
    }
}

fn version_name(version: Version) -> &'static str {
    version.name()
}

fn suite_name(suite: Suite) -> &'static str {
    suite.iana_name()
}

fn group_name(group: Group) -> &'static str {
    group.iana_name()
}

fn scheme_name(scheme: Scheme) -> &'static str {
    scheme.iana_name()
}

fn key_name(key: KeyRule) -> &'static str {
    match key {
        KeyRule::EcdsaP256 => "ECDSA P-256",
        KeyRule::EcdsaP384 => "ECDSA P-384",
        KeyRule::EcdsaP521 => "ECDSA P-521",
        KeyRule::RsaAtLeast(_) => "RSA",
    }
}

fn is_rsa(scheme: Scheme) -> bool {
    !matches!(
        scheme,
        Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha384 | Scheme::EcdsaP521Sha512
    )
}

/// Whether a key signs with a scheme of its curve.
fn fits(scheme: Scheme, key: KeyRule) -> bool {
    matches!(
        (scheme, key),
        (Scheme::EcdsaP256Sha256, KeyRule::EcdsaP256)
            | (Scheme::EcdsaP384Sha384, KeyRule::EcdsaP384)
            | (Scheme::EcdsaP521Sha512, KeyRule::EcdsaP521)
    )
}

fn names<T: Copy>(rows: &[Row<T>], name: fn(T) -> &'static str) -> Vec<String> {
    rows.iter().map(|row| name(row.value).to_owned()).collect()
}

/// The rows a list names, in the base's order; all of them where there is no list.
fn kept<T: Copy>(
    base: &'static str,
    list: &'static str,
    rows: &[Row<T>],
    wanted: &Option<Vec<String>>,
    name: fn(T) -> &'static str,
) -> Result<Vec<Row<T>>, ProfileFileError> {
    let Some(wanted) = wanted else {
        return Ok(rows.to_vec());
    };
    if wanted.is_empty() {
        return Err(ProfileFileError::Empty { list });
    }
    for (place, entry) in wanted.iter().enumerate() {
        if !rows.iter().any(|row| name(row.value) == entry) {
            return Err(ProfileFileError::NotNamed {
                list,
                entry: one_line(entry, 128),
                base,
                named: names(rows, name).join(", "),
            });
        }
        if wanted[..place].contains(entry) {
            return Err(ProfileFileError::Twice {
                list,
                entry: entry.clone(),
            });
        }
    }
    let is_wanted = |row: &&Row<T>| wanted.iter().any(|entry| name(row.value) == entry);
    Ok(rows.iter().filter(is_wanted).copied().collect())
}

/// Refuses a file that names what the rest of it leaves no use for.
fn lost<T: Copy + PartialEq>(
    list: &'static str,
    wanted: &Option<Vec<String>>,
    before: &[Row<T>],
    after: &[Row<T>],
    name: fn(T) -> &'static str,
) -> Result<(), ProfileFileError> {
    let gone = before.iter().find(|row| !after.contains(row));
    match (wanted, gone) {
        (Some(_), Some(gone)) => Err(ProfileFileError::Useless {
            list,
            entry: name(gone.value).to_owned(),
            why: "nothing that is left goes with it: leave it out, or name what it needs (a \
                  version, its suites, its groups, schemes and keys to sign with)",
        }),
        _ => Ok(()),
    }
}

use super::{Group, KeyRule, PublicKey, Scheme, Suite, Version};

mod file;
mod optional;

pub use file::ProfileFileError;
pub use optional::NotOptional;
use optional::{Choice, HYBRIDS, ML_KEM};

/// One thing a profile names, and where that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row<T> {
    /// What is offered and accepted.
    pub value: T,
    /// Standard and section.
    pub source: &'static str,
}

const fn row<T>(value: T, source: &'static str) -> Row<T> {
    Row { value, source }
}

/// Versions, suites, groups, signature schemes and key floors under one name.
///
/// A profile is a filter over what the module's approved services can carry. It can be narrowed,
/// and takes more groups only where it names them as optional. The same value builds the
/// server, the client and the judgement of a peer's chain.
///
/// ```
/// use fips_tls::{Profile, Suite};
///
/// let profile: Profile = "sp800_52r2".parse().unwrap();
/// assert_eq!(profile, Profile::default());
/// assert_eq!(profile.suites()[0].value, Suite::Aes128GcmSha256);
/// // What etcd takes in `--cipher-suites`.
/// let names: Vec<_> = profile.suites().iter().map(|row| row.value.go_name()).collect();
/// assert!(names.contains(&"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    name: &'static str,
    title: &'static str,
    /// Where the key rules as a whole are written.
    key_source: &'static str,
    /// Where the rules for signatures of certificates are written.
    signature_source: &'static str,
    versions: Vec<Row<Version>>,
    suites: Vec<Row<Suite>>,
    groups: Vec<Row<Group>>,
    schemes: Vec<Row<Scheme>>,
    key_rules: Vec<Row<KeyRule>>,
    hybrids: Choice,
    ml_kem: Choice,
}

impl Profile {
    /// The names [`str::parse`] takes.
    pub const NAMES: &'static [&'static str] = &["cnsa1", "sp800_52r2", "tls13"];

    /// The CNSA suite 1.0 for TLS (RFC 9151): AES-256, SHA-384, P-384, RSA of 3072 bits or more.
    ///
    /// The RFC also lists finite-field groups, DHE and RSA key transport: none of them is an
    /// approved service that this boundary offers, so they have no row.
    pub fn cnsa1() -> Self {
        Self {
            name: "cnsa1",
            title: "CNSA Suite 1.0 (RFC 9151)",
            key_source: "RFC 9151 §4.2, §5.1, §5.2",
            signature_source: "RFC 9151 §6.3, §7.2",
            versions: vec![
                row(Version::Tls13, "RFC 9151 §7"),
                row(Version::Tls12, "RFC 9151 §6; EMS: RFC 9151 §6.1"),
            ],
            suites: vec![
                row(Suite::Aes256GcmSha384, "RFC 9151 §4, §7"),
                row(Suite::EcdheEcdsaAes256GcmSha384, "RFC 9151 §4, §6"),
                row(Suite::EcdheRsaAes256GcmSha384, "RFC 9151 §4, §6"),
            ],
            groups: vec![row(Group::P384, "RFC 9151 §4.1, §5.1")],
            schemes: vec![
                row(Scheme::EcdsaP384Sha384, "RFC 9151 §6.2, §7.1"),
                row(Scheme::RsaPssSha384, "RFC 9151 §6.2, §7.1"),
                row(Scheme::RsaPkcs1Sha384, "RFC 9151 §6.2, §6.3, §7.2"),
            ],
            key_rules: vec![
                row(KeyRule::EcdsaP384, "RFC 9151 §4.2, §5.1"),
                row(KeyRule::RsaAtLeast(3072), "RFC 9151 §4.2, §5.2"),
            ],
            hybrids: Err(CNSA1_GROUPS),
            ml_kem: Err(CNSA1_GROUPS),
        }
    }

    /// NIST SP 800-52r2: TLS 1.3, and TLS 1.2 with extended master secret. The default.
    pub fn sp800_52r2() -> Self {
        Self {
            name: "sp800_52r2",
            title: "NIST SP 800-52 Revision 2",
            key_source: "SP 800-52r2 §3.2.1, SP 800-131Ar2 §3",
            signature_source: "SP 800-131Ar2 §9, SP 800-52r2 §3.2.1",
            versions: vec![
                row(Version::Tls13, "SP 800-52r2 §3.1"),
                row(
                    Version::Tls12,
                    "SP 800-52r2 §3.1; EMS: SP 800-52r2 §3.4.1.3 with RFC 7627; IG D.Q",
                ),
            ],
            // By measured cost where the policy is indifferent: SHA-256 has hardware help,
            // SHA-384 has none.
            suites: vec![
                row(Suite::Aes128GcmSha256, "SP 800-52r2 §3.3.1.2"),
                row(Suite::Aes256GcmSha384, "SP 800-52r2 §3.3.1.2"),
                row(Suite::EcdheEcdsaAes128GcmSha256, "SP 800-52r2 §3.3.1.1.1"),
                row(Suite::EcdheEcdsaAes256GcmSha384, "SP 800-52r2 §3.3.1.1.1"),
                row(Suite::EcdheRsaAes128GcmSha256, "SP 800-52r2 §3.3.1.1.2"),
                row(Suite::EcdheRsaAes256GcmSha384, "SP 800-52r2 §3.3.1.1.2"),
            ],
            groups: vec![
                row(Group::P256, "SP 800-52r2 §3.4.2.2; SP 800-186 §3.2.1.3"),
                row(Group::P384, "SP 800-52r2 §3.4.2.2; SP 800-186 §3.2.1.4"),
                row(Group::P521, "SP 800-186 §3.2.1.5; SP 800-56Ar3 App. D"),
            ],
            // The strongest hash first among ECDSA: a TLS 1.2 peer reads the hash alone and
            // takes the first, which must not be weaker than its curve.
            schemes: vec![
                row(Scheme::EcdsaP521Sha512, ECDSA),
                row(Scheme::EcdsaP384Sha384, ECDSA),
                row(Scheme::EcdsaP256Sha256, ECDSA),
                row(Scheme::RsaPssSha256, RSA_PSS),
                row(Scheme::RsaPssSha384, RSA_PSS),
                row(Scheme::RsaPssSha512, RSA_PSS),
                row(Scheme::RsaPkcs1Sha256, RSA_PKCS1),
                row(Scheme::RsaPkcs1Sha384, RSA_PKCS1),
                row(Scheme::RsaPkcs1Sha512, RSA_PKCS1),
            ],
            key_rules: vec![
                row(
                    KeyRule::EcdsaP256,
                    "SP 800-52r2 §3.2.1; SP 800-186 §3.2.1.3",
                ),
                row(
                    KeyRule::EcdsaP384,
                    "SP 800-52r2 §3.2.1; SP 800-186 §3.2.1.4",
                ),
                row(KeyRule::EcdsaP521, "SP 800-186 §3.2.1.5; FIPS 186-5 §6"),
                row(
                    KeyRule::RsaAtLeast(2048),
                    "SP 800-52r2 §3.2.1; SP 800-131Ar2 §3",
                ),
            ],
            hybrids: HYBRIDS,
            ml_kem: ML_KEM,
        }
    }

    /// TLS 1.3 alone: every call of a handshake reads approved on the module's service
    /// indicator, without the exceptions TLS 1.2 needs.
    pub fn tls13() -> Self {
        let wide = Self::sp800_52r2();
        Self {
            name: "tls13",
            title: "TLS 1.3 under NIST SP 800-52 Revision 2",
            versions: keep(wide.versions, |version| version == Version::Tls13),
            suites: keep(wide.suites, |suite| suite.version() == Version::Tls13),
            ..wide
        }
    }

    /// The same profile with the AES-256 suites first.
    #[must_use]
    pub fn prefer_256(mut self) -> Self {
        self.suites.sort_by_key(|row| {
            (
                row.value.version() != Version::Tls13,
                !row.value.is_aes256(),
            )
        });
        self
    }

    /// The same profile with these suites alone, in its own order; a version that keeps none
    /// goes too, and then the groups of that version alone.
    ///
    /// # Errors
    ///
    /// [`NothingLeft`] when the profile names none of them.
    pub fn narrow_suites(mut self, suites: &[Suite]) -> Result<Self, NothingLeft> {
        self.suites.retain(|row| suites.contains(&row.value));
        self.settled()
    }

    /// The same profile with these groups alone, in its own order; a version that keeps none
    /// goes too, with its suites.
    ///
    /// # Errors
    ///
    /// [`NothingLeft`] when the profile names none of them.
    pub fn narrow_groups(mut self, groups: &[Group]) -> Result<Self, NothingLeft> {
        self.groups.retain(|row| groups.contains(&row.value));
        self.settled()
    }

    /// The same profile with one of its versions alone; `None` when it does not name that one.
    #[must_use]
    pub fn narrowed_to(self, version: Version) -> Option<Self> {
        let versions = keep(self.versions, |named| named == version);
        Self { versions, ..self }.settled().ok()
    }

    /// Keeps the versions that have a suite and a group, and what belongs to those.
    fn settled(mut self) -> Result<Self, NothingLeft> {
        let (suites, groups) = (&self.suites, &self.groups);
        self.versions.retain(|version| {
            let version = version.value;
            suites.iter().any(|row| row.value.version() == version)
                && groups.iter().any(|row| row.value.usable_in(version))
        });
        let kept = |wanted: &dyn Fn(Version) -> bool| {
            self.versions.iter().any(|version| wanted(version.value))
        };
        self.suites
            .retain(|row| kept(&|version| row.value.version() == version));
        self.groups
            .retain(|row| kept(&|version| row.value.usable_in(version)));
        if self.versions.is_empty() {
            return Err(NothingLeft { profile: self.name });
        }
        Ok(self)
    }

    /// The stable name, one of [`NAMES`](Self::NAMES).
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The document behind it.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// Versions, most wanted first.
    pub fn versions(&self) -> &[Row<Version>] {
        &self.versions
    }

    /// Suites, most wanted first.
    pub fn suites(&self) -> &[Row<Suite>] {
        &self.suites
    }

    /// Groups, most wanted first.
    pub fn groups(&self) -> &[Row<Group>] {
        &self.groups
    }

    /// Signature schemes in the order they are offered.
    pub fn schemes(&self) -> &[Row<Scheme>] {
        &self.schemes
    }

    /// Kinds of keys taken in certificates, with their floors.
    pub fn key_rules(&self) -> &[Row<KeyRule>] {
        &self.key_rules
    }

    /// Whether a key of this kind may authenticate somebody.
    pub fn accepts_key(&self, key: &PublicKey) -> bool {
        self.key_rules.iter().any(|row| row.value.accepts(key))
    }

    /// Whether handshakes and certificates may be signed so.
    pub fn accepts_scheme(&self, scheme: Scheme) -> bool {
        self.schemes.iter().any(|row| row.value == scheme)
    }

    /// Standard and section of the key rules, for refusals.
    pub(crate) fn key_source(&self) -> &'static str {
        self.key_source
    }

    /// Standard and section of the rules for certificates' signatures, for refusals.
    pub(crate) fn signature_source(&self) -> &'static str {
        self.signature_source
    }
}

const CNSA1_GROUPS: &str = "RFC 9151 §4.1 names P-384 and no ML-KEM";
const ECDSA: &str = "SP 800-52r2 §3.2.1; FIPS 186-5 §6; RFC 8446 §4.2.3";
const RSA_PKCS1: &str = "SP 800-52r2 §3.2.1; FIPS 186-5 §5.4; RFC 8446 §4.2.3";
const RSA_PSS: &str = "FIPS 186-5 §5.4; RFC 8446 §4.2.3";

fn keep<T: Copy>(rows: Vec<Row<T>>, wanted: impl Fn(T) -> bool) -> Vec<Row<T>> {
    rows.into_iter().filter(|row| wanted(row.value)).collect()
}

impl Default for Profile {
    fn default() -> Self {
        Self::sp800_52r2()
    }
}

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        match name {
            "cnsa1" => Ok(Self::cnsa1()),
            "sp800_52r2" => Ok(Self::sp800_52r2()),
            "tls13" => Ok(Self::tls13()),
            _ => Err(UnknownProfile {
                name: name.to_owned(),
            }),
        }
    }
}

/// A narrowing that would leave a profile without suites or groups.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profile {profile} names none of these: choose among its own suites and groups")]
pub struct NothingLeft {
    /// The profile's name.
    pub profile: &'static str,
}

/// A profile name that nothing is known by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown TLS profile {name:?}: the known ones are {}", Profile::NAMES.join(", "))]
pub struct UnknownProfile {
    /// The name asked for.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Profile> {
        Profile::NAMES
            .iter()
            .map(|name| name.parse().unwrap())
            .collect()
    }

    /// With every group that a profile lets be turned on.
    fn widest() -> Vec<Profile> {
        all()
            .into_iter()
            .map(|profile| {
                let profile = profile.clone().with_hybrids().unwrap_or(profile);
                profile.clone().with_ml_kem().unwrap_or(profile)
            })
            .collect()
    }

    #[test]
    fn names_lead_to_profiles_and_unknown_ones_list_them() {
        for (profile, name) in all().iter().zip(Profile::NAMES) {
            assert_eq!(profile.name(), *name);
        }
        let error = "SP800-52R2".parse::<Profile>().unwrap_err().to_string();
        assert!(
            Profile::NAMES.iter().all(|name| error.contains(name)),
            "{error}"
        );
    }

    #[test]
    fn every_row_has_its_source_and_none_comes_twice() {
        fn check<T: PartialEq + std::fmt::Debug>(rows: &[Row<T>]) {
            assert!(!rows.is_empty());
            for (index, row) in rows.iter().enumerate() {
                assert!(
                    row.source.contains('§') || row.source.contains("App."),
                    "{row:?}"
                );
                assert!(!rows[..index].iter().any(|other| other.value == row.value));
            }
        }
        for profile in all().into_iter().chain(widest()) {
            check(profile.versions());
            check(profile.suites());
            check(profile.groups());
            check(profile.schemes());
            check(profile.key_rules());
        }
    }

    #[test]
    fn each_version_has_suites_and_each_suite_its_version() {
        for profile in all() {
            for version in Version::ALL {
                assert_eq!(
                    profile.versions().iter().any(|row| row.value == version),
                    profile
                        .suites()
                        .iter()
                        .any(|row| row.value.version() == version),
                    "{} {version}",
                    profile.name()
                );
            }
        }
    }

    #[test]
    fn narrowing_keeps_a_part_and_never_nothing() {
        let one = Profile::sp800_52r2()
            .narrow_suites(&[Suite::EcdheRsaAes128GcmSha256])
            .unwrap();
        assert_eq!(one.versions().len(), 1);
        assert_eq!(one.versions()[0].value, Version::Tls12);
        assert!(
            Profile::tls13()
                .narrow_suites(&[Suite::EcdheRsaAes128GcmSha256])
                .is_err()
        );
        assert!(Profile::tls13().narrow_groups(&[]).is_err());
    }

    #[test]
    fn a_version_goes_with_its_last_group_and_a_group_with_its_last_version() {
        for profile in widest() {
            let tls13_only = |group: &Group| !group.usable_in(Version::Tls12);
            let groups: Vec<_> = profile.groups().iter().map(|row| row.value).collect();
            if let Some(narrow) = profile.clone().narrowed_to(Version::Tls12) {
                assert!(!narrow.groups().iter().any(|row| tls13_only(&row.value)));
            }
            for group in groups.into_iter().filter(tls13_only) {
                let one = profile.clone().narrow_groups(&[group]).unwrap();
                assert_eq!(one.versions().len(), 1, "{group}");
                assert!(
                    one.suites()
                        .iter()
                        .all(|row| row.value.version() == Version::Tls13),
                    "{group}"
                );
                assert!(
                    one.narrow_suites(&[Suite::EcdheRsaAes128GcmSha256])
                        .is_err()
                );
            }
        }
    }

    #[test]
    fn narrowing_keeps_one_version_and_adds_nothing() {
        for profile in all().into_iter().chain(widest()) {
            for version in Version::ALL {
                let named = profile.versions().iter().any(|row| row.value == version);
                let Some(narrow) = profile.clone().narrowed_to(version) else {
                    assert!(!named, "{} {version}", profile.name());
                    continue;
                };
                assert!(named && !narrow.suites().is_empty());
                for row in narrow.suites() {
                    assert_eq!(row.value.version(), version);
                    assert!(profile.suites().contains(row));
                }
            }
        }
        assert_eq!(Profile::tls13().narrowed_to(Version::Tls12), None);
    }

    #[test]
    fn prefer_256_reorders_and_loses_nothing() {
        for profile in all() {
            let strong = profile.clone().prefer_256();
            assert_eq!(strong.suites()[0].value, Suite::Aes256GcmSha384);
            assert_eq!(strong.suites().len(), profile.suites().len());
            for row in profile.suites() {
                assert!(strong.suites().contains(row));
            }
        }
    }
}

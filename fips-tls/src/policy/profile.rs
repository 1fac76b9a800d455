use super::{Group, KeyRule, PublicKey, Scheme, Suite, Version};

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
/// A profile is a filter over what the module's approved services can carry: it cannot be
/// widened. The same value builds the server, the client and the judgement of a peer's chain.
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
    versions: Vec<Row<Version>>,
    suites: Vec<Row<Suite>>,
    groups: Vec<Row<Group>>,
    schemes: Vec<Row<Scheme>>,
    key_rules: Vec<Row<KeyRule>>,
    hybrids: Choice,
    ml_kem: Choice,
}

/// Groups that may be turned on in a profile, most wanted first, or why none may.
type Choice = Result<&'static [Row<Group>], &'static str>;

/// SP 800-52r2 is older than FIPS 203 and names neither of these; the documents that approve
/// them are.
const HYBRIDS: Choice = Ok(&[
    row(Group::SecP256r1MlKem768, HYBRID),
    row(Group::SecP384r1MlKem1024, HYBRID),
]);
const ML_KEM: Choice = Ok(&[row(Group::MlKem768, PURE), row(Group::MlKem1024, PURE)]);

impl Profile {
    /// The names [`str::parse`] takes.
    pub const NAMES: &'static [&'static str] = &["sp800_52r2", "tls13"];

    /// NIST SP 800-52r2: TLS 1.3, and TLS 1.2 with extended master secret. The default.
    pub fn sp800_52r2() -> Self {
        Self {
            name: "sp800_52r2",
            title: "NIST SP 800-52 Revision 2",
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

    /// The same profile with the hybrid groups in front of its own: ECDH on P-256 or P-384
    /// together with ML-KEM. In TLS 1.3 alone; its own groups still serve peers without them.
    ///
    /// # Errors
    ///
    /// [`NotOptional`] with the profile's reason.
    ///
    /// # Security
    ///
    /// A secret of both is kept from who breaks one of them: also from who records today and
    /// has a quantum computer later, as long as ML-KEM holds.
    pub fn with_hybrids(self) -> Result<Self, NotOptional> {
        let choice = self.hybrids;
        self.with_groups("hybrid groups", choice)
    }

    /// The same profile with ML-KEM alone in front of its own groups, for peers that are both
    /// of this crate: few others offer it. In TLS 1.3 alone.
    ///
    /// # Errors
    ///
    /// [`NotOptional`] with the profile's reason.
    ///
    /// # Security
    ///
    /// Nothing stands behind ML-KEM here. Where that matters, take
    /// [`with_hybrids`](Self::with_hybrids).
    pub fn with_ml_kem(self) -> Result<Self, NotOptional> {
        let choice = self.ml_kem;
        self.with_groups("ML-KEM groups", choice)
    }

    fn with_groups(mut self, groups: &'static str, choice: Choice) -> Result<Self, NotOptional> {
        let refused = |why| NotOptional {
            groups,
            profile: self.name,
            why,
        };
        let chosen = choice.map_err(refused)?;
        if !self.versions.iter().any(|row| row.value == Version::Tls13) {
            return Err(refused(
                "it was narrowed to TLS 1.2, and TLS 1.3 alone carries them",
            ));
        }
        self.groups.retain(|row| !chosen.contains(row));
        self.groups.splice(0..0, chosen.iter().copied());
        Ok(self)
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

    /// Groups that can be turned on, whether they are or not:
    /// [`with_hybrids`](Self::with_hybrids), [`with_ml_kem`](Self::with_ml_kem).
    pub fn optional_groups(&self) -> impl Iterator<Item = Row<Group>> {
        [self.hybrids, self.ml_kem]
            .into_iter()
            .flat_map(Result::unwrap_or_default)
            .copied()
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
}

const HYBRID: &str = "RFC 10024 §4; SP 800-227 §4.6.2; SP 800-56Ar3 §6.1.2.2; FIPS 203 §8";
const PURE: &str = "FIPS 203 §8; draft-ietf-tls-mlkem §4";
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
            "sp800_52r2" => Ok(Self::sp800_52r2()),
            "tls13" => Ok(Self::tls13()),
            _ => Err(UnknownProfile {
                name: name.to_owned(),
            }),
        }
    }
}

/// Groups that a profile does not let be turned on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "profile {profile} takes no {groups}: {why}; leave them off, or take a profile that has them \
     among its optional groups"
)]
pub struct NotOptional {
    /// Which groups, in words.
    pub groups: &'static str,
    /// The profile's name.
    pub profile: &'static str,
    /// The profile's reason.
    pub why: &'static str,
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
    fn chosen_groups_come_first_once_and_in_the_order_of_the_choice() {
        let groups = |profile: &Profile| -> Vec<Group> {
            profile.groups().iter().map(|row| row.value).collect()
        };
        let hybrids = [Group::SecP256r1MlKem768, Group::SecP384r1MlKem1024];
        let ml_kem = [Group::MlKem768, Group::MlKem1024];
        for profile in [Profile::sp800_52r2(), Profile::tls13()] {
            let own = groups(&profile);
            let optional: Vec<_> = profile.optional_groups().map(|row| row.value).collect();
            assert_eq!(optional, [hybrids, ml_kem].concat());
            assert!(!own.iter().any(|group| optional.contains(group)));
            let with = profile.with_hybrids().unwrap();
            assert_eq!(groups(&with), [&hybrids[..], &own].concat());
            assert_eq!(with.clone().with_hybrids().unwrap(), with);
            let with = with.with_ml_kem().unwrap();
            assert_eq!(groups(&with), [&ml_kem[..], &hybrids, &own].concat());
        }
    }

    #[test]
    fn a_profile_that_takes_no_other_groups_says_why() {
        let strict = Profile {
            name: "strict",
            hybrids: Err("its document names P-384 alone"),
            ml_kem: Err("its document is of 2019"),
            ..Profile::sp800_52r2()
        };
        assert_eq!(strict.optional_groups().count(), 0);
        let narrow = Profile::sp800_52r2().narrowed_to(Version::Tls12).unwrap();
        for (answer, words) in [
            (
                strict.clone().with_hybrids(),
                ["strict", "hybrid", "names P-384 alone"],
            ),
            (strict.with_ml_kem(), ["strict", "ML-KEM", "of 2019"]),
            (
                narrow.clone().with_hybrids(),
                ["sp800_52r2", "hybrid", "TLS 1.3 alone"],
            ),
            (
                narrow.with_ml_kem(),
                ["sp800_52r2", "ML-KEM", "TLS 1.3 alone"],
            ),
        ] {
            let error = answer.unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{word:?} is not in: {error}");
            }
        }
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

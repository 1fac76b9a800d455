//! Groups beyond a profile's own, turned on by choice.

use super::{Profile, Row, row};
use crate::policy::{Group, Version};

/// Groups that may be turned on in a profile, most wanted first, or why none may.
pub(super) type Choice = Result<&'static [Row<Group>], &'static str>;

/// SP 800-52r2 is older than FIPS 203 and names neither of these; the documents that approve
/// them are.
pub(super) const HYBRIDS: Choice = Ok(&[
    row(Group::SecP256r1MlKem768, HYBRID),
    row(Group::SecP384r1MlKem1024, HYBRID),
]);
pub(super) const ML_KEM: Choice = Ok(&[row(Group::MlKem768, PURE), row(Group::MlKem1024, PURE)]);

const HYBRID: &str = "RFC 10024 §4; SP 800-227 §4.6.2; SP 800-56Ar3 §6.1.2.2; FIPS 203 §8";
const PURE: &str = "FIPS 203 §8; draft-ietf-tls-mlkem §4";

impl Profile {
    /// The same profile with the hybrid groups in front of its own: ECDH on P-256 or P-384
    /// together with ML-KEM. In TLS 1.3 alone; its own groups still serve peers without them.
    ///
    /// ```
    /// use fips_tls::{Group, Profile};
    ///
    /// let profile = Profile::sp800_52r2().with_hybrids().unwrap();
    /// assert_eq!(profile.groups()[0].value, Group::SecP256r1MlKem768);
    /// // With these alone, a peer without them is refused.
    /// let strict = profile.narrow_groups(&[Group::SecP384r1MlKem1024]).unwrap();
    /// assert_eq!(strict.groups().len(), 1);
    /// ```
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
        self.groups
            .retain(|own| !chosen.iter().any(|row| row.value == own.value));
        self.groups.splice(0..0, chosen.iter().copied());
        Ok(self)
    }

    /// Groups that can be turned on, whether they are or not:
    /// [`with_hybrids`](Self::with_hybrids), [`with_ml_kem`](Self::with_ml_kem).
    pub fn optional_groups(&self) -> impl Iterator<Item = Row<Group>> {
        [self.hybrids, self.ml_kem]
            .into_iter()
            .flat_map(Result::unwrap_or_default)
            .copied()
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

#[cfg(test)]
mod tests {
    use super::*;

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
                Profile::cnsa1().with_hybrids(),
                ["cnsa1", "hybrid", "RFC 9151"],
            ),
            (
                Profile::cnsa1().with_ml_kem(),
                ["cnsa1", "ML-KEM", "RFC 9151"],
            ),
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
}

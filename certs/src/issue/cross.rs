//! Cross-certificates: another authority's name and key under this one's signature.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyIdMethod, KeyUsagePurpose};

use super::authority::distinguished_name;
use super::encoder::EncodedKey;
use super::{Authority, Validity, serial};
use crate::certificate::Certificate;
use crate::clock::{Clock, whole_second};
use crate::error::Error;

impl Authority {
    /// Certifies `other`, an authority too, under this one: the same subject byte for byte, the
    /// same key and key identifier. Who trusts this authority alone then accepts what the other
    /// one signs.
    ///
    /// Its path length is the other's, or what this one leaves room for, whichever is less; it
    /// ends with the first of the two.
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] when this one's path length leaves no room, when one of the two is
    /// not valid now, and when the other is no authority, has no subject key identifier or a
    /// subject that cannot be written again; [`Error::Key`] for a key of a type that is not
    /// issued for; [`Error::Crypto`]; [`Error::Encode`].
    pub fn cross_sign(&self, other: &Certificate, clock: &dyn Clock) -> Result<Certificate, Error> {
        self.cross_sign_for(other, Duration::MAX, clock)
    }

    /// As [`cross_sign`](Self::cross_sign), for `lifetime` and no longer.
    ///
    /// # Errors
    ///
    /// As [`cross_sign`](Self::cross_sign); also for a lifetime under a second.
    ///
    /// # Security
    ///
    /// A cross-certificate is public, and cannot be called back where nobody looks at revocation
    /// lists: until it ends, what the other key signs is taken by who trusts this authority.
    pub fn cross_sign_for(
        &self,
        other: &Certificate,
        lifetime: Duration,
        clock: &dyn Clock,
    ) -> Result<Certificate, Error> {
        let refuse = |why: &str| Error::Authority {
            authority: self.certificate().subject().to_owned(),
            why: format!("a cross-certificate for {}: {why}", other.subject()),
        };
        let facts = other.facts();
        if !facts.is_authority || facts.key_usages.is_some_and(|bits| !bits.key_cert_sign) {
            return Err(refuse("that one may not sign certificates"));
        }
        let identifier = other
            .subject_key_id()
            .ok_or_else(|| refuse("that one has no subject key identifier (RFC 5280 §4.2.1.2)"))?;
        let name = distinguished_name(&facts.subject_der).ok_or_else(|| {
            refuse("its subject holds an attribute of a kind that cannot be written again")
        })?;
        // RFC 5280 §4.2.1.9: each authority below takes one of what is left.
        let room = self.certificate().path_length();
        if room == Some(0) {
            return Err(refuse(
                "the path length of the signer leaves no room for another authority (RFC 5280 \
                 §4.2.1.9)",
            ));
        }
        let room = room.map(|room| room - 1);
        let path_length = match (room, other.path_length()) {
            (Some(room), Some(own)) => Some(room.min(own)),
            (room, own) => room.or(own),
        };
        // What is left is counted from a whole second, or the last of them would be lost.
        let validity = whole_second(clock.now())
            .filter(|now| other.not_before() <= *now)
            .and_then(|now| {
                let left: Duration = (other.not_after() - now).try_into().ok()?;
                Validity::new(now, left.min(lifetime), Some(self.certificate()))
            })
            .ok_or_else(|| refuse("one of the two is not valid now; see their dates"))?;
        let mut params = CertificateParams::default();
        params.not_before = validity.not_before.max(other.not_before());
        params.not_after = validity.not_after.min(other.not_after());
        params.serial_number = Some(serial()?);
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(match path_length.map(u8::try_from) {
            Some(Ok(most)) => BasicConstraints::Constrained(most),
            // More than 255 authorities in a row are no constraint.
            Some(Err(_)) | None => BasicConstraints::Unconstrained,
        });
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::PreSpecified(identifier.to_vec());
        let issued = self.sign(&params, &EncodedKey::new(other)?, &other.subject())?;
        if issued.facts().subject_der != facts.subject_der
            || issued.public_key() != other.public_key()
            || issued.subject_key_id() != other.subject_key_id()
        {
            return Err(refuse(
                "its subject would be written differently, and nothing it signs would be found to \
                 be below it; rotate without a cross-certificate",
            ));
        }
        Ok(issued)
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use std::time::Duration;

    use fips_core::{Boundary, Diagnostic, Requirements};
    use time::macros::datetime;

    use crate::key::{self, KeyType};
    use crate::{
        Authority, AuthorityParams, Clock, Error, FixedClock, LeafParams, Subject, Usages,
    };

    const DAY: Duration = Duration::from_secs(86_400);

    fn clock() -> FixedClock {
        FixedClock::new(datetime!(2026-11-22 12:00:00 UTC))
    }

    fn root(name: &str, days: u32, path_length: u8, key_type: KeyType) -> Authority {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let key = key::generate(&boundary, key_type).unwrap();
        AuthorityParams::new(Subject::new(name).unwrap(), DAY * days)
            .with_path_length(path_length)
            .self_signed(key, &clock())
            .unwrap()
    }

    #[test]
    fn what_either_signs_is_below_both() {
        let diagnostic = Diagnostic::new().unwrap();
        for key_type in [KeyType::P256, KeyType::P384, KeyType::Rsa2048] {
            // The same name too: kubeadm's authorities have no time in theirs.
            for name in ["old", "new"] {
                let old = root("old", 10, 1, KeyType::P256);
                let new = root(name, 20, 1, key_type);
                let down = old.cross_sign(new.certificate(), &clock()).unwrap();
                let up = new.cross_sign(old.certificate(), &clock()).unwrap();
                for (cross, subject, issuer) in [(&down, &new, &old), (&up, &old, &new)] {
                    let (subject, issuer) = (subject.certificate(), issuer.certificate());
                    cross.verify_issued_by(&diagnostic, issuer).unwrap();
                    assert_eq!(cross.subject(), subject.subject());
                    assert_eq!(cross.public_key(), subject.public_key());
                    assert_eq!(cross.subject_key_id(), subject.subject_key_id());
                    assert_eq!(cross.path_length(), Some(0));
                    assert_eq!(cross.not_after(), old.certificate().not_after());
                    assert_ne!(cross.serial(), subject.serial());
                }
                let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
                let key = key::generate(&boundary, KeyType::P256).unwrap();
                let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::Client, DAY)
                    .signed_by(&key, &new, &clock())
                    .unwrap();
                leaf.verify_issued_by(&diagnostic, new.certificate())
                    .unwrap();
                leaf.verify_issued_by(&diagnostic, &down).unwrap();
                assert!(leaf.verify_issued_by(&diagnostic, &up).is_err());
            }
        }
    }

    #[test]
    fn what_would_help_nobody_is_refused() {
        let old = root("old", 10, 1, KeyType::P256);
        let new = root("new", 20, 1, KeyType::P256);
        let refused = |signer: &Authority, other, clock: &FixedClock, why: &str| {
            let error = signer.cross_sign(other, clock).unwrap_err();
            assert!(matches!(&error, Error::Authority { .. }), "{error}");
            assert!(error.to_string().contains(why), "{error}");
        };
        let closed = root("closed", 10, 0, KeyType::P256);
        refused(&closed, new.certificate(), &clock(), "leaves no room");
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let key = key::generate(&boundary, KeyType::P256).unwrap();
        let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::Client, DAY)
            .signed_by(&key, &old, &clock())
            .unwrap();
        refused(&old, &leaf, &clock(), "may not sign");
        let late = clock();
        late.advance(DAY * 11);
        refused(&old, new.certificate(), &late, "not valid now");
        refused(&new, old.certificate(), &late, "not valid now");
        let early = FixedClock::new(clock().now() - DAY);
        refused(&old, new.certificate(), &early, "not valid now");
    }
}

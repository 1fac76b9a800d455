//! The mark of evaluation in the names of authorities, and who may use one that bears it.

use fips_core::{EVALUATION_MARK, Opening};

use crate::certificate::Certificate;
use crate::error::GateMismatch;

/// The organizational unit of an authority made in this process.
pub(crate) fn for_process() -> Option<&'static str> {
    (fips_core::opening() == Some(Opening::Evaluation)).then_some(EVALUATION_MARK)
}

/// Whether a process with a gate opened like that may use `authority`: a strict one does not
/// when the mark stands in its subject, or in the name of who signed it.
pub(crate) fn admit(authority: &Certificate, opening: Option<Opening>) -> Result<(), GateMismatch> {
    match opening {
        Some(Opening::Strict) if authority.facts().marked => Err(GateMismatch::MadeUnderEvaluation),
        Some(Opening::Evaluation | Opening::Strict) | None => Ok(()),
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use std::time::Duration;

    use fips_core::{Boundary, Requirements};

    use super::*;
    use crate::key::{self, KeyType};
    use crate::{Authority, AuthorityParams, LeafParams, Subject, SystemClock, Usages};

    const DAY: Duration = Duration::from_secs(86_400);

    fn key() -> fips_core::signing::PrivateKey {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        key::generate(&boundary, KeyType::P256).unwrap()
    }

    fn params(name: &str) -> AuthorityParams {
        AuthorityParams::new(Subject::new(name).unwrap(), DAY).with_path_length(1)
    }

    fn root() -> Authority {
        let key = key();
        params("root").self_signed(key, &SystemClock).unwrap()
    }

    #[test]
    fn what_an_evaluation_makes_a_strict_gate_refuses() {
        let root = root();
        let below = params("below")
            .with_path_length(0)
            .signed_by(key(), &root, &SystemClock)
            .unwrap();
        let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::Client, DAY)
            .signed_by(&key(), &root, &SystemClock)
            .unwrap();
        assert_eq!(
            root.certificate().subject(),
            format!("CN=root,OU={EVALUATION_MARK}")
        );
        assert_eq!(leaf.subject(), "CN=leaf");
        assert_eq!(leaf.issuer(), root.certificate().subject());
        for certificate in [root.certificate(), below.certificate(), &leaf] {
            assert_eq!(
                admit(certificate, Some(Opening::Strict)),
                Err(GateMismatch::MadeUnderEvaluation)
            );
            assert_eq!(admit(certificate, Some(Opening::Evaluation)), Ok(()));
            assert_eq!(admit(certificate, None), Ok(()));
        }
    }

    #[test]
    fn the_mark_cannot_be_taken_out_without_breaking_the_signature() {
        let root = root();
        let mut der = root.certificate().der().to_vec();
        let length = EVALUATION_MARK.len();
        for at in 0..der.len() - length {
            if &der[at..at + length] == EVALUATION_MARK.as_bytes() {
                der[at] = b'X';
            }
        }
        let changed = Certificate::from_der(&der).unwrap();
        assert_eq!(admit(&changed, Some(Opening::Strict)), Ok(()));
        let diagnostic = fips_core::Diagnostic::new().unwrap();
        assert!(changed.verify_issued_by(&diagnostic, &changed).is_err());
        assert!(!Authority::load(changed, key()).is_ok_and(|found| found.is_root(&diagnostic)));
    }
}

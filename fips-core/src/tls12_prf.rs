//! The TLS 1.2 pseudo-random function (RFC 5246 §5, SP 800-135r1 §4.2.2), for handshakes with
//! extended master secret (RFC 7627) alone.

use aws_lc_rs::tls_prf as lc;

use crate::boundary::require_open;
use crate::digest::Algorithm;
use crate::error::{Error, Guard};
use crate::indicator::{self, EXCEPTIONS, Service};

/// The one label that makes a master secret.
pub const EXTENDED_MASTER_SECRET: &[u8] = b"extended master secret";

/// Fills `output` from `secret`, `label` and `seed`.
///
/// # Errors
///
/// [`Error::GateClosed`]. [`Guard::PrfLabel`] for every label but [`EXTENDED_MASTER_SECRET`] and the three
/// that [`EXCEPTIONS`] holds of this function: `master secret`, which would go without extended master secret, and the
/// labels of exporters (RFC 5705), which no approved service of the module covers.
/// [`Guard::EmptySecret`]; [`Error::NotApproved`]; [`Error::Module`].
pub fn derive(
    algorithm: Algorithm,
    secret: &[u8],
    label: &[u8],
    seed: &[u8],
    output: &mut [u8],
) -> Result<(), Error> {
    require_open(Service::Tls12Prf)?;
    if secret.is_empty() {
        return Err(guard(Guard::EmptySecret));
    }
    let call = || {
        let derived =
            lc::Secret::new(lc_algorithm(algorithm), secret)?.derive(label, seed, output.len())?;
        output.copy_from_slice(derived.as_ref());
        Ok::<_, aws_lc_rs::error::Unspecified>(())
    };
    if label == EXTENDED_MASTER_SECRET {
        return indicator::observe(Service::Tls12Prf, call);
    }
    match EXCEPTIONS
        .iter()
        .position(|e| e.service == Service::Tls12Prf && e.call.as_bytes() == label)
    {
        Some(exception) => indicator::observe_excepted(exception, call),
        None => Err(guard(Guard::PrfLabel(
            String::from_utf8_lossy(label).into_owned(),
        ))),
    }
}

pub(crate) fn lc_algorithm(algorithm: Algorithm) -> &'static lc::Algorithm {
    match algorithm {
        Algorithm::Sha256 => &lc::P_SHA256,
        Algorithm::Sha384 => &lc::P_SHA384,
        Algorithm::Sha512 => &lc::P_SHA512,
    }
}

fn guard(guard: Guard) -> Error {
    Error::Guard {
        service: Service::Tls12Prf,
        guard,
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::{Boundary, Requirements};

    fn try_label(label: &[u8]) -> Result<(), Error> {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        derive(Algorithm::Sha256, &[3; 48], label, &[4; 32], &mut [0; 48])
    }

    #[test]
    fn labels_of_an_ems_handshake_pass() {
        try_label(EXTENDED_MASTER_SECRET).unwrap();
        let exceptions = EXCEPTIONS.iter().filter(|e| e.service == Service::Tls12Prf);
        assert_eq!(exceptions.clone().count(), 3);
        for exception in exceptions {
            try_label(exception.call.as_bytes()).unwrap();
        }
    }

    #[test]
    fn other_labels_are_refused() {
        for label in [
            "master secret",
            "EXPORTER-x",
            "",
            "Key expansion",
            // An exception of another service.
            EXCEPTIONS[indicator::K3S_IMPORT].call,
        ] {
            let error = try_label(label.as_bytes()).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Guard {
                        guard: Guard::PrfLabel(_),
                        ..
                    }
                ),
                "{label}: {error}"
            );
        }
        assert!(
            derive(
                Algorithm::Sha256,
                &[],
                EXTENDED_MASTER_SECRET,
                b"",
                &mut [0; 4]
            )
            .is_err()
        );
    }
}

use std::sync::Arc;

use fips_core::agreement::Curve;
use fips_core::indicator::Service;
use fips_core::kem::ParameterSet;
use rustls::crypto::SupportedKxGroup;
use rustls::{Error, OtherError, PeerMisbehaved};

use crate::policy::Group;

mod ecdh;
mod hybrid;
mod ml_kem;

use ecdh::Ecdh;
use hybrid::Hybrid;
use ml_kem::MlKem;

static P256: Ecdh = Ecdh {
    group: Group::P256,
    curve: Curve::P256,
};
static P384: Ecdh = Ecdh {
    group: Group::P384,
    curve: Curve::P384,
};
static P521: Ecdh = Ecdh {
    group: Group::P521,
    curve: Curve::P521,
};
static ML_KEM_768: MlKem = MlKem {
    group: Group::MlKem768,
    parameters: ParameterSet::MlKem768,
};
static ML_KEM_1024: MlKem = MlKem {
    group: Group::MlKem1024,
    parameters: ParameterSet::MlKem1024,
};
static SECP256R1_ML_KEM_768: Hybrid = Hybrid {
    group: Group::SecP256r1MlKem768,
    component: Group::P256,
    curve: Curve::P256,
    parameters: ParameterSet::MlKem768,
};
static SECP384R1_ML_KEM_1024: Hybrid = Hybrid {
    group: Group::SecP384r1MlKem1024,
    component: Group::P384,
    curve: Curve::P384,
    parameters: ParameterSet::MlKem1024,
};

pub(super) fn group(group: Group) -> &'static dyn SupportedKxGroup {
    match group {
        Group::MlKem1024 => &ML_KEM_1024,
        Group::MlKem768 => &ML_KEM_768,
        Group::P256 => &P256,
        Group::P384 => &P384,
        Group::P521 => &P521,
        Group::SecP256r1MlKem768 => &SECP256R1_ML_KEM_768,
        Group::SecP384r1MlKem1024 => &SECP384R1_ML_KEM_1024,
    }
}

/// A call on this side's own key failed.
fn own_fault(error: fips_core::Error) -> Error {
    Error::Other(OtherError(Arc::new(error)))
}

/// A call on the peer's share failed: where the share is to blame, rustls sends
/// illegal_parameter (RFC 8446 §4.2.8, RFC 10024 §4).
fn share_fault(error: fips_core::Error) -> Error {
    match error {
        // A wrong length, a point not on the curve, an encapsulation key that is not reduced.
        fips_core::Error::Guard { .. }
        | fips_core::Error::Module {
            service: Service::Ecdh | Service::MlKemEncapsulate,
        } => PeerMisbehaved::InvalidKeyShare.into(),
        error => own_fault(error),
    }
}

use crate::digest::{self, Digest};
use crate::error::Error;
use crate::signing::Scheme;
use crate::{CertificateStatus, Check, Group, Refusal, SelfTestRun};
use crate::{digest::Algorithm, ffi, hmac, module, self_test, verification};

/// The module for commands that only look: digest, HMAC and signature verification, without an
/// open gate; and the module's own tests. It can make no key, sign nothing, seal and open nothing.
#[derive(Clone, Copy, Debug)]
pub struct Diagnostic(());

impl Diagnostic {
    /// Looks that the linked module is a FIPS one of a known version; the kernel is not asked.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when the module is not what it should be: then even looking at a
    /// certificate would be done by unknown code.
    pub fn new() -> Result<Self, Refusal> {
        let version = ffi::version_string();
        let known = module::lookup(&version).is_some_and(|row| {
            matches!(
                row.status,
                CertificateStatus::Named | CertificateStatus::PatchedBranch
            )
        });
        if known && ffi::fips_mode() {
            return Ok(Self(()));
        }
        Err(Refusal {
            checks: vec![
                Check::passed(
                    Group::Module,
                    "module.version",
                    "a FIPS module of a known version",
                )
                .found(version)
                .read_from("awslc_version_string() of the linked module")
                .source("CMVP #5314")
                .fails_with("build with the pins of fips-core"),
            ],
        })
    }

    /// Digests `data`.
    ///
    /// # Errors
    ///
    /// As [`digest::digest`].
    pub fn digest(&self, algorithm: Algorithm, data: &[u8]) -> Result<Digest, Error> {
        digest::digest(algorithm, data)
    }

    /// Checks an HMAC tag in constant time.
    ///
    /// # Errors
    ///
    /// As [`hmac::Key::new`] and [`hmac::Key::verify`].
    pub fn verify_mac(
        &self,
        algorithm: Algorithm,
        key: &[u8],
        data: &[u8],
        tag: &[u8],
    ) -> Result<(), Error> {
        hmac::Key::new(algorithm, key)?.verify(data, tag)
    }

    /// Computes an HMAC tag.
    ///
    /// # Errors
    ///
    /// As [`hmac::Key::new`] and [`hmac::Key::sign`].
    pub fn mac(&self, algorithm: Algorithm, key: &[u8], data: &[u8]) -> Result<hmac::Tag, Error> {
        hmac::Key::new(algorithm, key)?.sign(&[data])
    }

    /// Has the module test itself now, as [`Boundary::self_test`](crate::Boundary::self_test)
    /// does.
    ///
    /// # Errors
    ///
    /// [`Error::SelfTestFailed`].
    pub fn self_test(&self) -> Result<SelfTestRun, Error> {
        self_test::run()
    }

    /// Verifies a signature.
    ///
    /// # Errors
    ///
    /// As [`verification::verify`].
    pub fn verify(
        &self,
        scheme: Scheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        verification::verify(scheme, public_key, message, signature)
    }
}

//! The only `unsafe` of the workspace: what aws-lc-rs does not offer in release builds.

use std::ffi::CStr;

use aws_lc_fips_sys as sys;

/// Whether the linked module was built as, and runs as, a FIPS module.
pub(crate) fn fips_mode() -> bool {
    // SAFETY: takes nothing, reads a constant of the module.
    unsafe { sys::FIPS_mode() == 1 }
}

/// The version string inside the linked module, such as `AWS-LC FIPS 3.1.0`.
pub(crate) fn version_string() -> String {
    // SAFETY: the module returns a pointer to a NUL-terminated string literal of its own,
    // valid for the life of the process; it is copied before the block ends.
    unsafe { CStr::from_ptr(sys::awslc_version_string()) }
        .to_string_lossy()
        .into_owned()
}

/// Recomputes the HMAC over the module in memory and compares it with the recorded one.
/// The module aborts the process when they differ.
pub(crate) fn integrity_test() -> bool {
    // SAFETY: takes nothing; reads the module's own text.
    unsafe { sys::BORINGSSL_integrity_test() == 1 }
}

/// Runs every known-answer test. The module aborts the process when one fails.
pub(crate) fn self_test() -> bool {
    // SAFETY: takes nothing; works on memory of its own.
    unsafe { sys::BORINGSSL_self_test() == 1 }
}

/// The service indicator's counter for this thread, before a service is called.
#[inline]
pub(crate) fn indicator_before() -> u64 {
    // SAFETY: takes nothing; reads a counter of this thread.
    unsafe { sys::FIPS_service_indicator_before_call() }
}

/// The same counter after the call: it has grown when the service was an approved one.
#[inline]
pub(crate) fn indicator_after() -> u64 {
    // SAFETY: as above.
    unsafe { sys::FIPS_service_indicator_after_call() }
}

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
/// At load the module aborts the process when they differ; here it answers.
pub(crate) fn integrity_test() -> bool {
    // SAFETY: takes nothing; reads the module's own text, on this thread's stack.
    unsafe { sys::BORINGSSL_integrity_test() == 1 }
}

/// Runs every known-answer test, those also that the module itself runs only before a first
/// use, and answers whether all passed.
pub(crate) fn self_test() -> bool {
    // SAFETY: takes nothing; works on keys and buffers of its own.
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

/// Calls that work and that no approved service covers: what the indicator must stay silent on.
#[cfg(test)]
pub(crate) mod not_approved {
    use std::ptr;

    use super::sys;

    /// EC key generation without the pairwise consistency test.
    pub(crate) fn ec_key_generate() -> Result<(), ()> {
        // SAFETY: the key is made here, checked for null, and freed once; nothing keeps it.
        unsafe {
            let key = sys::EC_KEY_new_by_curve_name(sys::NID_X9_62_prime256v1);
            if key.is_null() {
                return Err(());
            }
            let made = sys::EC_KEY_generate_key(key);
            sys::EC_KEY_free(key);
            answer(made == 1)
        }
    }

    /// HMAC over a hash that is not of FIPS 180-4.
    pub(crate) fn hmac_md5() -> Result<(), ()> {
        let (key, data, mut out, mut len) = ([7_u8; 32], *b"data", [0_u8; 64], 0);
        // SAFETY: every pointer comes from a live array and goes with that array's length; the
        // output has 64 bytes, the most a hash of the module gives.
        let out = unsafe {
            sys::HMAC(
                sys::EVP_md5(),
                key.as_ptr().cast(),
                key.len(),
                data.as_ptr(),
                data.len(),
                out.as_mut_ptr(),
                &raw mut len,
            )
        };
        answer(!out.is_null() && len == 16)
    }

    /// A hash that is not of FIPS 180-4.
    pub(crate) fn md5() -> Result<(), ()> {
        let (data, mut out) = (*b"data", [0_u8; 16]);
        // SAFETY: the pointers come from live arrays; MD5 writes 16 bytes.
        let out = unsafe { sys::MD5(data.as_ptr(), data.len(), out.as_mut_ptr()) };
        answer(!out.is_null())
    }

    /// RSA key generation without the checks of FIPS 186-5, of a size the policy takes.
    pub(crate) fn rsa_key_generate() -> Result<(), ()> {
        // SAFETY: key and exponent are made here, checked for null, and freed once (freeing
        // null does nothing); the module copies the exponent; no callback is given.
        unsafe {
            let (key, exponent) = (sys::RSA_new(), sys::BN_new());
            let made = !key.is_null()
                && !exponent.is_null()
                && sys::BN_set_u64(exponent, 65_537) == 1
                && sys::RSA_generate_key_ex(key, 2048, exponent, ptr::null_mut()) == 1;
            sys::BN_free(exponent);
            sys::RSA_free(key);
            answer(made)
        }
    }

    fn answer(done: bool) -> Result<(), ()> {
        if done { Ok(()) } else { Err(()) }
    }
}

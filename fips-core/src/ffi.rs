//! The only `unsafe` of the workspace: what aws-lc-rs does not offer in release builds.

use std::ffi::CStr;
use std::mem::{MaybeUninit, size_of};
use std::ptr;

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

/// The schedule of one AES key, wiped when dropped. aws-lc-rs keeps the key and makes the
/// schedule anew for each call, and wipes neither.
pub(crate) struct AesSchedule(
    // Boxed, so that a move leaves no copy behind.
    Box<sys::AES_KEY>,
);

impl AesSchedule {
    /// For wrapping: the key encrypts. `None` for a key of another length than 16, 24, 32.
    pub(crate) fn encrypting(key: &[u8]) -> Option<Self> {
        Self::new(key, sys::AES_set_encrypt_key)
    }

    /// For unwrapping: the key decrypts. As [`encrypting`](Self::encrypting).
    pub(crate) fn decrypting(key: &[u8]) -> Option<Self> {
        Self::new(key, sys::AES_set_decrypt_key)
    }

    fn new(
        key: &[u8],
        set: unsafe extern "C" fn(
            *const u8,
            std::ffi::c_uint,
            *mut sys::AES_KEY,
        ) -> std::ffi::c_int,
    ) -> Option<Self> {
        let bits = u32::try_from(key.len().checked_mul(8)?).ok()?;
        let mut schedule = Box::new(MaybeUninit::<sys::AES_KEY>::zeroed());
        // SAFETY: `set` is one of the two functions above. It reads `bits / 8` bytes, all of
        // `key`, and writes one schedule into memory of its type.
        let made = unsafe { set(key.as_ptr(), bits, schedule.as_mut_ptr()) } == 0;
        // SAFETY: zeroed memory is a schedule: it is made of integers alone.
        let schedule = Self(unsafe { schedule.assume_init() });
        made.then_some(schedule)
    }
}

impl Drop for AesSchedule {
    fn drop(&mut self) {
        // SAFETY: the pointer and the length are those of memory this value owns alone.
        unsafe { sys::OPENSSL_cleanse((&raw mut *self.0).cast(), size_of::<sys::AES_KEY>()) }
    }
}

/// AES-KW (SP 800-38F §6.2): wraps `key` into `wrapped`, which is 8 bytes longer.
pub(crate) fn wrap(schedule: &AesSchedule, key: &[u8], wrapped: &mut [u8]) -> Option<usize> {
    if wrapped.len() < key.len().checked_add(8)? {
        return None;
    }
    // SAFETY: reads all of `key`, writes at most 8 bytes more, which `wrapped` has room for; a
    // null iv stands for the standard's.
    let len = unsafe {
        let (input, output) = (key.as_ptr(), wrapped.as_mut_ptr());
        sys::AES_wrap_key(
            &raw const *schedule.0,
            ptr::null(),
            output,
            input,
            key.len(),
        )
    };
    usize::try_from(len).ok()
}

/// AES-KW: unwraps `wrapped` into `key`, which is 8 bytes shorter.
pub(crate) fn unwrap(schedule: &AesSchedule, wrapped: &[u8], key: &mut [u8]) -> Option<usize> {
    if key.len() < wrapped.len().checked_sub(8)? {
        return None;
    }
    // SAFETY: reads all of `wrapped`, writes 8 bytes less, which `key` has room for; a null iv
    // stands for the standard's.
    let len = unsafe {
        let (input, output) = (wrapped.as_ptr(), key.as_mut_ptr());
        sys::AES_unwrap_key(
            &raw const *schedule.0,
            ptr::null(),
            output,
            input,
            wrapped.len(),
        )
    };
    usize::try_from(len).ok()
}

/// AES-KWP (SP 800-38F §6.3): wraps `key` into `wrapped`.
pub(crate) fn wrap_padded(schedule: &AesSchedule, key: &[u8], wrapped: &mut [u8]) -> Option<usize> {
    let mut len = 0;
    // SAFETY: reads all of `key`, writes no more than the length it is given, that of
    // `wrapped`, and one integer.
    let done = unsafe {
        sys::AES_wrap_key_padded(
            &raw const *schedule.0,
            wrapped.as_mut_ptr(),
            &raw mut len,
            wrapped.len(),
            key.as_ptr(),
            key.len(),
        )
    };
    (done == 1).then_some(len)
}

/// AES-KWP: unwraps `wrapped` into `key`.
pub(crate) fn unwrap_padded(
    schedule: &AesSchedule,
    wrapped: &[u8],
    key: &mut [u8],
) -> Option<usize> {
    let mut len = 0;
    // SAFETY: reads all of `wrapped`, writes no more than the length it is given, that of
    // `key`, and one integer.
    let done = unsafe {
        sys::AES_unwrap_key_padded(
            &raw const *schedule.0,
            key.as_mut_ptr(),
            &raw mut len,
            key.len(),
            wrapped.as_ptr(),
            wrapped.len(),
        )
    };
    (done == 1).then_some(len)
}

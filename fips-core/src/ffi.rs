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

/// The module below every interface of this crate: for published vectors whose parameters an
/// approved-only interface cannot express.
#[cfg(all(test, feature = "evaluation"))]
pub(crate) mod raw {
    use std::ptr::{null, null_mut};

    use super::sys;

    /// A hash function by the name of its standard.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Hash {
        Sha1,
        Sha224,
        Sha256,
        Sha384,
        Sha512,
        Sha512_224,
        Sha512_256,
    }

    impl Hash {
        fn md(self) -> *const sys::EVP_MD {
            // SAFETY: each takes nothing and returns a pointer to a constant of the module.
            unsafe {
                match self {
                    Self::Sha1 => sys::EVP_sha1(),
                    Self::Sha224 => sys::EVP_sha224(),
                    Self::Sha256 => sys::EVP_sha256(),
                    Self::Sha384 => sys::EVP_sha384(),
                    Self::Sha512 => sys::EVP_sha512(),
                    Self::Sha512_224 => sys::EVP_sha512_224(),
                    Self::Sha512_256 => sys::EVP_sha512_256(),
                }
            }
        }
    }

    /// The parameters of RSASSA-PSS.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Pss {
        pub(crate) mgf: Hash,
        pub(crate) salt_len: usize,
    }

    /// Owns what the module allocated.
    struct Owned<T> {
        ptr: *mut T,
        free: unsafe extern "C" fn(*mut T),
    }

    impl<T> Owned<T> {
        fn new(ptr: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
            (!ptr.is_null()).then_some(Self { ptr, free })
        }
    }

    impl<T> Drop for Owned<T> {
        fn drop(&mut self) {
            // SAFETY: made by the allocator that `free` belongs to, freed once.
            unsafe { (self.free)(self.ptr) }
        }
    }

    fn gcm(key: &[u8], tag_len: usize) -> Option<Owned<sys::EVP_AEAD_CTX>> {
        // SAFETY: the algorithms are constants of the module; the key is read within its length.
        let ctx = unsafe {
            let aead = match key.len() {
                16 => sys::EVP_aead_aes_128_gcm(),
                24 => sys::EVP_aead_aes_192_gcm(),
                32 => sys::EVP_aead_aes_256_gcm(),
                _ => return None,
            };
            sys::EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), tag_len)
        };
        Owned::new(ctx, sys::EVP_AEAD_CTX_free)
    }

    /// AES-GCM with a caller's IV of any length: ciphertext and tag.
    pub(crate) fn gcm_seal(
        key: &[u8],
        iv: &[u8],
        aad: &[u8],
        plain: &[u8],
        tag_len: usize,
    ) -> Option<Vec<u8>> {
        let ctx = gcm(key, tag_len)?;
        let mut out = vec![0; plain.len() + 16];
        let mut len = 0;
        // SAFETY: every pointer comes with the length of the slice it is from.
        let done = unsafe {
            sys::EVP_AEAD_CTX_seal(
                ctx.ptr,
                out.as_mut_ptr(),
                &raw mut len,
                out.len(),
                iv.as_ptr(),
                iv.len(),
                plain.as_ptr(),
                plain.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        out.truncate(len);
        (done == 1).then_some(out)
    }

    /// Opens what [`gcm_seal`] made.
    pub(crate) fn gcm_open(
        key: &[u8],
        iv: &[u8],
        aad: &[u8],
        sealed: &[u8],
        tag_len: usize,
    ) -> Option<Vec<u8>> {
        let ctx = gcm(key, tag_len)?;
        let mut out = vec![0; sealed.len()];
        let mut len = 0;
        // SAFETY: as in `gcm_seal`.
        let done = unsafe {
            sys::EVP_AEAD_CTX_open(
                ctx.ptr,
                out.as_mut_ptr(),
                &raw mut len,
                out.len(),
                iv.as_ptr(),
                iv.len(),
                sealed.as_ptr(),
                sealed.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        out.truncate(len);
        (done == 1).then_some(out)
    }

    /// Whether `signature` is good under the key of the DER `SubjectPublicKeyInfo`; RSA with
    /// PKCS#1 v1.5 padding when `pss` is none.
    pub(crate) fn verify(
        key_info: &[u8],
        hash: Hash,
        pss: Option<Pss>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(key) = parse(key_info) else {
            return false;
        };
        // SAFETY: takes nothing.
        let ctx = unsafe { sys::EVP_MD_CTX_new() };
        let Some(ctx) = Owned::new(ctx, sys::EVP_MD_CTX_free) else {
            return false;
        };
        let mut key_ctx = null_mut();
        // SAFETY: `ctx` and `key` live to the end of this function; `key_ctx` belongs to `ctx`;
        // message and signature come with their lengths.
        unsafe {
            if sys::EVP_DigestVerifyInit(ctx.ptr, &raw mut key_ctx, hash.md(), null_mut(), key.ptr)
                != 1
            {
                return false;
            }
            if let Some(pss) = pss {
                let Ok(salt_len) = pss.salt_len.try_into() else {
                    return false;
                };
                if sys::EVP_PKEY_CTX_set_rsa_padding(key_ctx, sys::RSA_PKCS1_PSS_PADDING) != 1
                    || sys::EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, salt_len) != 1
                    || sys::EVP_PKEY_CTX_set_rsa_mgf1_md(key_ctx, pss.mgf.md()) != 1
                {
                    return false;
                }
            }
            sys::EVP_DigestVerify(
                ctx.ptr,
                signature.as_ptr(),
                signature.len(),
                message.as_ptr(),
                message.len(),
            ) == 1
        }
    }

    fn parse(key_info: &[u8]) -> Option<Owned<sys::EVP_PKEY>> {
        let mut cbs = sys::CBS {
            data: null(),
            len: 0,
        };
        // SAFETY: `cbs` reads within the slice and does not outlive it.
        let key = unsafe {
            sys::CBS_init(&raw mut cbs, key_info.as_ptr(), key_info.len());
            sys::EVP_parse_public_key(&raw mut cbs)
        };
        Owned::new(key, sys::EVP_PKEY_free)
    }

    /// AES-KW, or with `padded` KWP; the module's default initial value.
    pub(crate) fn wrap(key: &[u8], padded: bool, plain: &[u8]) -> Option<Vec<u8>> {
        let mut aes = empty_aes_key();
        let mut out = vec![0; plain.len().next_multiple_of(8) + 8];
        // SAFETY: the key schedule is filled before it is read; `out` has the length of the
        // wrapped key, and every pointer comes with the length of the slice it is from.
        let len = unsafe {
            if sys::AES_set_encrypt_key(key.as_ptr(), bits(key), &raw mut aes) != 0 {
                return None;
            }
            if padded {
                let mut len = 0;
                (sys::AES_wrap_key_padded(
                    &raw const aes,
                    out.as_mut_ptr(),
                    &raw mut len,
                    out.len(),
                    plain.as_ptr(),
                    plain.len(),
                ) == 1)
                    .then_some(len)
            } else {
                let len = sys::AES_wrap_key(
                    &raw const aes,
                    null(),
                    out.as_mut_ptr(),
                    plain.as_ptr(),
                    plain.len(),
                );
                len.try_into().ok()
            }
        }?;
        out.truncate(len);
        Some(out)
    }

    /// Undoes [`wrap`].
    pub(crate) fn unwrap(key: &[u8], padded: bool, wrapped: &[u8]) -> Option<Vec<u8>> {
        let mut aes = empty_aes_key();
        let mut out = vec![0; wrapped.len()];
        // SAFETY: as in `wrap`; what comes out is shorter than `wrapped`.
        let len = unsafe {
            if sys::AES_set_decrypt_key(key.as_ptr(), bits(key), &raw mut aes) != 0 {
                return None;
            }
            if padded {
                let mut len = 0;
                (sys::AES_unwrap_key_padded(
                    &raw const aes,
                    out.as_mut_ptr(),
                    &raw mut len,
                    out.len(),
                    wrapped.as_ptr(),
                    wrapped.len(),
                ) == 1)
                    .then_some(len)
            } else {
                let len = sys::AES_unwrap_key(
                    &raw const aes,
                    null(),
                    out.as_mut_ptr(),
                    wrapped.as_ptr(),
                    wrapped.len(),
                );
                len.try_into().ok()
            }
        }?;
        out.truncate(len);
        Some(out)
    }

    fn empty_aes_key() -> sys::AES_KEY {
        sys::AES_KEY {
            rd_key: [0; 60],
            rounds: 0,
        }
    }

    fn bits(key: &[u8]) -> u32 {
        key.len() as u32 * 8
    }

    /// A parameter set of ML-KEM.
    #[derive(Clone, Copy, Debug)]
    pub(crate) enum MlKem {
        MlKem768,
        MlKem1024,
    }

    impl MlKem {
        fn nid(self) -> i32 {
            match self {
                Self::MlKem768 => sys::NID_MLKEM768,
                Self::MlKem1024 => sys::NID_MLKEM1024,
            }
        }
    }

    /// The encapsulation and decapsulation keys of a seed, which is d and z (FIPS 203 §6.1).
    pub(crate) fn ml_kem_keys(set: MlKem, seed: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        // SAFETY: takes no pointers but the absent engine.
        let ctx = unsafe { sys::EVP_PKEY_CTX_new_id(sys::EVP_PKEY_KEM, null_mut()) };
        let ctx = Owned::new(ctx, sys::EVP_PKEY_CTX_free)?;
        let mut key = null_mut();
        let mut seed_len = seed.len();
        // SAFETY: `ctx` lives to the end; the module reads the seed within `seed_len`, and
        // refuses one of another length than its own.
        let done = unsafe {
            sys::EVP_PKEY_CTX_kem_set_params(ctx.ptr, set.nid()) == 1
                && sys::EVP_PKEY_keygen_init(ctx.ptr) == 1
                && sys::EVP_PKEY_keygen_deterministic(
                    ctx.ptr,
                    &raw mut key,
                    seed.as_ptr(),
                    &raw mut seed_len,
                ) == 1
        };
        let key = Owned::new(key, sys::EVP_PKEY_free).filter(|_| done)?;
        type Export = unsafe extern "C" fn(*const sys::EVP_PKEY, *mut u8, *mut usize) -> i32;
        let export = |export: Export| {
            let mut len = 0;
            // SAFETY: the first call asks for the length alone, the second writes that much.
            unsafe {
                (export(key.ptr, null_mut(), &raw mut len) == 1).then_some(())?;
                let mut out = vec![0; len];
                (export(key.ptr, out.as_mut_ptr(), &raw mut len) == 1).then_some(out)
            }
        };
        Some((
            export(sys::EVP_PKEY_get_raw_public_key)?,
            export(sys::EVP_PKEY_get_raw_private_key)?,
        ))
    }

    /// Ciphertext and secret of a given message m (FIPS 203 §6.2).
    pub(crate) fn ml_kem_encapsulate(
        set: MlKem,
        encapsulation_key: &[u8],
        message: &[u8],
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        // SAFETY: the key is read within its length.
        let key = unsafe {
            sys::EVP_PKEY_kem_new_raw_public_key(
                set.nid(),
                encapsulation_key.as_ptr(),
                encapsulation_key.len(),
            )
        };
        let key = Owned::new(key, sys::EVP_PKEY_free)?;
        // SAFETY: `key` outlives `ctx`, which is dropped first.
        let ctx = unsafe { sys::EVP_PKEY_CTX_new(key.ptr, null_mut()) };
        let ctx = Owned::new(ctx, sys::EVP_PKEY_CTX_free)?;
        let (mut ciphertext, mut secret) = (vec![0; 1568], vec![0; 32]);
        let (mut ciphertext_len, mut secret_len) = (ciphertext.len(), secret.len());
        let mut message_len = message.len();
        // SAFETY: every pointer comes with the length of the slice it is from.
        let done = unsafe {
            sys::EVP_PKEY_encapsulate_deterministic(
                ctx.ptr,
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                secret.as_mut_ptr(),
                &raw mut secret_len,
                message.as_ptr(),
                &raw mut message_len,
            )
        };
        ciphertext.truncate(ciphertext_len);
        secret.truncate(secret_len);
        (done == 1).then_some((ciphertext, secret))
    }
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

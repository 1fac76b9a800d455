//! The form in which k3s and RKE2 store bootstrap data: read once, never written.

use data_encoding::BASE64;
use fips_core::seal::{OVERHEAD, SealingKey};
use fips_core::{Boundary, pbkdf2};
use zeroize::Zeroizing;

use super::SealingFault;
use super::header::opening;
use crate::error::Error;

/// Eight random bytes as hexadecimal digits.
const SALT_LEN: usize = 16;
/// Above what one request to etcd takes.
const MOST_BYTES: usize = 2 << 20;

/// Opens bootstrap data as k3s stores it, so that it can be sealed again
/// ([`envelope::seal`](super::envelope::seal)): `SALT:DATA`, the salt 16 hexadecimal digits, the
/// data base64 of nonce, AES-256-GCM ciphertext and tag, the key PBKDF2-HMAC-SHA-1 of the token
/// and the salt with 4096 iterations. There is no additional data: nothing says which cluster it
/// is of.
///
/// # Errors
///
/// [`SealingFault::K3sForm`], [`SealingFault::K3sToken`]; [`Error::Crypto`].
///
/// # Security
///
/// This is an import: the key derivation falls short of SP 800-132, and is an entry of
/// [`EXCEPTIONS`](fips_core::indicator::EXCEPTIONS). Each call is counted there and logged as a
/// warning.
pub fn open_k3s_bootstrap(
    boundary: &Boundary,
    token: &[u8],
    stored: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (salt, sealed) = parse(stored).map_err(|why| SealingFault::K3sForm { why })?;
    tracing::warn!(
        bytes = stored.len(),
        "bootstrap data of k3s is imported: PBKDF2-HMAC-SHA-1 and a 64-bit salt, below SP \
         800-132; seal it in the new form, and remove the old one"
    );
    let key = pbkdf2::derive_for_k3s_import(token, salt).map_err(opening)?;
    let key = SealingKey::from_bytes(boundary, &key).map_err(opening)?;
    match key.open(&[], &sealed) {
        Ok(data) => Ok(data),
        Err(fips_core::Error::Module { .. }) => Err(SealingFault::K3sToken.into()),
        Err(source) => Err(opening(source)),
    }
}

/// The salt as it stands, and the sealed message.
fn parse(stored: &[u8]) -> Result<(&[u8], Vec<u8>), &'static str> {
    if stored.len() > MOST_BYTES {
        return Err("it is larger than a value of etcd");
    }
    let stored = stored.trim_ascii_end();
    let colon = stored.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or("there is no colon behind a salt")?;
    let (salt, data) = (&stored[..colon], &stored[colon + 1..]);
    if salt.len() != SALT_LEN || !salt.iter().all(u8::is_ascii_hexdigit) {
        return Err("the salt is not of 16 hexadecimal digits");
    }
    let sealed = BASE64
        .decode(data)
        .map_err(|_| "what follows the salt is not base64")?;
    if sealed.len() < OVERHEAD {
        return Err("it is too short for a nonce and a tag");
    }
    Ok((salt, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_are_refused() {
        let data = BASE64.encode(&[7; 40]);
        let (salt, sealed) =
            parse(b"0123456789abcdef:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n").unwrap();
        assert_eq!((salt, sealed), (&b"0123456789abcdef"[..], vec![0; 28]));
        for stored in [
            String::new(),
            data.clone(),
            format!(":{data}"),
            format!("0123456789abcde:{data}"),
            format!("0123456789abcdef0:{data}"),
            format!("0123456789abcdeg:{data}"),
            format!("0123456789abcdef:{data}!"),
            format!("0123456789abcdef:{}", BASE64.encode(&[7; 27])),
            "x".repeat(MOST_BYTES + 1),
        ] {
            assert!(parse(stored.as_bytes()).is_err(), "{stored:.60}");
        }
    }
}

//! A token's key as a [`Signer`].

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::Error as Answer;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::AuthPin;
use fips_core::digest::{self, Algorithm};
use fips_core::{Boundary, Opening, verification};
use zeroize::Zeroizing;

use super::token::{self, Failure};
use super::{fault, library, public};
use crate::error::Error;
use crate::issue::Signer;
use crate::key::{KeyType, Pkcs11Uri};

/// A private key on a PKCS#11 token.
///
/// The token makes the signature; the digest of an ECDSA signature is made in this process's
/// module (CKM_ECDSA, which every token has), the one of an RSA signature by the token
/// (CKM_SHA256_RSA_PKCS and CKM_SHA384_RSA_PKCS, so that the key never signs a block of any
/// form).
///
/// After the loss of the session (token taken out and put back, service restarted) the next
/// signature logs in again and looks that the key is still the same one. Signatures of one
/// signer are made one after the other; it can be shared between threads.
///
/// # Security
///
/// The library runs in this process: it is refused when others than root and this user can
/// change it. Each signature is verified inside the module before it is used, so a token that
/// lies or confuses its keys is an error. A PIN is tried once: one that was refused is
/// forgotten, and none is tried where one more wrong one locks the token.
///
/// A key elsewhere is outside of this boundary's module. Which module it is in is the
/// operator's statement ([`Pkcs11Uri::declared`]), printed as that by
/// [`origin`](Signer::origin); a strict boundary takes no key without one.
pub struct Pkcs11Signer {
    uri: Pkcs11Uri,
    library: Pkcs11,
    key_type: KeyType,
    public_key: Vec<u8>,
    state: Mutex<State>,
}

struct State {
    connection: Option<Connection>,
    /// Kept for logging in again; gone when it was refused.
    pin: Option<AuthPin>,
    /// Why nothing is tried any more.
    refused: Option<String>,
}

pub(super) struct Connection {
    pub(super) session: Session,
    private: ObjectHandle,
}

impl Pkcs11Signer {
    /// Logs in and finds the key that `uri` names. `pin` may be missing for a token that needs
    /// none or has a keypad.
    ///
    /// # Errors
    ///
    /// [`Error::Signer`]: a strict boundary and no CMVP number declared; the library, the token
    /// or the key is not there, or is there twice; the PIN is wrong, locked or missing; the
    /// key's type is not issued for.
    pub fn open(
        boundary: &Boundary,
        uri: &Pkcs11Uri,
        pin: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Self, Error> {
        let failed = |why| failure(uri, "use its key", why);
        admit(uri, boundary.status().opening()).map_err(failed)?;
        let pin = pin.map(|pin| secret(&pin)).transpose().map_err(failed)?;
        let library = library::load(uri.module_path()).map_err(failed)?;
        let (connection, key_type, public_key) =
            connect(&library, uri, pin.as_ref()).map_err(|failed_by| failed(failed_by.why))?;
        Ok(Self {
            uri: uri.clone(),
            library,
            key_type,
            public_key,
            state: Mutex::new(State {
                connection: Some(connection),
                pin,
                refused: None,
            }),
        })
    }

    /// The key's URI.
    pub fn uri(&self) -> &Pkcs11Uri {
        &self.uri
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn raw(&self, mechanism: &Mechanism<'_>, input: &[u8]) -> Result<Vec<u8>, String> {
        let mut state = self.lock();
        // After any failure the session goes: it can keep half an operation, or a login that
        // is no longer one.
        if let Some(connection) = state.connection.take() {
            match connection.sign(mechanism, input) {
                Ok(signature) => {
                    state.connection = Some(connection);
                    return Ok(signature);
                }
                Err(answer) if fault::is_lost(&answer) => {
                    let why = fault::words(&answer);
                    tracing::warn!(token = self.uri.token_name(), why, "the token was lost");
                }
                Err(answer) => return Err(fault::words(&answer)),
            }
        }
        if let Some(why) = &state.refused {
            return Err(why.clone());
        }
        let connection = match connect(&self.library, &self.uri, state.pin.as_ref()) {
            Ok((connection, key_type, public_key)) => {
                if key_type != self.key_type || public_key != self.public_key {
                    return Err("the key of that name is another one now".into());
                }
                connection
            }
            Err(Failure { why, of_pin }) => {
                if of_pin {
                    state.pin = None;
                    state.refused = Some(why.clone());
                }
                return Err(why);
            }
        };
        tracing::info!(token = self.uri.token_name(), "logged in again");
        let signature = connection
            .sign(mechanism, input)
            .map_err(|answer| fault::words(&answer))?;
        state.connection = Some(connection);
        Ok(signature)
    }
}

impl Connection {
    fn sign(&self, mechanism: &Mechanism<'_>, input: &[u8]) -> Result<Vec<u8>, Answer> {
        self.session.sign(mechanism, self.private, input)
    }
}

impl Signer for Pkcs11Signer {
    fn key_type(&self) -> KeyType {
        self.key_type
    }

    fn origin(&self) -> String {
        self.uri.origin()
    }

    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |why: String| failure(&self.uri, "sign", why);
        let digested = |algorithm| {
            digest::digest(algorithm, message).map_err(|source| Error::Crypto {
                action: "digest what is to be signed",
                source,
            })
        };
        let signature = match self.key_type {
            KeyType::P256 => self.ecdsa(digested(Algorithm::Sha256)?.as_ref(), 32),
            KeyType::P384 => self.ecdsa(digested(Algorithm::Sha384)?.as_ref(), 48),
            KeyType::Rsa2048 => self.raw(&Mechanism::Sha256RsaPkcs, message),
            KeyType::Rsa3072 | KeyType::Rsa4096 => self.raw(&Mechanism::Sha384RsaPkcs, message),
        }
        .map_err(failed)?;
        let scheme = self.key_type.scheme();
        verification::verify(scheme, &self.public_key, message, &signature).map_err(|error| {
            failed(format!(
                "its signature does not verify under its public key ({error}), and is not used; \
                 see the token and what stands between"
            ))
        })?;
        Ok(signature)
    }
}

impl Pkcs11Signer {
    /// Signs a digest; each number of the answer has `length` bytes (PKCS#11 2.40 §2.3.1).
    fn ecdsa(&self, digest: &[u8], length: usize) -> Result<Vec<u8>, String> {
        let signature = self.raw(&Mechanism::Ecdsa, digest)?;
        if signature.len() != 2 * length {
            return Err(format!(
                "its answer has {} bytes, a signature has {}",
                signature.len(),
                2 * length
            ));
        }
        let (r, s) = signature.split_at(length);
        // RFC 3279 §2.2.3.
        Ok(yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_bigint_bytes(r, true);
                writer.next().write_bigint_bytes(s, true);
            });
        }))
    }
}

impl fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Signer")
            .field("uri", &self.uri.to_string())
            .field("key_type", &self.key_type)
            .finish_non_exhaustive()
    }
}

pub(super) fn failure(uri: &Pkcs11Uri, action: &'static str, why: String) -> Error {
    Error::Signer {
        origin: uri.origin(),
        action,
        why,
    }
}

/// A strict boundary takes no key of a module that nobody answers for.
pub(super) fn admit(uri: &Pkcs11Uri, opening: Opening) -> Result<(), String> {
    if opening == Opening::Strict && uri.declared().is_none() {
        return Err(
            "the boundary is strict, and nobody declares a validated module for this token: add \
             x-cmvp=NUMBER, the CMVP certificate of the token's module, to the URI. A token \
             without one (SoftHSM) is for evaluation alone"
                .into(),
        );
    }
    Ok(())
}

pub(super) fn secret(pin: &[u8]) -> Result<AuthPin, String> {
    let text = str::from_utf8(pin).map_err(|_| "the PIN is not UTF-8".to_owned())?;
    Ok(AuthPin::new(text.into()))
}

fn connect(
    library: &Pkcs11,
    uri: &Pkcs11Uri,
    pin: Option<&AuthPin>,
) -> Result<(Connection, KeyType, Vec<u8>), Failure> {
    let session = token::log_in(library, uri, pin, false)?;
    let (private, public) = token::key(&session, uri)?;
    let (key_type, public_key) = public::read(&session, public)?;
    Ok((Connection { session, private }, key_type, public_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_boundary_wants_a_declared_module() {
        let uri = |declared: &str| -> Pkcs11Uri {
            format!("pkcs11:token=t;object=k?module-path=/m.so{declared}")
                .parse()
                .unwrap()
        };
        for none in ["", "&x-cmvp=none"] {
            let why = admit(&uri(none), Opening::Strict).unwrap_err();
            assert!(why.contains("x-cmvp=NUMBER"), "{why}");
            assert_eq!(admit(&uri(none), Opening::Evaluation), Ok(()));
            assert_eq!(
                uri(none).origin(),
                "PKCS#11 token t (module /m.so, no CMVP number declared)"
            );
        }
        let declared = uri("&x-cmvp=4567");
        assert_eq!(admit(&declared, Opening::Strict), Ok(()));
        assert_eq!(
            declared.origin(),
            "PKCS#11 token t (module /m.so, declared CMVP #4567)"
        );
    }
}

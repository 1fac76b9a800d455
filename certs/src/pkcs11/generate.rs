//! Making a key on a token.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use fips_core::{Boundary, random};
use zeroize::Zeroizing;

use super::signer::{Pkcs11Signer, admit, failure, secret};
use super::token::{self, Failure};
use super::{library, public};
use crate::error::Error;
use crate::key::{KeyType, Pkcs11Uri};

const ACTION: &str = "make a key";

impl Pkcs11Signer {
    /// Makes a key on the token, under the label and identifier of `uri`, and opens it: it
    /// signs and does nothing else, and never leaves the token (CKA_SENSITIVE, not
    /// CKA_EXTRACTABLE). Without an identifier in `uri` it gets a random one.
    ///
    /// # Errors
    ///
    /// [`Error::Signer`], as [`open`](Self::open); without a label in `uri`; and when a key of
    /// that name is there already. [`Error::Crypto`] when the module gives no identifier.
    pub fn generate(
        boundary: &Boundary,
        uri: &Pkcs11Uri,
        pin: Option<Zeroizing<Vec<u8>>>,
        key_type: KeyType,
    ) -> Result<Self, Error> {
        let failed = |why| failure(uri, ACTION, why);
        admit(uri, boundary.status().opening()).map_err(failed)?;
        let id = match uri.id() {
            Some(id) => id.to_vec(),
            None => {
                let id: [u8; 16] = random::bytes().map_err(|source| Error::Crypto {
                    action: "draw a key's identifier",
                    source,
                })?;
                id.to_vec()
            }
        };
        make(uri, pin.as_ref().map(|pin| &pin[..]), key_type, id)
            .map_err(|failed_by| failed(failed_by.why))?;
        Self::open(boundary, uri, pin)
    }
}

fn make(
    uri: &Pkcs11Uri,
    pin: Option<&[u8]>,
    key_type: KeyType,
    id: Vec<u8>,
) -> Result<(), Failure> {
    let label = uri
        .object()
        .ok_or_else(|| "the URI has no label for it: add object=LABEL".to_owned())?
        .as_bytes()
        .to_vec();
    let pin = pin.map(secret).transpose()?;
    let library = library::load(uri.module_path())?;
    let session = token::log_in(&library, uri, pin.as_ref(), true)?;
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        // The label alone: a second key of the same one could not be told apart by it.
        let wanted = [Attribute::Class(class), Attribute::Label(label.clone())];
        if !session.find_objects(&wanted)?.is_empty() {
            let why = "a key of that label is there already; choose another, or remove it";
            return Err(why.to_owned().into());
        }
    }
    let (mechanism, kind) = match key_type {
        KeyType::P256 => (
            Mechanism::EccKeyPairGen,
            vec![Attribute::EcParams(public::P256.to_vec())],
        ),
        KeyType::P384 => (
            Mechanism::EccKeyPairGen,
            vec![Attribute::EcParams(public::P384.to_vec())],
        ),
        KeyType::Rsa2048 => (Mechanism::RsaPkcsKeyPairGen, rsa(2048)),
        KeyType::Rsa3072 => (Mechanism::RsaPkcsKeyPairGen, rsa(3072)),
        KeyType::Rsa4096 => (Mechanism::RsaPkcsKeyPairGen, rsa(4096)),
    };
    let common = [
        Attribute::Token(true),
        Attribute::Label(label),
        Attribute::Id(id),
    ];
    let mut public = common.to_vec();
    public.extend([Attribute::Private(false), Attribute::Verify(true)]);
    public.extend(kind);
    let mut private = common.to_vec();
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]);
    session.generate_key_pair(&mechanism, &public, &private)?;
    Ok(())
}

/// FIPS 186-5 §5.1: an odd exponent above 2^16.
fn rsa(bits: u64) -> Vec<Attribute> {
    vec![
        Attribute::ModulusBits(bits.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
    ]
}

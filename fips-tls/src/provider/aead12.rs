use fips_core::record::{Cipher, NONCE_LEN, Opener, Protocol, Sealer, TAG_LEN};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
    Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
};
use rustls::{ConnectionTrafficSecrets, Error};

pub(super) static AES_128_GCM: Aead = Aead(Cipher::Aes128Gcm);
pub(super) static AES_256_GCM: Aead = Aead(Cipher::Aes256Gcm);

/// Bytes of the implicit part of a nonce (RFC 5288 §3).
const SALT_LEN: usize = 4;
/// Bytes of the part of a nonce that travels with the record.
const EXPLICIT_LEN: usize = NONCE_LEN - SALT_LEN;
/// What sealing adds to a record.
const OVERHEAD: usize = EXPLICIT_LEN + TAG_LEN;
/// The most plaintext in a record (RFC 5246 §6.2.1).
const MAX_PLAINTEXT: usize = 1 << 14;

/// Record protection of TLS 1.2 (RFC 5288).
///
/// The explicit nonce is the sequence number (SP 800-38D §8.2.1, IG C.H): the module checks
/// under its TLS 1.2 protocol that it grows, so that no key meets a nonce twice.
pub(super) struct Aead(Cipher);

impl Tls12AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, iv: &[u8], _: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter {
            // A key the module did not take fails with the first record.
            sealer: Sealer::new(Protocol::Tls12, self.0, key.as_ref()).ok(),
            salt: salt(iv),
        })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter {
            opener: Opener::new(Protocol::Tls12, self.0, key.as_ref()).ok(),
            salt: salt(iv),
        })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: self.0.key_len(),
            fixed_iv_len: SALT_LEN,
            // The sequence number needs no bytes of the key block.
            explicit_nonce_len: 0,
        }
    }

    /// No traffic secret leaves the module's keys.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }

    fn fips(&self) -> bool {
        true
    }
}

struct Encrypter {
    sealer: Option<Sealer>,
    salt: Option<[u8; SALT_LEN]>,
}

impl MessageEncrypter for Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let (Some(sealer), Some(salt)) = (self.sealer.as_mut(), self.salt) else {
            return Err(Error::EncryptError);
        };
        let explicit = seq.to_be_bytes();
        let len = message.payload.len();
        let mut payload = PrefixedPayload::with_capacity(len + OVERHEAD);
        payload.extend_from_slice(&explicit);
        payload.extend_from_chunks(&message.payload);
        let tag = sealer
            .seal(
                nonce(salt, explicit),
                &make_tls12_aad(seq, message.typ, message.version, len),
                &mut payload.as_mut()[EXPLICIT_LEN..],
            )
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(
            message.typ,
            message.version,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + OVERHEAD
    }
}

struct Decrypter {
    opener: Option<Opener>,
    salt: Option<[u8; SALT_LEN]>,
}

impl MessageDecrypter for Decrypter {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let (Some(opener), Some(salt)) = (self.opener.as_ref(), self.salt) else {
            return Err(Error::DecryptError);
        };
        let (typ, version) = (message.typ, message.version);
        let Some((explicit, sealed)) = message
            .payload
            .split_first_chunk_mut::<EXPLICIT_LEN>()
            .filter(|(_, sealed)| sealed.len() >= TAG_LEN)
        else {
            return Err(Error::DecryptError);
        };
        let aad = make_tls12_aad(seq, typ, version, sealed.len() - TAG_LEN);
        let len = opener
            .open(nonce(salt, *explicit), &aad, sealed)
            .map_err(|_| Error::DecryptError)?;
        if len > MAX_PLAINTEXT {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(message.into_plain_message_range(EXPLICIT_LEN..EXPLICIT_LEN + len))
    }
}

fn salt(iv: &[u8]) -> Option<[u8; SALT_LEN]> {
    iv.try_into().ok()
}

fn nonce(salt: [u8; SALT_LEN], explicit: [u8; EXPLICIT_LEN]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..SALT_LEN].copy_from_slice(&salt);
    nonce[SALT_LEN..].copy_from_slice(&explicit);
    nonce
}

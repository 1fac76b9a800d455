use fips_core::record::{Cipher, Opener, Protocol, Sealer, TAG_LEN};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

pub(super) static AES_128_GCM: Aead = Aead(Cipher::Aes128Gcm);
pub(super) static AES_256_GCM: Aead = Aead(Cipher::Aes256Gcm);

/// Record protection of TLS 1.3 (RFC 8446 §5.2, §5.3).
pub(super) struct Aead(Cipher);

impl Tls13AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter {
            // A key the module did not take fails with the first record.
            sealer: Sealer::new(Protocol::Tls13, self.0, key.as_ref()).ok(),
            iv,
        })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter {
            opener: Opener::new(Protocol::Tls13, self.0, key.as_ref()).ok(),
            iv,
        })
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    /// No traffic secret leaves the module's keys.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }

    fn fips(&self) -> bool {
        true
    }
}

struct Encrypter {
    sealer: Option<Sealer>,
    iv: Iv,
}

impl MessageEncrypter for Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let sealer = self.sealer.as_mut().ok_or(Error::EncryptError)?;
        let total = message.payload.len() + 1 + TAG_LEN;
        let mut payload = PrefixedPayload::with_capacity(total);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let tag = sealer
            .seal(
                Nonce::new(&self.iv, seq).0,
                &make_tls13_aad(total),
                payload.as_mut(),
            )
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);
        // RFC 8446 §5.2: the outer type and version are fixed.
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + 1 + TAG_LEN
    }
}

struct Decrypter {
    opener: Option<Opener>,
    iv: Iv,
}

impl MessageDecrypter for Decrypter {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let opener = self.opener.as_ref().ok_or(Error::DecryptError)?;
        let aad = received_aad(&message)?;
        let len = opener
            .open(Nonce::new(&self.iv, seq).0, &aad, &mut message.payload)
            .map_err(|_| Error::DecryptError)?;
        message.payload.truncate(len);
        message.into_tls13_unpadded_message()
    }
}

/// The head of a record as it came (RFC 8446 §5.2): one of another type or version must not open.
/// rustls's `make_tls13_aad` puts in what should have come.
fn received_aad(message: &InboundOpaqueMessage<'_>) -> Result<[u8; 5], Error> {
    let [typ] = message.typ.to_array();
    let [major, minor] = message.version.to_array();
    let len = u16::try_from(message.payload.len()).map_err(|_| Error::DecryptError)?;
    let [high, low] = len.to_be_bytes();
    Ok([typ, major, minor, high, low])
}

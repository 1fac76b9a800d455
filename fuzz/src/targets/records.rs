//! Records open unchanged, under their nonce and additional data; and only so.

use std::sync::LazyLock;

use fips_core::random;
use fips_core::record::{Cipher, NONCE_LEN, Opener, Protocol, Sealer, TAG_LEN};

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

static UNUSED: LazyLock<[u8; 32]> = LazyLock::new(|| random::bytes().unwrap());

pub(super) fn run(data: &[u8]) {
    boundary();
    let mut input = Input(data);
    let protocol = *input.choose(&[Protocol::Tls12, Protocol::Tls13]);
    let cipher = *input.choose(&[Cipher::Aes128Gcm, Cipher::Aes256Gcm]);
    let key = input.piece();
    let raw = input.bit();
    let mut nonce = [0; NONCE_LEN];
    // The module takes the sequence number as it comes, from nothing.
    nonce[..4].copy_from_slice(&u32::from(input.u16()).to_be_bytes());
    let (aad, plain) = (input.piece(), input.piece());

    let fits = key.len() == cipher.key_len();
    let (Ok(mut sealer), Ok(opener)) = (
        Sealer::new(protocol, cipher, key),
        Opener::new(protocol, cipher, key),
    ) else {
        assert!(!fits);
        return;
    };
    assert!(fits);
    if raw {
        // A key that seals nothing: libFuzzer hands back what was compared.
        let key = &UNUSED[..cipher.key_len()];
        let opener = Opener::new(protocol, cipher, key).unwrap();
        let error = opener.open(nonce, aad, &mut plain.to_vec()).unwrap_err();
        return assert_error(&error);
    }

    let mut record = plain.to_vec();
    let tag = sealer.seal(nonce, aad, &mut record).unwrap();
    record.extend(tag);
    assert_eq!(record.len(), plain.len() + TAG_LEN);
    let (bent_nonce, bent_aad) = (input.bend(&nonce), input.bend(aad));
    let mut bent = input.bend(&record);
    let Ok(bent_nonce) = bent_nonce.try_into() else {
        return;
    };
    let same = bent_nonce == nonce && bent_aad == aad && bent == record;
    let opened = opener.open(bent_nonce, &bent_aad, &mut bent);
    assert_eq!(opened.is_ok(), same);
    if let Ok(len) = opened {
        assert_eq!(&bent[..len], plain);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (protocol, cipher, len) in [(0, 0, 16), (1, 0, 16), (0, 1, 32), (1, 1, 32), (1, 0, 15)] {
        let head = [&[protocol, cipher][..], &piece(&[9; 32][..len])].concat();
        for (raw, plain, bends) in [
            (0, &b"some plain text"[..], &[0, 0, 0][..]),
            (0, b"", &[0, 0, 0]),
            (0, b"text", &[1, 0, 0, 3, 1, 0, 0]),
            (0, b"text", &[0, 1, 0, 0, 3, 1, 0]),
            (0, b"text", &[0, 0, 1, 0, 0, 3, 1]),
            (0, b"text", &[0, 0, 1, 1, 0, 19, 0]),
            (1, &[7; 24], &[]),
        ] {
            let rest = [
                &[raw, 0, 1][..],
                &piece(b"additional"),
                &piece(plain),
                bends,
            ]
            .concat();
            seeds.push([&head[..], &rest].concat());
        }
    }
    seeds
}

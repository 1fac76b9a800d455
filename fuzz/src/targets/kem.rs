//! ML-KEM: an encapsulation key is taken exactly when FIPS 203 §7.2 takes it, by a reading of its
//! own; a secret is shared exactly when key and ciphertext arrived unchanged.

use fips_core::kem::{DecapsulationKey, ParameterSet, encapsulate};

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

const SETS: [ParameterSet; 2] = [ParameterSet::MlKem768, ParameterSet::MlKem1024];

/// Bytes of the seed that follows the coefficients in a key (FIPS 203 §5.1).
const SEED: usize = 32;

pub(super) fn run(data: &[u8]) {
    boundary();
    let mut input = Input(data);
    let set = *input.choose(&SETS);
    if input.bit() {
        foreign(set, &mut input);
    } else {
        bent(set, &mut input);
    }
}

fn bent(set: ParameterSet, input: &mut Input<'_>) {
    let own = DecapsulationKey::generate(set).unwrap();
    let key = input.bend(own.encapsulation_key());
    let Some((ciphertext, theirs)) = take(set, &key) else {
        return;
    };
    let arrived = input.bend(&ciphertext);
    let same = key == own.encapsulation_key() && arrived == ciphertext;
    match own.decapsulate(&arrived) {
        Ok(ours) => {
            assert_eq!(arrived.len(), set.ciphertext_len());
            assert_eq!(ours.as_bytes() == theirs.as_slice(), same);
        }
        Err(error) => {
            assert_ne!(arrived.len(), set.ciphertext_len());
            assert_error(&error);
        }
    }
}

/// A key made of a short piece, so that its end is reached; and a ciphertext likewise.
fn foreign(set: ParameterSet, input: &mut Input<'_>) {
    let (len, key, ciphertext) = (input.u16(), input.piece(), input.piece());
    let fill =
        |piece: &[u8], len: usize| -> Vec<u8> { piece.iter().copied().cycle().take(len).collect() };
    take(set, &fill(key, set.encapsulation_key_len()));
    take(set, &fill(key, usize::from(len)));
    let own = DecapsulationKey::generate(set).unwrap();
    let answer = own.decapsulate(&fill(ciphertext, set.ciphertext_len()));
    assert!(answer.is_ok() || ciphertext.is_empty());
}

fn take(set: ParameterSet, key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    match encapsulate(set, key) {
        Ok((ciphertext, secret)) => {
            assert!(fits(set, key), "{key:02x?}");
            assert_eq!(ciphertext.len(), set.ciphertext_len());
            Some((ciphertext, secret.as_bytes().to_vec()))
        }
        Err(error) => {
            assert!(!fits(set, key), "{error}: {key:02x?}");
            assert_error(&error);
            None
        }
    }
}

/// The length, and each coefficient of twelve bits below q (FIPS 203 §7.2).
fn fits(set: ParameterSet, key: &[u8]) -> bool {
    key.len() == set.encapsulation_key_len()
        && key[..key.len() - SEED].chunks(3).all(|three| {
            let bits = u32::from_le_bytes([three[0], three[1], three[2], 0]);
            bits & 0xfff < 3329 && bits >> 12 < 3329
        })
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for set in [0u8, 1] {
        for bends in [
            &[0, 0][..],
            &[1, 0, 0, 0, 1, 0],
            // A coefficient that is not reduced; the seed; a shorter and a longer key.
            &[1, 5, 0, 0, 3, 0xff, 0xff, 0xff, 0],
            &[1, 0, 4, 0x80, 1, 0],
            &[1, 1, 4, 0x80, 0, 0],
            &[1, 4, 0, 0, 0, 0],
            // The ciphertext: changed, shorter, longer.
            &[0, 1, 0, 0, 9, 1],
            &[0, 1, 1, 0, 9, 0],
            &[0, 1, 4, 0, 0, 0],
        ] {
            seeds.push([&[set, 0], bends].concat());
        }
        for key in [&[0][..], &[1, 2, 3], &[0, 0xd0, 0xcf], &[0xff], &[]] {
            seeds.push([&[set, 1, 0, 33][..], &piece(key), &piece(&[7, 9])].concat());
        }
    }
    seeds
}

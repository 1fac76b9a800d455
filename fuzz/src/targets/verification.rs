//! A signature that verifies is one the key made, over these bytes, under this scheme.

use fips_core::signing::{KeyAlgorithm, Scheme};
use fips_core::verification::{self, verify};

use crate::fixtures::{chain, inside, key};
use crate::input::{Input, piece};
use crate::text::assert_error;

const SCHEMES: [(Scheme, KeyAlgorithm); 9] = [
    (Scheme::EcdsaP256Sha256, KeyAlgorithm::EcdsaP256),
    (Scheme::EcdsaP384Sha384, KeyAlgorithm::EcdsaP384),
    (Scheme::EcdsaP521Sha512, KeyAlgorithm::EcdsaP521),
    (Scheme::RsaPkcs1Sha256, KeyAlgorithm::Rsa2048),
    (Scheme::RsaPkcs1Sha384, KeyAlgorithm::Rsa2048),
    (Scheme::RsaPkcs1Sha512, KeyAlgorithm::Rsa2048),
    (Scheme::RsaPssSha256, KeyAlgorithm::Rsa2048),
    (Scheme::RsaPssSha384, KeyAlgorithm::Rsa2048),
    (Scheme::RsaPssSha512, KeyAlgorithm::Rsa2048),
];

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.u8() % 3 {
        0 => bent(&mut input),
        1 => invented(&mut input),
        _ => foreign_key(&mut input),
    }
}

/// A genuine signature, with changes.
fn bent(input: &mut Input<'_>) {
    let (scheme, algorithm) = *input.choose(&SCHEMES);
    let (other, _) = *input.choose(&SCHEMES);
    let message = &[SIGNED_HERE, input.piece()].concat()[..];
    let key = key(algorithm);
    let signature = key.sign(scheme, message).unwrap();
    let (bent_key, bent_message, bent_signature) = (
        input.bend(key.public_key()),
        input.bend(message),
        input.bend(&signature),
    );
    let same = other == scheme
        && bent_key == key.public_key()
        && bent_message == message
        && bent_signature == signature;
    let answer = verify(other, &bent_key, &bent_message, &bent_signature);
    assert_eq!(answer.is_ok(), same, "{scheme:?} as {other:?}");
    if let Err(error) = answer {
        assert_error(&error);
    }
}

/// How messages begin that are signed as the fuzzer runs, which learns their signatures.
const SIGNED_HERE: &[u8] = b"signed here: ";

/// How messages begin that nobody signs.
const NEVER_SIGNED: &[u8] = b"never signed: ";

/// What seeds have signed.
const SIGNED: &[u8] = b"signed: a message";

/// A signature that the key never made.
fn invented(input: &mut Input<'_>) {
    let (scheme, algorithm) = *input.choose(&SCHEMES);
    let message = [NEVER_SIGNED, input.piece()].concat();
    let answer = verify(scheme, key(algorithm).public_key(), &message, input.rest());
    assert!(answer.is_err(), "{scheme:?}");
}

/// Whatever calls itself a key: its owner may sign, so that the form alone is judged.
fn foreign_key(input: &mut Input<'_>) {
    let algorithms = [
        verification::ALL,
        &[
            verification::ECDSA_P256_SHA384,
            verification::ECDSA_P256_SHA512,
            verification::ECDSA_P384_SHA512,
        ],
    ]
    .concat();
    let index = usize::from(input.u8()) % algorithms.len();
    let (key, message, signature) = (input.piece(), input.piece(), input.rest());
    if algorithms[index]
        .verify_signature(key, message, signature)
        .is_ok()
    {
        let is_rsa = (3..9).contains(&index);
        let fits = match key.first() {
            Some(0x30) => is_rsa && (256..=1024).contains(&signature.len()),
            Some(0x04) => !is_rsa && [65, 97, 133].contains(&key.len()),
            _ => false,
        };
        assert!(fits, "{index}: {key:02x?}");
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    let mut seeds = Vec::new();
    for (index, (scheme, algorithm)) in SCHEMES.into_iter().enumerate() {
        let index = index as u8;
        let message = b"a message";
        seeds.push([&[0, index, index][..], &piece(message), &[0, 0, 0]].concat());
        // One bit of each in turn.
        for which in 0..3 {
            let bends: Vec<u8> = (0..3)
                .flat_map(|at| match at == which {
                    true => vec![1, 0, 0, 8, 1],
                    false => vec![0],
                })
                .collect();
            seeds.push([&[0, index, index][..], &piece(message), &bends].concat());
        }
        let signature = key(algorithm).sign(scheme, SIGNED).unwrap();
        seeds.push([&[1, index][..], &piece(SIGNED), &signature].concat());
        let public = key(algorithm).public_key();
        seeds.push([&[2, index][..], &piece(public), &piece(SIGNED), &signature].concat());
    }
    // A certificate: its own bytes, signed by the CA's key, as webpki has it verified.
    let der = &chain("server.pem")[0];
    let signature = inside(der, &[(SEQUENCE, 0), (0x03, 2)]);
    let issuer = key(KeyAlgorithm::EcdsaP384).public_key();
    let signed = crate::fixtures::tlv(SEQUENCE, inside(der, &[(SEQUENCE, 0), (SEQUENCE, 0)]));
    seeds.push(
        [
            &[2, 1][..],
            &piece(issuer),
            &piece(&signed),
            &signature[1..],
        ]
        .concat(),
    );
    seeds
}

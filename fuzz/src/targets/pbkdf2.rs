//! Keys from passwords, with the parameters that a stored file names: made exactly within the
//! limits of SP 800-132, and the same again.

use fips_core::digest::Algorithm;
use fips_core::pbkdf2::{ITERATIONS, OUTPUT_LEN, PASSWORD_LEN, SALT_LEN, derive};

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    boundary();
    let mut input = Input(data);
    let algorithm = *input.choose(&[Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]);
    // Around the fewest: more cost time alone.
    let iterations = u32::from(input.u16() % 1100);
    // A few blocks of the hash.
    let len = usize::from(input.u8());
    let (password, salt) = (input.piece(), input.piece());
    let fits = password.len() >= PASSWORD_LEN
        && salt.len() >= SALT_LEN
        && iterations >= ITERATIONS
        && len >= OUTPUT_LEN;
    match derive(algorithm, password, salt, iterations, len) {
        Ok(key) => {
            assert!(fits);
            assert_eq!(key.len(), len);
            // A shorter key is the beginning of a longer one (RFC 8018 §5.2).
            let short = derive(algorithm, password, salt, iterations, OUTPUT_LEN).unwrap();
            assert_eq!(short[..], key[..OUTPUT_LEN]);
            let other = derive(algorithm, password, salt, iterations + 1, OUTPUT_LEN).unwrap();
            assert_ne!(short, other);
        }
        Err(error) => {
            assert!(!fits, "{error}");
            assert_error(&error);
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for algorithm in 0..3u8 {
        for (iterations, len, password, salt) in [
            (1000u16, 32u8, 14, 16),
            (1099, 255, 40, 40),
            (999, 32, 14, 16),
            (1000, 13, 14, 16),
            (1000, 14, 13, 16),
            (1000, 14, 14, 15),
            (0, 0, 0, 0),
        ] {
            let [high, low] = iterations.to_be_bytes();
            let head = [algorithm, high, low, len];
            let (password, salt) = (piece(&[b'p'; 40][..password]), piece(&[7; 40][..salt]));
            seeds.push([&head[..], &password, &salt].concat());
        }
    }
    seeds
}

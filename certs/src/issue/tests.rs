//! Serial numbers as they are drawn.

use std::collections::BTreeSet;

use fips_core::{Boundary, Requirements};

use super::serial;

/// RFC 5280 §4.1.2.2: positive, at most 20 octets as DER has them; the CA/Browser Forum's Baseline
/// Requirements §7.1 ask for 64 bits of chance, and every bit but the first two is one here.
#[test]
fn serials_are_positive_distinct_and_random_in_158_bits() {
    const DRAWN: usize = 10_000;
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let mut seen = BTreeSet::new();
    let mut ones = [0_usize; 160];
    for _ in 0..DRAWN {
        let serial = serial().unwrap();
        let der = yasna::construct_der(|writer| writer.write_bigint_bytes(serial.as_ref(), true));
        assert_eq!(der[..2], [0x02, 20]);
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(der[2 + bit / 8] >> (7 - bit % 8) & 1);
        }
        assert!(seen.insert(der));
    }
    assert_eq!(ones[..2], [0, DRAWN]);
    // Half of the draws, give or take eight standard deviations of 50.
    for (bit, ones) in ones.iter().enumerate().skip(2) {
        assert!(ones.abs_diff(DRAWN / 2) < 400, "bit {bit}: {ones}");
    }
}

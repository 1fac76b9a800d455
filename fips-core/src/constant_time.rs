//! Comparison of secrets.

use aws_lc_rs::constant_time as lc;

/// Whether `one` and `other` are the same bytes. How long it takes depends on their lengths,
/// never on their content.
///
/// No cryptographic service: the module's indicator is not asked, and no open gate is needed.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    lc::verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi;

    #[test]
    fn only_the_same_bytes_are_equal() {
        assert!(equal(b"", b""));
        let secret = [7; 40];
        assert!(equal(&secret, &[7; 40]));
        for index in 0..secret.len() {
            let mut other = secret;
            other[index] ^= 0x80;
            assert!(!equal(&secret, &other), "byte {index}");
            assert!(!equal(&secret, &secret[..index]), "length {index}");
        }
    }

    #[test]
    fn the_indicator_counts_no_service() {
        let before = ffi::indicator_before();
        assert!(equal(b"same", b"same"));
        assert_eq!(ffi::indicator_after(), before);
    }
}

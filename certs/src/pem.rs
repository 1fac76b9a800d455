//! PEM files (RFC 7468): the sections of one.

use fips_core::pem::{self, Section};
use rustls_pki_types::CertificateDer;

pub(crate) use fips_core::pem::encode;

/// The largest file taken: thousands of certificates, and no way to fill the memory.
const MOST_BYTES: usize = 1 << 20;

/// The certificates of a file, in its order; other sections are an error, since a file of
/// certificates that also holds a key is a leak.
pub(crate) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = sections(file)?
        .iter()
        .map(|section| match section.label() {
            b"CERTIFICATE" => Ok(CertificateDer::from(decode(section)?.to_vec())),
            _ => Err(format!(
                "holds a section {} besides certificates",
                name(section)
            )),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err("holds no PEM section CERTIFICATE".into());
    }
    Ok(found)
}

/// The sections of a file.
pub(crate) fn sections(file: &[u8]) -> Result<Vec<Section<'_>>, String> {
    if file.is_empty() {
        return Err("is empty".into());
    }
    if file.len() > MOST_BYTES {
        return Err(format!(
            "has {} bytes, more than the {MOST_BYTES} taken",
            file.len()
        ));
    }
    pem::sections(file).map_err(|why| format!("is not whole PEM: {why}"))
}

fn decode(section: &Section<'_>) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    section.decode().map_err(not_pem)
}

pub(crate) fn not_pem(why: String) -> String {
    format!("is not PEM: {why}")
}

/// A section's label, for messages.
pub(crate) fn name(section: &Section<'_>) -> String {
    section.label().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_of_a_file_in_its_order() {
        let file = [encode("CERTIFICATE", b"one"), encode("CERTIFICATE", b"two")];
        let file = [file[0].as_bytes(), b"words\n", file[1].as_bytes()].concat();
        let found = certificates(&file).unwrap();
        assert_eq!(found, [b"one".to_vec().into(), b"two".to_vec().into()]);
    }

    #[test]
    fn what_is_not_a_file_of_certificates_is_refused() {
        let key = encode("PRIVATE KEY", b"x");
        // OpenSSL's form with trust settings: not the certificate that its reader expects.
        let trusted = encode("TRUSTED CERTIFICATE", b"x");
        let torn = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        let huge = vec![b'\n'; MOST_BYTES + 1];
        for file in [
            b"".as_slice(),
            b"text",
            key.as_bytes(),
            trusted.as_bytes(),
            torn,
            &huge,
        ] {
            assert!(certificates(file).is_err());
        }
    }
}

//! PEM files (RFC 7468): the sections of one, and writing them.

use data_encoding::BASE64;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

/// The largest file taken: thousands of certificates, and no way to fill the memory.
const MOST_BYTES: usize = 1 << 20;
/// Characters of a line (RFC 7468 §2) as bytes before encoding.
const LINE: usize = 48;

/// A section's kind and content, wiped when dropped.
pub(crate) type Section = (SectionKind, Zeroizing<Vec<u8>>);

/// Writes one section. No copy of `der` stays behind in memory but the answer.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let lines = der.len().div_ceil(LINE);
    let mut text = Zeroizing::new(String::with_capacity(
        BASE64.encode_len(der.len()) + lines + 2 * label.len() + 32,
    ));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in der.chunks(LINE) {
        BASE64.encode_append(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// The certificates of a file, in its order; other sections are an error, since a file of
/// certificates that also holds a key is a leak.
pub(crate) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = sections(file)?
        .into_iter()
        .map(|(kind, der)| match kind {
            SectionKind::Certificate => Ok(CertificateDer::from(der.to_vec())),
            other => Err(format!("holds a section {other:?} besides certificates")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err("holds no PEM section CERTIFICATE".into());
    }
    Ok(found)
}

/// The known sections of a file: base64 of keys is decoded in constant time.
pub(crate) fn sections(file: &[u8]) -> Result<Vec<Section>, String> {
    if file.is_empty() {
        return Err("is empty".into());
    }
    if file.len() > MOST_BYTES {
        return Err(format!(
            "has {} bytes, more than the {MOST_BYTES} taken",
            file.len()
        ));
    }
    fips_core::pem::check_frames(file).map_err(|why| format!("is not whole PEM: {why}"))?;
    <(SectionKind, Vec<u8>)>::pem_slice_iter(file)
        .map(|section| {
            section
                .map(|(kind, der)| (kind, Zeroizing::new(der)))
                .map_err(|error| format!("is not PEM: {error}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 47, 48, 49, 96, 1000] {
            let der = vec![0xa5; length];
            let text = encode("CERTIFICATE", &der);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(certificates(text.as_bytes()).unwrap(), [der.into()]);
        }
    }

    #[test]
    fn what_is_not_a_file_of_certificates_is_refused() {
        let key = encode("PRIVATE KEY", b"x");
        let torn = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        let huge = vec![b'\n'; MOST_BYTES + 1];
        for file in [b"".as_slice(), b"text", key.as_bytes(), torn, &huge] {
            assert!(certificates(file).is_err());
        }
    }
}

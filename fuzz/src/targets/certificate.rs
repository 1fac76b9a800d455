//! What a certificate is said to name: in one line, in visible characters, and no less than the
//! verifier of chains reads out of it.

use fips_tls::PeerIdentity;
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::fixtures::chain;
use crate::pki::CHAINS;
use crate::text::{assert_error, assert_one_line};

pub(super) fn run(data: &[u8]) {
    let der = CertificateDer::from(data);
    match PeerIdentity::from_certificate(&der) {
        Ok(identity) => {
            check(&identity);
            compare(&der, &identity);
        }
        Err(error) => assert_error(&error),
    }
}

pub(super) fn check(identity: &PeerIdentity) {
    assert_one_line(identity.subject());
    assert_one_line(identity.issuer());
    for name in identity.dns_names().iter().chain(identity.uris()) {
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
    }
    let serial = identity.serial();
    assert!(serial.len().is_multiple_of(2), "{serial}");
    assert!(
        serial
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')),
        "{serial}"
    );
    for time in [identity.not_before(), identity.not_after()] {
        let within = (identity.not_before()..=identity.not_after()).contains(&time);
        assert_eq!(identity.is_valid_at(time), within);
    }
}

/// webpki takes its names from the same bytes: one that it would match a server by and that is
/// not shown would let a peer hide a name.
fn compare(der: &CertificateDer<'_>, identity: &PeerIdentity) {
    let Ok(certificate) = EndEntityCert::try_from(der) else {
        return;
    };
    for name in certificate.valid_dns_names() {
        assert!(
            identity.dns_names().iter().any(|shown| shown == name),
            "{name} is hidden: {identity:?}"
        );
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    CHAINS.iter().map(|name| chain(name)[0].to_vec()).collect()
}

//! What `sections` takes and decodes, another reader (`rustls-pki-types`) reads alike: no block is
//! lost, and no two are mixed.

use fips_core::pem::sections;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::text::assert_one_line;
use crate::{fixtures, pki};

type Section = (SectionKind, Vec<u8>);

pub(super) fn run(data: &[u8]) {
    let found = match sections(data) {
        Ok(found) => found,
        Err(why) => return assert_one_line(&why),
    };
    let mut ours: Vec<Section> = Vec::new();
    for section in found {
        // Labels that the other reader does not know it passes over.
        let Ok(kind) = SectionKind::try_from(section.label()) else {
            continue;
        };
        match section.decode() {
            Ok(content) => ours.push((kind, content.to_vec())),
            Err(why) => return assert_one_line(&why),
        }
    }
    // An error of the other reader's is one that is seen.
    if let Ok(theirs) = Section::pem_slice_iter(data).collect::<Result<Vec<_>, _>>() {
        assert_eq!(ours, theirs);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let short = |label| pki::pem(label, b"some bytes");
    let two = short("CERTIFICATE") + &short("X509 CRL");
    vec![
        Vec::new(),
        fixtures::pem("server.pem").into(),
        two.clone().into(),
        two.replace('\n', "\r\n").into(),
        two.replace('\n', "\r").into(),
        (String::from("  ") + &two.replace('\n', "\n  ")).into(),
        format!("words\r{two}words\r-----BEGIN CERTIFICATE-----\r").into(),
        format!("words\n{two}\nwords\r{}", short("PRIVATE KEY")).into(),
        (short("EC PARAMETERS") + &short("EC PRIVATE KEY")).into(),
        two[..two.len() / 2].into(),
    ]
}

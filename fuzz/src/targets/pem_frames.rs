//! `check_frames` accepts ⇒ the reader that follows loses no block and mixes no two.

use fips_core::pem::check_frames;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::text::assert_one_line;
use crate::{fixtures, pki};

type Section = (SectionKind, Vec<u8>);

pub(super) fn run(data: &[u8]) {
    if let Err(why) = check_frames(data) {
        assert_one_line(&why);
        return;
    }
    // An error of the reader's is one that is seen.
    let Ok(read) = Section::pem_slice_iter(data).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let alone: Vec<Section> = frames(data)
        .into_iter()
        .flat_map(Section::pem_slice_iter)
        .map(|section| section.expect("a frame that was read among others is read alone"))
        .collect();
    assert_eq!(read, alone);
}

/// Each line that begins a frame, wherever a reader could see one, to the next.
fn frames(text: &[u8]) -> Vec<&[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let starts: Vec<usize> = (0..text.len())
        .filter(|&at| {
            let line = text[..at]
                .iter()
                .rposition(|byte| matches!(byte, b'\n' | b'\r'))
                .map_or(0, |end| end + 1);
            text[at..].starts_with(BEGIN) && text[line..at].trim_ascii().is_empty()
        })
        .collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| &text[start..end])
        .collect()
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

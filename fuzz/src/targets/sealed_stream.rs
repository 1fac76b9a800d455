//! Sealed streams: what opens is what was sealed, and any change is an error, after a genuine
//! beginning at most.

use std::sync::LazyLock;

use fips_certs::sealing::{self, Binding, FileKey, Header, Passphrase, Secret};

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

/// One that seals, and two that never do: see `sealed`.
static SECRETS: LazyLock<[Secret; 3]> = LazyLock::new(|| {
    let key = || FileKey::generate(boundary()).unwrap().into();
    [
        key(),
        key(),
        Passphrase::new(b"fourteen bytes".to_vec()).unwrap().into(),
    ]
});

/// The most iterations that are run: more cost time alone.
const FEW: u32 = 2000;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let [secret, other, passphrase] = &*SECRETS;
    let binding = Binding::new("fuzz").unwrap();
    if input.bit() {
        let stream = input.rest();
        let many = match Header::inspect(stream) {
            Ok(header) => {
                // What a header says is shown.
                crate::text::assert_one_line(&format!("{header:?}"));
                matches!(
                    header.sealed_under(),
                    sealing::SealedUnder::Passphrase { iterations } if iterations > FEW
                )
            }
            Err(error) => {
                assert_error(&error);
                false
            }
        };
        for secret in [other, passphrase] {
            if many && matches!(secret, Secret::Passphrase(_)) {
                continue;
            }
            let mut plain = Vec::new();
            let error =
                sealing::open(boundary(), &binding, secret, stream, &mut plain).unwrap_err();
            assert!(plain.is_empty());
            assert_error(&error);
        }
        return;
    }
    // Two chunks now and then: what repeats is in no corpus.
    let content = input.piece();
    let content = match input.u8() {
        0 => content.repeat(sealing::CHUNK / content.len().max(1) + 1),
        _ => content.to_vec(),
    };
    let mut sealed = Vec::new();
    sealing::seal(boundary(), &binding, secret, &content[..], &mut sealed).unwrap();
    let bent = input.bend(&sealed);
    let mut plain = Vec::new();
    let answer = sealing::open(boundary(), &binding, secret, &bent[..], &mut plain);
    assert_eq!(answer.is_ok(), bent == sealed);
    assert!(content.starts_with(&plain));
    match answer {
        Ok(totals) => {
            assert_eq!(plain, content);
            assert_eq!(totals.sealed, sealed.len() as u64);
        }
        Err(error) => assert_error(&error),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let head = |source: u8| [b"FIPSSEAL\0\x01\x01", &[source, 4][..], b"fuzz\0"].concat();
    let raw = |parts: &[&[u8]]| [&[1][..], &parts.concat()].concat();
    vec![
        // A passphrase: salt, 1000, proof, the frame of a last chunk of nothing.
        raw(&[
            &head(1),
            &[7; 16],
            &[0, 0, 3, 0xe8],
            &[0; 28],
            &[0; 8],
            &[0x80, 0, 0, 0],
            &[0; 28],
        ]),
        raw(&[&head(1), &[7; 16], &[0xff; 4]]),
        raw(&[&head(2), &[7; 40], &[0; 28]]),
        raw(&[&head(3)]),
        raw(&[b"FIPSENVL"]),
        [&[0][..], &piece(b"content"), &[1, 0]].concat(),
        [&[0][..], &piece(b"content"), &[0, 0]].concat(),
        [&[0][..], &piece(b"content"), &[1, 1, 0, 0, 20, 1]].concat(),
        [&[0][..], &piece(b"content"), &[1, 1, 0, 0, 98, 0x80]].concat(),
        [&[0][..], &piece(b"content"), &[0, 1, 1, 0x10, 0, 0]].concat(),
        [&[0][..], &piece(b""), &[1, 1, 4, 0, 0, 0]].concat(),
    ]
}

//! Envelopes, as text: what opens is what was sealed, and a text that was changed in its content
//! does not open.

use std::sync::LazyLock;

use fips_certs::sealing::{Binding, FileKey, Secret, envelope};

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

/// One that seals, and one that never does: see `sealed`.
static SECRETS: LazyLock<[Secret; 2]> =
    LazyLock::new(|| [0; 2].map(|_| FileKey::generate(boundary()).unwrap().into()));

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let [secret, other] = &*SECRETS;
    let binding = Binding::bootstrap("fuzz").unwrap();
    if input.bit() {
        let text = input.rest();
        match envelope::inspect(text) {
            // What a header says is shown.
            Ok(header) => crate::text::assert_one_line(&format!("{header:?}")),
            Err(error) => assert_error(&error),
        }
        let error = envelope::open(boundary(), &binding, other, text).unwrap_err();
        return assert_error(&error);
    }
    let content = input.piece();
    let text = envelope::seal(boundary(), &binding, secret, content).unwrap();
    let open = |text: &[u8]| envelope::open(boundary(), &binding, secret, text);
    assert_eq!(&open(text.as_bytes()).unwrap()[..], content);
    let bent = input.bend(text.as_bytes());
    if let Ok(opened) = open(&bent) {
        // White space and words around it are no change.
        assert_eq!(&opened[..], content);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let text = |body: &str| {
        let label = envelope::BOOTSTRAP_LABEL;
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let raw = |text: String| [&[1][..], text.as_bytes()].concat();
    vec![
        // FIPSENVL, version 1, evaluation, a passphrase, `bootstrap`, `fuzz`, a salt, 1000.
        raw(text(
            "RklQU0VOVkwAAQEBCWJvb3RzdHJhcARmdXp6AAAAAAAAAAAAAAAAAAAAAAAAA+gA\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )),
        raw(text("RklQU0VOVkwAAQEC")),
        raw(String::new()),
        [&[0][..], &piece(b"content"), &[0]].concat(),
        [&[0][..], &piece(b"content"), &[1, 0, 0, 60, 1]].concat(),
        [&[0][..], &piece(b"content"), &[1, 2, 0, 60, b'\n']].concat(),
        [&[0][..], &piece(b""), &[1, 1, 0, 90, 0]].concat(),
    ]
}

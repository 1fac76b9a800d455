//! Every way to damage a sealed stream, and every wrong way to open one.

use std::fs;

use fips_certs::Error;
use fips_certs::sealing::{
    self, Binding, CHUNK, Header, Leftover, NewFile, SealedUnder, SealingFault, Secret,
};

use super::{binding, boundary, data, fault, file_key, open, passphrase, seal};

/// Bytes of the header under a key file: to the names, the names, the wrapped key, the proof.
const KEY_FILE_HEADER: usize = 12 + 14 + 10 + 40 + 28;
/// Bytes of a full chunk with its frame, nonce and tag.
const FULL: usize = 12 + 28 + CHUNK;

/// Bytes of the header under a passphrase that name the iterations.
const ITERATIONS: std::ops::Range<usize> = 52..56;

#[test]
fn every_flipped_bit_is_an_error_and_gives_no_data() {
    for secret in [passphrase("a long passphrase"), file_key()] {
        let sealed = seal(&secret, b"twenty bytes of data");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                // More than 17 bits of iterations are as wrong, and slow.
                if matches!(secret, Secret::Passphrase(_)) && at == ITERATIONS.start + 1 {
                    continue;
                }
                let mut bent = sealed.clone();
                bent[at] ^= 1 << bit;
                let (plain, answer) = open(&secret, &binding(), &bent);
                assert!(answer.is_err() && plain.is_empty(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_truncation_is_an_error_that_says_so() {
    for secret in [passphrase("a long passphrase"), file_key()] {
        let sealed = seal(&secret, b"twenty bytes of data");
        for length in 0..sealed.len() {
            let (plain, answer) = open(&secret, &binding(), &sealed[..length]);
            assert!(plain.is_empty());
            match answer {
                Err(Error::Sealing(SealingFault::NotSealed { .. })) => assert_eq!(length, 0),
                Err(Error::Sealing(SealingFault::TruncatedHeader)) => {
                    assert!(length < sealed.len() - 60);
                }
                Err(Error::Sealing(SealingFault::Truncated { after: 0 })) => {
                    assert!(length >= sealed.len() - 60);
                }
                other => panic!("{length}: {other:?}"),
            }
        }
    }
    // At the borders of whole chunks, where nothing but the missing end tells.
    let secret = file_key();
    let plain = data(2 * CHUNK);
    let sealed = seal(&secret, &plain);
    for chunks in 0..=2 {
        let cut = KEY_FILE_HEADER + chunks * FULL;
        let (opened, answer) = open(&secret, &binding(), &sealed[..cut]);
        let after = chunks as u64;
        assert!(
            matches!(answer, Err(Error::Sealing(SealingFault::Truncated { after: a })) if a == after)
        );
        assert!(opened == plain[..chunks * CHUNK], "a genuine beginning");
    }
}

#[test]
fn chunks_moved_doubled_dropped_or_taken_from_elsewhere_are_errors() {
    let secret = file_key();
    let sealed = seal(&secret, &data(2 * CHUNK + 9));
    let (header, rest) = sealed.split_at(KEY_FILE_HEADER);
    let (first, rest) = rest.split_at(FULL);
    let (second, last) = rest.split_at(FULL);
    let other = seal(&secret, &data(2 * CHUNK + 9));
    let theirs = &other[KEY_FILE_HEADER..KEY_FILE_HEADER + FULL];
    let order = |expected, found| SealingFault::Order { expected, found };
    // A number changed to fit its new place: the tag knows.
    let renumbered = |chunk: &[u8], number: u8| {
        let mut chunk = chunk.to_vec();
        chunk[7] = number;
        chunk
    };
    let mut ended = second.to_vec();
    ended[8] |= 0x80;
    let mut going_on = last.to_vec();
    going_on[8] &= 0x7f;
    for (name, parts, expected) in [
        ("swapped", vec![second, first, last], order(0, 1)),
        ("doubled", vec![first, first, second, last], order(1, 0)),
        ("dropped first", vec![second, last], order(0, 1)),
        ("dropped middle", vec![first, last], order(1, 2)),
        (
            "swapped, renumbered",
            vec![&renumbered(second, 0), &renumbered(first, 1), last],
            SealingFault::Changed { chunk: 0 },
        ),
        (
            "dropped, renumbered",
            vec![first, &renumbered(last, 1)],
            SealingFault::Changed { chunk: 1 },
        ),
        (
            "of another file",
            vec![theirs, second, last],
            SealingFault::Changed { chunk: 0 },
        ),
        (
            "a full chunk as the last",
            vec![first, &ended],
            SealingFault::Changed { chunk: 1 },
        ),
        (
            "a short chunk that is not the last",
            vec![first, second, &going_on],
            SealingFault::Changed { chunk: 2 },
        ),
        (
            "appended",
            vec![first, second, last, b"x"],
            SealingFault::Appended,
        ),
        (
            "the end twice",
            vec![first, second, last, last],
            SealingFault::Appended,
        ),
        (
            "another header's",
            vec![first, second, last],
            SealingFault::Changed { chunk: 0 },
        ),
    ] {
        let header = match name {
            "another header's" => &other[..KEY_FILE_HEADER],
            _ => header,
        };
        let bent = [header, &parts.concat()].concat();
        assert_eq!(fault(&secret, &binding(), &bent), expected, "{name}");
    }
}

#[test]
fn wrong_keys_purposes_clusters_kinds_and_versions_are_told_apart() {
    let (phrase, key) = (passphrase("a long passphrase"), file_key());
    let (by_phrase, by_key) = (seal(&phrase, b"data"), seal(&key, b"data"));
    let name = |purpose| Binding::new(purpose).unwrap();
    assert_eq!(
        fault(&passphrase("another passphrase"), &binding(), &by_phrase),
        SealingFault::WrongPassphrase
    );
    assert_eq!(
        fault(&file_key(), &binding(), &by_key),
        SealingFault::WrongKey
    );
    for (secret, sealed) in [(&phrase, &by_key), (&key, &by_phrase)] {
        let fault = fault(secret, &binding(), sealed);
        assert!(matches!(fault, SealingFault::KeySource { .. }), "{fault}");
    }
    for (other, purpose) in [
        (name("etcd-snapshot"), false),
        (
            name("etcd-snapshot").with_cluster("cluster-8").unwrap(),
            false,
        ),
        (name("other").with_cluster("cluster-7").unwrap(), true),
    ] {
        match fault(&key, &other, &by_key) {
            SealingFault::Purpose { .. } => assert!(purpose),
            SealingFault::Cluster { .. } => assert!(!purpose),
            fault => panic!("{fault}"),
        }
    }
    let bent = |at: usize, value: u8| {
        let mut bent = by_key.clone();
        bent[at] = value;
        bent
    };
    let on = |sealed: &[u8]| fault(&key, &binding(), sealed);
    assert_eq!(on(&bent(9, 2)), SealingFault::Version { found: 2 });
    assert!(matches!(on(&bent(0, b'f')), SealingFault::NotSealed { .. }));
    assert!(matches!(on(&bent(10, 2)), SealingFault::Header { .. }));
    assert!(matches!(on(&bent(11, 3)), SealingFault::Header { .. }));
    assert!(matches!(on(&bent(13, b' ')), SealingFault::Header { .. }));
    assert!(matches!(on(&bent(13, 0xff)), SealingFault::Header { .. }));
    assert_eq!(
        open(&key, &binding(), &bent(10, 0))
            .1
            .unwrap_err()
            .to_string(),
        "this was sealed under a strict boundary; an evaluation does not open it: enter the \
         boundary strictly"
    );
    let mut many = by_phrase.clone();
    many[ITERATIONS].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        fault(&phrase, &binding(), &many),
        SealingFault::Iterations { found: u32::MAX }
    );
    many[ITERATIONS].copy_from_slice(&999u32.to_be_bytes());
    assert_eq!(
        fault(&phrase, &binding(), &many),
        SealingFault::Iterations { found: 999 }
    );
}

#[test]
fn a_header_is_read_without_a_key() {
    let sealed = seal(&passphrase("a long passphrase"), b"data");
    let header = Header::inspect(&sealed[..]).unwrap();
    assert_eq!(header.binding(), &binding());
    assert_eq!(
        header.sealed_under(),
        SealedUnder::Passphrase { iterations: 1000 }
    );
    assert!(header.is_evaluation() && !header.is_envelope());
    let header = Header::inspect(&seal(&file_key(), b"data")[..]).unwrap();
    assert_eq!(header.sealed_under(), SealedUnder::FileKey);
    assert!(Header::inspect(&b"FIPSSEAK"[..]).is_err());
}

#[test]
fn a_failed_opening_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain");
    let secret = file_key();
    let sealed = seal(&secret, &data(2 * CHUNK));
    for sealed in [&sealed[..sealed.len() - 1], &sealed] {
        let mut new = NewFile::create(&path, false, Leftover::Nothing).unwrap();
        let answer = sealing::open(&boundary(), &binding(), &secret, sealed, &mut new);
        if answer.is_ok() {
            new.commit().unwrap();
            assert!(fs::read(&path).unwrap() == data(2 * CHUNK));
        } else {
            drop(new);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
    assert!(path.exists());
}

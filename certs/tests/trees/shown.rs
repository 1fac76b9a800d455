//! The leaves of a tree as those see them who are shown them: OpenSSL and Go.

use std::path::{Path, PathBuf};

use fips_certs::catalogue::{Catalogue, LeafEntry, Place};

use crate::common::{go, openssl, run};

/// What a field of a kubeconfig holds in base64, when it is there.
pub(crate) fn embedded(text: &str, field: &str) -> Option<Vec<u8>> {
    let field = format!("{field}: ");
    let mut lines = text.lines();
    let data = lines.find_map(|line| line.trim().strip_prefix(&field))?;
    Some(data_encoding::BASE64.decode(data.as_bytes()).unwrap())
}

/// The leaf with what follows it, and its key, each in a file of its own; none where a
/// kubeconfig names files outside of the tree.
fn files(root: &Path, scratch: &Path, entry: &LeafEntry) -> Option<(PathBuf, PathBuf)> {
    match &entry.place {
        Place::Pair { certificate, key } => {
            Some((root.join(certificate.as_str()), root.join(key.as_str())))
        }
        Place::Kubeconfig(path) => {
            let text = std::fs::read_to_string(root.join(path.as_str())).unwrap();
            let (leaf, key) = (scratch.join("user.crt"), scratch.join("user.key"));
            std::fs::write(&leaf, embedded(&text, "client-certificate-data")?).unwrap();
            std::fs::write(&key, embedded(&text, "client-key-data")?).unwrap();
            Some((leaf, key))
        }
        place => panic!("{place:?}"),
    }
}

fn purpose(entry: &LeafEntry) -> &'static str {
    if entry.usages.server() {
        "server"
    } else {
        "client"
    }
}

/// Each leaf below `root` by OpenSSL and Go, for its purpose, under its authority's file, and
/// whether the key beside it is its own.
pub(crate) fn verify(root: &Path, catalogue: &Catalogue) {
    let scratch = tempfile::tempdir().unwrap();
    for entry in catalogue.leaves() {
        let Some((leaf, key)) = files(root, scratch.path(), entry) else {
            continue;
        };
        let authority = &catalogue.authority(&entry.issuer).unwrap().certificate;
        let (leaf, key, purpose) = (leaf.display(), key.display(), purpose(entry));
        openssl(
            root,
            &format!("verify -purpose ssl{purpose} -CAfile {authority} -untrusted {leaf} {leaf}"),
        );
        let go = go::go(
            root,
            &format!("-roots {authority} -chain {leaf} -usage {purpose}"),
        );
        assert_eq!(go, Ok(()), "{}", entry.name);
        assert_eq!(
            openssl(root, &format!("x509 -in {leaf} -noout -pubkey")),
            openssl(root, &format!("pkey -in {key} -pubout")),
            "{}",
            entry.name
        );
    }
}

/// Each leaf below `before`, with what followed it there, is taken by the authorities' files of
/// then, and by OpenSSL and Go refused by those below `root`.
pub(crate) fn refused(before: &Path, root: &Path, catalogue: &Catalogue) {
    let scratch = tempfile::tempdir().unwrap();
    for entry in catalogue.leaves() {
        let Some((leaf, _)) = files(before, scratch.path(), entry) else {
            continue;
        };
        let authority = &catalogue.authority(&entry.issuer).unwrap().certificate;
        let (leaf, purpose) = (leaf.display(), purpose(entry));
        for (folder, taken) in [(before, true), (root, false)] {
            let verify = format!("verify -CAfile {authority} -untrusted {leaf} {leaf}");
            let arguments: Vec<&str> = verify.split_whitespace().collect();
            let openssl = run("openssl", "openssl", &arguments, folder);
            assert_eq!(openssl.status.success(), taken, "{}", entry.name);
            let arguments = format!("-roots {authority} -chain {leaf} -usage {purpose}");
            let go = go::go(folder, &arguments);
            assert_eq!(go.is_ok(), taken, "{}: {go:?}", entry.name);
        }
    }
}

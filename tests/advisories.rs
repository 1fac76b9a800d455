//! The table of advisories is the same in the evidence, in `docs/advisories.md` and in
//! `deny.toml`, and what it calls not linked is not linked.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use fips_boundary::core::{Boundary, Evidence, Requirements};
use object::{Object, ObjectSymbol};

fn evidence() -> Evidence {
    Boundary::examine(Requirements::strict())
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The words of `text` that begin with `prefix` and an identifier's characters.
fn identifiers(text: &str, prefix: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}

#[test]
fn evidence_document_and_deny_rules_name_the_same() {
    let evidence = evidence();
    let ids: BTreeSet<String> = evidence
        .advisories
        .iter()
        .map(|a| a.id.to_owned())
        .collect();
    assert!(!ids.is_empty());
    let document = read("docs/advisories.md");
    assert_eq!(
        identifiers(&document, "RUSTSEC-"),
        ids,
        "docs/advisories.md"
    );
    assert_eq!(
        identifiers(&read("deny.toml"), "RUSTSEC-"),
        ids,
        "deny.toml"
    );
    for advisory in evidence.advisories {
        for part in advisory
            .aliases
            .iter()
            .chain([&advisory.place, &advisory.why])
        {
            assert!(document.contains(part), "{part:?} is not in the document");
        }
        // One that can be reached needs more than a row: see the document's last section.
        assert!(!advisory.reachable, "{}", advisory.id);
        assert!(evidence.to_string().contains(advisory.id));
    }
    for change in evidence.later_changes {
        assert!(
            document.contains(&format!("| `{}`", change.file)),
            "{}",
            change.file
        );
        assert!(!change.reachable, "{}", change.file);
    }
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(rows, evidence.later_changes.len());
}

#[test]
fn the_code_called_not_linked_is_not_in_the_program() {
    // Takes the whole path in, so that nothing of it is left out by the linker.
    #[cfg(feature = "evaluation")]
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let program = fs::read(env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*program).unwrap();
    // The module's symbols carry the crate's version before their own name.
    let names: BTreeSet<&str> = file
        .symbols()
        .filter_map(|symbol| symbol.name().ok())
        .filter_map(|name| name.strip_prefix("aws_lc_fips_0_13_11_"))
        .collect();
    for linked in ["awslc_version_string", "HKDF_expand", "EVP_aes_128_ccm"] {
        assert!(names.contains(linked), "the symbols were read: {linked}");
    }
    let foreign: Vec<_> = names
        .iter()
        .filter(|name| {
            ["X509_", "PKCS7_", "PKCS8_", "SSL_", "EVP_PKEY_asn1_find"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

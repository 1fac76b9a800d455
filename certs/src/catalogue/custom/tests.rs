//! The documented example, every flaw with its line, and random texts.

use proptest::prelude::*;

use super::*;

/// The example of the documentation.
fn example() -> String {
    let page = include_str!("../../../../docs/catalogue.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

const SMALL: &str = "\
[[authority]]
name = \"ca\"
common_name = \"example-ca\"

[[leaf]]
name = \"web\"
common_name = \"web\"
names = [\"web.example.org\"]
usages = \"server\"
issuer = \"ca\"
";

#[test]
fn the_documented_example_is_a_catalogue() {
    let catalogue = catalogue(&example()).unwrap();
    let api = catalogue.leaf("api").unwrap();
    assert_eq!(api.lifetime, DAY * 90);
    assert_eq!(api.key_type, KeyType::P384);
    assert_eq!(api.names.len(), 3);
    let operator = catalogue.leaf("operator").unwrap();
    assert!(matches!(operator.place, Place::Kubeconfig(_)));
    let names = catalogue
        .authorities()
        .iter()
        .map(|entry| entry.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["root", "cluster-ca"]);
    let services: Vec<_> = catalogue.services().into_iter().collect();
    assert_eq!(
        services,
        ["admin", "api-server", "probe", "probe.kubeconfig"]
    );
    let again = Catalogue::from_definition(catalogue.definition().clone()).unwrap();
    assert!(again.paths().eq(catalogue.paths()));
}

#[test]
fn every_flaw_names_its_line() {
    assert!(catalogue(SMALL).is_ok());
    let authority = "[[authority]]\nname = \"b\"\ncommon_name = \"b\"\n";
    let keys = "[[keys]]\nname = \"k\"\n";
    for (from, to, line, words) in [
        ("names", "nmaes", 8, "unknown field"),
        ("\"server\"", "\"sign\"", 9, "unknown variant"),
        ("issuer = \"ca\"", "issuer = \"other\"", 5, "\"other\""),
        ("issuer = \"ca\"\n", "", 5, "missing field `issuer`"),
        ("names = [\"web.example.org\"]", "names = []", 5, "a name"),
        ("web.example.org", "a..b", 8, "no DNS name"),
        ("\"example-ca\"", "\"\"", 1, "empty"),
        (
            "\"ca\"\ncommon",
            "\"ca\"\nissuer = \"ca\"\ncommon",
            1,
            "circle",
        ),
        (
            "\"ca\"\ncommon",
            "\"ca\"\nissuer = \"x\"\ncommon",
            1,
            "no authority \"x\"",
        ),
        ("\"ca\"\ncommon", "\"ca\"\ndays = 0\ncommon", 1, "a minute"),
        ("\"ca\"\ncommon", "\"ca\"\ndays = 300\ncommon", 6, "outlive"),
        (
            "\"ca\"\ncommon",
            "\"ca\"\ndays = -1\ncommon",
            3,
            "invalid value",
        ),
        (
            "\"ca\"\ncommon",
            "\"ca\"\nkey_type = \"ed25519\"\ncommon",
            3,
            "unknown variant",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\ncertificate = \"../w.crt\"\ncommon",
            5,
            "begins with a dot",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\ncertificate = \"/w.crt\"\ncommon",
            5,
            "absolute",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\ncertificate = \"ca.crt\"\ncommon",
            5,
            "twice",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\ncertificate = \"ca.crt/w\"\ncommon",
            5,
            "below the file",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\ncertificate = \"w.key\"\ncommon",
            5,
            "otherwise",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\nkey = \"fips/web.key\"\ncommon",
            5,
            "own state",
        ),
        (
            "\"web\"\ncommon",
            "\"web\"\nkubeconfig = \"k\"\ncommon",
            5,
            "no kubeconfig",
        ),
        (
            "\"web\"\ncommon",
            "\"ca\"\ncertificate = \"w.crt\"\nkey = \"w\"\ncommon",
            5,
            "name is there twice",
        ),
        ("[[leaf]]", &format!("{authority}[[leaf]]\n"), 0, ""),
        ("[[leaf]]", "[[leaves]]", 5, "unknown field"),
        (
            "[[leaf]]",
            "[[file]]\nname = \"f\"\npath = \"f\"\nencryption = \"secretbox\"\n[[leaf]]",
            5,
            "approved",
        ),
        (
            "[[leaf]]",
            "[[file]]\nname = \"f\"\npath = \"f\"\n[[leaf]]",
            5,
            "holds one of",
        ),
        (
            "[[leaf]]",
            "[[file]]\nname = \"f\"\npath = \"f\"\npasswd = {\"a,b\" = \"c\"}\n[[leaf]]",
            5,
            "no name of a user",
        ),
        (
            "[[leaf]]",
            &format!("{keys}path = \"ca.key\"\n[[leaf]]"),
            5,
            "twice",
        ),
        (
            "[[leaf]]",
            &format!("{keys}path = \"k/a.key\"\npublic = \"k\"\n[[leaf]]"),
            5,
            "folder of another",
        ),
        ("[[leaf]]", "[[leaf]", 5, ""),
    ] {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL);
        match (catalogue(&text), line) {
            (Ok(_), 0) => {}
            (Err(Error::CatalogueFile { line: found, why }), _) => {
                assert!(why.contains(words), "{to}: {why}");
                assert_eq!(found, line, "{to}: {why}");
            }
            (other, _) => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn many_leaves_are_read_by_name() {
    let mut text = SMALL.to_owned();
    for index in 0..20_000 {
        text += &format!(
            "[[leaf]]\nname = \"l{index}\"\ncommon_name = \"l\"\nusages = \"client\"\nissuer = \"ca\"\n"
        );
    }
    let catalogue = catalogue(&text).unwrap();
    assert_eq!(catalogue.leaves().len(), 20_001);
    assert_eq!(
        catalogue.leaf("l19999").unwrap().file().as_str(),
        "l19999.crt"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_example_is_a_catalogue_or_an_error_in_words(
        at in any::<prop::sample::Index>(),
        length in 0..40_usize,
        put in "[ -~\n]{0,12}",
    ) {
        let mut text = example();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.replace_range(start..end, &put);
        match catalogue(&text) {
            Ok(found) => {
                // What is read once is read again from the record.
                let json = serde_json::to_string(found.definition()).unwrap();
                let again: Definition = serde_json::from_str(&json).unwrap();
                let again = Catalogue::from_definition(again).unwrap();
                prop_assert!(again.paths().eq(found.paths()));
                for path in found.paths() {
                    prop_assert!(!path.as_str().starts_with("fips/"));
                }
                for leaf in found.leaves() {
                    prop_assert!(found.authority(&leaf.issuer).is_some());
                }
            }
            Err(Error::CatalogueFile { line, why }) => {
                prop_assert!(line <= text.lines().count() + 1 && !why.is_empty());
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn any_text_is_an_error_in_words(text in "\\PC{0,200}") {
        prop_assert!(catalogue(&text).is_err());
    }
}

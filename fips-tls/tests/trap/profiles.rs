//! Every profile that can be had, and the ceiling over all of them.

use fips_tls::{Group, NothingLeft, Profile, Scheme, Suite, Version};

/// How a public function of `Profile` comes to another profile.
pub struct Way {
    pub name: &'static str,
    /// Every profile it makes of one that is there; none where it makes none.
    pub makes: fn(&Profile) -> Vec<Profile>,
    /// Codes of groups it may add: opt-ins.
    pub adds: &'static [u16],
}

/// Those that take a profile and make another. A new one belongs here, with what it may add.
pub const WAYS: &[Way] = &[
    Way {
        name: "from_file",
        // As from_toml.
        makes: |_| Vec::new(),
        adds: &[],
    },
    Way {
        name: "from_toml",
        makes: |profile| {
            let Some(text) = profile.to_toml() else {
                return Vec::new();
            };
            // The file of the profile itself, and with the kind of the tests' keys alone.
            let lines = text.lines().map(|line| match line.split_once(" = ") {
                Some(("keys", _)) => "keys = [\"ECDSA P-384\"]",
                Some(("rsa_minimum", _)) => "",
                _ => line,
            });
            let narrow = lines.collect::<Vec<_>>().join("\n");
            [text.clone(), narrow]
                .into_iter()
                .filter_map(|text| Profile::from_toml(&text).ok())
                .collect()
        },
        adds: &[],
    },
    Way {
        name: "narrow_groups",
        makes: |profile| {
            let mut made = made(Group::ALL.map(|group| profile.clone().narrow_groups(&[group])));
            made.extend(profile.clone().narrow_groups(&Group::ALL));
            made
        },
        adds: &[],
    },
    Way {
        name: "narrow_suites",
        makes: |profile| {
            let mut made = made(Suite::ALL.map(|suite| profile.clone().narrow_suites(&[suite])));
            made.extend(profile.clone().narrow_suites(&Suite::ALL));
            made
        },
        adds: &[],
    },
    Way {
        name: "narrowed_to",
        makes: |profile| {
            let narrow = Version::ALL.map(|version| profile.clone().narrowed_to(version));
            narrow.into_iter().flatten().collect()
        },
        adds: &[],
    },
    Way {
        name: "prefer_256",
        makes: |profile| vec![profile.clone().prefer_256()],
        adds: &[],
    },
    Way {
        name: "with_hybrids",
        makes: |profile| profile.clone().with_hybrids().into_iter().collect(),
        adds: &[0x11eb, 0x11ed],
    },
    Way {
        name: "with_ml_kem",
        makes: |profile| profile.clone().with_ml_kem().into_iter().collect(),
        adds: &[0x0201, 0x0202],
    },
];

fn made(of: impl IntoIterator<Item = Result<Profile, NothingLeft>>) -> Vec<Profile> {
    of.into_iter().flatten().collect()
}

/// The profiles that have names.
pub fn named() -> Vec<Profile> {
    Profile::NAMES
        .iter()
        .map(|name| name.parse().unwrap())
        .collect()
}

/// Every profile that two ways after each other lead to.
pub fn all() -> Vec<Profile> {
    let mut all = named();
    for _ in 0..2 {
        for profile in all.clone() {
            for way in WAYS {
                for made in (way.makes)(&profile) {
                    if !all.contains(&made) {
                        all.push(made);
                    }
                }
            }
        }
    }
    all
}

pub fn suites(profile: &Profile) -> Vec<u16> {
    profile
        .suites()
        .iter()
        .map(|row| row.value.code())
        .collect()
}

pub fn groups(profile: &Profile) -> Vec<u16> {
    profile
        .groups()
        .iter()
        .map(|row| row.value.code())
        .collect()
}

pub fn schemes(profile: &Profile) -> Vec<u16> {
    profile
        .schemes()
        .iter()
        .map(|row| row.value.code())
        .collect()
}

pub fn versions(profile: &Profile) -> Vec<u16> {
    profile
        .versions()
        .iter()
        .map(|row| row.value.code())
        .collect()
}

/// Whatever a profile names is of these (SP 800-52r2 §3.1, §3.3.1; SP 800-186; FIPS 186-5).
const SUITES: [u16; 6] = [0x1301, 0x1302, 0xc02b, 0xc02c, 0xc02f, 0xc030];
const GROUPS: [u16; 3] = [23, 24, 25];
/// Opt-ins alone: ML-KEM-768 and -1024 (FIPS 203), by themselves and beside P-256 and P-384.
const OPT_INS: [u16; 4] = [0x0201, 0x0202, 0x11eb, 0x11ed];
const SCHEMES: [u16; 9] = [
    0x0401, 0x0403, 0x0501, 0x0503, 0x0601, 0x0603, 0x0804, 0x0805, 0x0806,
];
const VERSIONS: [u16; 2] = [0x0303, 0x0304];

fn is_part(part: &[u16], whole: &[u16]) -> bool {
    part.iter().all(|code| whole.contains(code))
}

#[test]
fn no_enum_of_ours_names_more_than_the_ceiling() {
    assert!(is_part(&Suite::ALL.map(Suite::code), &SUITES));
    assert!(is_part(&Scheme::ALL.map(Scheme::code), &SCHEMES));
    assert!(is_part(&Version::ALL.map(Version::code), &VERSIONS));
    let with_opt_ins = [&GROUPS[..], &OPT_INS].concat();
    assert!(is_part(&Group::ALL.map(Group::code), &with_opt_ins));
}

#[test]
fn a_profile_with_a_name_is_under_the_ceiling_and_opts_into_nothing() {
    for profile in named() {
        assert!(is_part(&suites(&profile), &SUITES), "{}", profile.name());
        assert!(is_part(&groups(&profile), &GROUPS), "{}", profile.name());
        assert!(is_part(&schemes(&profile), &SCHEMES), "{}", profile.name());
        assert!(
            is_part(&versions(&profile), &VERSIONS),
            "{}",
            profile.name()
        );
    }
}

#[test]
fn no_way_adds_anything_but_its_opt_ins() {
    for way in WAYS {
        assert!(is_part(way.adds, &OPT_INS), "{}", way.name);
        for from in all() {
            let allowed = [&groups(&from)[..], way.adds].concat();
            for to in (way.makes)(&from) {
                let case = format!("{} of {}", way.name, from.name());
                assert_eq!(to.name(), from.name(), "{case}");
                assert!(is_part(&suites(&to), &suites(&from)), "{case}");
                assert!(is_part(&groups(&to), &allowed), "{case}");
                assert!(is_part(&schemes(&to), &schemes(&from)), "{case}");
                assert!(is_part(&versions(&to), &versions(&from)), "{case}");
                assert!(
                    to.key_rules()
                        .iter()
                        .all(|rule| from.key_rules().contains(rule)),
                    "{case}"
                );
            }
        }
    }
}

//! Profiles: a name is known or an error that lists the known ones in one line; narrowing keeps a
//! part of what was there, in its order, and never nothing.

use fips_tls::{Group, Profile, Row, Suite, Version};

use crate::input::Input;
use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (strong, suites, groups, version) = (input.bit(), input.u8(), input.u8(), input.u8());
    let name = String::from_utf8_lossy(input.rest());
    let profile = match name.parse::<Profile>() {
        Ok(profile) => profile,
        Err(error) => {
            assert!(!Profile::NAMES.contains(&&*name));
            return assert_error(&error);
        }
    };
    assert_eq!(profile.name(), name);

    let all = match strong {
        true => profile.prefer_256(),
        false => profile,
    };
    let suites = chosen(&Suite::ALL, suites);
    let groups = chosen(&Group::ALL, groups);
    let narrowed = all
        .clone()
        .narrow_suites(&suites)
        .and_then(|profile| profile.narrow_groups(&groups));
    let Ok(narrowed) = narrowed else {
        let left = |rows: usize| rows == 0;
        assert!(
            left(within(all.suites(), &suites).len()) || left(within(all.groups(), &groups).len())
        );
        return;
    };
    assert_eq!(narrowed.suites(), within(all.suites(), &suites));
    assert_eq!(narrowed.groups(), within(all.groups(), &groups));
    for row in narrowed.suites() {
        let version = row.value.version();
        assert!(narrowed.versions().iter().any(|row| row.value == version));
    }
    let version = Version::ALL[usize::from(version) % Version::ALL.len()];
    if let Some(one) = narrowed.clone().narrowed_to(version) {
        assert!(
            one.suites()
                .iter()
                .all(|row| row.value.version() == version)
        );
        assert!(
            one.suites()
                .iter()
                .all(|row| narrowed.suites().contains(row))
        );
        assert!(!one.suites().is_empty());
    }
}

fn chosen<T: Copy>(all: &[T], bits: u8) -> Vec<T> {
    all.iter()
        .enumerate()
        .filter(|(index, _)| bits >> index & 1 == 1)
        .map(|(_, value)| *value)
        .collect()
}

fn within<T: Copy + PartialEq>(rows: &[Row<T>], values: &[T]) -> Vec<Row<T>> {
    rows.iter()
        .filter(|row| values.contains(&row.value))
        .copied()
        .collect()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for name in Profile::NAMES
        .iter()
        .copied()
        .chain(["SP800_52r2", "", "tls13 ", "\u{1b}[2J\n"])
    {
        for bits in [
            [0u8, 0xff, 0xff, 0],
            [1, 0x03, 0x01, 1],
            [0, 0x3c, 0x06, 1],
            [0, 0, 0xff, 0],
        ] {
            seeds.push([&bits[..], name.as_bytes()].concat());
        }
    }
    seeds
}

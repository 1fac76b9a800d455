//! Registers: numbers grow, and nothing is lost.

use fips_certs::crl::{Register, Revocation};
use fips_certs::{Clock, FixedClock};
use proptest::prelude::*;

use crate::LIST;
use crate::common::{DAY, START, path};

/// One step in the life of an authority.
#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    Back(u32),
    Issue,
    Restore,
    Revoke { serial: u8, days: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..400_u32).prop_map(Step::Advance),
        (0..400_u32).prop_map(Step::Back),
        Just(Step::Issue),
        Just(Step::Restore),
        (1..40_u8, 0..800_u16).prop_map(|(serial, days)| Step::Revoke { serial, days }),
    ]
}

proptest! {
    /// Whatever happens to clock and register, numbers grow and nothing that still lives is
    /// left out; what has ended stands on one more list.
    #[test]
    fn numbers_grow_and_nothing_is_lost(steps in prop::collection::vec(step(), 1..60)) {
        let clock = FixedClock::new(START);
        let mut register = Register::new("ca");
        let mut backup = register.clone();
        let mut last = 0;
        // Each with its end, and whether it stood on a list after that.
        let mut expected = std::collections::BTreeMap::new();
        for step in steps {
            let now = clock.now();
            match step {
                Step::Advance(days) => clock.advance(DAY * days),
                Step::Back(days) => clock.set(now - DAY * days),
                Step::Restore => {
                    // As the store does it: the list in place is taken over.
                    let number = register.number;
                    let kept = register.revocations.clone();
                    register = backup.clone();
                    for entry in kept {
                        register.add(entry);
                    }
                    register.number = register.number.max(number);
                }
                Step::Revoke { serial, days } => {
                    let not_after = now + DAY * u32::from(days);
                    let entry: Revocation = serde_json::from_value(serde_json::json!({
                        "serial": format!("{serial:02X}"),
                        "issuer_key_id": "AA",
                        "subject": null,
                        "not_after": not_after.format(&time::format_description::well_known::Rfc3339).unwrap(),
                        "revoked_at": "2026-11-22T12:00:00Z",
                        "reason": "superseded",
                        "last_list": null,
                    })).unwrap();
                    if register.add(entry) {
                        expected.insert(format!("{serial:02X}"), (not_after, false));
                    }
                }
                Step::Issue => {
                    let listed = register.next_list("AA", now).unwrap();
                    prop_assert!(register.number > last);
                    for (serial, (not_after, ended)) in &mut expected {
                        let stands = listed.iter().any(|entry| entry.serial == *serial);
                        if *not_after >= now {
                            prop_assert!(stands, "{serial}");
                            *ended = false;
                        } else {
                            prop_assert!(stands || *ended, "{serial}");
                            *ended = true;
                        }
                    }
                    prop_assert!(register.next_list("BB", now).unwrap().is_empty());
                    last = register.number;
                    backup = register.clone();
                }
            }
            let json = register.to_json().unwrap();
            prop_assert_eq!(&Register::from_json("ca", &json).unwrap(), &register);
        }
    }
}

#[test]
fn a_register_of_another_kind_is_not_read() {
    let good = String::from_utf8(Register::new("ca").to_json().unwrap()).unwrap();
    assert!(Register::from_json("ca", good.as_bytes()).is_ok());
    assert!(Register::from_json("other", good.as_bytes()).is_err());
    for (from, to) in [
        ("\"schema\": 1", "\"schema\": 2"),
        ("\"number\"", "\"numbers\""),
        ("\"number\": 0", "\"number\": -1"),
        ("\"revocations\": []", "\"revocations\": [], \"more\": 1"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(good, bad);
        assert!(Register::from_json("ca", bad.as_bytes()).is_err(), "{bad}");
    }
    assert_eq!(path(LIST).as_str(), LIST);
}

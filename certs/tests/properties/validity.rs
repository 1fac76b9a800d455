//! Validities: within the issuer's, of whole seconds, in the form RFC 5280 §4.1.2.5 gives each
//! year.

use std::time::Duration;

use fips_certs::crl::{Register, RevocationListParams};
use fips_certs::{
    Authority, AuthorityParams, BACKDATE, Certificate, Error, FixedClock, LeafParams, Subject,
    Usages,
};
use proptest::prelude::*;
use time::macros::datetime;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::{config, signer};

/// UTCTime begins, GeneralizedTime takes over, and four digits of a year end.
const EDGES: [OffsetDateTime; 3] = [
    datetime!(1950-01-01 00:00:00 UTC),
    datetime!(2050-01-01 00:00:00 UTC),
    datetime!(9999-12-31 23:59:59 UTC),
];

/// Seconds since 1970 that a certificate can be made to say.
fn is_written(second: i128) -> bool {
    let [first, _, last] = EDGES.map(|edge| i128::from(edge.unix_timestamp()));
    (first..=last).contains(&second)
}

/// What begins at `now` for `lifetime`, in seconds since 1970, within `issuer`'s: the rule of
/// [`LeafParams::signed_by`] anew, in numbers that do not overflow.
fn expected(
    now: OffsetDateTime,
    lifetime: Duration,
    issuer: Option<(i128, i128)>,
) -> Option<(i128, i128)> {
    let now = now.unix_timestamp_nanos().div_euclid(1_000_000_000);
    let (first, last) = issuer.unwrap_or((i128::MIN, i128::MAX));
    let (begin, end) = (
        now - i128::from(BACKDATE.as_secs()),
        now + i128::from(lifetime.as_secs()),
    );
    // A date that cannot be had is refused, also where the issuer's would be taken instead.
    let had = is_written(now) && end <= i128::from(EDGES[2].unix_timestamp());
    let (begin, end) = (begin.max(first), end.min(last));
    (had && is_written(begin) && begin <= now && now < end).then_some((begin, end))
}

fn seconds(certificate: &Certificate) -> (i128, i128) {
    let second = |moment: OffsetDateTime| {
        assert_eq!(moment.nanosecond(), 0);
        i128::from(moment.unix_timestamp())
    };
    (
        second(certificate.not_before()),
        second(certificate.not_after()),
    )
}

/// A moment as RFC 5280 §4.1.2.5 has it written: UTCTime through 2049, GeneralizedTime from 2050
/// on, both with seconds and `Z`.
fn encoded(second: i128) -> Vec<u8> {
    let moment = OffsetDateTime::from_unix_timestamp(second.try_into().unwrap()).unwrap();
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    let rest = format!(
        "{:02}{day:02}{hour:02}{minute:02}{second:02}Z",
        u8::from(month)
    );
    let (tag, text) = match year {
        1950..=2049 => (0x17, format!("{:02}{rest}", year % 100)),
        _ => (0x18, format!("{year:04}{rest}")),
    };
    [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// That the certificate says these seconds, and how.
fn says(certificate: &Certificate, validity: (i128, i128)) -> Result<(), TestCaseError> {
    prop_assert_eq!(seconds(certificate), validity);
    let dates = [encoded(validity.0), encoded(validity.1)].concat();
    let whole = [&[0x30, u8::try_from(dates.len()).unwrap()], &dates[..]].concat();
    let der: &[u8] = certificate.der();
    prop_assert!(der.windows(whole.len()).any(|bytes| bytes == whole));
    Ok(())
}

/// Any moment that can be represented, most near an edge: also one whose UTC cannot.
fn moment() -> impl Strategy<Value = OffsetDateTime> {
    let near = (prop::sample::select(&EDGES[..]), -1000_i64..1000)
        .prop_filter_map("no such moment", |(edge, by)| {
            edge.checked_add(time::Duration::seconds(by))
        });
    let usual = (0..4_102_444_800_i64)
        .prop_map(|second| OffsetDateTime::from_unix_timestamp(second).unwrap());
    let any = (PrimitiveDateTime::MIN.assume_utc().unix_timestamp()
        ..=PrimitiveDateTime::MAX.assume_utc().unix_timestamp(),)
        .prop_map(|(second,)| OffsetDateTime::from_unix_timestamp(second).unwrap());
    let moment = prop_oneof![3 => near, 4 => usual, 1 => any];
    let offset = prop_oneof![3 => Just(0), 1 => -90_000_i32..90_000];
    (moment, 0..1_000_000_000_u32, offset).prop_map(|(moment, nanosecond, offset)| {
        let local = PrimitiveDateTime::new(moment.date(), moment.time());
        let offset = UtcOffset::from_whole_seconds(offset).unwrap();
        local
            .replace_nanosecond(nanosecond)
            .unwrap()
            .assume_offset(offset)
    })
}

fn lifetime() -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => (0..2_u64, 0..1_000_000_000_u32).prop_map(|(whole, part)| Duration::new(whole, part)),
        3 => (1..2000_u64).prop_map(Duration::from_secs),
        6 => (1..1_000_000_000_u64, 0..1_000_000_000_u32).prop_map(|(whole, part)| Duration::new(whole, part)),
        1 => any::<u64>().prop_map(Duration::from_secs),
        1 => Just(Duration::MAX),
        1 => Just(Duration::from_secs(i64::MAX.unsigned_abs())),
    ]
}

fn root(now: OffsetDateTime, lifetime: Duration) -> Result<Authority, Error> {
    AuthorityParams::new(Subject::new("root").unwrap(), lifetime)
        .with_path_length(1)
        .self_signed(signer(), &FixedClock::new(now))
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> Result<(), TestCaseError> {
    prop_assert!(matches!(answer, Err(Error::Authority { .. })), "{answer:?}");
    Ok(())
}

/// A moment near the beginning, the end or the middle of `validity`.
fn within(validity: (i128, i128), part: u8, by: i64, nanosecond: u32) -> Option<OffsetDateTime> {
    let near = match part {
        0 => validity.0,
        1 => validity.1,
        _ => i128::midpoint(validity.0, validity.1),
    };
    let second = i64::try_from(near + i128::from(by)).ok()?;
    let moment = OffsetDateTime::from_unix_timestamp(second).ok()?;
    moment.replace_nanosecond(nanosecond).ok()
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn a_root_says_its_lifetime_or_is_refused(now in moment(), lifetime in lifetime()) {
        let made = root(now, lifetime);
        match expected(now, lifetime, None) {
            Some(validity) => says(made.unwrap().certificate(), validity)?,
            None => refused(made)?,
        }
    }

    /// Whatever the clock says when it is issued, a leaf neither begins before its issuer nor
    /// ends after it; nor does a list.
    #[test]
    fn nothing_is_valid_outside_of_its_issuer(
        (made, lives) in (moment(), lifetime()).prop_filter("no root", |(now, lifetime)| {
            expected(*now, *lifetime, None).is_some()
        }),
        (part, by, nanosecond) in (0..3_u8, -400_i64..400, 0..1_000_000_000_u32),
        lifetime in lifetime(),
    ) {
        let root = root(made, lives).unwrap();
        let issuer = seconds(root.certificate());
        let now = within(issuer, part, by, nanosecond);
        prop_assume!(now.is_some());
        let now = now.unwrap();
        let clock = FixedClock::new(now);

        let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::Client, lifetime)
            .signed_by(&*signer(), &root, &clock);
        let list = RevocationListParams::default()
            .with_lifetime(lifetime)
            .signed_by(&mut Register::new("root"), &root, &clock);
        let Some(validity) = expected(now, lifetime, Some(issuer)) else {
            refused(leaf)?;
            return refused(list);
        };
        let leaf = leaf.unwrap();
        says(&leaf, validity)?;
        let found = seconds(&leaf);
        prop_assert!(issuer.0 <= found.0 && found.0 < found.1 && found.1 <= issuer.1);
        let list = list.unwrap();
        let of = |moment: OffsetDateTime| i128::from(moment.unix_timestamp());
        prop_assert_eq!((of(list.this_update()), of(list.next_update().unwrap())), validity);
    }

    /// A cross-certificate ends with the first of the two authorities, to the second.
    #[test]
    fn a_cross_certificate_lies_within_both(
        starts in [0..5_i64, 0..5],
        lives in [1000..1005_u64, 1000..1005],
        (part, by, nanosecond) in (0..3_u8, -10_i64..10, 0..1_000_000_000_u32),
    ) {
        let start = datetime!(2049-12-31 23:55:00 UTC);
        let made = |at: usize| {
            root(start + time::Duration::seconds(starts[at]), Duration::from_secs(lives[at])).unwrap()
        };
        let (one, other) = (made(0), made(1));
        let of = |authority: &Authority| seconds(authority.certificate());
        let both = (of(&one).0.max(of(&other).0), of(&one).1.min(of(&other).1));
        let now = within(both, part, by, nanosecond).unwrap();
        let cross = one.cross_sign(other.certificate(), &FixedClock::new(now));
        if (both.0..both.1).contains(&i128::from(now.unix_timestamp())) {
            let begin = both.0.max(i128::from((now - BACKDATE).unix_timestamp()));
            says(&cross.unwrap(), (begin, both.1))?;
        } else {
            refused(cross)?;
        }
    }
}

#[test]
fn a_lifetime_below_a_second_is_empty() {
    let now = datetime!(2026-11-22 12:00:00 UTC);
    let refused = root(now, Duration::from_millis(999));
    assert!(matches!(refused, Err(Error::Authority { .. })));
    let made = root(now, Duration::from_millis(1999)).unwrap();
    assert_eq!(made.certificate().not_after(), now + Duration::from_secs(1));
}

#[test]
fn a_clock_whose_utc_cannot_be_represented_is_refused() {
    for now in [
        PrimitiveDateTime::MAX.assume_offset(UtcOffset::from_whole_seconds(-1).unwrap()),
        PrimitiveDateTime::MIN.assume_offset(UtcOffset::from_whole_seconds(1).unwrap()),
    ] {
        let refused = root(now, Duration::from_secs(60));
        assert!(matches!(refused, Err(Error::Authority { .. })), "{now}");
    }
}

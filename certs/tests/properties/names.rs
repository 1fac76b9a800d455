//! Names: what is taken is what is written, shown and read.

use std::net::IpAddr;
use std::sync::LazyLock;

use fips_certs::{
    Authority, AuthorityParams, Certificate, LeafParams, Subject, SubjectAltName, Usages,
};
use proptest::prelude::*;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Name;

use crate::common::{DAY, clock, diagnostic};
use crate::{config, signer};

static ROOT: LazyLock<Authority> = LazyLock::new(|| {
    AuthorityParams::new(Subject::new("root").unwrap(), DAY * 30)
        .self_signed(signer(), &clock())
        .unwrap()
});

/// RFC 1123 §2.1 and RFC 1035 §2.3.4; an underscore as verifiers take it; no last label that
/// reads as the end of an address.
fn is_dns_name(text: &str) -> bool {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap().to_ascii_lowercase();
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.len() <= 253 && host.split('.').all(label) && !number
}

/// Names, and what is nearly one.
fn host() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        8 => "[a-zA-Z0-9]([a-zA-Z0-9_-]{0,4}[a-zA-Z0-9])?",
        2 => "[a-z]{60,66}",
        1 => "[a-z0-9_-]{0,3}",
        1 => "0[xX][0-9a-fA-F]{0,2}",
        1 => "[0-9]{1,3}",
        1 => "[a-z]{0,2}(\0|\n|\x1b|\x7f| |\\*|:|/|@|é|ı|。)[a-z]{0,2}",
    ];
    let labels = prop_oneof![
        prop::collection::vec(label, 1..5),
        // About the 253 bytes that all of it may have.
        prop::collection::vec("[a-z]{60,63}", 4..5),
    ];
    let before = prop_oneof![4 => Just(""), 2 => Just("*."), 1 => Just("."), 1 => Just("*.*.")];
    let after = prop_oneof![8 => Just(""), 1 => Just("."), 1 => Just("..")];
    (before, labels, after)
        .prop_map(|(before, labels, after)| format!("{before}{}{after}", labels.join(".")))
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        // Of the same text but for the two halves: mapped, and with zeros to be cut.
        any::<[u8; 4]>().prop_map(|v4| std::net::Ipv4Addr::from(v4).to_ipv6_mapped().into()),
        any::<[u16; 2]>().prop_map(|[a, b]| IpAddr::from([a, 0, 0, b, 0, 0, 0, 0])),
    ]
}

fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-z0-9+.-]{0,4}://[!-~]{1,20}",
        "[a-z0-9+_]{0,3}:/{0,3}[!-~]{0,4}( |\0|é)?",
    ]
}

/// What is taken as an alternative name.
fn name() -> impl Strategy<Value = SubjectAltName> {
    prop_oneof![
        host().prop_filter_map("no DNS name", |text| SubjectAltName::dns(text).ok()),
        address().prop_map(SubjectAltName::Ip),
        uri().prop_filter_map("no URI", |text| SubjectAltName::uri(text).ok()),
    ]
}

/// Text for a subject: what RFC 4514 escapes, what breaks a line, anything.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ #,+\"\\\\<>;=a\u{e9}\u{202e}\u{2028}\u{feff}\u{1f600}]{0,8}",
        "[a-z:]{0,3}(\0|\n|\x1b|\u{85}|\x7f)?[a-z]{0,3}",
        "[a-z\u{e9}]{62,66}",
        any::<String>(),
    ]
}

fn subject() -> impl Strategy<Value = Subject> {
    let attribute =
        || text().prop_filter("no attribute", |text| Subject::new(text.as_str()).is_ok());
    (attribute(), prop::option::of(attribute())).prop_map(|(name, organization)| {
        let subject = Subject::new(name).unwrap();
        match organization {
            Some(organization) => subject.with_organization(organization).unwrap(),
            None => subject,
        }
    })
}

/// Reads a name by the grammar of RFC 4514 §3, strictly: types and values in their order, `None`
/// for what the grammar does not have.
fn read_rfc4514(name: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = name.as_bytes();
    loop {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let kind = String::from_utf8(rest[..equals].to_vec()).ok()?;
        rest = &rest[equals + 1..];
        // Each byte, and whether it stands there unescaped.
        let mut value = Vec::new();
        loop {
            match *rest {
                [] | [b',', ..] => break,
                [b'\\', byte, ..] if b" \"#+,;<=>\\".contains(&byte) => {
                    value.push((byte, false));
                    rest = &rest[2..];
                }
                [b'\\', high, low, ..] => {
                    let pair = [high, low];
                    let byte = u8::from_str_radix(str::from_utf8(&pair).ok()?, 16).ok()?;
                    value.push((byte, false));
                    rest = &rest[3..];
                }
                [byte, ..] => {
                    // SUTF1: everything but NUL and what has to be escaped.
                    if b"\0\"+;<>\\".contains(&byte) {
                        return None;
                    }
                    value.push((byte, true));
                    rest = &rest[1..];
                }
            }
        }
        // LUTF1 and TUTF1: neither begins or ends with a bare space, nor begins with a bare `#`.
        let bare = |found: Option<&(u8, bool)>, bytes: &[u8]| {
            found.is_some_and(|(byte, bare)| *bare && bytes.contains(byte))
        };
        if bare(value.first(), b" #") || bare(value.last(), b" ") {
            return None;
        }
        let value = value.into_iter().map(|(byte, _)| byte).collect();
        found.push((kind, String::from_utf8(value).ok()?));
        match rest {
            [] => return Some(found),
            _ => rest = &rest[1..],
        }
    }
}

/// The attributes of a name as x509-parser has them: each alone in its RDN, in their order.
fn attributes(name: &X509Name<'_>) -> Vec<(String, String)> {
    name.iter_rdn()
        .map(|relative| {
            let mut attributes = relative.iter();
            let (one, none) = (attributes.next().unwrap(), attributes.next());
            assert!(none.is_none());
            (
                one.attr_type().to_id_string(),
                one.as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

/// The alternative names as they stand in the certificate.
fn alternative_names(der: &[u8]) -> Vec<SubjectAltName> {
    let (_, x509) = x509_parser::parse_x509_certificate(der).unwrap();
    let Some(found) = x509.subject_alternative_name().unwrap() else {
        return Vec::new();
    };
    let read = |name: &GeneralName<'_>| match *name {
        GeneralName::DNSName(name) => SubjectAltName::Dns(name.to_owned()),
        GeneralName::URI(name) => SubjectAltName::Uri(name.to_owned()),
        GeneralName::IPAddress(bytes) => SubjectAltName::Ip(match bytes.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).unwrap()),
            _ => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
        }),
        ref other => panic!("{other:?}"),
    };
    found.value.general_names.iter().map(read).collect()
}

/// Shown and read again, as text and as JSON.
fn again(name: &SubjectAltName) -> Result<(), TestCaseError> {
    prop_assert_eq!(&name.to_string().parse::<SubjectAltName>().unwrap(), name);
    let json = serde_json::to_string(name).unwrap();
    prop_assert_eq!(
        &serde_json::from_str::<SubjectAltName>(&json).unwrap(),
        name
    );
    Ok(())
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn what_is_no_dns_name_is_refused_and_what_is_one_is_kept(text in host()) {
        match SubjectAltName::dns(text.as_str()) {
            Ok(name) => {
                prop_assert!(is_dns_name(&text), "{text:?}");
                prop_assert_eq!(name.to_string(), text.to_ascii_lowercase());
                again(&name)?;
            }
            Err(_) => prop_assert!(!is_dns_name(&text), "{text:?}"),
        }
    }

    #[test]
    fn an_alternative_name_is_read_as_it_is_shown(
        text in prop_oneof![host(), uri(), address().prop_map(|ip| ip.to_string()), any::<String>()],
    ) {
        let taken = [SubjectAltName::dns(text.as_str()), SubjectAltName::uri(text.as_str())];
        for name in taken.into_iter().flatten() {
            again(&name)?;
        }
        if let Ok(name) = text.parse::<SubjectAltName>() {
            prop_assert!(text.is_ascii() && !text.contains(|c: char| c.is_control() || c == ' '));
            again(&name)?;
        }
    }

    #[test]
    fn an_address_is_one_and_no_dns_name(address in address()) {
        let name = SubjectAltName::Ip(address);
        again(&name)?;
        prop_assert!(SubjectAltName::dns(address.to_string()).is_err());
        let wildcard = format!("*.{address}");
        prop_assert!(SubjectAltName::dns(wildcard).is_err());
    }

    #[test]
    fn a_subject_is_bounded_text(text in text()) {
        // RFC 5280, appendix A.1: ub-common-name and ub-organization-name are 64.
        let good = (1..=64).contains(&text.chars().count()) && !text.contains(char::is_control);
        prop_assert_eq!(Subject::new(text.as_str()).is_ok(), good);
        let organization = Subject::new("a").unwrap().with_organization(text.as_str());
        prop_assert_eq!(organization.is_ok(), good);
    }

    /// So no two subjects are shown alike.
    #[test]
    fn a_subject_as_text_is_read_as_the_same(subject in subject()) {
        let shown = subject.to_string();
        let mut expected = vec![("CN".to_owned(), subject.common_name().to_owned())];
        expected.extend(subject.organization().map(|text| ("O".to_owned(), text.to_owned())));
        prop_assert_eq!(read_rfc4514(&shown), Some(expected), "{}", shown);
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn what_was_taken_stands_in_the_certificate(
        subject in subject(),
        names in prop::collection::vec(name(), 0..4),
    ) {
        let mut expected: Vec<SubjectAltName> = Vec::new();
        for name in &names {
            if !expected.contains(name) {
                expected.push(name.clone());
            }
        }
        let leaf = LeafParams::new(subject.clone(), Usages::Client, DAY)
            .with_names(names)
            .signed_by(&*signer(), &ROOT, &clock())
            .unwrap();
        let (_, x509) = x509_parser::parse_x509_certificate(leaf.der()).unwrap();
        let organization = subject.organization().map(|text| ("2.5.4.10".to_owned(), text.to_owned()));
        let written: Vec<_> = organization
            .into_iter()
            .chain([("2.5.4.3".to_owned(), subject.common_name().to_owned())])
            .collect();
        prop_assert_eq!(attributes(x509.subject()), written);
        prop_assert_eq!(alternative_names(leaf.der()), expected.clone());

        let read = Certificate::from_der(leaf.der()).unwrap();
        prop_assert_eq!(read.subject(), subject.to_string());
        let shown: Vec<String> = expected.iter().map(ToString::to_string).collect();
        prop_assert_eq!(read.describe(&diagnostic()).unwrap().names, shown);
    }
}

#[test]
fn the_wildcard_counts_among_the_253_bytes_of_a_name() {
    // RFC 1035 §2.3.4: 255 octets on the wire are 253 as text.
    let name = |last: usize| {
        [63, 63, 63, last]
            .map(|length| "a".repeat(length))
            .join(".")
    };
    for (last, plain, wild) in [(59, true, true), (60, true, false), (62, false, false)] {
        assert_eq!(SubjectAltName::dns(name(last)).is_ok(), plain, "{last}");
        let wildcard = SubjectAltName::dns(format!("*.{}", name(last)));
        assert_eq!(wildcard.is_ok(), wild, "{last}");
    }
}

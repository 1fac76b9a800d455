//! Rules about peers: what holds for a leaf is what a second reading of its names says, and
//! nothing of another kind, of two, or unreadable holds. Their texts are taken or refused in one
//! line.

use fips_tls::{Authorization, PeerIdentity, PeerRule, SpiffeId, TrustDomain};
use rustls_pki_types::CertificateDer;

use crate::fixtures::{chain, element, inside, tlv};
use crate::input::{Input, piece};
use crate::text::{assert_error, assert_one_line};

const OBJECT: u8 = 0x06;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8: u8 = 0x0c;
/// Context-specific tags of general names: an e-mail address, a host, a resource, an address.
const TAGS: [u8; 4] = [0x81, 0x82, 0x86, 0x87];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.u8() % 3 {
        0 => text(input.rest()),
        1 => spiffe(&String::from_utf8_lossy(input.rest())),
        _ => leaf(&mut input),
    }
}

/// A file of rules of anybody.
fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let rules = match Authorization::from_toml(&text) {
        Ok(rules) => rules,
        Err(error) => return assert_error(&error),
    };
    assert!(!rules.rules().is_empty());
    for name in ["client.pem", "server.pem", "ca.pem", "odd-name.pem"] {
        let peer = PeerIdentity::from_certificate(&chain(name)[0]).expect("fixtures parse");
        match rules.judge(&peer) {
            Ok(()) => assert!(!peer.is_authority()),
            Err(error) => assert_error(&error),
        }
    }
}

/// An ID by a reading of its own: characters and places alone.
fn spiffe(text: &str) {
    let expected = (|| {
        let (domain, path) = text.strip_prefix("spiffe://")?.split_once('/')?;
        let word = |word: &str, capitals: bool| {
            let allowed = |c: char| {
                c.is_ascii_digit()
                    || c.is_ascii_lowercase()
                    || capitals && c.is_ascii_uppercase()
                    || "._-".contains(c)
            };
            !word.is_empty() && word.chars().all(allowed)
        };
        let segments = path
            .split('/')
            .all(|one| word(one, true) && one != "." && one != "..");
        (word(domain, false) && domain.len() < 256 && segments && text.len() <= 2048)
            .then_some((domain, path))
    })();
    match SpiffeId::new(text) {
        Ok(id) => {
            let (domain, path) = expected.expect("it is none");
            assert_eq!(id.as_str(), text);
            assert_eq!(
                (id.trust_domain(), id.path()),
                (domain, &*format!("/{path}"))
            );
            assert!(id.is_of(&TrustDomain::new(domain).expect("it is one")));
        }
        Err(error) => {
            assert_eq!(expected, None);
            assert_error(&error);
        }
    }
}

/// A leaf of any names, and a rule about one of them.
fn leaf(input: &mut Input<'_>) {
    let (mut subject, mut names, mut common_names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut organizations, mut alternatives) = (Vec::new(), Vec::new());
    for _ in 0..input.u8() % 3 {
        let (is_common, value) = (input.bit(), input.piece());
        let oid = if is_common { COMMON_NAME } else { ORGANIZATION };
        if is_common {
            &mut common_names
        } else {
            &mut organizations
        }
        .push(value);
        let attribute = [tlv(OBJECT, oid), tlv(UTF8, value)].concat();
        subject.extend(tlv(SET, &tlv(SEQUENCE, &attribute)));
    }
    for _ in 0..input.u8() % 4 {
        let (tag, value) = (*input.choose(&TAGS), input.piece());
        alternatives.push((tag, value));
        names.extend(tlv(tag, value));
    }
    let der = CertificateDer::from(certificate(
        &tlv(SEQUENCE, &subject),
        &tlv(SEQUENCE, &names),
    ));
    let peer = match PeerIdentity::from_certificate(&der) {
        Ok(peer) => peer,
        Err(error) => return assert_error(&error),
    };
    let kind = input.u8() % 6;
    let wanted = String::from_utf8_lossy(input.rest());
    let visible = |value: &[u8]| value.iter().all(u8::is_ascii_graphic);
    let shown = |tag: u8| {
        let of_tag = alternatives.iter().filter(move |one| one.0 == tag);
        of_tag.map(|one| one.1).collect::<Vec<_>>()
    };
    let (rule, expected) = match kind {
        0 => (
            PeerRule::new().with_common_name(&*wanted),
            common_names[..] == [wanted.as_bytes()],
        ),
        1 => (
            PeerRule::new().with_organization(&*wanted),
            organizations.contains(&wanted.as_bytes()),
        ),
        2 => (
            PeerRule::new().with_dns_name(&*wanted),
            shown(0x82)
                .iter()
                .any(|name| visible(name) && name.eq_ignore_ascii_case(wanted.as_bytes())),
        ),
        3 => (
            PeerRule::new().with_uri(&*wanted),
            shown(0x86)
                .iter()
                .any(|uri| visible(uri) && *uri == wanted.as_bytes()),
        ),
        4 => (
            PeerRule::new().with_subject(&*wanted),
            peer.subject() == wanted,
        ),
        _ => {
            let Ok(id) = SpiffeId::new(&*wanted) else {
                return;
            };
            let expected = shown(0x86)[..] == [wanted.as_bytes()];
            (PeerRule::new().with_spiffe_id(id), expected)
        }
    };
    match Authorization::any_of([rule]) {
        Ok(rules) => {
            assert_one_line(&rules.to_string());
            match rules.judge(&peer) {
                Ok(()) => assert!(expected, "{peer:?}: {rules}"),
                Err(error) => {
                    assert!(!expected, "{error}");
                    assert_error(&error);
                }
            }
        }
        Err(error) => assert_error(&error),
    }
}

/// A genuine certificate with another subject, and these alternative names as its one extension.
fn certificate(subject: &[u8], names: &[u8]) -> Vec<u8> {
    let der = &chain("client.pem")[0];
    let (mut rest, mut fields) = (inside(der, &[(SEQUENCE, 0), (SEQUENCE, 0)]), Vec::new());
    while !rest.is_empty() {
        let (tag, content, after) = element(rest);
        fields.push(tlv(tag, content));
        rest = after;
    }
    // Version, serial, algorithm, issuer, validity, subject, key, extensions.
    fields.truncate(7);
    fields[5] = subject.to_vec();
    let extension = [tlv(OBJECT, &[0x55, 0x1d, 0x11]), tlv(OCTETS, names)].concat();
    fields.push(tlv(0xa3, &tlv(SEQUENCE, &tlv(SEQUENCE, &extension))));
    let tbs = tlv(SEQUENCE, &fields.concat());
    let (_, _, after) = element(inside(der, &[(SEQUENCE, 0)]));
    tlv(SEQUENCE, &[&tbs, after].concat())
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for text in [
        "[[allow]]\ncommon_name = \"fuzz client\"\norganization = \"b\"\n",
        "[[allow]]\nsubject = \"CN=a,O=b\"\n[[allow]]\ndns_name = \"server.test\"\n",
        "[[allow]]\nip = \"10.0.0.1\"\nuri = \"https://a\"\n",
        "[[allow]]\nspiffe_id = \"spiffe://a/b\"\n[[allow]]\nspiffe_trust_domain = \"a\"\n",
        "[[allow]]\n",
        "allow = [{ common_name = \"\\u001b\" }]",
    ] {
        seeds.push([&[0], text.as_bytes()].concat());
    }
    for id in [
        "spiffe://a.b-c_1/D/e",
        "spiffe://a/../b",
        "spiffe://A/b",
        "spiffe://a@b:1/c?d#e",
    ] {
        seeds.push([&[1], id.as_bytes()].concat());
    }
    let leaf = |attributes: &[(u8, &str)], names: &[(u8, &str)], kind: u8, wanted: &str| {
        let mut seed = vec![2, attributes.len() as u8];
        for (is_common, value) in attributes {
            seed.push(*is_common);
            seed.extend(piece(value.as_bytes()));
        }
        seed.push(names.len() as u8);
        for (tag, value) in names {
            seed.push(*tag);
            seed.extend(piece(value.as_bytes()));
        }
        seed.push(kind);
        seed.extend(wanted.as_bytes());
        seed
    };
    for (kind, wanted) in [(0, "a"), (1, "o"), (4, "O=o,CN=a"), (4, "CN=a, O=o")] {
        seeds.push(leaf(&[(1, "a"), (0, "o")], &[], kind, wanted));
    }
    seeds.push(leaf(&[(1, "a"), (1, "b")], &[], 0, "a"));
    seeds.push(leaf(&[(1, "a\0")], &[], 0, "a"));
    for (kind, wanted) in [
        (2, "a.test"),
        (2, "*.test"),
        (3, "https://a.test/"),
        (5, "spiffe://a/b"),
    ] {
        for tag in 0..4 {
            seeds.push(leaf(&[], &[(tag, wanted)], kind, wanted));
            seeds.push(leaf(
                &[],
                &[(tag, wanted), (2, "spiffe://a/c")],
                kind,
                wanted,
            ));
        }
    }
    seeds
}

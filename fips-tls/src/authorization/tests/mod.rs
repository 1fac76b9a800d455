//! Rules against leaves that come near them. These are signed by nobody: who is believed is for
//! handshakes to say (`tests/authorization.rs`).

mod written;

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, KeyUsagePurpose, SanType};
use rustls::pki_types::CertificateDer;
use x509_parser::der_parser::asn1_rs::{Any, FromDer, ToDer};

use super::*;
use crate::certificate::tests::{NoKey, params};
use crate::name::tests::{BMP, COMMON_NAME, ORGANIZATIONAL_UNIT, UTF8, name as subject, tlv};

const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const DOMAIN_COMPONENT: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];
const IA5: u8 = 0x16;
const PRINTABLE: u8 = 0x13;
const T61: u8 = 0x14;
const UNIVERSAL: u8 = 0x1c;

const NODE: &[u8] = b"system:node:a";

fn read(der: &CertificateDer<'_>) -> PeerIdentity {
    PeerIdentity::from_certificate(der).unwrap()
}

fn leaf(change: impl FnOnce(&mut CertificateParams)) -> PeerIdentity {
    let mut params = params("a common name", None);
    change(&mut params);
    read(params.self_signed(&NoKey).unwrap().der())
}

/// A leaf of these alternative names.
fn known_as(names: &[SanType]) -> PeerIdentity {
    leaf(|params| params.subject_alt_names = names.to_vec())
}

/// A leaf of one alternative name with this tag and these bytes, and a second one.
fn odd(names: &[(u8, &[u8])]) -> PeerIdentity {
    let names: Vec<u8> = names
        .iter()
        .flat_map(|(tag, bytes)| tlv(*tag, bytes))
        .collect();
    leaf(|params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(
            &[2, 5, 29, 17],
            tlv(0x30, &names),
        )];
    })
}

/// A leaf whose subject is these bytes.
fn called(subject: &[u8]) -> PeerIdentity {
    let plain = params("plain", None).self_signed(&NoKey).unwrap();
    let (_, outer) = Any::from_der(plain.der()).unwrap();
    let (after, inner) = Any::from_der(outer.data).unwrap();
    let (mut rest, mut fields) = (inner.data, Vec::new());
    while !rest.is_empty() {
        let (next, field) = Any::from_der(rest).unwrap();
        rest = next;
        fields.push(field.to_der_vec().unwrap());
    }
    // Version, serial, algorithm, issuer, validity, subject.
    fields[5] = subject.to_vec();
    let tbs = tlv(0x30, &fields.concat());
    read(&tlv(0x30, &[&tbs, after].concat()).into())
}

/// A leaf with these attributes, each in a set of its own.
fn named(attributes: &[(&[u8], u8, &[u8])]) -> PeerIdentity {
    called(&subject(attributes))
}

fn only(rule: PeerRule) -> Authorization {
    Authorization::any_of([rule]).unwrap()
}

#[track_caller]
fn admits(rule: &PeerRule, peer: &PeerIdentity) {
    assert_eq!(only(rule.clone()).judge(peer), Ok(()), "{rule}");
}

#[track_caller]
fn refuses(rule: &PeerRule, peer: &PeerIdentity) {
    let refused = only(rule.clone()).judge(peer).unwrap_err();
    assert!(
        matches!(refused.reason, NotAuthorizedReason::NoRule { .. }),
        "{refused}"
    );
}

#[test]
fn a_common_name_is_the_only_one_and_the_same_text() {
    let rule = PeerRule::new().with_common_name("system:node:a");
    for tag in [UTF8, PRINTABLE, IA5] {
        admits(&rule, &named(&[(COMMON_NAME, tag, NODE)]));
    }
    let other: &[(&[u8], u8, &[u8])] = &[(ORGANIZATION, UTF8, b"x"), (COMMON_NAME, UTF8, NODE)];
    admits(&rule, &named(other));
    for near in [
        &b"system:node:A"[..],
        b"System:node:a",
        b"system:node:a\0",
        b"system:node:a\0.evil.test",
        b"system:node:a ",
        b" system:node:a",
        b"system:node:a\n",
        b"system:node:ab",
        b"xsystem:node:a",
        b"system:node:",
        b"system:node:*",
        b"*",
        b"",
        // Cyrillic, full width, composed, joined without being seen.
        "system:node:\u{430}".as_bytes(),
        "system:node:\u{ff41}".as_bytes(),
        "system:node:a\u{301}".as_bytes(),
        "system:node:\u{200d}a".as_bytes(),
        b"system:node:a,O=system:masters",
        b"CN=system:node:a",
    ] {
        refuses(&rule, &named(&[(COMMON_NAME, UTF8, near)]));
    }
    // Not of the types that are read as text, and one that only has the number of such a type.
    let wide: Vec<u8> = NODE.iter().flat_map(|byte| [0, *byte]).collect();
    let wider: Vec<u8> = NODE.iter().flat_map(|byte| [0, 0, 0, *byte]).collect();
    for (tag, value) in [
        (BMP, &wide[..]),
        (UNIVERSAL, &wider),
        (T61, NODE),
        (0x80 | UTF8, NODE),
        (0x04, NODE),
    ] {
        refuses(&rule, &named(&[(COMMON_NAME, tag, value)]));
    }
    // The same text elsewhere.
    for kind in [ORGANIZATION, ORGANIZATIONAL_UNIT, DOMAIN_COMPONENT] {
        refuses(&rule, &named(&[(kind, UTF8, NODE)]));
    }
    refuses(
        &rule,
        &known_as(&[SanType::DnsName("system-node-a".try_into().unwrap())]),
    );
}

#[test]
fn of_two_common_names_none_counts() {
    let rule = PeerRule::new().with_common_name("system:node:a");
    for others in [
        [(UTF8, NODE), (UTF8, &b"admin"[..])],
        [(UTF8, b"admin"), (UTF8, NODE)],
        [(UTF8, NODE), (UTF8, NODE)],
        [(UTF8, NODE), (BMP, b"\0a")],
        [(T61, b"a"), (UTF8, NODE)],
    ] {
        let attributes = others.map(|(tag, value)| (COMMON_NAME, tag, value));
        refuses(&rule, &named(&attributes));
        // In one relative name.
        let attributes: Vec<u8> = attributes
            .iter()
            .flat_map(|(oid, tag, value)| tlv(0x30, &[tlv(0x06, oid), tlv(*tag, value)].concat()))
            .collect();
        refuses(&rule, &called(&tlv(0x30, &tlv(0x31, &attributes))));
    }
}

#[test]
fn an_organization_is_one_of_those_that_are_text() {
    let rule = PeerRule::new().with_organization("system:masters");
    let masters: (&[u8], u8, &[u8]) = (ORGANIZATION, UTF8, b"system:masters");
    admits(&rule, &named(&[masters]));
    admits(
        &rule,
        &named(&[
            masters,
            (ORGANIZATION, UTF8, b"x"),
            (COMMON_NAME, UTF8, b"y"),
        ]),
    );
    admits(&rule, &named(&[(ORGANIZATION, BMP, b"\0a"), masters]));
    let pair = |oid: &[u8], value: &[u8]| tlv(0x30, &[tlv(0x06, oid), tlv(UTF8, value)].concat());
    let together = [
        pair(ORGANIZATION, b"x"),
        pair(ORGANIZATION, b"system:masters"),
    ]
    .concat();
    admits(&rule, &called(&tlv(0x30, &tlv(0x31, &together))));
    for (oid, tag, value) in [
        (ORGANIZATION, UTF8, &b"system:master"[..]),
        (ORGANIZATION, UTF8, b"system:masters\0"),
        (ORGANIZATION, UTF8, b"x,O=system:masters"),
        (ORGANIZATION, UTF8, b"x+O=system:masters"),
        (ORGANIZATION, T61, b"system:masters"),
        (ORGANIZATION, 0x80 | UTF8, b"system:masters"),
        (ORGANIZATIONAL_UNIT, UTF8, b"system:masters"),
        (COMMON_NAME, UTF8, b"system:masters"),
        (COMMON_NAME, UTF8, b"O=system:masters"),
    ] {
        refuses(&rule, &named(&[(oid, tag, value)]));
    }
    // Split over two.
    refuses(
        &rule,
        &named(&[
            (ORGANIZATION, UTF8, b"system:"),
            (ORGANIZATION, UTF8, b"masters"),
        ]),
    );
    let both = PeerRule::new()
        .with_organization("system:masters")
        .with_organization("x");
    admits(&both, &named(&[(ORGANIZATION, UTF8, b"x"), masters]));
    refuses(&both, &named(&[masters]));
}

#[test]
fn every_part_of_a_rule_and_one_rule_of_many() {
    let node = PeerRule::new()
        .with_common_name("system:node:a")
        .with_organization("system:nodes");
    let nodes: (&[u8], u8, &[u8]) = (ORGANIZATION, UTF8, b"system:nodes");
    admits(&node, &named(&[nodes, (COMMON_NAME, UTF8, NODE)]));
    refuses(&node, &named(&[nodes]));
    refuses(
        &node,
        &named(&[nodes, (COMMON_NAME, UTF8, b"system:node:b")]),
    );
    refuses(&node, &named(&[(COMMON_NAME, UTF8, NODE)]));

    let either = Authorization::any_of([node, PeerRule::new().with_common_name("admin")]).unwrap();
    either
        .judge(&named(&[(COMMON_NAME, UTF8, b"admin")]))
        .unwrap();
    // A part of each is not one of them.
    let mixed = named(&[nodes, (COMMON_NAME, UTF8, b"system:node:b")]);
    let refused = either.judge(&mixed).unwrap_err().to_string();
    for words in [
        "CN=system:node:b,O=system:nodes",
        "common name system:node:a and organization system:nodes; or common name admin",
        "no other name",
        "add a rule",
    ] {
        assert!(refused.contains(words), "{words:?} is not in: {refused}");
    }
}

#[test]
fn a_subject_is_the_whole_name_in_its_order() {
    let parts: [(&[u8], u8, &[u8]); 2] = [(ORGANIZATION, UTF8, b"b"), (COMMON_NAME, UTF8, b"a")];
    let rule = PeerRule::new().with_subject("CN=a,O=b");
    admits(&rule, &named(&parts));
    let [organization, common_name] = parts;
    for other in [
        &[common_name, organization][..],
        &[organization],
        &[organization, common_name, organization],
        &[(ORGANIZATION, UTF8, b"b"), (COMMON_NAME, UTF8, b"A")],
        &[(COMMON_NAME, UTF8, b"a,O=b")],
        &[(ORGANIZATION, UTF8, b"b"), (COMMON_NAME, BMP, b"\0a")],
        &[],
    ] {
        refuses(&rule, &named(other));
    }
    // One relative name of two attributes is another name.
    let pair = |oid: &[u8], value: &[u8]| tlv(0x30, &[tlv(0x06, oid), tlv(UTF8, value)].concat());
    let together = [pair(COMMON_NAME, b"a"), pair(ORGANIZATION, b"b")].concat();
    let together = called(&tlv(0x30, &tlv(0x31, &together)));
    refuses(&rule, &together);
    admits(&PeerRule::new().with_subject("CN=a+O=b"), &together);
    // What a refusal shows is what a rule takes.
    for odd in [
        &b"a, b"[..],
        b" x ",
        b"#1",
        b"a\x1b\n",
        b"a=b<c>;\"d\"\\",
        "grün".as_bytes(),
    ] {
        let peer = named(&[(ORGANIZATION, UTF8, b"o"), (COMMON_NAME, UTF8, odd)]);
        admits(&PeerRule::new().with_subject(peer.subject()), &peer);
    }
    let odd = named(&[(COMMON_NAME, BMP, b"\0a"), (&[0x55, 4, 99], UTF8, b"x")]);
    admits(&PeerRule::new().with_subject(odd.subject()), &odd);
}

const DNS: u8 = 0x82;
const EMAIL: u8 = 0x81;
const IP: u8 = 0x87;
const URI: u8 = 0x86;

#[test]
fn a_dns_name_is_one_whole_name_and_no_wildcard() {
    let rule = PeerRule::new().with_dns_name("a.test");
    for name in [&b"a.test"[..], b"A.TEST", b"A.test"] {
        admits(&rule, &odd(&[(DNS, b"other.test"), (DNS, name)]));
    }
    // Also where the rule is written in capitals.
    admits(
        &PeerRule::new().with_dns_name("A.test"),
        &odd(&[(DNS, b"a.TEST")]),
    );
    for name in [
        &b"*.test"[..],
        b"*",
        b"a.test.",
        b".a.test",
        b"a.test\0",
        b"a.test\0.evil",
        b"a.test ",
        b"b.a.test",
        b"a.test.b",
        b"a\x2etest\n",
        "\u{430}.test".as_bytes(),
        b"",
    ] {
        refuses(&rule, &odd(&[(DNS, name)]));
    }
    for tag in [EMAIL, URI, 0x88, 0x83, 0x85, 0xa0, 0xa4] {
        refuses(&rule, &odd(&[(tag, b"a.test")]));
    }
    refuses(&rule, &named(&[(COMMON_NAME, UTF8, b"a.test")]));
    refuses(&rule, &odd(&[(EMAIL, b"x@a.test")]));
}

#[test]
fn an_address_is_the_one_written() {
    let v4 = PeerRule::new().with_ip([10, 0, 0, 1]);
    admits(&v4, &odd(&[(IP, &[10, 0, 0, 1])]));
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
    for (tag, bytes) in [
        (IP, &[10, 0, 0, 2][..]),
        (IP, &mapped),
        // An address with a mask, as in name constraints.
        (IP, &[10, 0, 0, 1, 255, 255, 255, 255]),
        (IP, &[10, 0, 0]),
        (IP, b"10.0.0.1"),
        (DNS, b"10.0.0.1"),
        (URI, b"10.0.0.1"),
        (URI, b"https://10.0.0.1"),
    ] {
        refuses(&v4, &odd(&[(tag, bytes)]));
    }
    let v6 = PeerRule::new().with_ip(std::net::Ipv6Addr::from(mapped));
    admits(&v6, &odd(&[(IP, &mapped)]));
    refuses(&v6, &odd(&[(IP, &[10, 0, 0, 1])]));
}

#[test]
fn a_uri_is_the_same_bytes() {
    let rule = PeerRule::new().with_uri("https://a.test/x");
    admits(
        &rule,
        &odd(&[(URI, b"https://b.test/"), (URI, b"https://a.test/x")]),
    );
    for uri in [
        &b"HTTPS://a.test/x"[..],
        b"https://A.test/x",
        b"https://a.test/X",
        b"https://a.test/%78",
        b"https://a.test:443/x",
        b"https://user@a.test/x",
        b"https://a.test/x/",
        b"https://a.test/./x",
        b"https://a.test/x?",
        b"https://a.test/x#",
        b"https://a.test/x\0",
        b"https://a.test/x ",
        b"//a.test/x",
    ] {
        refuses(&rule, &odd(&[(URI, uri)]));
    }
    for tag in [DNS, EMAIL] {
        refuses(&rule, &odd(&[(tag, b"https://a.test/x")]));
    }
}

#[test]
fn a_spiffe_id_is_the_only_uri_of_a_leaf() {
    const ID: &[u8] = b"spiffe://a.test/ns/x";
    let id = PeerRule::new().with_spiffe_id(SpiffeId::new("spiffe://a.test/ns/x").unwrap());
    let domain = PeerRule::new().with_spiffe_trust_domain(TrustDomain::new("a.test").unwrap());
    for rule in [&id, &domain] {
        admits(rule, &odd(&[(URI, ID)]));
        admits(rule, &odd(&[(DNS, b"x"), (URI, ID), (IP, &[1, 2, 3, 4])]));
        // A second URI, be it the same, or one that cannot be read.
        for other in [
            &b"spiffe://b.test/x"[..],
            ID,
            b"https://a.test",
            b"",
            b"\0",
            b"\xff",
        ] {
            refuses(rule, &odd(&[(URI, ID), (URI, other)]));
            refuses(rule, &odd(&[(URI, other), (URI, ID)]));
        }
        for tag in [DNS, EMAIL, 0x88] {
            refuses(rule, &odd(&[(tag, ID)]));
        }
        for near in [
            &b"SPIFFE://a.test/ns/x"[..],
            b"spiffe://A.test/ns/x",
            b"spiffe://a.test/ns/x/",
            b"spiffe://a.test/ns//x",
            b"spiffe://a.test/ns/./x",
            b"spiffe://a.test/ns/y/../x",
            b"spiffe://a.test/ns/%78",
            b"spiffe://a.test:443/ns/x",
            b"spiffe://user@a.test/ns/x",
            b"spiffe://a.test/ns/x?q",
            b"spiffe://a.test/ns/x#f",
            b"spiffe://a.test/ns/x\0",
            b"spiffe://a.test",
            b"spiffe://a.test/",
            b"https://a.test/ns/x",
        ] {
            refuses(rule, &odd(&[(URI, near)]));
        }
    }
    let other = odd(&[(URI, b"spiffe://a.test/ns/X")]);
    refuses(&id, &other);
    admits(&domain, &other);
    for uri in [
        &b"spiffe://a.test.b/x"[..],
        b"spiffe://x.a.test/x",
        b"spiffe://b/a.test",
    ] {
        refuses(&domain, &odd(&[(URI, uri)]));
    }
    assert_eq!(
        odd(&[(URI, ID)]).spiffe_id().unwrap().as_str().as_bytes(),
        ID
    );
}

#[test]
fn what_cannot_be_read_holds_for_no_rule_and_is_told() {
    let peer = odd(&[(DNS, b"a.test\0"), (URI, b"\xff"), (IP, &[1, 2, 3])]);
    assert!(peer.has_unreadable_names());
    assert_eq!(
        peer.uris().len() + peer.dns_names().len() + peer.ip_addresses().len(),
        0
    );
    let refused = only(PeerRule::new().with_dns_name("a.test"))
        .judge(&peer)
        .unwrap_err();
    assert!(refused.to_string().contains("cannot be read"), "{refused}");
    assert!(!odd(&[(DNS, b"a.test")]).has_unreadable_names());
}

#[test]
fn an_authority_speaks_for_no_peer() {
    let rules = only(PeerRule::new().with_common_name("a common name"));
    rules.judge(&leaf(|_| {})).unwrap();
    rules
        .judge(&leaf(|params| params.is_ca = IsCa::ExplicitNoCa))
        .unwrap();
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let signs = leaf(|params| {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, usage];
        });
        let refused = rules.judge(&signs).unwrap_err();
        assert_eq!(refused.reason, NotAuthorizedReason::Authority);
    }
    let authority = leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let refused = rules.judge(&authority).unwrap_err();
    assert_eq!(refused.reason, NotAuthorizedReason::Authority);
    assert!(refused.to_string().contains("leaf of its own"), "{refused}");
    // Nor has it a SPIFFE ID.
    let mut signing = odd(&[(URI, b"spiffe://a/b")]);
    assert!(signing.spiffe_id().is_some());
    signing = leaf(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.subject_alt_names = vec![SanType::URI("spiffe://a/b".try_into().unwrap())];
    });
    assert_eq!(signing.spiffe_id(), None);
}

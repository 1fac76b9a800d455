//! Every code of 16 bits: what rustls makes of it, and what goes over the wire.

use std::fmt::Debug;

use fips_tls::{Group, Profile, Scheme, Suite, Version, provider};
use rustls::{CipherSuite, Error, NamedGroup, ProtocolVersion, Side, SignatureScheme};

use crate::parts::{P384, ca};
use crate::profiles::{self, groups, schemes, suites, versions};
use crate::support::bent::{Bends, Bent};
use crate::support::duel::{self, Duel};
use crate::support::pki::Leaf;
use crate::support::refusal::plain_client;
use crate::support::wire::{self, HANDSHAKE, Hello, Message, Record, ext, typ, with_len};
use crate::support::{boundary, client, server};

fn every_code() -> impl Iterator<Item = u16> {
    0..=u16::MAX
}

#[test]
fn the_provider_has_what_the_profile_names_of_all_codes() {
    for profile in profiles::all() {
        let provider = provider(&boundary(), &profile);
        let offered: Vec<_> = provider.cipher_suites.iter().map(|s| s.suite()).collect();
        let shared: Vec<_> = provider
            .kx_groups
            .iter()
            .map(|group| group.name())
            .collect();
        let verified = provider.signature_verification_algorithms;
        let verified: Vec<_> = verified.supported_schemes();
        let spoken: Vec<_> = provider
            .cipher_suites
            .iter()
            .map(|suite| suite.version().version)
            .collect();
        let (suites, groups) = (suites(&profile), groups(&profile));
        let (schemes, versions) = (schemes(&profile), versions(&profile));
        for code in every_code() {
            let of_provider = (
                offered.contains(&CipherSuite::from(code)),
                shared.contains(&NamedGroup::from(code)),
                verified.contains(&SignatureScheme::from(code)),
                spoken.contains(&ProtocolVersion::from(code)),
            );
            let of_profile = (
                suites.contains(&code),
                groups.contains(&code),
                schemes.contains(&code),
                versions.contains(&code),
            );
            assert_eq!(of_provider, of_profile, "{} {code:#06x}", profile.name());
        }
    }
}

#[test]
fn no_other_code_has_a_name_here() {
    for code in every_code() {
        let suite = Suite::from_code(code).map(Suite::code);
        assert_eq!(
            suite,
            Suite::ALL.map(Suite::code).contains(&code).then_some(code)
        );
        let group = Group::from_code(code).map(Group::code);
        assert_eq!(
            group,
            Group::ALL.map(Group::code).contains(&code).then_some(code)
        );
        let scheme = Scheme::from_code(code).map(Scheme::code);
        assert_eq!(
            scheme,
            Scheme::ALL
                .map(Scheme::code)
                .contains(&code)
                .then_some(code)
        );
        let version = Version::from_code(code).map(Version::code);
        assert_eq!(
            version,
            Version::ALL
                .map(Version::code)
                .contains(&code)
                .then_some(code)
        );
    }
}

/// What the client of a profile sends first.
fn first_hello(profile: &Profile) -> Hello {
    let client = client(profile.clone(), ca().trust(), None);
    let server = plain_server(&Profile::default());
    let mut duel = Duel::new(
        Side::Client,
        client.rustls(),
        server,
        Bent::new(Bends::NONE),
    );
    Hello::of(&wire::messages(&wire::records(&duel::taken(&mut duel.ours))[0].payload)[0])
}

/// A list of codes after its length.
fn codes(mut content: &[u8], width: usize) -> Vec<u16> {
    content = &content[width..];
    content
        .chunks(2)
        .map(|code| u16::from_be_bytes([code[0], code[1]]))
        .collect()
}

#[test]
fn a_clients_hello_offers_what_the_profile_names_and_nothing_else() {
    /// Extensions without a list of the policy's.
    const HARMLESS: [u16; 6] = [
        ext::SERVER_NAME,
        ext::STATUS_REQUEST,
        ext::EC_POINT_FORMATS,
        ext::EXTENDED_MASTER_SECRET,
        ext::SESSION_TICKET,
        ext::PSK_KEY_EXCHANGE_MODES,
    ];
    const RENEGOTIATION_SIGNAL: u16 = 0x00ff;
    for profile in profiles::all() {
        let mut hello = first_hello(&profile);
        let mut offered = hello.suites.clone();
        offered.retain(|code| *code != RENEGOTIATION_SIGNAL);
        assert_eq!(offered, suites(&profile));
        assert_eq!(hello.compressions, [0]);
        assert_eq!(hello.version, 0x0303);
        for (code, content) in hello.extensions.clone() {
            match code {
                ext::SUPPORTED_GROUPS => assert_eq!(codes(&content, 2), groups(&profile)),
                ext::SIGNATURE_ALGORITHMS => assert_eq!(codes(&content, 2), schemes(&profile)),
                ext::SUPPORTED_VERSIONS => assert_eq!(codes(&content, 1), versions(&profile)),
                ext::KEY_SHARE => {
                    let shared = u16::from_be_bytes([content[2], content[3]]);
                    assert!(groups(&profile).contains(&shared));
                }
                // Uncompressed points (RFC 8422 §5.1.2), and psk_dhe_ke (RFC 8446 §4.2.9).
                ext::EC_POINT_FORMATS => assert_eq!(content, [1, 0]),
                ext::PSK_KEY_EXCHANGE_MODES => assert_eq!(content, [1, 1]),
                ext::SESSION_TICKET | ext::EXTENDED_MASTER_SECRET => assert!(content.is_empty()),
                _ => assert!(
                    HARMLESS.contains(&code),
                    "extension {code} is new: {content:?}"
                ),
            }
        }
        let speaks = versions(&profile);
        if speaks.contains(&Version::Tls12.code()) {
            hello.extension(ext::EXTENDED_MASTER_SECRET);
        }
    }
}

fn plain_server(profile: &Profile) -> std::sync::Arc<rustls::ServerConfig> {
    let identity = ca().identity(&Leaf::server(), P384);
    server(profile.clone(), identity, None).rustls()
}

/// What a server of this profile answers a hello: the error, or none.
fn answer(profile: &Profile, hello: &Hello) -> Option<Error> {
    let client = plain_client().rustls();
    let bent = Bent::new(Bends::NONE);
    let mut duel = Duel::new(Side::Server, client, plain_server(profile), bent);
    // A long hello travels in several records.
    let flight: Vec<u8> = hello
        .message()
        .bytes()
        .chunks(16_000)
        .flat_map(|part| Record::new(HANDSHAKE, part).bytes())
        .collect();
    duel.throw(&flight)
}

#[track_caller]
fn assert_nothing_in_common(profile: &Profile, hello: &Hello) {
    let refused = answer(profile, hello);
    // What rustls says, without a kind of its own, where a key has none of the schemes.
    let no_scheme = Error::General("incompatible signing key".into());
    assert!(
        matches!(refused, Some(Error::PeerIncompatible(_))) || refused == Some(no_scheme),
        "{}: {refused:?}",
        profile.name()
    );
}

fn list(codes: &[u16], width: usize) -> Vec<u8> {
    let bytes: Vec<u8> = codes.iter().flat_map(|code| code.to_be_bytes()).collect();
    let mut content = Vec::new();
    with_len(&mut content, width, &bytes);
    content
}

/// All codes but these, in so many lists as they need.
fn all_but(named: &[u16], most: usize) -> Vec<Vec<u16>> {
    let others: Vec<_> = every_code().filter(|code| !named.contains(code)).collect();
    others.chunks(most).map(<[u16]>::to_vec).collect()
}

#[test]
fn a_server_takes_no_other_suite_of_all_codes() {
    for profile in profiles::named() {
        for suites in all_but(&suites(&profile), 16_000) {
            let hello = Hello {
                suites,
                ..first_hello(&profile)
            };
            assert_nothing_in_common(&profile, &hello);
        }
        for suite in profile.suites() {
            let suites = vec![suite.value.code()];
            let hello = Hello {
                suites,
                ..first_hello(&profile)
            };
            // The server's key is elliptic.
            let taken = suite.value.takes_ecdsa_key();
            let hello = for_version(hello, suite.value.version());
            assert_eq!(answer(&profile, &hello).is_none(), taken, "{suite:?}");
        }
    }
}

fn for_version(mut hello: Hello, version: Version) -> Hello {
    *hello.extension(ext::SUPPORTED_VERSIONS) = list(&[version.code()], 1);
    hello
}

#[test]
fn a_server_takes_no_other_group_of_all_codes() {
    for profile in profiles::named() {
        for version in profile.versions() {
            for groups in all_but(&groups(&profile), 16_000) {
                let mut hello = for_version(first_hello(&profile), version.value);
                *hello.extension(ext::SUPPORTED_GROUPS) = list(&groups, 2);
                *hello.extension(ext::KEY_SHARE) = vec![0, 0];
                assert_nothing_in_common(&profile, &hello);
            }
            for group in groups(&profile) {
                let mut hello = for_version(first_hello(&profile), version.value);
                *hello.extension(ext::SUPPORTED_GROUPS) = list(&[group], 2);
                *hello.extension(ext::KEY_SHARE) = vec![0, 0];
                assert_eq!(answer(&profile, &hello), None, "{} {group}", profile.name());
            }
        }
    }
}

#[test]
fn a_server_signs_with_no_other_scheme_of_all_codes() {
    for profile in profiles::named() {
        for version in profile.versions() {
            for schemes in all_but(&schemes(&profile), 16_000) {
                let mut hello = for_version(first_hello(&profile), version.value);
                *hello.extension(ext::SIGNATURE_ALGORITHMS) = list(&schemes, 2);
                assert_nothing_in_common(&profile, &hello);
            }
        }
    }
}

#[test]
fn a_server_speaks_no_other_version_of_all_codes() {
    for profile in profiles::named() {
        for versions in all_but(&versions(&profile), 127) {
            let mut hello = first_hello(&profile);
            *hello.extension(ext::SUPPORTED_VERSIONS) = list(&versions, 1);
            assert_nothing_in_common(&profile, &hello);
        }
        // Without the extension, by the version of the hello.
        for version in every_code().filter(|version| *version < 0x0303).step_by(7) {
            let mut hello = first_hello(&profile);
            hello.remove(ext::SUPPORTED_VERSIONS);
            hello.version = version;
            assert_nothing_in_common(&profile, &hello);
        }
    }
}

/// Codes that rustls has a name for.
fn known<T: Debug + From<u16>>() -> Vec<u16> {
    let known: Vec<_> = every_code()
        .filter(|code| {
            let name = format!("{:?}", T::from(*code));
            !name.contains("Unknown") && !name.contains("0x")
        })
        .collect();
    assert!(known.len() > 5 && known.len() < 1000, "{}", known.len());
    known
}

#[test]
fn a_client_takes_no_other_suite_that_rustls_can_name() {
    for profile in profiles::named() {
        let named = suites(&profile);
        for suite in known::<CipherSuite>() {
            for version in versions(&profile) {
                let refused = chosen(&profile, version, |hello| hello.suites = vec![suite]);
                let right = named.contains(&suite)
                    && Suite::from_code(suite).unwrap().version().code() == version;
                assert_eq!(refused.is_none(), right, "{} {suite:#06x}", profile.name());
            }
        }
    }
}

#[test]
fn a_client_takes_no_other_version_that_rustls_can_name() {
    for profile in profiles::named() {
        for version in known::<ProtocolVersion>() {
            let right = versions(&profile).contains(&version);
            // In the extension, where TLS 1.3 alone may be.
            let refused = chosen(&profile, 0x0304, |hello| {
                *hello.extension(ext::SUPPORTED_VERSIONS) = version.to_be_bytes().to_vec();
            });
            assert_eq!(
                refused.is_none(),
                right && version == 0x0304,
                "{version:#06x}"
            );
            if profile
                .versions()
                .iter()
                .any(|row| row.value == Version::Tls12)
            {
                let refused = chosen(&profile, 0x0303, |hello| hello.version = version);
                assert_eq!(refused.is_none(), version == 0x0303, "{version:#06x}");
            }
        }
    }
}

/// What a client makes of a ServerHello that chooses so.
fn chosen(profile: &Profile, version: u16, choose: impl FnOnce(&mut Hello)) -> Option<Error> {
    let client = client(profile.clone(), ca().trust(), None).rustls();
    let bent = Bent::new(Bends::NONE);
    let server = plain_server(&Profile::default());
    let mut duel = Duel::new(Side::Client, client, server, bent);
    let mut offer =
        Hello::of(&wire::messages(&wire::records(&duel::taken(&mut duel.ours))[0].payload)[0]);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0; 5]);
    let mut hello = Hello::of(&Message::new(typ::SERVER_HELLO, body));
    let suite = profile
        .suites()
        .iter()
        .find(|row| row.value.version().code() == version && row.value.takes_ecdsa_key());
    // Of a version that the profile does not name, any suite will do.
    hello.suites = vec![suite.map_or(0x1301, |row| row.value.code())];
    if version == Version::Tls13.code() {
        hello.session_id.clone_from(&offer.session_id);
        hello.add(ext::SUPPORTED_VERSIONS, &version.to_be_bytes());
        // The client's own point is one.
        let share = offer.extension(ext::KEY_SHARE)[2..].to_vec();
        hello.add(ext::KEY_SHARE, &share);
    } else {
        hello.add(ext::EXTENDED_MASTER_SECRET, &[]);
    }
    choose(&mut hello);
    duel.throw(&Record::new(HANDSHAKE, hello.message().bytes()).bytes())
}

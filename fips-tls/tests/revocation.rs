//! Who is refused for a revocation list, or for the lack of one, on both sides.

mod support;

use std::sync::Arc;

use fips_tls::{
    ClientConfig, Error, PeerRefusal, Profile, RefusalReason, Revocation, RevocationFault,
    ServerConfig, Trust, Version, last_refusal,
};
use rcgen::{CrlDistributionPoint, KeyIdMethod, KeyUsagePurpose, SerialNumber};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use time::{Duration, OffsetDateTime};

use support::boundary;
use support::memory::{Outcome, Pair};
use support::tree::{Authority, Clock, Issued, part, with_lists};

fn profile(version: Version) -> Profile {
    Profile::sp800_52r2().narrowed_to(version).unwrap()
}

/// A handshake of one chain with itself, judged by one trust on one side.
struct Case {
    issued: Issued,
    /// Trusts without asking for lists.
    plain: Trust,
    clock: Arc<Clock>,
}

impl Case {
    fn new(root: &Authority, issued: Issued) -> Self {
        Self {
            issued,
            plain: root.trust(),
            clock: Clock::new(),
        }
    }

    fn server(&self, trust: &Trust, version: Version) -> ServerConfig {
        ServerConfig::builder(&boundary(), profile(version))
            .with_identity(self.issued.identity())
            .with_client_trust(trust.clone())
            .with_time_provider(self.clock.provider())
            .build()
            .unwrap()
    }

    fn client(&self, trust: &Trust, version: Version) -> ClientConfig {
        ClientConfig::builder(&boundary(), profile(version))
            .with_trust(trust.clone())
            .with_identity(self.issued.identity())
            .with_time_provider(self.clock.provider())
            .build()
            .unwrap()
    }

    /// Whether both sides take the chain, under both versions.
    fn assert_taken(&self, trust: &Trust) {
        for version in [Version::Tls13, Version::Tls12] {
            for (client, server) in [(trust, &self.plain), (&self.plain, trust)] {
                let (client, server) = (self.client(client, version), self.server(server, version));
                Pair::new(&client, &server).finish();
            }
        }
        assert_eq!(last_refusal(), None);
    }

    /// What each side says of the chain, under both versions; all say the same.
    fn refusal(&self, trust: &Trust) -> (TlsError, PeerRefusal) {
        let mut refusals = Vec::new();
        for version in [Version::Tls13, Version::Tls12] {
            last_refusal();
            let by_server = Pair::new(
                &self.client(&self.plain, version),
                &self.server(trust, version),
            )
            .run();
            refusals.push((by_server.server.unwrap(), last_refusal().unwrap()));
            let by_client = Pair::new(
                &self.client(trust, version),
                &self.server(&self.plain, version),
            )
            .run();
            refusals.push((by_client.client.unwrap(), last_refusal().unwrap()));
        }
        let first = refusals.pop().unwrap();
        for other in refusals {
            // The time in it may differ by a second.
            assert_eq!(other.1.reason, first.1.reason);
            assert_eq!(other.1.subject, first.1.subject);
        }
        first
    }

    fn assert_refused(&self, trust: &Trust, reason: RefusalReason) -> PeerRefusal {
        let (_, refusal) = self.refusal(trust);
        assert_eq!(refusal.reason, reason, "{refusal}");
        refusal
    }
}

fn hex(serial: &[u8]) -> String {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    let digits = serial[zeros..].iter();
    digits.map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn a_revoked_peer_is_refused_by_name_on_both_sides() {
    let root = Authority::root("root");
    let case = Case::new(&root, root.leaf_with("stolen", |_| {}));
    let other = root.leaf();
    case.assert_taken(&root.trust_without(&[]));
    case.assert_taken(&root.trust_without(&[&other.serial]));

    let trust = root.trust_without(&[&other.serial, &case.issued.serial]);
    let (error, refusal) = case.refusal(&trust);
    assert_eq!(
        error,
        TlsError::InvalidCertificate(CertificateError::Revoked)
    );
    assert_eq!(refusal.subject, "CN=stolen");
    assert_eq!(refusal.serial, hex(&case.issued.serial));
    assert_eq!(refusal.reason, RefusalReason::Revoked);
    assert!(refusal.to_string().contains("RFC 5280 §6.3"), "{refusal}");

    // The peer learns why.
    let mut pair = Pair::new(
        &case.client(&case.plain, Version::Tls13),
        &case.server(&trust, Version::Tls13),
    );
    let Outcome { client, .. } = pair.run();
    assert_eq!(
        client,
        Some(TlsError::AlertReceived(
            AlertDescription::CertificateRevoked
        ))
    );
}

#[test]
fn a_list_counts_from_its_beginning_to_its_end() {
    let root = Authority::root("root");
    let case = Case::new(&root, root.leaf());
    let trust = root.trust_without(&[]);
    case.assert_taken(&trust);
    case.clock.advance(Duration::days(8));
    let refusal = case.assert_refused(&trust, RefusalReason::RevocationListExpired);
    assert!(refusal.explanation.what.contains("has ended"), "{refusal}");
    case.clock.advance(-Duration::days(8) - Duration::hours(2));
    case.assert_refused(&trust, RefusalReason::RevocationUnknown);
    case.clock.advance(Duration::hours(2));
    // To the second: at nextUpdate it has ended.
    let trust = with_lists(
        root.trust(),
        &[root.list_with(&[], |list| {
            list.next_update = case.clock.now();
            list.this_update = list.next_update - Duration::hours(1);
        })],
    );
    case.assert_refused(&trust, RefusalReason::RevocationListExpired);
    case.clock.advance(-Duration::seconds(1));
    case.assert_taken(&trust);
}

#[test]
fn an_issuer_without_a_list_is_refused_unless_that_was_allowed() {
    let (root, other) = (Authority::root("root"), Authority::root("other"));
    let case = Case::new(&root, root.leaf());
    let both = || Trust::from_pem(root.pem.clone() + &other.pem).unwrap();
    let of_other = Revocation::from_pem(other.list(&[])).unwrap();
    let trust = both().with_revocation(of_other.clone()).unwrap();
    let refusal = case.assert_refused(&trust, RefusalReason::RevocationUnknown);
    assert!(refusal.to_string().contains("add the list"), "{refusal}");
    case.assert_taken(
        &both()
            .with_revocation(of_other.allowing_unlisted_issuers())
            .unwrap(),
    );
    // Where there is a list, it counts as ever.
    let lists = root.list(&[&case.issued.serial]) + &other.list(&[]);
    let lists = Revocation::from_pem(lists)
        .unwrap()
        .allowing_unlisted_issuers();
    case.assert_refused(
        &both().with_revocation(lists).unwrap(),
        RefusalReason::Revoked,
    );
}

#[test]
fn each_authority_of_a_chain_is_asked_about_with_the_list_of_the_one_above() {
    let root = Authority::root("root");
    let middle = root.below("middle", |_| {});
    let low = middle.below("low", |_| {});
    let case = Case::new(&root, low.leaf());
    let lists = |of_root: &[&[u8]], of_middle: &[&[u8]], of_low: &[&[u8]]| {
        [root.list(of_root), middle.list(of_middle), low.list(of_low)]
    };
    let none: &[&[u8]] = &[];
    case.assert_taken(&with_lists(root.trust(), &lists(none, none, none)));
    for revoked in [
        lists(&[&middle.serial], none, none),
        lists(none, &[&low.serial], none),
        lists(none, none, &[&case.issued.serial]),
    ] {
        case.assert_refused(&with_lists(root.trust(), &revoked), RefusalReason::Revoked);
    }
    // A number means something below its issuer alone.
    let elsewhere = lists(&[&low.serial], &[&case.issued.serial], &[&middle.serial]);
    case.assert_taken(&with_lists(root.trust(), &elsewhere));
    for missing in 0..3 {
        let mut lists = lists(none, none, none).to_vec();
        lists.remove(missing);
        case.assert_refused(
            &with_lists(root.trust(), &lists),
            RefusalReason::RevocationUnknown,
        );
    }
}

#[test]
fn the_newest_list_of_a_scope_counts() {
    let root = Authority::root("root");
    let case = Case::new(&root, root.leaf());
    let now = OffsetDateTime::now_utc();
    // The older one has ended, and listed the peer; a hold was lifted.
    let old = root.list_with(&[&case.issued.serial], |list| {
        list.this_update = now - Duration::days(9);
        list.next_update = now - Duration::days(2);
    });
    let new = root.list_with(&[], |list| list.crl_number = SerialNumber::from(2));
    case.assert_taken(&with_lists(root.trust(), &[old.clone(), new.clone()]));
    case.assert_taken(&with_lists(root.trust(), &[new.clone(), old.clone()]));
    case.assert_refused(&with_lists(root.trust(), &[old]), RefusalReason::Revoked);
    // Of one moment, the higher number.
    let higher = root.list_with(&[&case.issued.serial], |list| {
        list.this_update = now - Duration::hours(1);
        list.crl_number = SerialNumber::from(300);
    });
    let lower = root.list_with(&[], |list| {
        list.this_update = now - Duration::hours(1);
        list.crl_number = SerialNumber::from(299);
    });
    case.assert_refused(
        &with_lists(root.trust(), &[lower, higher]),
        RefusalReason::Revoked,
    );
}

#[test]
fn parts_of_a_list_speak_of_those_who_name_their_place() {
    let place = |number: usize| format!("http://crl.test/{number}");
    let root = Authority::root("root");
    let with_place = |number| {
        root.leaf_with("peer", |params| {
            params.crl_distribution_points = vec![CrlDistributionPoint {
                uris: vec![place(number)],
            }];
        })
    };
    let parts = |one: &[&[u8]], two: &[&[u8]]| {
        let part_of = |number, revoked: &[&[u8]]| {
            root.list_with(revoked, |list| {
                list.issuing_distribution_point = Some(part(&place(number)));
            })
        };
        vec![part_of(1, one), part_of(2, two)]
    };
    let case = Case::new(&root, with_place(1));
    case.assert_taken(&with_lists(root.trust(), &parts(&[], &[])));
    // The other part says nothing of it.
    let serial: &[&[u8]] = &[&case.issued.serial];
    case.assert_taken(&with_lists(root.trust(), &parts(&[], serial)));
    case.assert_refused(
        &with_lists(root.trust(), &parts(serial, &[])),
        RefusalReason::Revoked,
    );
    let mut without = parts(&[], &[]);
    without.remove(0);
    case.assert_refused(
        &with_lists(root.trust(), &without),
        RefusalReason::RevocationUnknown,
    );
    // Beside a full list both are asked.
    let mut full = parts(&[], &[]);
    full.push(root.list(serial));
    case.assert_refused(&with_lists(root.trust(), &full), RefusalReason::Revoked);

    // Who names no place is in no part that is known; a full list speaks of him.
    let case = Case::new(&root, root.leaf());
    case.assert_refused(
        &with_lists(root.trust(), &parts(&[], &[])),
        RefusalReason::RevocationUnknown,
    );
    case.assert_taken(&with_lists(root.trust(), &[root.list(&[])]));
}

#[test]
fn lists_of_leaves_and_of_authorities_are_told_apart() {
    let root = Authority::root("root");
    let middle = root.below("middle", |_| {});
    let case = Case::new(&root, middle.leaf());
    let direct = Case::new(&root, root.leaf());
    let place = "http://crl.test/root";
    let scoped = |scope| {
        root.list_with(&[], |list| {
            let mut point = part(place);
            point.scope = Some(scope);
            list.issuing_distribution_point = Some(point);
        })
    };
    for (scope, of_authority) in [
        (rcgen::CrlScope::CaCertsOnly, true),
        (rcgen::CrlScope::UserCertsOnly, false),
    ] {
        let lists = [scoped(scope), middle.list(&[])];
        let trust = with_lists(root.trust(), &lists);
        // Neither names the place: so both are unknown.
        case.assert_refused(&trust, RefusalReason::RevocationUnknown);
        let named = |params: &mut rcgen::CertificateParams| {
            params.crl_distribution_points = vec![CrlDistributionPoint {
                uris: vec![place.to_owned()],
            }];
        };
        let authority = root.below("middle", named);
        let case = Case::new(&root, authority.leaf());
        let trust = with_lists(root.trust(), &[lists[0].clone(), authority.list(&[])]);
        let leaf = Case::new(&root, root.leaf_with("peer", named));
        if of_authority {
            case.assert_taken(&trust);
            leaf.assert_refused(&trust, RefusalReason::RevocationUnknown);
        } else {
            case.assert_refused(&trust, RefusalReason::RevocationUnknown);
            leaf.assert_taken(&trust);
        }
    }
    direct.assert_taken(&root.trust_without(&[]));
}

#[test]
fn a_list_of_another_key_of_the_same_name_does_not_speak() {
    let root = Authority::root("root");
    let rotated = Authority::root("root");
    let case = Case::new(&root, root.leaf());
    // Both are trusted while the authority rotates, each with its list.
    let both = || Trust::from_pem(rotated.pem.clone() + &root.pem).unwrap();
    case.assert_taken(&with_lists(both(), &[rotated.list(&[]), root.list(&[])]));
    case.assert_refused(
        &with_lists(both(), &[rotated.list(&[])]),
        RefusalReason::RevocationUnknown,
    );
    case.assert_refused(
        &with_lists(
            both(),
            &[rotated.list(&[]), root.list(&[&case.issued.serial])],
        ),
        RefusalReason::Revoked,
    );
    // The old key's list may stay behind when the old root is gone.
    let new = Case::new(&rotated, rotated.leaf());
    new.assert_taken(&with_lists(
        rotated.trust(),
        &[rotated.list(&[]), root.list(&[])],
    ));
}

#[test]
fn a_list_its_issuer_did_not_sign_is_refused_before_it_is_used() {
    let root = Authority::root("root");
    let forger = Authority::root("root");
    let KeyIdMethod::PreSpecified(id) = key_id(&root) else {
        unreachable!()
    };
    // The forger's, with the key identifier of the root.
    let forged = forger.list_with(&[], |list| {
        list.key_identifier_method = KeyIdMethod::PreSpecified(id);
    });
    let error = root
        .trust()
        .with_revocation(Revocation::from_pem(&forged).unwrap())
        .unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Revocation(RevocationFault::Signature { issuer }) if issuer == "CN=root"
        ),
        "{error}"
    );
    // Of an authority that is seen at the handshake alone, the handshake is refused.
    let middle = root.below("middle", |_| {});
    let stranger = Authority::root("middle");
    let KeyIdMethod::PreSpecified(id) = key_id(&middle) else {
        unreachable!()
    };
    let forged = stranger.list_with(&[], |list| {
        list.key_identifier_method = KeyIdMethod::PreSpecified(id);
    });
    let case = Case::new(&root, middle.leaf());
    let lists = Revocation::from_pem(root.list(&[]) + &forged).unwrap();
    for lists in [lists.clone(), lists.allowing_unlisted_issuers()] {
        let trust = root.trust().with_revocation(lists).unwrap();
        let refusal = case.assert_refused(&trust, RefusalReason::RevocationUnknown);
        assert!(refusal.to_string().contains("BadSignature"), "{refusal}");
    }
}

/// The key identifier of an authority of these tests: SHA-256, cut to 160 bits.
fn key_id(authority: &Authority) -> KeyIdMethod {
    use fips_core::digest::{Algorithm, digest};
    let id = digest(Algorithm::Sha256, authority.key().public_key()).unwrap();
    KeyIdMethod::PreSpecified(id.as_ref()[..20].to_vec())
}

#[test]
fn an_authority_that_may_not_sign_lists_has_none() {
    let plain = |params: &mut rcgen::CertificateParams| {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    };
    let lists_by = |authority: &Authority| {
        // The list itself is made under a certificate of the same key that may sign it.
        let key = authority.key();
        let other = Authority::root_with("root", key, |_| {});
        other.list(&[])
    };
    let root = Authority::root("root");
    let root = Authority::root_with("root", root.key(), plain);
    let case = Case::new(&root, root.leaf());
    let trust = with_lists(root.trust(), &[lists_by(&root)]);
    let refusal = case.assert_refused(&trust, RefusalReason::RevocationUnknown);
    assert!(refusal.to_string().contains("cRLSign"), "{refusal}");
}

#[test]
fn what_is_no_whole_list_is_refused_when_it_is_read() {
    let root = Authority::root("root");
    let list = root.list(&[&[1, 2, 3]]);
    let reads = |text: &str| Revocation::from_pem(text).map(|_| ());
    reads(&list).unwrap();
    assert!(matches!(
        reads(&root.pem),
        Err(Error::Pem {
            fault: fips_tls::PemFault::NoRevocationList,
            ..
        })
    ));
    // Torn in its frame, and in its content.
    assert!(matches!(
        reads(&list[..list.len() - 5]),
        Err(Error::Pem { .. })
    ));
    let revocation = Revocation::from_pem(&list).unwrap();
    let der = revocation.lists().next().unwrap().der().to_vec();
    for cut in [0, 1, 40, der.len() / 2, der.len() - 1] {
        let error = Revocation::from_der(vec![der[..cut].to_vec().into()]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Revocation(RevocationFault::Malformed { position: 0, .. })
            ),
            "{cut}: {error}"
        );
    }
    let mut longer = der.clone();
    longer.push(0);
    assert!(Revocation::from_der(vec![longer.into()]).is_err());
    // Each bit of its body: refused when read, when joined with its root, or for a leaf.
    let case = Case::new(&root, root.leaf());
    for place in (0..der.len()).step_by(7) {
        let mut bent = der.clone();
        bent[place] ^= 1;
        let taken = Revocation::from_der(vec![bent.into()])
            .and_then(|list| root.trust().with_revocation(list));
        if let Ok(trust) = taken {
            let (_, refusal) = case.refusal(&trust);
            assert_eq!(refusal.reason, RefusalReason::RevocationUnknown, "{place}");
        }
    }
}

#[test]
fn a_stricter_profile_judges_lists_too() {
    // P-256 with SHA-256 is no algorithm of cnsa1.
    let root = Authority::root("root");
    let error = ClientConfig::builder(&boundary(), Profile::cnsa1())
        .with_trust(root.trust_without(&[]))
        .build()
        .unwrap_err()
        .to_string();
    assert!(error.contains("cnsa1"), "{error}");
}

#[test]
fn what_a_list_says_of_itself() {
    let root = Authority::root("root");
    let serials: Vec<Vec<u8>> = (1..=5).map(|byte| vec![byte]).collect();
    let serials: Vec<&[u8]> = serials.iter().map(Vec::as_slice).collect();
    let old = Revocation::from_pem(root.list(&serials)).unwrap();
    let new = Revocation::from_pem(root.list_with(&[], |list| {
        list.crl_number = SerialNumber::from(0x1_00);
        list.this_update += Duration::minutes(1);
    }))
    .unwrap();
    let (old, new) = (old.lists().next().unwrap(), new.lists().next().unwrap());
    assert_eq!((old.len(), new.len()), (5, 0));
    assert!(!old.is_empty() && new.is_empty());
    assert_eq!(old.issuer(), "CN=root");
    assert_eq!(new.number().as_deref(), Some("0100"));
    assert!(old.is_older_than(new) && !new.is_older_than(old));
    let now = std::time::SystemTime::now();
    assert!(old.is_current_at(now));
    assert!(!old.is_current_at(now + std::time::Duration::from_secs(8 * 86_400)));
    let other = Authority::root("root");
    let other = Revocation::from_pem(other.list(&[])).unwrap();
    assert!(!other.lists().next().unwrap().is_older_than(new));
}

#[test]
fn two_trusts_are_alike_when_all_that_decides_is() {
    let (root, other) = (Authority::root("root"), Authority::root("other"));
    let print = |trust: Trust| trust.fingerprint().unwrap();
    let list = root.list(&[]);
    let with = |lists: &[String]| print(with_lists(root.trust(), lists));
    assert_eq!(print(root.trust()), print(root.trust()));
    assert_eq!(
        with(std::slice::from_ref(&list)),
        with(std::slice::from_ref(&list))
    );
    let allowing = root
        .trust()
        .with_revocation(
            Revocation::from_pem(&list)
                .unwrap()
                .allowing_unlisted_issuers(),
        )
        .unwrap();
    let all = [
        print(root.trust()),
        print(other.trust()),
        print(Trust::from_pem(root.pem.clone() + &other.pem).unwrap()),
        with(&[list]),
        with(&[root.list(&[&[7]])]),
        print(allowing),
    ];
    for (position, one) in all.iter().enumerate() {
        assert!(!all[..position].contains(one), "{position}");
    }
}

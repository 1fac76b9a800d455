//! Whom a trust admits: several roots, a root that rotates, constraints, and ends.

mod support;

use fips_tls::{
    ClientConfig, PeerRefusal, Profile, RefusalReason, ServerConfig, Trust, Version, last_refusal,
};
use rcgen::{GeneralSubtree, NameConstraints, SanType};
use time::Duration;

use support::memory::Pair;
use support::tree::{Authority, Issued, with_lists};
use support::{NAME, boundary};

fn server(shown: &Issued, trust: &Trust, version: Version) -> ServerConfig {
    ServerConfig::builder(&boundary(), profile(version))
        .with_identity(shown.identity())
        .with_client_trust(trust.clone())
        .build()
        .unwrap()
}

fn client(shown: &Issued, trust: &Trust, version: Version) -> ClientConfig {
    ClientConfig::builder(&boundary(), profile(version))
        .with_trust(trust.clone())
        .with_identity(shown.identity())
        .build()
        .unwrap()
}

fn profile(version: Version) -> Profile {
    Profile::sp800_52r2().narrowed_to(version).unwrap()
}

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];

fn assert_taken(shown: &Issued, trust: &Trust) {
    for version in VERSIONS {
        let (client, server) = (client(shown, trust, version), server(shown, trust, version));
        Pair::new(&client, &server).finish();
    }
}

/// What a client says of a server that shows this.
fn refused(shown: &Issued, trust: &Trust, own: &Trust) -> PeerRefusal {
    let mut refusals = Vec::new();
    for version in VERSIONS {
        last_refusal();
        let outcome = Pair::new(&client(shown, trust, version), &server(shown, own, version)).run();
        assert!(outcome.client.is_some(), "{outcome:?}");
        refusals.push(last_refusal().unwrap());
        let outcome = Pair::new(&client(shown, own, version), &server(shown, trust, version)).run();
        assert!(outcome.server.is_some(), "{outcome:?}");
        refusals.push(last_refusal().unwrap());
    }
    let first = refusals.pop().unwrap();
    assert!(refusals.iter().all(|other| other.reason == first.reason));
    first
}

#[test]
fn each_of_several_roots_vouches_for_its_own() {
    let roots = ["one", "two", "three"].map(Authority::root);
    let all: String = roots.iter().map(|root| root.pem.as_str()).collect();
    let trust = Trust::from_pem(all).unwrap();
    assert_eq!(trust.certificates().len(), 3);
    for root in &roots {
        assert_taken(&root.leaf(), &trust);
    }
    // Another key of the name, as its leaf says; one whose leaf names no key.
    let stranger = Authority::root("one");
    let refusal = refused(&stranger.leaf(), &trust, &stranger.trust());
    assert_eq!(refusal.reason, RefusalReason::UnknownIssuer, "{refusal}");
    let silent = stranger.leaf_with("peer", |params| {
        params.use_authority_key_identifier_extension = false;
    });
    let refusal = refused(&silent, &trust, &stranger.trust());
    assert_eq!(refusal.reason, RefusalReason::Signature, "{refusal}");
    let stranger = Authority::root("four");
    let refusal = refused(&stranger.leaf(), &trust, &stranger.trust());
    assert_eq!(refusal.reason, RefusalReason::UnknownIssuer, "{refusal}");
    assert_eq!(refusal.subject, "CN=peer");
}

#[test]
fn a_root_rotates_while_both_are_trusted_and_each_signed_the_other() {
    let (old, new) = (Authority::root("old"), Authority::root("new"));
    let both = Trust::from_pem(old.pem.clone() + &new.pem).unwrap();
    let (of_old, of_new) = (old.leaf(), new.leaf());
    for leaf in [&of_old, &of_new] {
        assert_taken(leaf, &both);
    }
    // Who trusts one of them alone takes the other's leaves with the cross-signed certificate.
    for (trusted, other) in [(&old, &new), (&new, &old)] {
        let bare = other.leaf();
        let refusal = refused(&bare, &trusted.trust(), &both);
        assert_eq!(refusal.reason, RefusalReason::UnknownIssuer);
        let crossed = trusted.cross_sign(other).leaf();
        assert_taken(&crossed, &trusted.trust());
        assert_taken(&crossed, &both);
        // The root may follow, and the cross-signed certificate may come after it.
        let with_root = Issued {
            chain: bare.chain.clone() + &other.pem + &trusted.cross_sign(other).pem,
            key: bare.key.clone(),
            serial: bare.serial.clone(),
        };
        assert_taken(&with_root, &trusted.trust());
        assert_taken(&with_root, &both);
    }
    // The cross-signed certificate itself can be revoked, by who signed it.
    let cross = old.cross_sign(&new);
    let leaf = cross.leaf();
    let lists = |of_old: &[&[u8]]| [old.list(of_old), new.list(&[])];
    assert_taken(&leaf, &with_lists(old.trust(), &lists(&[])));
    let revoked = with_lists(old.trust(), &lists(&[&cross.serial]));
    let refusal = refused(&leaf, &revoked, &both);
    assert_eq!(refusal.reason, RefusalReason::Revoked);
    // Where the new root is trusted too, its own path is still good.
    assert_taken(&leaf, &with_lists(both, &lists(&[&cross.serial])));
}

#[test]
fn an_authority_names_what_it_may() {
    let subtree = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let constrained = |permitted: &[&str], excluded: &[&str]| NameConstraints {
        permitted_subtrees: permitted.iter().map(|name| subtree(name)).collect(),
        excluded_subtrees: excluded.iter().map(|name| subtree(name)).collect(),
    };
    for (constraints, taken) in [
        (constrained(&["test"], &[]), true),
        (constrained(&[NAME], &[]), true),
        (constrained(&["other"], &[]), false),
        (constrained(&["a.server.test"], &[]), false),
        (constrained(&[], &["test"]), false),
        (constrained(&["test"], &[NAME]), false),
        (constrained(&["test"], &["other.test"]), true),
    ] {
        // Of an authority below the root, and of the root itself.
        let root = Authority::root("root");
        let middle = root.below("middle", |params| {
            params.name_constraints = Some(constraints.clone());
        });
        let bound = Authority::root_with("bound", root.key(), |params| {
            params.name_constraints = Some(constraints.clone());
        });
        for (leaf, trust) in [(middle.leaf(), root.trust()), (bound.leaf(), bound.trust())] {
            if taken {
                assert_taken(&leaf, &trust);
            } else {
                let refusal = refused_by_client(&leaf, &trust);
                assert_eq!(refusal.reason, RefusalReason::Name, "{refusal}");
                assert!(
                    refusal.to_string().contains("RFC 5280 §4.2.1.10"),
                    "{refusal}"
                );
            }
        }
    }
}

/// As [`refused`], on the client's side alone: of a chain that nobody takes.
fn refused_by_client(shown: &Issued, trust: &Trust) -> PeerRefusal {
    last_refusal();
    let server = ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(shown.identity())
        .without_client_authentication()
        .build()
        .unwrap();
    let client = client(shown, trust, Version::Tls13);
    let outcome = Pair::new(&client, &server).run();
    assert!(outcome.client.is_some());
    last_refusal().unwrap()
}

#[test]
fn one_name_outside_of_the_constraints_refuses_all() {
    let root = Authority::root("root");
    let middle = root.below("middle", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("test".into())],
            excluded_subtrees: vec![],
        });
    });
    let leaf = middle.leaf_with("peer", |params| {
        params
            .subject_alt_names
            .push(SanType::DnsName("other.example".try_into().unwrap()));
    });
    let refusal = refused_by_client(&leaf, &root.trust());
    assert_eq!(refusal.reason, RefusalReason::Name);
}

#[test]
fn a_root_counts_within_its_own_validity() {
    let root = Authority::root("root");
    let ended = Authority::root_with("root", root.key(), |params| {
        params.not_after = params.not_before + Duration::hours(1);
    });
    let later = Authority::root_with("root", root.key(), |params| {
        params.not_before += Duration::days(2);
    });
    let leaf = root.leaf();
    let refusal = refused(&leaf, &ended.trust(), &root.trust());
    assert_eq!(refusal.reason, RefusalReason::Expired);
    let refusal = refused(&leaf, &later.trust(), &root.trust());
    assert_eq!(refusal.reason, RefusalReason::NotYetValid);
    // Renewed with its key: whichever is valid counts, in any order.
    for (first, second) in [(&ended, &root), (&root, &ended), (&later, &root)] {
        let both = Trust::from_pem(first.pem.clone() + &second.pem).unwrap();
        assert_taken(&leaf, &both);
    }
}

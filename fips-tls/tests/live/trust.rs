//! Anchors and revocation lists that change.

use std::fs;

use fips_tls::live::{Current, Live, PartStatus, Status, TrustFiles, TrustStatus};
use fips_tls::{ClientConfig, Profile, ServerConfig};
use rcgen::SerialNumber;
use time::Duration;

use crate::files::{NEVER, Node, identity, replace, serial, write};
use crate::support::memory::Pair;
use crate::support::tree::{Authority, Issued};
use crate::support::{boundary, client};

fn lists(node: &Node) -> TrustFiles {
    TrustFiles::new(node.path("ca.crt")).with_revocation_lists([node.path("ca.crl")])
}

fn still(node: &Node, files: TrustFiles) -> Live<ServerConfig> {
    let watched = node.watched().with_interval(NEVER).without_events();
    node.mutual(watched, files).unwrap()
}

fn trust(status: &Status) -> &TrustStatus {
    let PartStatus::Trust(trust) = &status.parts[1] else {
        panic!("{status}");
    };
    trust
}

/// Whether the server takes the client.
fn takes(live: &Live<ServerConfig>, node: &Node, issued: &Issued) -> bool {
    let client = client(
        Profile::sp800_52r2(),
        node.ca.trust(),
        Some(issued.identity()),
    );
    let outcome = Pair::new(&client, &live.current()).run();
    outcome.server.is_none()
}

fn number(list: u64) -> SerialNumber {
    SerialNumber::from(list)
}

#[test]
fn who_is_revoked_on_the_disk_is_refused() {
    let node = Node::new();
    let live = still(&node, lists(&node));
    let (one, other) = (node.ca.leaf(), node.ca.leaf());
    assert!(takes(&live, &node, &one));
    let list = node
        .ca
        .list_with(&[&one.serial], |list| list.crl_number = number(2));
    replace(&node.path("ca.crl"), &list);
    let status = live.reload();
    assert_eq!(status.generation, 2);
    assert_eq!(trust(&status).lists[0].number.as_deref(), Some("02"));
    assert_eq!(trust(&status).lists[0].len, 1);
    assert!(!takes(&live, &node, &one));
    assert!(takes(&live, &node, &other));
}

/// Puts a list there that is refused for `why`; what is in force stays, and a renewed identity is
/// served all the same.
#[track_caller]
fn refused_list(why: &str, change: impl FnOnce(&Node)) {
    let node = Node::new();
    let gone = node.ca.leaf();
    let present = node
        .ca
        .list_with(&[&gone.serial], |list| list.crl_number = number(5));
    write(&node.path("ca.crl"), &present);
    let live = still(&node, lists(&node));
    change(&node);
    let next = node.ca.leaf();
    node.write(&next);
    let status = live.reload();
    let found = &trust(&status).refused;
    assert_eq!(found.len(), 1, "{status}");
    assert_eq!(found[0].0, node.path("ca.crl"));
    assert!(found[0].1.reason.contains(why), "{status}");
    assert_eq!(identity(&status).served.serial, serial(&next));
    assert_eq!(trust(&status).lists[0].number.as_deref(), Some("05"));
    assert!(!takes(&live, &node, &gone));
    assert!(takes(&live, &node, &next));

    write(&node.path("ca.crl"), &present);
    assert_eq!(trust(&live.reload()).refused, []);
}

#[test]
fn a_list_that_is_older_or_over_or_not_one() {
    refused_list("older than number 05", |node| {
        let list = node.ca.list_with(&[], |list| list.crl_number = number(4));
        write(&node.path("ca.crl"), &list);
    });
    refused_list("does not speak now", |node| {
        let list = node.ca.list_with(&[], |list| {
            list.crl_number = number(6);
            list.next_update = node.clock.now() - Duration::minutes(1);
        });
        write(&node.path("ca.crl"), &list);
    });
    refused_list("does not speak now", |node| {
        let list = node.ca.list_with(&[], |list| {
            list.crl_number = number(6);
            list.this_update = node.clock.now() + Duration::hours(1);
        });
        write(&node.path("ca.crl"), &list);
    });
    refused_list("no revocation list in it", |node| {
        write(&node.path("ca.crl"), &node.ca.pem);
    });
    refused_list("did not sign it", |node| {
        // With the name and the key identifier of the anchor, by another key.
        let key = Authority::root("other").key();
        let id = node.ca.key_id();
        let namesake = Authority::root_with("live CA", key, |params| {
            params.key_identifier_method = id;
        });
        let list = namesake.list_with(&[], |list| list.crl_number = number(6));
        write(&node.path("ca.crl"), &list);
    });
    refused_list("No such file", |node| {
        fs::remove_file(node.path("ca.crl")).unwrap();
    });
    refused_list("larger than", |node| {
        let file = fs::File::options().write(true).open(node.path("ca.crl"));
        file.unwrap().set_len(1 << 30).unwrap();
    });
}

#[test]
fn a_list_that_is_gone_where_issuers_without_one_pass() {
    let node = Node::new();
    let other = Authority::root("other CA");
    let both = node.ca.list(&[]) + &other.list(&[]);
    write(&node.path("ca.crl"), &both);
    write(&node.path("ca.crt"), &(node.ca.pem.clone() + &other.pem));
    let live = still(&node, lists(&node).allowing_unlisted_issuers());
    write(&node.path("ca.crl"), &other.list(&[]));
    let status = live.reload();
    let reason = &trust(&status).refused[0].1.reason;
    assert!(reason.contains("not there any more"), "{reason}");
    assert_eq!(trust(&status).lists.len(), 2);

    // Where each issuer needs one, whom it speaks of is refused: that is safe.
    let live = still(&node, {
        write(&node.path("ca.crl"), &both);
        lists(&node)
    });
    let client = node.ca.leaf();
    assert!(takes(&live, &node, &client));
    write(&node.path("ca.crl"), &other.list(&[]));
    assert_eq!(live.reload().generation, 2);
    assert!(!takes(&live, &node, &client));
}

#[test]
fn a_list_of_megabytes() {
    let node = Node::new();
    let gone = node.ca.leaf();
    let serials: Vec<[u8; 16]> = (0..40_000_u128)
        .map(|number| ((1 << 120) + number).to_be_bytes())
        .collect();
    let mut revoked: Vec<&[u8]> = serials.iter().map(|serial| &serial[..]).collect();
    let large = node.ca.list(&revoked);
    revoked.push(&gone.serial);
    let larger = node
        .ca
        .list_with(&revoked, |list| list.crl_number = number(2));
    assert!(large.len() > 1 << 20, "one that is not read at each look");
    write(&node.path("ca.crl"), &large);
    let live = still(&node, lists(&node));
    assert_eq!(live.reload().generation, 1);
    assert!(takes(&live, &node, &gone));
    write(&node.path("ca.crl"), &larger);
    assert_eq!(live.reload().generation, 2);
    assert!(!takes(&live, &node, &gone));
    // Its refusal stays with it, though it is not read each time.
    write(&node.path("ca.crl"), &large);
    for _ in 0..3 {
        let status = live.reload();
        assert_eq!(trust(&status).refused.len(), 1, "{status}");
    }
}

#[test]
fn anchors_that_are_none_or_over() {
    let node = Node::new();
    let live = still(&node, TrustFiles::new(node.path("ca.crt")));
    let over = Authority::root_with("over", Authority::root("key").key(), |params| {
        params.not_after = node.clock.now() - Duration::minutes(1);
    });
    let leaf = node.ca.leaf();
    for (bad, why) in [
        (over.pem.as_str(), "no trust anchor is valid now"),
        (leaf.chain.as_str(), "is not a CA"),
        ("", "no certificate in it"),
    ] {
        write(&node.path("ca.crt"), bad);
        let status = live.reload();
        assert_eq!(status.generation, 1);
        let reason = &trust(&status).refused[0].1.reason;
        assert!(reason.contains(why), "{reason}");
        assert!(takes(&live, &node, &node.ca.leaf()));
    }
    // One that is over beside one that is not, as in a rotation.
    write(&node.path("ca.crt"), &(over.pem.clone() + &node.ca.pem));
    assert_eq!(live.reload().generation, 2);
}

/// Old and new authority, step by step, and everybody is served at each.
#[test]
fn a_rotation_of_the_authority() {
    let node = Node::new();
    let (old, new) = (node.ca.clone(), Authority::root("new CA"));
    let crossed = old.cross_sign(&new);
    let live = still(&node, TrustFiles::new(node.path("ca.crt")));

    // The fleet: its trust and identity, each old or new.
    let old_trust = old.trust();
    let both = fips_tls::Trust::from_pem(old.pem.clone() + &new.pem).unwrap();
    let new_trust = new.trust();
    let meets = |trust: &fips_tls::Trust, issued: &Issued| {
        let client = ClientConfig::builder(&boundary(), Profile::sp800_52r2())
            .with_trust(trust.clone())
            .with_identity(issued.identity())
            .build()
            .unwrap();
        Pair::new(&client, &live.current()).finish();
    };

    // 1. Trust in both, identities of the old.
    write(&node.path("ca.crt"), &(old.pem.clone() + &new.pem));
    assert_eq!(live.reload().generation, 2);
    meets(&old_trust, &old.leaf());
    // 2. An identity of the new, with the new one signed by the old: whoever has the old trust
    //    alone takes it.
    let next = crossed.leaf();
    node.write(&next);
    assert_eq!(live.reload().generation, 3, "{}", live.status());
    meets(&old_trust, &old.leaf());
    meets(&both, &new.leaf());
    meets(&new_trust, &new.leaf());
    // 3. Trust in the new alone.
    write(&node.path("ca.crt"), &new.pem);
    assert_eq!(live.reload().generation, 4);
    meets(&new_trust, &new.leaf());
    assert!(!takes(&live, &node, &old.leaf()));
}

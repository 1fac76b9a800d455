//! What is on the disk and must not be served.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use fips_tls::{Error, IdentityFault};
use time::Duration;

use crate::files::{Node, identity, replace, serial, write};
use crate::support::program;
use crate::support::tree::{Authority, Issued};

/// Writes something bad by `change`, and sees that the first identity stays, that the reason
/// holds `why`, and that a good identity is taken up after it.
#[track_caller]
fn refused(why: &str, change: impl FnOnce(&Node, &Issued)) {
    let node = Node::new();
    let live = node.still();
    let next = node.ca.leaf();
    change(&node, &next);
    let status = live.reload();
    let found = identity(&status);
    let reason = &found.refused.as_ref().expect("refused").reason;
    assert!(reason.contains(why), "{reason}");
    assert!(found.differs);
    assert_eq!(status.generation, 1);
    assert_eq!(found.served.serial, serial(&node.first));
    assert_eq!(node.seen(&live), serial(&node.first));
    let again = live.reload();
    assert_eq!(identity(&again).refused.as_ref().unwrap().reason, *reason);

    // What stands in the way is not always a file.
    for name in ["node.crt", "node.key"] {
        let path = node.path(name);
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
    node.write(&next);
    let status = live.reload();
    assert_eq!(status.generation, 2, "{status}");
    assert_eq!(identity(&status).refused, None);
    assert!(!identity(&status).differs);
    assert_eq!(node.seen(&live), serial(&next));
}

#[test]
fn expired() {
    refused("has expired", |node, _| {
        node.write(&node.ca.leaf_with("old", |params| {
            params.not_after = node.clock.now() - Duration::minutes(1);
        }));
    });
}

#[test]
fn not_valid_yet_until_it_is() {
    let later = Duration::hours(1);
    refused("not valid yet", |node, _| {
        node.write(&node.ca.leaf_with("early", |params| {
            params.not_before = node.clock.now() + later;
        }));
    });

    let node = Node::new();
    let live = node.still();
    let next = node.ca.leaf_with("early", |params| {
        params.not_before = node.clock.now() + later;
    });
    node.write(&next);
    assert_eq!(live.reload().generation, 1);
    node.clock.advance(later);
    assert_eq!(live.reload().generation, 2);
    assert_eq!(live.status().parts.len(), 1);
    assert_eq!(identity(&live.status()).served.serial, serial(&next));
}

#[test]
fn an_expired_issuer() {
    refused("certificate 1 of the chain", |node, _| {
        let issuer = node.ca.below("issuer", |params| {
            params.not_after = node.clock.now() - Duration::minutes(1);
        });
        node.write(&issuer.leaf());
    });
}

#[test]
fn a_chain_of_strangers() {
    refused("certifies none before it", |node, next| {
        let stranger = Authority::root("stranger");
        write(
            &node.path("node.crt"),
            &(next.chain.clone() + &stranger.pem),
        );
        write(&node.path("node.key"), &next.key);
    });
    // The name alone is not enough.
    refused("certifies none before it", |node, next| {
        let namesake = Authority::root("live CA");
        write(
            &node.path("node.crt"),
            &(next.chain.clone() + &namesake.pem),
        );
        write(&node.path("node.key"), &next.key);
    });
}

#[test]
fn the_key_of_another() {
    refused("does not belong to the certificate", |node, next| {
        replace(&node.path("node.crt"), &next.chain);
    });
    refused("does not belong to the certificate", |node, next| {
        replace(&node.path("node.key"), &next.key);
    });
}

#[test]
fn a_half_of_each() {
    for part in 1..4 {
        refused("node.crt", |node, next| {
            write(
                &node.path("node.crt"),
                &next.chain[..next.chain.len() * part / 4],
            );
            write(&node.path("node.key"), &next.key);
        });
        refused("node.key", |node, next| {
            write(&node.path("node.crt"), &next.chain);
            write(
                &node.path("node.key"),
                &next.key[..next.key.len() * part / 4],
            );
        });
    }
    refused("node.crt", |node, _| write(&node.path("node.crt"), ""));
}

#[test]
fn a_key_that_others_may_read() {
    refused("mode 0644", |node, next| {
        node.write(next);
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(node.path("node.key"), readable).unwrap();
    });
    // Even the one that is served, which nobody else should come to read.
    refused("mode 0640", |node, _| {
        let readable = fs::Permissions::from_mode(0o640);
        fs::set_permissions(node.path("node.key"), readable).unwrap();
    });
}

#[test]
fn removed() {
    refused("No such file", |node, _| {
        fs::remove_file(node.path("node.crt")).unwrap();
    });
    refused("No such file", |node, _| {
        fs::remove_file(node.path("node.key")).unwrap();
    });
}

#[test]
fn what_is_no_file_neither_hangs_nor_fills_the_memory() {
    for name in ["node.crt", "node.key"] {
        refused("not a regular file", |node, _| {
            fs::remove_file(node.path(name)).unwrap();
            program::run(Command::new("mkfifo").arg("-m600").arg(node.path(name)));
        });
        refused("not a regular file", |node, _| {
            fs::remove_file(node.path(name)).unwrap();
            fs::create_dir(node.path(name)).unwrap();
        });
        refused("larger than", |node, _| {
            let file = fs::File::options().write(true).open(node.path(name));
            file.unwrap().set_len(1 << 30).unwrap();
        });
        refused("regular file", |node, _| {
            fs::remove_file(node.path(name)).unwrap();
            std::os::unix::fs::symlink("/dev/zero", node.path(name)).unwrap();
        });
    }
}

#[test]
fn at_the_start_it_is_an_error() {
    let node = Node::new();
    node.write(&node.ca.leaf_with("old", |params| {
        params.not_after = node.clock.now() - Duration::minutes(1);
    }));
    let error = node.follow(node.watched()).unwrap_err();
    let Error::InFile { path, source } = &error else {
        panic!("{error}");
    };
    assert_eq!(*path, node.path("node.crt"));
    assert!(matches!(
        **source,
        Error::Identity(IdentityFault::Expired { position: 0, .. })
    ));
}

#[test]
fn what_no_configuration_can_be_built_of() {
    use crate::files::NEVER;
    use crate::support::boundary;
    use crate::support::pki::{Ca, Leaf};
    use fips_core::signing::KeyAlgorithm;
    use fips_tls::{Profile, ServerConfig};

    // CNSA takes P-384 alone: known when the configuration is built.
    let node = Node::new();
    let ca = Ca::new("P-384 CA", KeyAlgorithm::EcdsaP384);
    let put = |name: &str, (chain, key): (String, String)| {
        write(&node.path(&format!("{name}.crt")), &chain);
        write(&node.path(&format!("{name}.key")), &key);
    };
    put("node", ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP384));
    put("other", ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP384));
    let mut files = node.watched().with_interval(NEVER).without_events();
    let first = files
        .identity(node.path("node.crt"), node.path("node.key"))
        .unwrap();
    let other = files
        .identity(node.path("other.crt"), node.path("other.key"))
        .unwrap();
    let live = files
        .start(move || {
            let build = |identity| {
                ServerConfig::builder(&boundary(), Profile::cnsa1())
                    .with_identity(identity)
                    .without_client_authentication()
                    .build()
            };
            Ok::<_, Error>([build(first.current())?, build(other.current())?])
        })
        .unwrap();

    // The one that cannot be used does not keep the other back.
    put("node", ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP256));
    put("other", ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP384));
    let status = live.reload();
    assert_eq!(status.generation, 2, "{status}");
    let reason = &identity(&status).refused.as_ref().unwrap().reason;
    assert!(reason.contains("cnsa1"), "{reason}");
    let text = status.to_string();
    assert_eq!(text.matches("  the same").count(), 1, "{text}");
    // It goes on so, and is told once.
    let again = live.reload();
    assert_eq!(again.generation, 2);
    let refused = |status| identity(status).refused.clone().unwrap();
    assert_eq!(refused(&again).since, refused(&status).since);

    put("node", ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP384));
    assert_eq!(live.reload().generation, 3);
}

#[test]
fn a_build_or_a_callback_that_panics_ends_nothing() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let node = Node::new();
    let mut files = node.watched();
    let part = files
        .identity(node.path("node.crt"), node.path("node.key"))
        .unwrap();
    let first = serial(&node.first);
    let live = files
        .start(move || {
            let serial = part.current().leaf().serial().to_owned();
            assert!(
                part.current().leaf().common_name() != Some("bad"),
                "no such"
            );
            Ok::<_, Error>(serial)
        })
        .unwrap();
    let called = Arc::new(AtomicUsize::new(0));
    live.on_change(|_| panic!("a callback"));
    let count = Arc::clone(&called);
    live.on_change(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    node.write(&node.ca.leaf_with("bad", |_| {}));
    let status = live.reload();
    assert!(
        status.to_string().contains("building panicked: no such"),
        "{status}"
    );
    assert_eq!(*live.load(), first);
    let next = node.ca.leaf();
    node.write(&next);
    live.reload();
    assert_eq!(*live.load(), serial(&next));
    assert_eq!(called.load(Ordering::SeqCst), 1);
}

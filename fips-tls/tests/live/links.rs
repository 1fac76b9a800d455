//! How files come to be others, each way found by events and by looking alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use fips_tls::IdentityFault;

use crate::files::{NEVER, Node, identity, replace, serial, until, write};
use crate::support::tree::Issued;

/// Follows by events alone, and by looking alone.
#[track_caller]
fn both_ways(prepare: impl Fn(&Node), change: impl Fn(&Node, &Issued)) {
    for by_events in [true, false] {
        let node = Node::new();
        prepare(&node);
        let files = node.watched();
        let files = if by_events {
            files.with_interval(NEVER)
        } else {
            files
                .with_interval(Duration::from_millis(20))
                .without_events()
        };
        let live = node.follow(files).unwrap();
        // More than once: what leads to the files may be another after the first.
        for _ in 0..3 {
            let next = node.ca.leaf();
            change(&node, &next);
            let status = until(&live, |status| {
                identity(status).served.serial == serial(&next) && !identity(status).differs
            });
            assert_eq!(status.no_events.is_none(), by_events, "{status}");
            assert_eq!(node.seen(&live), serial(&next));
        }
    }
}

#[test]
fn written_in_place() {
    both_ways(|_| {}, Node::write);
}

#[test]
fn renamed_over() {
    both_ways(|_| {}, Node::replace);
}

#[test]
fn removed_and_written_anew() {
    both_ways(
        |_| {},
        |node, next| {
            fs::remove_file(node.path("node.crt")).unwrap();
            fs::remove_file(node.path("node.key")).unwrap();
            node.write(next);
        },
    );
}

#[test]
fn the_directory_removed_and_made_anew() {
    let inside = |node: &Node, issued: &Issued| {
        let directory = node.path("pair");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        write(&directory.join("node.crt"), &issued.chain);
        write(&directory.join("node.key"), &issued.key);
    };
    both_ways(
        |node| {
            inside(node, &node.first);
            for name in ["node.crt", "node.key"] {
                fs::remove_file(node.path(name)).unwrap();
                symlink(format!("pair/{name}"), node.path(name)).unwrap();
            }
        },
        inside,
    );
}

/// As kubelet's atomic writer: a new directory with a date in its name, and `..data` renamed over
/// to lead to it; the old one is removed.
fn swap(mount: &Path, issued: &Issued) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let name = format!("..{}", now.unwrap().as_nanos());
    let directory = mount.join(&name);
    fs::create_dir_all(&directory).unwrap();
    write(&directory.join("node.crt"), &issued.chain);
    write(&directory.join("node.key"), &issued.key);
    let old = fs::read_link(mount.join("..data")).ok();
    symlink(&name, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(mount.join(old)).unwrap();
    }
}

/// Puts links in the files' place that lead below `mount`.
fn link(node: &Node, mount: &str) {
    swap(&node.path(mount), &node.first);
    for name in ["node.crt", "node.key"] {
        fs::remove_file(node.path(name)).unwrap();
        let target = node.path(mount).join("..data").join(name);
        symlink(target, node.path(name)).unwrap();
    }
}

#[test]
fn swapped_as_kubernetes_does() {
    both_ways(
        |node| link(node, "."),
        |node, next| swap(&node.path("."), next),
    );
    // Nothing happens in the directory of the files themselves.
    both_ways(
        |node| link(node, "mount"),
        |node, next| swap(&node.path("mount"), next),
    );
}

#[test]
fn the_same_size_in_the_same_second_with_the_same_times() {
    let node = Node::new();
    let live = node.still();
    let path = node.path("node.crt");
    let other = node.ca.leaf();
    node.write(&other);
    assert_eq!(live.reload().generation, 2);
    // One with as many bytes: the signature's length varies.
    let next = loop {
        let next = node.ca.leaf();
        if next.chain.len() == other.chain.len() && next.key.len() == other.key.len() {
            break next;
        }
    };
    let times = fs::metadata(&path).unwrap();
    let times = fs::FileTimes::new()
        .set_modified(times.modified().unwrap())
        .set_accessed(times.accessed().unwrap());
    node.write(&next);
    for name in ["node.crt", "node.key"] {
        let file = fs::File::options()
            .write(true)
            .open(node.path(name))
            .unwrap();
        file.set_times(times).unwrap();
    }
    assert_eq!(live.reload().generation, 3);
    assert_eq!(node.seen(&live), serial(&next));
}

#[test]
fn a_pair_torn_for_a_moment_is_waited_for() {
    let node = Node::new();
    let files = node.watched().with_interval(NEVER).without_events();
    let live = node
        .follow(files.with_settling(Duration::from_millis(300)))
        .unwrap();
    let next = node.ca.leaf();
    replace(&node.path("node.crt"), &next.chain);
    let status = std::thread::scope(|scope| {
        let look = scope.spawn(|| live.reload());
        std::thread::sleep(Duration::from_millis(100));
        replace(&node.path("node.key"), &next.key);
        look.join().unwrap()
    });
    assert_eq!(status.generation, 2, "{status}");
    assert_eq!(identity(&status).refused, None);
}

#[test]
fn a_torn_pair_that_stays_is_said_to_be_one() {
    let node = Node::new();
    let live = node.still();
    let next = node.ca.leaf();
    replace(&node.path("node.crt"), &next.chain);
    let status = live.reload();
    let found = identity(&status);
    assert_eq!(found.on_disk.as_deref(), Some(&*serial(&next)));
    let fault = IdentityFault::KeyMismatch {
        key: fips_core::signing::KeyAlgorithm::EcdsaP256,
        subject: "CN=peer".into(),
    };
    let reason = &found.refused.as_ref().unwrap().reason;
    assert!(reason.contains(&fault.to_string()), "{reason}");
}

#[test]
fn a_storm_of_events_does_not_keep_a_change_back() {
    let node = Node::new();
    let live = node.follow(node.watched().with_interval(NEVER)).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0_u32;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let path = node.path(&format!("noise{}", number % 100));
                write(&path, "noise");
                fs::remove_file(&path).unwrap();
                number += 1;
            }
        });
        let next = node.ca.leaf();
        node.replace(&next);
        until(&live, |status| {
            identity(status).served.serial == serial(&next)
        });
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn the_thread_ends_with_what_it_serves() {
    let node = Node::new();
    let mut files = node.watched().with_interval(NEVER);
    let part = files
        .identity(node.path("node.crt"), node.path("node.key"))
        .unwrap();
    let alive = std::sync::Arc::new(());
    let held = std::sync::Arc::downgrade(&alive);
    let live = files
        .start(move || {
            let _ = (&alive, part.current());
            Ok::<_, fips_tls::Error>(())
        })
        .unwrap();
    assert!(held.upgrade().is_some());
    // Its thread waits for an hour, and holds the last of it.
    drop(live);
    assert!(held.upgrade().is_none());
}

//! The world around a store: umask, a full disk, a read-only one.

use std::process::Output;

use super::*;
use crate::store::Recovery;

fn succeeded(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn modes_do_not_get_looser_with_the_umask_and_may_get_tighter() {
    if let Some(folder) = child_folder() {
        let store = DirStore::create_or_open(folder.join("above/pki")).unwrap();
        store.apply(&old_set(), &accept).unwrap();
        assert_eq!(contents(&store), expected(&[old_set()]));
        return;
    }
    for (umask, public, folder) in [
        ("000", 0o644, 0o700),
        ("022", 0o644, 0o700),
        ("027", 0o640, 0o700),
        ("077", 0o600, 0o700),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let name = "environment::modes_do_not_get_looser_with_the_umask_and_may_get_tighter";
        succeeded(&under_shell(
            &format!("umask {umask}"),
            name,
            scratch.path(),
        ));
        let root = scratch.path().join("above/pki");
        assert_eq!(mode(root.join("ca.crt")), public, "umask {umask}");
        assert_eq!(mode(root.join("ca.key")), 0o600, "umask {umask}");
        assert_eq!(mode(root.join("gone.token")), 0o600, "umask {umask}");
        assert_eq!(mode(root.join(".fips-lock")), 0o600, "umask {umask}");
        for made in ["", "etcd", ".."] {
            assert_eq!(mode(root.join(made)), folder, "umask {umask}");
        }
    }
}

#[test]
fn a_umask_that_bars_the_owner_is_an_error() {
    if let Some(folder) = child_folder() {
        let store = DirStore::open(folder).unwrap();
        let error = store.apply(&old_set(), &accept).unwrap_err();
        assert!(error.to_string().contains("umask"), "{error}");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    drop(DirStore::create_or_open(scratch.path()).unwrap());
    let name = "environment::a_umask_that_bars_the_owner_is_an_error";
    succeeded(&under_shell("umask 0200", name, scratch.path()));
    let store = DirStore::open(scratch.path()).unwrap();
    assert!(store.list().unwrap().is_empty());
    assert_eq!(store.recovery(), &Recovery::Clean);
}

#[test]
fn a_full_disk_leaves_the_old_set() {
    if let Some(folder) = child_folder() {
        let store = DirStore::create_or_open(folder.join("pki")).unwrap();
        store.apply(&old_set(), &accept).unwrap();
        let rest = "k".repeat(20_000).into_bytes();
        let large = ["new/1", "new/2", "new/3", "new/4", "new/5"].iter().fold(
            Change::new("more than there is room for"),
            |change, name| change.put(path(name), Secrecy::Public, rest.clone()),
        );
        for _ in 0..3 {
            let error = store.apply(&large, &accept).unwrap_err();
            let full = std::io::ErrorKind::StorageFull;
            assert!(
                matches!(&error, Error::Io { source, .. } if source.kind() == full),
                "{error}"
            );
            assert_eq!(contents(&store), expected(&[old_set()]));
        }
        // The room is free again: a change that fits is made.
        store.apply(&new_set(), &accept).unwrap();
        drop(store);
        // A disk without any room left still opens, and so can be mended.
        let fill = fs::File::create(folder.join("fill")).unwrap();
        let fill = std::io::copy(&mut std::io::repeat(0), &mut &fill);
        assert_eq!(fill.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        let store = DirStore::open(folder.join("pki")).unwrap();
        assert!(store.apply(&old_set(), &accept).is_err());
        let whole = [expected(&[old_set(), new_set()]), contents(&store)];
        assert_eq!(whole[0], whole[1]);
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let name = "environment::a_full_disk_leaves_the_old_set";
    let mount = "mount -t tmpfs -o size=64k,mode=0700 tmpfs \"$FIPS_STORE_CHILD\"";
    succeeded(&in_mount_namespace(mount, name, scratch.path()));
}

#[test]
fn a_read_only_disk_can_be_read_and_refuses_the_rest() {
    if let Some(folder) = child_folder() {
        let store = DirStore::open_read_only(&folder).unwrap();
        assert_eq!(contents(&store), expected(&[old_set()]));
        let readonly = std::io::ErrorKind::ReadOnlyFilesystem;
        let error = DirStore::open(&folder).unwrap_err();
        assert!(
            matches!(&error, Error::Io { source, .. } if source.kind() == readonly),
            "{error}"
        );
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    drop(store);
    let name = "environment::a_read_only_disk_can_be_read_and_refuses_the_rest";
    let mount = "mount --bind \"$FIPS_STORE_CHILD\" \"$FIPS_STORE_CHILD\" \
                 && mount -o remount,bind,ro \"$FIPS_STORE_CHILD\"";
    succeeded(&in_mount_namespace(mount, name, scratch.path()));
}

/// Runs the child's part of the test `name` after the shell command `before`.
fn under_shell(before: &str, name: &str, folder: &Path) -> Output {
    let child = child(name, folder);
    Command::new("sh")
        .args(["-c", &format!("{before} && exec \"$@\""), "sh"])
        .arg(child.get_program())
        .args(child.get_args())
        .env("FIPS_STORE_CHILD", folder)
        .output()
        .expect("the program sh is needed")
}

/// The same in a user and mount namespace of its own: mounting needs no root there, and
/// nothing stays mounted.
fn in_mount_namespace(mount: &str, name: &str, folder: &Path) -> Output {
    let child = child(name, folder);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("{mount} || exit 99; exec \"$@\""))
        .arg("sh")
        .arg(child.get_program())
        .args(child.get_args())
        .env("FIPS_STORE_CHILD", folder)
        .output()
        .expect("the program unshare (util-linux) is needed");
    let answer = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() != Some(99) && !answer.starts_with("unshare:"),
        "this test mounts in a namespace of its own, which is not permitted here: {answer}; \
         run it as root, or allow unprivileged user namespaces"
    );
    output
}

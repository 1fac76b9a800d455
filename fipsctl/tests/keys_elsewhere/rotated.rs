//! Sealed authorities and those on a token, rotated and signed elsewhere.

use std::fs;
use std::process::Command;

use crate::{Scene, read, secrets_do_not_show, uri};

/// Every private key below the folder that does not lie sealed.
fn open_keys(scene: &Scene, below: &str) -> Vec<String> {
    let mut open = Vec::new();
    let mut folders = vec![scene.path(below)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if read(&path).contains("-----BEGIN PRIVATE KEY-----") {
                open.push(path.display().to_string());
            }
        }
    }
    open
}

/// The serial number of the first certificate of a file.
fn serial(scene: &Scene, file: &str) -> String {
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-serial", "-in", file])
        .current_dir(scene.path("server/tls"))
        .output()
        .expect("openssl is needed (Debian package openssl)");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn openssl(scene: &Scene, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(scene.work.path())
        .output()
        .expect("openssl is needed (Debian package openssl)");
    assert!(output.status.success(), "{output:?}");
}

/// A root elsewhere.
fn root(scene: &Scene) {
    openssl(
        scene,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=root \
         -keyout root.key -out root.crt -days 5000 \
         -addext keyUsage=critical,keyCertSign,cRLSign",
    );
}

/// What the root makes of `ca.csr`, and its own certificate behind it: `chain.crt`.
fn signed_by_root(scene: &Scene) {
    openssl(
        scene,
        "x509 -req -in ca.csr -CA root.crt -CAkey root.key -copy_extensions copy -days 3000 \
         -out ca.crt",
    );
    let chain = read(&scene.path("ca.crt")) + &read(&scene.path("root.crt"));
    fs::write(scene.path("chain.crt"), chain).unwrap();
}

#[test]
fn a_sealed_authority_rotates_and_no_key_of_it_is_ever_open() {
    let scene = Scene::new();
    let opened = "--passphrase-fd 3 3<passphrase";
    scene.done(&format!(
        "pki init server --node-name n1 --seal-ca-keys {opened}"
    ));
    let (old, sealed) = (serial(&scene, "client-ca.crt"), scene.key("client-ca.key"));
    let step = |what: &str| scene.done(&format!("pki rotate-ca {what} {opened}"));
    step("start server client-ca --dry-run");
    step("start server client-ca");
    scene.failed(
        &format!("pki import server client-ca server/tls/client-ca.crt {opened}"),
        4,
        "one is under way",
    );
    // Another secret opens nothing, and nothing changed by it.
    let next = "pki rotate-ca next server client-ca --force";
    scene.failed(next, 4, "nobody named a passphrase");
    scene.failed(&format!("{next} --passphrase-fd 3 3<other"), 4, "");
    let rotation = "server/fips/rotation";
    assert_eq!(open_keys(&scene, rotation), Vec::<String>::new());
    step("next server client-ca --force");
    // A list is signed with both keys.
    scene.done(&format!(
        "pki crl issue server --authority client-ca {opened}"
    ));
    scene.done("pki crl verify server");
    step("next server client-ca --force");
    assert_eq!(open_keys(&scene, rotation), Vec::<String>::new());
    assert_ne!(serial(&scene, "client-ca.crt"), old);
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    scene.done(&format!(
        "pki crl issue server --authority client-ca {opened}"
    ));
    scene.done("pki crl verify server");
    // Back, byte for byte, and forward again.
    step("rollback server client-ca");
    assert_eq!(scene.key("client-ca.key"), sealed);
    assert_eq!(serial(&scene, "client-ca.crt"), old);
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    step("next server client-ca --force");
    step("next server client-ca --force --keep-old-key");
    let kept = open_keys(&scene, "server/fips");
    assert_eq!(kept, Vec::<String>::new());
    let retired = fs::read_dir(scene.path("server/fips/retired/client-ca")).unwrap();
    let retired: Vec<_> = retired.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(retired.len(), 1);
    assert_eq!(read(&retired[0]), sealed, "kept as it was");
    let new = scene.key("client-ca.key");
    assert!(new.contains("FIPS SEALED") && new != sealed);
    scene.done("pki check server");
    scene.done(&format!("pki renew server --name client-admin {opened}"));
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");

    // A certificate from elsewhere: of the key that is there, and of a new one, which waits
    // sealed, too.
    root(&scene);
    let import = "pki import server server-ca chain.crt";
    let list = "pki crl issue server --authority server-ca";
    scene.done(&format!("{list} {opened}"));
    for new_key in [false, true] {
        let request = "pki export-csr server --ca server-ca --out ca.csr";
        let more = if new_key { "--new-key" } else { "" };
        scene.done(&format!("{request} {more} {opened}"));
        assert_eq!(open_keys(&scene, "server/fips"), Vec::<String>::new());
        signed_by_root(&scene);
        fs::remove_file(scene.path("ca.csr")).unwrap();
        let before = scene.key("server-ca.key");
        scene.failed(import, 4, "nobody named a passphrase");
        assert_eq!(scene.key("server-ca.key"), before);
        scene.done(&format!("{import} {opened}"));
        let after = scene.key("server-ca.key");
        assert!(after.contains("FIPS SEALED"));
        assert_eq!(after != before, new_key);
        scene.done("pki check server");
        scene.done("pki crl verify server");
    }
    // A request of another key beside the sealed one is believed until that is opened.
    scene.done(&format!(
        "pki export-csr server --ca server-ca --new-key --out ca.csr {opened}"
    ));
    fs::remove_file(scene.path("ca.csr")).unwrap();
    openssl(
        &scene,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other \
         -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
         -addext keyUsage=critical,keyCertSign,cRLSign \
         -addext subjectKeyIdentifier=hash -keyout other.key -out ca.csr",
    );
    signed_by_root(&scene);
    fs::copy(
        scene.path("ca.csr"),
        scene.path("server/fips/requests/server-ca.csr"),
    )
    .unwrap();
    let before = scene.key("server-ca.key");
    let refusals = || {
        let log = scene.done("pki audit show server --output json");
        log.stdout.matches("\"refused\"").count()
    };
    let logged = refusals();
    scene.failed(&format!("{import} {opened}"), 4, "its key is not");
    assert_eq!(scene.key("server-ca.key"), before);
    assert_eq!(refusals(), logged + 1);
    // A new authority in the place of one that is lost has a sealed key, too.
    fs::write(scene.path("server/tls/etcd/peer-ca.crt"), "").unwrap();
    let recover = "pki recover server --new-ca etcd/peer-ca";
    scene.failed(recover, 4, "nobody named a passphrase");
    scene.done(&format!("{recover} {opened}"));
    assert!(scene.key("etcd/peer-ca.key").contains("FIPS SEALED"));
    scene.done("pki check server");
    secrets_do_not_show(&scene);
}

#[test]
fn an_authority_moves_to_a_token_and_on_to_another_key_of_it() {
    let scene = Scene::new();
    let opened = "--pin-fd 3 3<pin --passphrase-fd 4 4<passphrase";
    scene.done("pki init server --node-name n1 --seal-ca-keys --passphrase-fd 3 3<passphrase");
    let sealed = scene.key("client-ca.key");
    let first = serial(&scene, "client-ca.crt");
    for name in ["ca-1", "ca-2", "ca-3"] {
        let generate = format!("pki key generate {} --pin-fd 3 3<pin", uri(name));
        let wide = if name == "ca-3" {
            "--key-type p384"
        } else {
            ""
        };
        scene.done(&format!("{generate} {wide}"));
    }
    let start = |name: &str| {
        format!(
            "pki rotate-ca start server client-ca --ca-key {}",
            uri(name)
        )
    };
    let next = format!("pki rotate-ca next server client-ca --force {opened}");
    let back = format!("pki rotate-ca rollback server client-ca {opened}");
    let dry = scene.done(&format!("{} --dry-run", start("ca-1")));
    assert!(!dry.stdout.contains("new.key"), "{dry}");
    scene.failed(&start("ca-1"), 4, "none was given");
    scene.failed(&format!("{} {opened}", start("nobody")), 4, "nobody");
    scene.failed(&format!("{} {opened}", start("ca-3")), 4, "asks for p256");
    let spoken = start("ca-1").replace("?module-path", "?pin-value=1&module-path");
    scene.failed(&spoken, 2, "pin-value");
    assert!(!scene.path("server/fips/rotation").exists());
    // Given up, and the sealed key never moved; the token keeps what it has.
    scene.done(&format!("{} {opened}", start("ca-1")));
    let given_up = scene.done(&back);
    assert!(given_up.stdout.contains("stays on its token"), "{given_up}");
    assert_eq!(scene.key("client-ca.key"), sealed);

    scene.done(&format!("{} {opened}", start("ca-1")));
    scene.done(&next);
    scene.done(&format!(
        "pki crl issue server --authority client-ca {opened}"
    ));
    scene.done(&next);
    let live = scene.path("server/tls/client-ca.key");
    assert!(!live.exists(), "the token signs");
    let second = serial(&scene, "client-ca.crt");
    assert_ne!(first, second);
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    let checked = scene.done("pki check server --output json");
    assert!(checked.stdout.contains("PKCS#11 token cp"), "{checked}");
    // The other key still signs its list.
    scene.done(&format!(
        "pki crl issue server --authority client-ca {opened}"
    ));
    scene.done("pki crl verify server");
    scene.done("pki renew server --name client-admin --pin-fd 3 3<pin");
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    // Back to the sealed file, which the record says again, and forward.
    scene.done(&back);
    assert_eq!(scene.key("client-ca.key"), sealed);
    assert_eq!(serial(&scene, "client-ca.crt"), first);
    scene.done("pki renew server --name client-admin --passphrase-fd 3 3<passphrase");
    scene.done(&next);
    scene.done(&next);
    scene.done("pki check server");
    assert!(!live.exists());
    assert_eq!(open_keys(&scene, "server/fips"), Vec::<String>::new());
    let left = fs::read_dir(scene.path("server/fips/rotation/client-ca"));
    assert!(left.map_or(true, |mut left| left.next().is_none()));
    // Its last checkpoint, then the next one: from one key of the token to another.
    scene.failed(&start("ca-1"), 4, "waits for");
    let status = scene.shell("pki rotate-ca status server client-ca --output json");
    let found: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let open: Vec<&str> = found[0]["open"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    scene.done(&format!(
        "pki rotate-ca confirm server client-ca {}",
        open.join(" ")
    ));
    scene.failed("pki rotate-ca start server client-ca", 4, "--ca-key");
    scene.failed(&format!("{} {opened}", start("ca-1")), 4, "signs already");
    let pin = "--pin-fd 3 3<pin";
    let next = format!("pki rotate-ca next server client-ca --force {pin}");
    scene.done(&format!("{} {pin}", start("ca-2")));
    scene.done(&next);
    scene.done(&next);
    assert_ne!(serial(&scene, "client-ca.crt"), second);
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    let retired = scene.done(&next);
    assert!(retired.stdout.contains("stays on its token"), "{retired}");
    assert!(retired.stdout.contains("object=ca-1"), "{retired}");
    scene.done(&format!("pki renew server --all {opened}"));
    scene.done("pki check server");

    // A certificate from elsewhere must be of the token's key.
    root(&scene);
    openssl(
        &scene,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other \
         -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
         -addext keyUsage=critical,keyCertSign,cRLSign -keyout other.key -out ca.csr",
    );
    signed_by_root(&scene);
    let import = format!("pki import server client-ca chain.crt {opened}");
    scene.failed(&import, 4, "its key is not");
    scene.done(&format!(
        "pki export-csr server --ca client-ca --out own.csr {pin}"
    ));
    fs::rename(scene.path("own.csr"), scene.path("ca.csr")).unwrap();
    signed_by_root(&scene);
    scene.done(&import);
    scene.done("pki check server");
    secrets_do_not_show(&scene);
}

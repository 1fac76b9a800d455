//! Trees that Go and OpenSSL write as kubeadm, k3s and RKE2 do, and trees made here in their
//! layouts: read, judged, taken over, renewed, rotated, and verified by OpenSSL and Go.

#[path = "../common/mod.rs"]
mod common;
mod foreign;
mod shown;
mod writers;

use std::os::unix::fs::PermissionsExt;

use common::{boundary, clock, diagnostic, openssl, row};
use fips_certs::catalogue::{Admins, Catalogue, Encryption, Options, Program};
use fips_certs::key::KeyType;
use fips_certs::pki::{RenewalPolicy, Row, Status, Thresholds};
use fips_certs::store::DirStore;
use fips_certs::{Clock, Error, Pki, SystemClock};
use serde_json::Value;

fn options(program: Program) -> Options {
    let mut options = Options::new(program, "cp-1");
    options.node_ips = vec!["192.0.2.10".parse().unwrap()];
    options.service_account_key = KeyType::P256;
    options
}

fn look(pki: &Pki<'_>) -> Vec<Row> {
    pki.check(&diagnostic(), SystemClock.now(), Thresholds::default())
        .unwrap()
}

fn assert_well(rows: &[Row]) {
    for row in rows {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
}

fn forced() -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    policy
}

#[test]
fn a_kubeadm_tree_made_here_is_whole_in_both_forms() {
    for admins in [Admins::ClusterAdmins, Admins::Masters] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("kubernetes");
        let store = DirStore::create_or_open(&root).unwrap();
        let mut options = options(Program::Kubeadm);
        options.admins = admins;
        let catalogue = Catalogue::new(options).unwrap();
        let (pki, report) =
            Pki::init(&boundary(), &store, catalogue.clone(), &SystemClock).unwrap();
        assert_eq!(
            report.written.contains(&"super-admin.conf".to_owned()),
            admins == Admins::ClusterAdmins
        );
        assert_well(&look(&pki));
        shown::verify(&root, &catalogue);
        assert_eq!(
            openssl(&root, "pkey -in pki/sa.key -pubout"),
            openssl(&root, "pkey -pubin -in pki/sa.pub -pubout")
        );
        for secret in ["admin.conf", "pki/sa.key", "pki/apiserver.key"] {
            let mode = root.join(secret).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{secret}");
        }
    }
}

#[test]
fn what_is_wrong_with_an_embedding_kubeconfig_is_named_and_mended() {
    let store = common::MemoryStore::default();
    let catalogue = Catalogue::new(options(Program::Kubeadm)).unwrap();
    let (pki, _) = Pki::init(&boundary(), &store, catalogue, &clock()).unwrap();
    let rows = |pki: &Pki<'_>| {
        pki.check(&diagnostic(), common::START, Thresholds::default())
            .unwrap()
    };
    let good = String::from_utf8(store.content("admin.conf")).unwrap();
    let other = String::from_utf8(store.content("scheduler.conf")).unwrap();
    let line = |text: &str, field: &str| {
        let line = text.lines().find(|line| line.trim().starts_with(field));
        line.unwrap().to_owned()
    };
    let swap = |field: &str| good.replace(&line(&good, field), &line(&other, field));
    let etcd = String::from_utf8(store.content("pki/etcd/ca.crt")).unwrap();
    let ca = format!(
        "    certificate-authority-data: {}",
        data_encoding::BASE64.encode(etcd.as_bytes())
    );
    let wrong_ca = good.replace(&line(&good, "certificate-authority-data"), &ca);
    let leaf_alone = [("admin.conf", Status::Torn, Status::Ok)];
    let frame_alone = [("admin.conf", Status::Ok, Status::Drifted)];
    for (text, expected, issued) in [
        (swap("client-key-data"), leaf_alone, 1),
        (swap("client-certificate-data"), leaf_alone, 1),
        (
            good.replace("https://192.0.2.10", "https://192.0.2.66"),
            frame_alone,
            0,
        ),
        (wrong_ca, frame_alone, 0),
        (
            "not: a kubeconfig".to_owned(),
            [("admin.conf", Status::Torn, Status::Drifted)],
            1,
        ),
    ] {
        store.set("admin.conf", text);
        let found = rows(&pki);
        let found: Vec<Status> = found
            .iter()
            .filter(|row| row.file == "admin.conf")
            .map(|row| row.status)
            .collect();
        for (_, leaf, frame) in expected {
            assert_eq!(found, [leaf, frame]);
        }
        let plan = pki
            .renewals(&diagnostic(), common::START, &RenewalPolicy::default())
            .unwrap();
        let report = pki.renew(&boundary(), &plan, &clock()).unwrap();
        assert_eq!(report.issued.len(), issued);
        assert_well(&rows(&pki));
        store.set("admin.conf", good.clone());
    }
    // The kubelet renews its own leaf, and names the file that it keeps it in.
    let kubelet = String::from_utf8(store.content("kubelet.conf")).unwrap();
    let file = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    let named = kubelet
        .replace(
            &line(&kubelet, "client-certificate-data"),
            &format!("    client-certificate: {file}"),
        )
        .replace(
            &line(&kubelet, "client-key-data"),
            &format!("    client-key: {file}"),
        );
    store.set("kubelet.conf", named);
    let found = rows(&pki);
    assert_well(&found);
    let kubelets = found.iter().filter(|row| row.file == "kubelet.conf");
    assert_eq!(kubelets.count(), 1);
}

#[test]
fn what_is_made_once_is_judged_and_not_made_anew() {
    let store = common::MemoryStore::default();
    let mut options = options(Program::Rke2);
    options.encryption = Some(Encryption::Aesgcm);
    let catalogue = Catalogue::new(options).unwrap();
    let (pki, _) = Pki::init(&boundary(), &store, catalogue, &clock()).unwrap();
    let config: Value =
        serde_json::from_slice(&store.content("cred/encryption-config.json")).unwrap();
    let key = &config["resources"][0]["providers"][0]["aesgcm"]["keys"][0];
    let secret = data_encoding::BASE64
        .decode(key["secret"].as_str().unwrap().as_bytes())
        .unwrap();
    assert_eq!(
        (key["name"].as_str(), secret.len()),
        (Some("aesgcmkey"), 32)
    );
    let passwd = String::from_utf8(store.content("cred/passwd")).unwrap();
    let cells: Vec<Vec<&str>> = passwd
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(cells[0][1..], ["node", "node", "rke2:agent"]);
    assert_eq!(cells[1][1..], ["server", "server", "rke2:server"]);
    assert!(cells[0][0] == cells[1][0] && cells[0][0].len() == 32);
    assert_eq!(store.content("cred/ipsec.psk").len(), 97);

    let text = String::from_utf8(store.content("cred/encryption-config.json")).unwrap();
    let other = store.content("tls/client-kubelet.key");
    for (file, content, status, word, blocked) in [
        (
            "cred/encryption-config.json",
            text.replace("aesgcm", "secretbox"),
            Status::Drifted,
            "approved",
            true,
        ),
        (
            "cred/encryption-config.json",
            text.replace("AESGCM", ""),
            Status::Ok,
            "",
            false,
        ),
        (
            "cred/encryption-config.json",
            text.replace("\"secret\":\"", "\"secret\":\"AAAA"),
            Status::Torn,
            "16, 24 or 32",
            true,
        ),
        (
            "cred/encryption-config.json",
            "{".into(),
            Status::Torn,
            "no JSON",
            true,
        ),
        (
            "cred/encryption-config.json",
            text.replace("[{\"aesgcm", "[{\"identity\":{}},{\"aesgcm"),
            Status::Warning,
            "not encrypted",
            false,
        ),
        (
            "cred/passwd",
            "x,server,server,rke2:server\n".into(),
            Status::Torn,
            "no user node",
            true,
        ),
        (
            "cred/ipsec.psk",
            "xyz\n".into(),
            Status::Torn,
            "hexadecimal",
            true,
        ),
        ("tls/service.key", "torn".into(), Status::Torn, "", true),
        (
            "tls/service.current.key",
            String::from_utf8(other).unwrap(),
            Status::Drifted,
            "another key",
            false,
        ),
    ] {
        let good = store.content(file);
        store.set(file, content);
        let rows = pki
            .check(&diagnostic(), common::START, Thresholds::default())
            .unwrap();
        let shown = if file == "tls/service.current.key" {
            "tls/service.key"
        } else {
            file
        };
        let found = row(&rows, shown);
        assert_eq!(found.status, status, "{found:?}");
        assert!(found.reasons.join("; ").contains(word), "{found:?}");
        let plan = pki
            .renewals(&diagnostic(), common::START, &forced())
            .unwrap();
        assert_eq!(
            plan.blocked.len(),
            usize::from(blocked),
            "{file}: {:?}",
            plan.blocked
        );
        if blocked {
            assert!(plan.blocked[0].why.contains("backup"), "{plan:?}");
            store.set(file, good);
        } else {
            // The first key of the set is copied again; the set stays.
            pki.renew(&boundary(), &plan, &clock()).unwrap();
            if file == "tls/service.current.key" {
                assert_eq!(store.certificates("tls/client-admin.crt").len(), 2);
                let public = |name: &str| {
                    let key = fips_certs::key::from_pem(&boundary(), &store.content(name));
                    key.unwrap().public_key().to_vec()
                };
                assert_eq!(public(file), public("tls/service.key"));
            }
            store.set(file, good);
        }
    }
}

#[test]
fn a_catalogue_that_was_put_in_the_records_place_may_only_look() {
    let store = common::made();
    let other = Catalogue::new(options(Program::Rke2)).unwrap();
    let pki = Pki::judged_by(&store, other).unwrap();
    let plan = pki
        .renewals(&diagnostic(), common::START, &forced())
        .unwrap();
    let refused = pki.renew(&boundary(), &plan, &clock());
    assert!(matches!(refused, Err(Error::Record { .. })), "{refused:?}");
}

/// The catalogue of the documentation, made and judged.
#[test]
fn a_catalogue_of_ones_own_is_made_checked_and_renewed() {
    let page = include_str!("../../../docs/catalogue.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let catalogue = Catalogue::from_toml(rest.split_once("```").unwrap().0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("own");
    let store = DirStore::create_or_open(&root).unwrap();
    Pki::init(&boundary(), &store, catalogue.clone(), &SystemClock).unwrap();
    let pki = Pki::open(&store).unwrap();
    assert_well(&look(&pki));
    // The chain up to the root stands in the intermediate's file and behind its leaves.
    let file = std::fs::read_to_string(root.join("pki/api.crt")).unwrap();
    assert_eq!(file.matches("BEGIN CERTIFICATE").count(), 3);
    openssl(
        &root,
        "verify -x509_strict -CAfile root.crt -untrusted pki/api.crt pki/api.crt",
    );
    shown::verify(&root, &catalogue);
    let plan = pki
        .renewals(&diagnostic(), SystemClock.now(), &forced())
        .unwrap();
    pki.renew(&boundary(), &plan, &SystemClock).unwrap();
    assert_well(&look(&pki));
    shown::verify(&root, &catalogue);
}

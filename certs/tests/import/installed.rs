//! Whole flows: an offline root, an authority whose key is elsewhere.

use std::path::Path;

use fips_certs::audit::{self, EventKind};
use fips_certs::pki::{KeyPlace, RenewalPolicy, Status, Thresholds};
use fips_certs::{Certificate, Clock, Error, Pki, SystemClock};

use super::common::{self, MemoryStore, boundary, diagnostic, made, openssl, row};
use super::{CA, P256, certificates, root, sign};

/// The request of an authority, written to NAME.csr.
fn export(store: &MemoryStore, folder: &Path, name: &str, new_key: bool) {
    let pki = Pki::open(store).unwrap();
    let request = pki
        .export_request(&boundary(), name, new_key, &SystemClock)
        .unwrap();
    std::fs::write(folder.join("ca.csr"), request.to_pem()).unwrap();
    let said = openssl(folder, "req -in ca.csr -noout -verify -text");
    assert!(
        said.contains("verify OK") && said.contains("CA:TRUE"),
        "{said}"
    );
}

fn bundle(folder: &Path, files: &[&str]) -> Vec<Certificate> {
    files
        .iter()
        .flat_map(|file| certificates(folder, file))
        .collect()
}

fn kinds(store: &MemoryStore) -> Vec<EventKind> {
    let report = audit::verify(&diagnostic(), store, None).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    audit::entries(store)
        .unwrap()
        .iter()
        .map(|entry| entry.event)
        .collect()
}

#[test]
fn an_offline_root_signs_an_authority_and_its_leaves_are_renewed() {
    for new_key in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let store = MemoryStore::default();
        Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
        root(
            folder,
            "root",
            "EC -pkeyopt ec_paramgen_curve:P-384",
            "-sha384",
            "CN=offline root",
            CA,
        );
        export(&store, folder, "server-ca", new_key);
        sign(folder, "ca", "root", "-sha384", CA);
        let here = KeyPlace::Here;
        if !new_key {
            // OpenSSL's own identifier: the leaves that are out name the key by another.
            let pki = Pki::open(&store).unwrap();
            let other = bundle(folder, &["ca.crt", "root.crt"]);
            let judged = |signed| {
                let now = SystemClock.now();
                pki.judge_import(&diagnostic(), "server-ca", signed, here, now)
            };
            let refused = judged(other).unwrap_err().to_string();
            assert!(refused.contains("subject key identifier is"), "{refused}");
            // With none at all, too.
            let none = CA.replace("=hash", "=none");
            sign(folder, "ca", "root", "-sha384", &none);
            let refused = judged(bundle(folder, &["ca.crt", "root.crt"])).unwrap_err();
            assert!(
                refused.to_string().contains("identifier is none"),
                "{refused}"
            );
            // The request says which it must be.
            let copied = CA.replace("subjectKeyIdentifier=hash\n", "");
            sign(
                folder,
                "ca",
                "root",
                "-sha384 -copy_extensions copy",
                &copied,
            );
        }
        let before = store.snapshot();

        // Without its root, and for another authority: refused, logged, nothing else changed.
        let pki = Pki::open(&store).unwrap();
        for (name, files, expected) in [
            ("server-ca", &["ca.crt"][..], "no root"),
            (
                "client-ca",
                &["ca.crt", "root.crt"],
                "not the one that waits for it here",
            ),
        ] {
            let refused = pki
                .import(&boundary(), name, bundle(folder, files), here, &SystemClock)
                .unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
        let mut after = store.snapshot();
        let log = |name: &str| name.starts_with("fips/audit/");
        after.retain(|path, _| !log(path.as_str()));
        let mut unchanged = before.clone();
        unchanged.retain(|path, _| !log(path.as_str()));
        assert_eq!(after, unchanged);

        let signed = bundle(folder, &["ca.crt", "root.crt"]);
        let judged = pki
            .judge_import(
                &diagnostic(),
                "server-ca",
                signed.clone(),
                here,
                SystemClock.now(),
            )
            .unwrap();
        assert_eq!(judged.new_key, new_key);
        assert_eq!(judged.chain.len(), 2);
        pki.import(&boundary(), "server-ca", signed.clone(), here, &SystemClock)
            .unwrap();
        assert_eq!(store.certificates("tls/server-ca.crt"), signed);
        assert_eq!(store.certificates("tls/server-ca.nochain.crt"), signed[..1]);
        assert!(
            !store
                .snapshot()
                .keys()
                .any(|path| path.as_str().starts_with("fips/requests/"))
        );

        let pki = Pki::open(&store).unwrap();
        let now = SystemClock.now();
        let plan = pki
            .renewals(&diagnostic(), now, &RenewalPolicy::default())
            .unwrap();
        let due: Vec<&str> = plan.renewals.iter().map(|due| due.name.as_str()).collect();
        assert!(due.contains(&"serving-kube-apiserver"), "{due:?}");
        pki.renew(&boundary(), &plan, &SystemClock).unwrap();
        let rows = pki
            .check(&diagnostic(), now, Thresholds::default())
            .unwrap();
        for row in &rows {
            assert_eq!(row.status, Status::Ok, "{}: {:?}", row.file, row.reasons);
        }

        store.write_to(folder);
        openssl(
            folder,
            "verify -x509_strict -purpose sslserver -CAfile root.crt \
             -untrusted tls/serving-kube-apiserver.crt tls/serving-kube-apiserver.crt",
        );
        let kinds = kinds(&store);
        assert_eq!(
            kinds
                .iter()
                .filter(|kind| **kind == EventKind::Refused)
                .count(),
            2
        );
        assert_eq!(
            kinds
                .iter()
                .filter(|kind| **kind == EventKind::Imported)
                .count(),
            2
        );
    }
}

#[test]
fn leaves_of_an_authority_whose_key_is_elsewhere_are_requested_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    root(folder, "corp", P256, "-sha256", "CN=corporate", CA);
    let pki = Pki::open(&store).unwrap();
    let corporate = bundle(folder, &["corp.crt"]);
    pki.import(
        &boundary(),
        "client-ca",
        corporate.clone(),
        KeyPlace::External,
        &SystemClock,
    )
    .unwrap();
    assert!(
        !store
            .snapshot()
            .keys()
            .any(|path| path.as_str() == "tls/client-ca.key")
    );

    let pki = Pki::open(&store).unwrap();
    assert!(
        pki.catalogue()
            .authority("client-ca")
            .unwrap()
            .key
            .is_none()
    );
    let plan = || {
        Pki::open(&store)
            .unwrap()
            .renewals(&diagnostic(), SystemClock.now(), &RenewalPolicy::default())
            .unwrap()
    };
    let first = plan();
    assert!(first.is_empty(), "{:?}", first.renewals);
    let requested = pki
        .request_leaves(&boundary(), &first, &SystemClock)
        .unwrap();
    let names: Vec<&str> = requested
        .iter()
        .map(|request| request.name.as_str())
        .collect();
    assert!(
        names.contains(&"client-admin") && !names.contains(&"etcd/client"),
        "{names:?}"
    );
    assert!(requested.iter().all(|request| !request.waited));
    // Asked again, the same requests wait.
    let waiting = store.snapshot();
    let again = pki
        .request_leaves(&boundary(), &plan(), &SystemClock)
        .unwrap();
    assert!(again.iter().all(|request| request.waited));
    assert_eq!(store.snapshot(), waiting);

    let ext = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
               extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\n\
               authorityKeyIdentifier=keyid\n";
    for (position, request) in requested.iter().enumerate() {
        std::fs::write(folder.join("leaf.csr"), store.content(&request.file)).unwrap();
        if position == 0 {
            // What says other than was asked for is refused.
            sign(
                folder,
                "leaf",
                "corp",
                "-sha256",
                &ext.replace("clientAuth", "serverAuth"),
            );
            let leaf = bundle(folder, &["leaf.crt"]);
            let refused = pki
                .import(
                    &boundary(),
                    &request.name,
                    leaf,
                    KeyPlace::Here,
                    &SystemClock,
                )
                .unwrap_err();
            assert!(
                refused.to_string().contains("usages are ServerAuth"),
                "{refused}"
            );
        }
        sign(folder, "leaf", "corp", "-sha256", ext);
        let leaf = bundle(folder, &["leaf.crt"]);
        pki.import(
            &boundary(),
            &request.name,
            leaf.clone(),
            KeyPlace::Here,
            &SystemClock,
        )
        .unwrap();
        // Once more, it waits for nothing.
        assert!(
            pki.import(
                &boundary(),
                &request.name,
                leaf,
                KeyPlace::Here,
                &SystemClock
            )
            .is_err()
        );
    }
    let rows = pki
        .check(&diagnostic(), SystemClock.now(), Thresholds::default())
        .unwrap();
    for file in [
        "tls/client-admin.crt",
        "tls/client-kube-apiserver.crt",
        "tls/client-ca.crt",
    ] {
        let row = row(&rows, file);
        assert_eq!(row.status, Status::Ok, "{file}: {:?}", row.reasons);
    }
    store.write_to(folder);
    openssl(
        folder,
        "verify -x509_strict -purpose sslclient -CAfile corp.crt tls/client-admin.crt",
    );

    // What is signed here is not imported, and what is elsewhere is not signed here.
    let here = pki.import(
        &boundary(),
        "etcd/client",
        corporate,
        KeyPlace::Here,
        &SystemClock,
    );
    assert!(
        here.unwrap_err()
            .to_string()
            .contains("is renewed, not imported")
    );
    let elsewhere = pki
        .export_request(&boundary(), "client-ca", false, &SystemClock)
        .unwrap_err();
    assert!(
        elsewhere.to_string().contains("not kept in this folder"),
        "{elsewhere}"
    );
}

#[test]
fn an_import_that_does_not_read_back_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = made();
    root(folder, "corp", P256, "-sha256", "CN=corporate", CA);
    let before = store.snapshot();
    *store.corrupt.lock().unwrap() = Some(common::path("tls/client-ca.crt"));
    let pki = Pki::open(&store).unwrap();
    let corporate = bundle(folder, &["corp.crt"]);
    let refused = pki.import(
        &boundary(),
        "client-ca",
        corporate,
        KeyPlace::External,
        &SystemClock,
    );
    assert!(
        matches!(refused, Err(Error::ReadBack { .. })),
        "{refused:?}"
    );
    assert_eq!(store.snapshot(), before);
}

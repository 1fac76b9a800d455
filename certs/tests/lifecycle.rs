//! Made, renewed, and never half of it; on the clock that is passed in.

mod common;

use std::os::unix::fs::PermissionsExt;

use common::{
    DAY, MemoryStore, START, boundary, catalogue, certtool, check, clock, diagnostic, made,
    openssl, options, path, row,
};
use fips_certs::audit::{self, EventKind, Fault};
use fips_certs::catalogue::{Catalogue, Options, Override, Program};
use fips_certs::key::KeyType;
use fips_certs::pki::{RenewalPolicy, Status, Thresholds};
use fips_certs::store::{DirStore, EntryPath};
use fips_certs::{Clock, Error, GateMismatch, Pki, SystemClock};

const LEAF: &str = "tls/etcd/server-client.crt";

#[test]
fn a_pki_in_a_folder_is_what_independent_programs_expect() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("server");
    let store = DirStore::create_or_open(&root).unwrap();
    let (_, report) = Pki::init(&boundary(), &store, catalogue(), &SystemClock).unwrap();
    drop(store);
    assert!(report.evaluation && report.issued.len() == 20, "{report:?}");
    assert_eq!(
        report.written.len(),
        5 * 3 + 15 * 2 + 6 + (2 + 1 + 1) + 4 + 1
    );
    let mut files: Vec<String> = Pki::files(&catalogue())
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    files.sort();
    assert_eq!(files, report.written);

    let store = DirStore::open_read_only(&root).unwrap();
    let pki = Pki::open(&store).unwrap();
    let now = SystemClock.now();
    for row in pki
        .check(&diagnostic(), now, Thresholds::default())
        .unwrap()
    {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    for entry in catalogue().leaves() {
        let authority = catalogue()
            .authority(&entry.issuer)
            .unwrap()
            .certificate
            .clone();
        for (wanted, purpose) in [
            (entry.usages.server(), "sslserver"),
            (entry.usages.client(), "sslclient"),
        ] {
            if wanted {
                openssl(
                    &root,
                    &format!(
                        "verify -x509_strict -purpose {purpose} -CAfile {authority} {}",
                        entry.file()
                    ),
                );
            }
        }
        certtool(&root, &format!("--verify-chain --infile {}", entry.file()));
        let public = |command: &str| openssl(&root, command);
        assert_eq!(
            public(&format!("x509 -in {} -noout -pubkey", entry.file())),
            public(&format!("pkey -in {} -pubout", entry.key_file()))
        );
        let mode = root
            .join(entry.key_file().as_str())
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    for host in [
        "kubernetes.default.svc.cluster.local",
        "node-1",
        "cp.example.org",
    ] {
        openssl(
            &root,
            &format!(
                "verify -verify_hostname {host} -CAfile tls/server-ca.crt \
                 tls/serving-kube-apiserver.crt"
            ),
        );
    }
    for address in ["10.43.0.1", "127.0.0.1", "::1", "192.0.2.10"] {
        openssl(
            &root,
            &format!(
                "verify -verify_ip {address} -CAfile tls/server-ca.crt \
                 tls/serving-kube-apiserver.crt"
            ),
        );
    }
    drop(store);
    let store = DirStore::open(&root).unwrap();
    let again = Pki::init(&boundary(), &store, catalogue(), &SystemClock);
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
}

#[test]
fn any_file_of_the_catalogue_stops_a_new_pki() {
    for file in [
        "tls/client-admin.key",
        "tls/etcd/peer-ca.crt",
        "cred/admin.kubeconfig",
        "fips/catalogue.json",
    ] {
        let store = MemoryStore::default();
        let obstacle = || Pki::obstacle(&store, &catalogue()).unwrap();
        assert_eq!(obstacle(), None);
        store.set(file, "something");
        assert_eq!(obstacle(), Some(path(file)));
        let refused = Pki::init(&boundary(), &store, catalogue(), &clock());
        assert!(
            matches!(&refused, Err(Error::Exists { path }) if path.as_str() == file),
            "{refused:?}"
        );
        assert_eq!(store.snapshot().len(), 1);
    }
}

#[test]
fn an_empty_store_holds_no_pki() {
    let store = MemoryStore::default();
    let error = Pki::open(&store).unwrap_err();
    assert!(matches!(error, Error::NoPki { .. }));
    assert!(error.to_string().contains("Pki::adopt"), "{error}");
}

#[test]
fn what_is_made_and_renewed_is_logged_with_it() {
    let store = made();
    let clock = clock();
    clock.set(START + DAY);
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    policy.names = vec!["client-admin".to_owned()];
    let plan = pki.renewals(&diagnostic(), clock.now(), &policy).unwrap();
    let report = pki.renew(&boundary(), &plan, &clock).unwrap();
    assert_eq!(report.issued.len(), 1);
    let found = audit::verify(&diagnostic(), &store, None).unwrap();
    assert_eq!(found.findings, []);
    // The leaves and authorities as they are now, a serial number each.
    assert_eq!((found.segments, found.certificates), (2, 20));
    let entries = audit::entries(&store).unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.event).collect();
    assert_eq!(kinds[0], EventKind::LogBegun);
    assert!(kinds[1..21].iter().all(|kind| *kind == EventKind::Issued));
    assert_eq!(kinds[21..], [EventKind::Renewed]);
    let (renewed, issued) = (&entries[21], &report.issued[0]);
    assert_eq!(renewed.name, "client-admin");
    assert_eq!(renewed.time, START + DAY);
    assert_eq!(renewed.serial.as_ref(), Some(&issued.serial));
    assert_eq!(renewed.old_serial, issued.old_serial);
    assert!(renewed.reason.is_some());
}

#[test]
fn a_log_that_was_removed_and_begun_anew_is_found() {
    let store = made();
    for entry in store.snapshot().keys() {
        if entry.as_str().starts_with("fips/audit/") {
            store.remove(entry.as_str());
        }
    }
    let clock = clock();
    clock.set(START + DAY);
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    let plan = pki.renewals(&diagnostic(), clock.now(), &policy).unwrap();
    pki.renew(&boundary(), &plan, &clock).unwrap();
    // It knows every certificate, and yet it is not the log of this PKI.
    let found = audit::verify(&diagnostic(), &store, None).unwrap();
    let faults: Vec<_> = found.findings.iter().map(|found| found.fault).collect();
    assert_eq!(faults, [Fault::BegunLate]);
}

#[test]
fn leaves_are_renewed_when_due_and_not_before() {
    let store = made();
    let clock = clock();
    let pki = Pki::open(&store).unwrap();
    let policy = RenewalPolicy::default();
    clock.set(START + DAY * 274);
    assert!(
        pki.renewals(&diagnostic(), clock.now(), &policy)
            .unwrap()
            .is_empty()
    );
    clock.set(START + DAY * 276);
    let plan = pki.renewals(&diagnostic(), clock.now(), &policy).unwrap();
    assert_eq!(plan.renewals.len(), 15);
    assert!(
        plan.renewals[0].reasons[0].contains("less than 90 days"),
        "{plan:?}"
    );

    // The plan alone changes nothing.
    let before = store.snapshot();
    let report = pki.renew(&boundary(), &plan, &clock).unwrap();
    let after = store.snapshot();
    assert_eq!(report.issued.len(), 15);
    for issued in &report.issued {
        assert_ne!(issued.old_serial.as_ref(), Some(&issued.serial));
        assert_eq!(issued.old_expires, Some(START + DAY * 365));
        assert_eq!(issued.expires, START + DAY * (276 + 365));
        assert!(!issued.key_kept);
    }
    let unlogged = |path: &&EntryPath| !path.as_str().starts_with("fips/audit/");
    for path in before.keys().filter(unlogged) {
        let content = &before[path];
        let renewed = report.written.contains(&path.to_string());
        assert_eq!(renewed, after[path] != *content, "{path}");
        assert_eq!(
            renewed,
            catalogue()
                .leaves()
                .iter()
                .any(|entry| { entry.file() == path || entry.key_file() == path })
        );
    }
    for row in check(&store, clock.now()) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    assert!(
        pki.renewals(&diagnostic(), clock.now(), &policy)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_third_of_a_short_life_and_the_other_policies() {
    let store = MemoryStore::default();
    let mut short = options();
    short.leaf_lifetime = DAY * 30;
    let catalogue = Catalogue::new(short).unwrap();
    let (pki, _) = Pki::init(&boundary(), &store, catalogue, &clock()).unwrap();
    let due = |policy: &RenewalPolicy, days: u32| {
        pki.renewals(&diagnostic(), START + DAY * days, policy)
            .unwrap()
            .renewals
            .len()
    };
    assert_eq!(due(&RenewalPolicy::default(), 19), 0);
    assert_eq!(due(&RenewalPolicy::default(), 21), 15);
    // RKE2's fixed level is more than a whole life here.
    assert_eq!(due(&RenewalPolicy::rke2(), 1), 15);
    let of = |remaining, fraction| {
        let mut policy = RenewalPolicy::default();
        policy.remaining = remaining;
        policy.fraction = fraction;
        policy
    };
    // Twenty days left of thirty: days alone, a part alone, the smaller of both, neither.
    for (policy, due_after) in [
        (of(Some(DAY * 20), None), 10),
        (of(None, Some(0.5)), 15),
        (of(Some(DAY * 20), Some(0.5)), 15),
        (of(Some(DAY * 10), Some(0.5)), 20),
    ] {
        assert_eq!(due(&policy, due_after - 1), 0, "{policy:?}");
        assert_eq!(due(&policy, due_after + 1), 15, "{policy:?}");
    }
    assert_eq!(
        due(&of(Some(DAY * 20), None), 10),
        0,
        "exactly twenty days left"
    );
    let mut never = of(None, None);
    assert_eq!(due(&never, 29), 0);
    assert_eq!(due(&never, 31), 15, "what has ended is always due");
    never.force = true;
    assert_eq!(due(&never, 1), 21, "the kubeconfigs too");
    for fraction in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        let refused = pki.renewals(&diagnostic(), START, &of(None, Some(fraction)));
        assert!(matches!(refused, Err(Error::Policy { .. })), "{refused:?}");
    }
    let mut one = RenewalPolicy::default();
    one.names = vec!["client-admin".into()];
    assert_eq!(due(&one, 1), 0);
    one.force = true;
    assert_eq!(due(&one, 1), 1);
    one.names = vec!["no-such".into()];
    let unknown = pki.renewals(&diagnostic(), START, &one);
    assert!(matches!(unknown, Err(Error::UnknownEntry { .. })));
}

#[test]
fn a_key_is_kept_when_asked_for() {
    let store = made();
    let clock = clock();
    clock.advance(DAY * 300);
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.keep_keys = true;
    policy.names = vec!["etcd/server-client".into()];
    let key = store.content("tls/etcd/server-client.key");
    let plan = pki.renewals(&diagnostic(), clock.now(), &policy).unwrap();
    let report = pki.renew(&boundary(), &plan, &clock).unwrap();
    assert!(report.issued.len() == 1 && report.issued[0].key_kept);
    assert_eq!(store.content("tls/etcd/server-client.key"), key);

    // A key that does not fit is never kept.
    store.set("tls/etcd/server-client.key", "torn");
    let plan = pki.renewals(&diagnostic(), clock.now(), &policy).unwrap();
    let report = pki.renew(&boundary(), &plan, &clock).unwrap();
    assert!(!report.issued[0].key_kept);
    assert_eq!(row(&check(&store, clock.now()), LEAF).status, Status::Ok);
}

#[test]
fn everything_expired_is_renewed_as_long_as_the_authorities_live() {
    let store = made();
    let clock = clock();
    clock.advance(DAY * 1000);
    let pki = Pki::open(&store).unwrap();
    let plan = pki
        .renewals(&diagnostic(), clock.now(), &RenewalPolicy::default())
        .unwrap();
    assert_eq!(plan.renewals.len(), 15);
    pki.renew(&boundary(), &plan, &clock).unwrap();
    for row in check(&store, clock.now()) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    // Near the authorities' end a leaf is clamped, then no renewal can help.
    clock.set(START + DAY * 3600);
    let plan = pki
        .renewals(&diagnostic(), clock.now(), &RenewalPolicy::default())
        .unwrap();
    assert_eq!((plan.renewals.len(), plan.authorities.len()), (15, 5));
    let report = pki.renew(&boundary(), &plan, &clock).unwrap();
    assert!(
        report
            .issued
            .iter()
            .all(|issued| issued.expires == START + DAY * 3650)
    );
    clock.set(START + DAY * 3640);
    let plan = pki
        .renewals(&diagnostic(), clock.now(), &RenewalPolicy::default())
        .unwrap();
    assert!(plan.is_empty(), "{plan:?}");
    // Past it everything is blocked.
    clock.set(START + DAY * 3651);
    let plan = pki
        .renewals(&diagnostic(), clock.now(), &RenewalPolicy::default())
        .unwrap();
    assert_eq!((plan.renewals.len(), plan.blocked.len()), (0, 15));
    assert!(plan.blocked[0].why.contains("EXPIRED"), "{plan:?}");
}

#[test]
fn what_does_not_hold_when_read_back_is_not_committed() {
    for file in ["tls/client-admin.crt", "tls/client-admin.key"] {
        let store = made();
        let before = store.snapshot();
        *store.corrupt.lock().unwrap() = Some(path(file));
        let pki = Pki::open(&store).unwrap();
        let mut policy = RenewalPolicy::default();
        policy.force = true;
        let plan = pki.renewals(&diagnostic(), START, &policy).unwrap();
        let refused = pki.renew(&boundary(), &plan, &clock());
        assert!(
            matches!(refused, Err(Error::ReadBack { .. })),
            "{refused:?}"
        );
        assert_eq!(store.snapshot(), before);
    }
    for file in [
        "tls/server-ca.crt",
        "tls/server-ca.key",
        "fips/catalogue.json",
    ] {
        let store = MemoryStore::default();
        *store.corrupt.lock().unwrap() = Some(path(file));
        let refused = Pki::init(&boundary(), &store, catalogue(), &clock());
        assert!(
            matches!(refused, Err(Error::ReadBack { .. })),
            "{file}: {refused:?}"
        );
        assert!(store.snapshot().is_empty());
    }
}

#[test]
fn a_whole_file_in_the_place_of_another_is_not_committed_either() {
    let store = made();
    let before = store.snapshot();
    let ca = store.content("tls/client-ca.crt");
    let admin = store.content("tls/client-admin.crt");
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    let plan = pki.renewals(&diagnostic(), START, &policy).unwrap();
    for (file, other) in [
        (
            "tls/client-admin.key",
            store.content("tls/client-admin.key"),
        ),
        ("tls/client-admin.crt", admin.clone()),
        ("tls/client-admin.crt", [admin, ca].concat()),
        ("cred/admin.kubeconfig", b"server: elsewhere".to_vec()),
    ] {
        *store.swap.lock().unwrap() = Some((path(file), other));
        let refused = pki.renew(&boundary(), &plan, &clock());
        assert!(
            matches!(refused, Err(Error::ReadBack { .. })),
            "{file}: {refused:?}"
        );
        assert_eq!(store.snapshot(), before);
    }
}

#[test]
fn an_evaluation_leaves_a_strict_pki_alone() {
    let store = made();
    let record = String::from_utf8(store.content("fips/catalogue.json")).unwrap();
    assert!(record.contains("enter_for_evaluation"), "{record}");
    let strict = record.replace("\"evaluation\": true", "\"evaluation\": false");
    store.set("fips/catalogue.json", strict);
    let before = store.snapshot();
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    let plan = pki.renewals(&diagnostic(), START, &policy).unwrap();
    let refused = pki.renew(&boundary(), &plan, &clock());
    assert!(
        matches!(refused, Err(Error::Gate(GateMismatch::MadeUnderStrictGate))),
        "{refused:?}"
    );
    assert_eq!(store.snapshot(), before);
}

#[test]
fn k3s_and_other_keys() {
    let store = MemoryStore::default();
    let mut k3s = Options::new(Program::K3s, "server-0");
    k3s.authority_key = KeyType::P384;
    k3s.service_account_key = KeyType::P384;
    let other = Override {
        key_type: Some(KeyType::Rsa2048),
        lifetime: Some(DAY * 30),
    };
    k3s.overrides = [("etcd/server-client".to_owned(), other)].into();
    let catalogue = Catalogue::new(k3s).unwrap();
    Pki::init(&boundary(), &store, catalogue, &clock()).unwrap();
    let rows = check(&store, START);
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    let authority = row(&rows, "tls/client-ca.crt");
    assert_eq!(authority.key.as_deref(), Some("ECDSA P-384"));
    assert_eq!(
        authority.subject.as_deref(),
        Some(
            format!(
                "CN=k3s-client-ca@{},OU={}",
                START.unix_timestamp(),
                fips_core::EVALUATION_MARK
            )
            .as_str()
        )
    );
    let leaf = row(&rows, LEAF);
    assert_eq!(leaf.key.as_deref(), Some("RSA 2048"));
    assert_eq!(leaf.residual.as_deref(), Some("30 days"));
    let others = row(&rows, "tls/client-admin.crt");
    assert_eq!(others.key.as_deref(), Some("ECDSA P-256"));
    assert_eq!(others.residual.as_deref(), Some("365 days"));
    for (name, words) in [
        ("no-such", "no authority, leaf or key"),
        ("service", "no lifetime"),
    ] {
        let mut wrong = Options::new(Program::K3s, "server-0");
        wrong.overrides = [(name.to_owned(), other)].into();
        let refused = Catalogue::new(wrong).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

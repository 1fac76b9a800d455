//! Each way a PKI can be wrong is seen, and named.

mod common;

use common::{DAY, START, boundary, catalogue, check, clock, diagnostic, made, options, row};
use fips_certs::catalogue::{Catalogue, Options};
use fips_certs::key;
use fips_certs::pki::{Kind, RenewalPolicy, Status};
use fips_certs::{Authority, LeafParams, Pki, Subject, Usages};

const LEAF: &str = "tls/serving-kube-apiserver.crt";

#[test]
fn a_fresh_pki_is_well() {
    let store = made();
    let rows = check(&store, START);
    for row in &rows {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    // 5 authorities in two files each, 15 leaves with their CA behind, 6 kubeconfigs, 3 sets of
    // keys, 4 other files.
    assert_eq!(rows.len(), 5 * 2 + 15 * 2 + 6 + 3 + 4);
    let leaf = row(&rows, LEAF);
    assert_eq!(leaf.subject.as_deref(), Some("CN=kube-apiserver"));
    assert_eq!(leaf.usages, ["ServerAuth"]);
    assert_eq!(leaf.residual.as_deref(), Some("365 days"));
    assert_eq!(leaf.kind, Kind::Leaf);
    let authority = row(&rows, "tls/server-ca.crt");
    assert_eq!(authority.usages, ["CertSign", "CRLSign"]);
    assert_eq!(authority.residual.as_deref(), Some("10 years"));
    let json = serde_json::to_value(&rows).unwrap();
    assert_eq!(json[0]["status"], "OK");
    assert_eq!(json[0]["expires"], "2036-11-19T12:00:00Z");
}

#[test]
fn dates_are_judged_by_the_clock_that_is_passed_in() {
    let store = made();
    for (after, file, status) in [
        (DAY * 244, LEAF, Status::Ok),
        (DAY * 246, LEAF, Status::Warning),
        (DAY * 366, LEAF, Status::Expired),
        (DAY * 3284, "tls/server-ca.crt", Status::Ok),
        (DAY * 3286, "tls/server-ca.crt", Status::Warning),
        (DAY * 3651, "tls/server-ca.crt", Status::Expired),
    ] {
        let rows = check(&store, START + after);
        assert_eq!(row(&rows, file).status, status, "{after:?}");
    }
    let rows = check(&store, START - DAY);
    assert_eq!(row(&rows, LEAF).status, Status::NotYetValid);
}

#[test]
fn warning_levels_shrink_with_the_life() {
    let store = common::MemoryStore::default();
    let mut options = options();
    options.authority_lifetime = DAY * 100;
    options.leaf_lifetime = DAY * 10;
    let catalogue = Catalogue::new(options).unwrap();
    Pki::init(&boundary(), &store, catalogue, &clock()).unwrap();
    for (after, file, status) in [
        (DAY * 6, LEAF, Status::Ok),
        (DAY * 7, LEAF, Status::Warning),
        (DAY * 89, "tls/server-ca.crt", Status::Ok),
        (DAY * 91, "tls/server-ca.crt", Status::Warning),
    ] {
        let rows = check(&store, START + after);
        assert_eq!(row(&rows, file).status, status, "{after:?}");
    }
}

/// Each case issues the API server's leaf anew with one thing different.
#[test]
fn every_field_that_drifts_is_named() {
    let store = made();
    let boundary = boundary();
    let clock = clock();
    let load = |name: &str| {
        let key = key::from_pem(&boundary, &store.content(&format!("tls/{name}.key"))).unwrap();
        let certificate = store.certificates(&format!("tls/{name}.crt")).remove(0);
        Authority::load(certificate, key).unwrap()
    };
    let right = load("server-ca");
    let wrong = load("client-ca");
    let good = catalogue().leaf("serving-kube-apiserver").unwrap().clone();
    let key = key::from_pem(&boundary, &store.content("tls/serving-kube-apiserver.key")).unwrap();
    let subject = |name: &str| Subject::new(name).unwrap();
    let masters = good
        .subject
        .clone()
        .with_organization("system:masters")
        .unwrap();
    let params = |subject: Subject, usages| LeafParams::new(subject, usages, DAY * 365);
    let all = || good.names.iter().cloned();
    let cases = [
        (
            params(subject("other"), Usages::Server).with_names(all()),
            &right,
            "common name",
        ),
        (
            params(masters, Usages::Server).with_names(all()),
            &right,
            "organization",
        ),
        (
            params(good.subject.clone(), Usages::Server).with_names(all().skip(1)),
            &right,
            "alternative names lack kubernetes",
        ),
        (
            params(good.subject.clone(), Usages::Server)
                .with_names(all().chain(["evil.example.org".parse().unwrap()])),
            &right,
            "nobody asked for: evil.example.org",
        ),
        (
            params(good.subject.clone(), Usages::ServerAndClient).with_names(all()),
            &right,
            "usages are ClientAuth, ServerAuth",
        ),
        (
            params(good.subject.clone(), Usages::Server).with_names(all()),
            &wrong,
            "names the issuer",
        ),
    ];
    for (params, issuer, reason) in cases {
        let leaf = params.signed_by(&key, issuer, &clock).unwrap();
        store.set(LEAF, leaf.to_pem() + &issuer.certificate().to_pem());
        let rows = check(&store, START);
        let row = row(&rows, LEAF);
        assert_eq!(row.status, Status::Drifted, "{reason}: {row:?}");
        assert!(
            row.reasons.iter().any(|found| found.contains(reason)),
            "{reason}: {row:?}"
        );

        let plan = Pki::open(&store)
            .unwrap()
            .renewals(&diagnostic(), START, &RenewalPolicy::default())
            .unwrap();
        assert_eq!(plan.renewals.len(), 1, "{plan:?}");
        assert_eq!(plan.renewals[0].reasons, row.reasons);
    }
}

#[test]
fn a_ca_of_the_same_name_and_another_key_is_drift() {
    let store = made();
    let other = made();
    for suffix in ["crt", "key", "nochain.crt"] {
        let file = format!("tls/server-ca.{suffix}");
        store.set(&file, other.content(&file));
    }
    let rows = check(&store, START);
    assert_eq!(row(&rows, "tls/server-ca.crt").status, Status::Ok);
    let row = row(&rows, LEAF);
    assert_eq!(row.status, Status::Drifted);
    assert!(
        row.reasons.iter().any(|why| why.contains("key identifier")),
        "{row:?}"
    );
}

type Spoil<'a> = &'a dyn Fn(&common::MemoryStore);

#[test]
fn torn_pairs_are_seen_from_each_side() {
    let key_file = "tls/serving-kube-apiserver.key";
    let spoil: [(&str, Spoil<'_>); 7] = [
        ("another key", &|store| {
            store.set(key_file, store.content("tls/client-admin.key"))
        }),
        ("no key", &|store| store.remove(key_file)),
        ("no certificate", &|store| store.remove(LEAF)),
        ("neither", &|store| {
            store.remove(key_file);
            store.remove(LEAF);
        }),
        ("empty key", &|store| store.set(key_file, "")),
        ("cut certificate", &|store| {
            let content = store.content(LEAF);
            store.set(LEAF, &content[..300]);
        }),
        ("a certificate for a key", &|store| {
            store.set(key_file, store.content(LEAF))
        }),
    ];
    for (name, spoil) in spoil {
        let store = made();
        spoil(&store);
        let rows = check(&store, START);
        let row = row(&rows, LEAF);
        assert_eq!(row.status, Status::Torn, "{name}: {row:?}");
        let well = rows.iter().filter(|row| row.status == Status::Ok).count();
        assert!(well >= rows.len() - 2, "{name}: {rows:?}");
        let pki = Pki::open(&store).unwrap();
        let plan = pki
            .renewals(&diagnostic(), START, &RenewalPolicy::default())
            .unwrap();
        assert_eq!(plan.renewals.len(), 1, "{name}");
        pki.renew(&boundary(), &plan, &clock()).unwrap();
        for row in check(&store, START) {
            assert_eq!(row.status, Status::Ok, "{name}: {row:?}");
        }
    }
}

#[test]
fn a_torn_authority_blocks_its_leaves_and_no_other() {
    let store = made();
    store.set("tls/server-ca.key", store.content("tls/client-ca.key"));
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    let plan = pki.renewals(&diagnostic(), START, &policy).unwrap();
    let blocked: Vec<&str> = plan.blocked.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        blocked,
        [
            "serving-kube-apiserver",
            "kube-controller-manager/kube-controller-manager",
            "kube-scheduler/kube-scheduler"
        ]
    );
    assert!(plan.blocked[0].why.contains("TORN"), "{plan:?}");
    assert_eq!(plan.authorities.len(), 1);
    // Twelve leaves and the kubeconfigs.
    assert_eq!(plan.renewals.len(), 12 + 6);
    pki.renew(&boundary(), &plan, &clock()).unwrap();
}

#[test]
fn added_trust_and_unknown_files_are_rows_of_their_own() {
    let store = made();
    let bundle = [
        store.content("tls/server-ca.crt"),
        store.content("tls/client-ca.crt"),
    ]
    .concat();
    store.set("tls/server-ca.crt", bundle);
    store.set("tls/other.crt", store.content("tls/client-admin.crt"));
    store.set("tls/pair.crt", store.content("tls/client-admin.crt"));
    store.set("tls/pair.key", store.content("tls/server-ca.key"));
    let rows = check(&store, START);
    assert_eq!(row(&rows, "tls/server-ca.crt").status, Status::Ok);
    assert!(
        rows.iter()
            .any(|row| row.file == "tls/server-ca.crt" && row.position == 1)
    );
    assert_eq!(row(&rows, "tls/other.crt").status, Status::Ok);
    assert_eq!(row(&rows, "tls/pair.crt").status, Status::Torn);
    store.set(
        "tls/server-ca.nochain.crt",
        store.content("tls/client-ca.crt"),
    );
    let rows = check(&store, START);
    assert_eq!(
        row(&rows, "tls/server-ca.nochain.crt").status,
        Status::Drifted
    );
}

#[test]
fn a_changed_kubeconfig_is_drift_and_is_written_again() {
    let store = made();
    let before = store.content("cred/admin.kubeconfig");
    store.set("cred/admin.kubeconfig", "server: elsewhere");
    let rows = check(&store, START);
    assert_eq!(row(&rows, "cred/admin.kubeconfig").status, Status::Drifted);
    let pki = Pki::open(&store).unwrap();
    let plan = pki
        .renewals(&diagnostic(), START, &RenewalPolicy::default())
        .unwrap();
    let report = pki.renew(&boundary(), &plan, &clock()).unwrap();
    assert!(report.issued.is_empty());
    assert_eq!(report.written, ["cred/admin.kubeconfig"]);
    assert_eq!(store.content("cred/admin.kubeconfig"), before);
}

#[test]
fn a_record_with_anything_unknown_is_an_error() {
    let store = made();
    let record: serde_json::Value =
        serde_json::from_slice(&store.content("fips/catalogue.json")).unwrap();
    assert_eq!(record["evaluation"], true);
    let spoil: [&dyn Fn(&mut serde_json::Value); 5] = [
        &|record| record["new"] = 1.into(),
        &|record| record["schema"] = 2.into(),
        &|record| record["catalogue"]["built-in"]["new"] = 1.into(),
        &|record| record["catalogue"]["built-in"]["leaf_key"] = "ed25519".into(),
        &|record| {
            record.as_object_mut().unwrap().remove("evaluation");
        },
    ];
    for spoil in spoil {
        let mut spoilt = record.clone();
        spoil(&mut spoilt);
        store.set("fips/catalogue.json", spoilt.to_string());
        let error = Pki::open(&store).unwrap_err();
        assert!(matches!(error, fips_certs::Error::Record { .. }), "{error}");
    }
    let options: Options = serde_json::from_value(record["catalogue"]["built-in"].clone()).unwrap();
    assert_eq!(options, common::options());
}

//! The files of trust: an authority's chain, what follows a leaf, copies, and the mark.

mod common;

use std::path::Path;

use common::{DAY, MemoryStore, START, boundary, catalogue, check, clock, diagnostic, made, row};
use common::{openssl, path};
use fips_certs::key::{self, KeyType};
use fips_certs::pki::{Kind, Plan, RenewalPolicy, Row, Status};
use fips_certs::{
    Authority, AuthorityParams, Certificate, Clock, Error, LeafParams, Pki, Subject, SystemClock,
};
use time::OffsetDateTime;

const ADMIN: &str = "tls/client-admin.crt";
const CA: &str = "tls/client-ca.crt";
/// The leaves of that authority.
const CLIENTS: usize = 8;

/// A root by OpenSSL, on P-256, for `days` from now on.
fn root(folder: &Path, name: &str, subject: &str, days: u32, more: &str) -> Authority {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days {days} \
             -keyout {name}.key -out {name}.crt -subj {subject} \
             -addext keyUsage=critical,keyCertSign,cRLSign {more}"
        ),
    );
    let read = |suffix| std::fs::read(folder.join(format!("{name}.{suffix}"))).unwrap();
    let certificate = Certificate::from_pem(&read("crt")).unwrap().remove(0);
    Authority::load(
        certificate,
        key::from_pem(&boundary(), &read("key")).unwrap(),
    )
    .unwrap()
}

/// An authority, and its key as it lies in a file: an authority does not give its key away.
struct WithKey {
    authority: Authority,
    pem: Vec<u8>,
}

fn below(root: &Authority, name: &str) -> WithKey {
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    let pem = key::to_pem(&key).unwrap().as_bytes().to_vec();
    let authority = AuthorityParams::new(Subject::new(name).unwrap(), DAY * 3000)
        .signed_by(key, root, &SystemClock)
        .unwrap();
    WithKey { authority, pem }
}

/// A PKI of now, whose client authority is `authority` with `after` behind it.
fn with_client_ca(authority: &WithKey, after: &[&Certificate]) -> MemoryStore {
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, catalogue(), &SystemClock).unwrap();
    set_client_ca(&store, authority, after);
    store
}

fn set_client_ca(store: &MemoryStore, authority: &WithKey, after: &[&Certificate]) {
    let first = authority.authority.certificate().to_pem();
    let after: String = after.iter().map(|one| one.to_pem()).collect();
    store.set("tls/client-ca.nochain.crt", first.clone());
    store.set(CA, first + &after);
    store.set("tls/client-ca.key", authority.pem.clone());
}

fn now() -> OffsetDateTime {
    SystemClock.now()
}

fn plan(store: &MemoryStore, now: OffsetDateTime) -> Plan {
    let pki = Pki::open(store).unwrap();
    pki.renewals(&diagnostic(), now, &RenewalPolicy::default())
        .unwrap()
}

fn at<'r>(rows: &'r [Row], file: &str, position: usize) -> &'r Row {
    rows.iter()
        .find(|row| row.file == file && row.position == position)
        .unwrap()
}

fn assert_well(store: &MemoryStore) {
    for row in check(store, now()) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
}

#[test]
fn a_root_of_the_same_name_is_not_the_root() {
    let folder = tempfile::tempdir().unwrap();
    // The same name and key identifier: only the signature tells them apart.
    let same = "-addext subjectKeyIdentifier=01:02:03:04 -addext authorityKeyIdentifier=none";
    let right = root(folder.path(), "right", "/CN=corp", 3650, same);
    let wrong = root(folder.path(), "wrong", "/CN=corp", 3650, same);
    let between = below(&right, "between");
    let store = with_client_ca(&between, &[right.certificate()]);
    let good = plan(&store, now());
    assert_eq!(
        (good.blocked.len(), good.authorities.len()),
        (0, 0),
        "{good:?}"
    );

    set_client_ca(&store, &between, &[wrong.certificate()]);
    let before = store.snapshot();
    let rows = check(&store, now());
    let found = row(&rows, CA);
    assert_eq!(found.status, Status::Drifted, "{found:?}");
    assert!(
        found.reasons[0].contains("signature does not verify"),
        "{found:?}"
    );
    let bad = plan(&store, now());
    assert!(bad.renewals.is_empty(), "{bad:?}");
    assert_eq!(bad.blocked.len(), CLIENTS);
    // A plan from before the file was replaced does not help.
    let refused = Pki::open(&store)
        .unwrap()
        .renew(&boundary(), &good, &SystemClock);
    assert!(
        matches!(&refused, Err(Error::Authority { why, .. }) if why.contains("signature")),
        "{refused:?}"
    );
    // Nothing changed but the log, which tells of it.
    let mut after = store.snapshot();
    let mut before = before;
    for snapshot in [&mut before, &mut after] {
        snapshot.retain(|path, _| !path.as_str().starts_with("fips/audit/"));
    }
    assert!(after == before);
    let entries = fips_certs::audit::entries(&store).unwrap();
    assert_eq!(
        entries.last().unwrap().event,
        fips_certs::audit::EventKind::Refused
    );
}

#[test]
fn leaves_below_an_intermediate_carry_its_chain() {
    let folder = tempfile::tempdir().unwrap();
    let top = root(folder.path(), "top", "/CN=corp", 3650, "");
    let other = root(folder.path(), "other", "/CN=other", 3650, "");
    let between = below(&top, "between");
    let added = [top.certificate(), other.certificate()];
    for after in [&added[..1], &added[..]] {
        let store = with_client_ca(&between, after);
        let plan = plan(&store, now());
        assert_eq!(plan.renewals.len(), CLIENTS, "{plan:?}");
        let pki = Pki::open(&store).unwrap();
        pki.renew(&boundary(), &plan, &SystemClock).unwrap();
        assert_well(&store);
        let file = store.certificates(ADMIN);
        assert_eq!(
            &file[1..],
            &[
                between.authority.certificate().clone(),
                top.certificate().clone()
            ]
        );
        store.write_to(folder.path());
        openssl(
            folder.path(),
            &format!(
                "verify -x509_strict -purpose sslclient -CAfile top.crt -untrusted {ADMIN} {ADMIN}"
            ),
        );
    }
}

#[test]
fn added_trust_must_be_an_authority_that_somebody_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let other = root(folder.path(), "other", "/CN=other", 3650, "");
    let stray = below(&other, "stray");
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, catalogue(), &SystemClock).unwrap();
    let own = store.certificates(CA).remove(0);
    let leaf = store.certificates(ADMIN).remove(0);
    let set = |after: &[&Certificate]| {
        let pem: String = std::iter::once(&own)
            .chain(after.iter().copied())
            .map(Certificate::to_pem)
            .collect();
        store.set(CA, pem);
        check(&store, now())
    };
    for (after, reason) in [
        (vec![stray.authority.certificate()], "signed it"),
        (vec![other.certificate(), &leaf], "no CA"),
    ] {
        let rows = set(&after);
        let found = at(&rows, CA, after.len());
        assert_eq!(found.status, Status::Drifted, "{found:?}");
        assert!(found.reasons.join("; ").contains(reason), "{found:?}");
        // It is no part of what the authority issues under.
        assert_eq!(row(&rows, CA).status, Status::Ok);
        assert_eq!(row(&rows, ADMIN).status, Status::Ok);
        assert!(plan(&store, now()).blocked.is_empty());
    }
    for after in [
        vec![other.certificate()],
        vec![stray.authority.certificate(), other.certificate()],
    ] {
        let rows = set(&after);
        assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    }
}

#[test]
fn path_length_and_dates_of_the_chain_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let none = "-addext basicConstraints=critical,CA:TRUE,pathlen:0";
    let short = root(folder.path(), "short", "/CN=corp", 3650, none);
    let brief = root(folder.path(), "brief", "/CN=brief", 5, "");
    // OpenSSL keeps neither rule when it signs.
    std::fs::write(
        folder.path().join("extensions"),
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n\
         subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    )
    .unwrap();
    for (issuer, name) in [("short", "one"), ("brief", "two")] {
        openssl(
            folder.path(),
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key \
                 -out {name}.csr -subj /CN={name}"
            ),
        );
        openssl(
            folder.path(),
            &format!(
                "x509 -req -in {name}.csr -CA {issuer}.crt -CAkey {issuer}.key -days 3000 \
                 -set_serial 7 -extfile extensions -out {name}.crt"
            ),
        );
    }
    let load = |name: &str| {
        let read = |suffix| std::fs::read(folder.path().join(format!("{name}.{suffix}"))).unwrap();
        let certificate = Certificate::from_pem(&read("crt")).unwrap().remove(0);
        let pem = read("key");
        let key = key::from_pem(&boundary(), &pem).unwrap();
        let authority = Authority::load(certificate, key).unwrap();
        WithKey { authority, pem }
    };
    for (authority, issuer, later, status, reason) in [
        (
            load("one"),
            &short,
            0,
            Status::Drifted,
            "allows 0 authorities below",
        ),
        (
            load("two"),
            &brief,
            6,
            Status::Expired,
            "above it, has ended",
        ),
    ] {
        let store = with_client_ca(&authority, &[issuer.certificate()]);
        let when = now() + DAY * later;
        let rows = check(&store, when);
        let found = row(&rows, CA);
        assert_eq!(found.status, status, "{found:?}");
        assert!(found.reasons.join("; ").contains(reason), "{found:?}");
        let plan = plan(&store, when);
        assert_eq!(
            (plan.renewals.len(), plan.blocked.len()),
            (0, CLIENTS),
            "{plan:?}"
        );
        if later > 0 {
            // While the root lives all is well.
            assert_eq!(row(&check(&store, now()), CA).status, Status::Ok);
        }
    }
}

#[test]
fn an_intermediate_without_its_root_is_a_warning_and_issues() {
    let folder = tempfile::tempdir().unwrap();
    let top = root(folder.path(), "top", "/CN=corp", 3650, "");
    let store = with_client_ca(&below(&top, "between"), &[]);
    let rows = check(&store, now());
    let found = row(&rows, CA);
    assert_eq!(found.status, Status::Warning, "{found:?}");
    assert!(found.reasons[0].contains("no root"), "{found:?}");
    let plan = plan(&store, now());
    assert_eq!(
        (plan.renewals.len(), plan.blocked.len()),
        (CLIENTS, 0),
        "{plan:?}"
    );
    let pki = Pki::open(&store).unwrap();
    pki.renew(&boundary(), &plan, &SystemClock).unwrap();
    assert_eq!(row(&check(&store, now()), ADMIN).status, Status::Ok);
}

#[test]
fn what_follows_a_leaf_is_its_chain() {
    let store = made();
    let file = store.certificates(ADMIN);
    let (leaf, own) = (file[0].to_pem(), file[1].to_pem());
    let other = store.certificates("tls/server-ca.crt").remove(0).to_pem();
    let set = |after: &[&str]| store.set(ADMIN, leaf.clone() + &after.concat());
    for (after, reason) in [
        (vec![], "missing"),
        (vec![other.as_str()], "missing"),
        (vec![&other, &own], "order"),
        (vec![&own, &other], "none of its CA's"),
        (vec![&own, &own], "none of its CA's"),
        (vec![&own, &leaf], "none of its CA's"),
    ] {
        set(&after);
        let rows = check(&store, START);
        let found = row(&rows, ADMIN);
        assert_eq!(found.status, Status::Drifted, "{reason}: {found:?}");
        assert!(found.reasons[0].contains(reason), "{reason}: {found:?}");
        let due = plan(&store, START);
        assert_eq!(due.renewals.len(), 1);
        assert_eq!(due.renewals[0].name, "client-admin");
    }
    // The programs write the whole file of the authority behind a leaf.
    store.set(CA, own.clone() + &other);
    for after in [vec![own.as_str()], vec![&own, &other]] {
        set(&after);
        let rows = check(&store, START);
        assert_eq!(row(&rows, ADMIN).status, Status::Ok, "{rows:?}");
    }
    // Another program's leaf may stand alone below a root.
    store.set(ADMIN, leaf);
    store.remove("fips/catalogue.json");
    let pki = Pki::adopt(&store, catalogue()).unwrap();
    let rows = pki
        .check(&diagnostic(), START, fips_certs::pki::Thresholds::default())
        .unwrap();
    assert_eq!(row(&rows, ADMIN).status, Status::Ok);
}

#[test]
fn a_leaf_with_a_key_of_another_kind_is_drift() {
    let store = made();
    let boundary = boundary();
    let issuer = Authority::load(
        store.certificates(CA).remove(0),
        key::from_pem(&boundary, &store.content("tls/client-ca.key")).unwrap(),
    )
    .unwrap();
    let entry = catalogue().leaf("client-admin").unwrap().clone();
    let key = key::generate(&boundary, KeyType::P384).unwrap();
    let leaf = LeafParams::new(entry.subject, entry.usages, entry.lifetime)
        .signed_by(&key, &issuer, &clock())
        .unwrap();
    store.set(ADMIN, leaf.to_pem() + &issuer.certificate().to_pem());
    store.set(
        "tls/client-admin.key",
        key::to_pem(&key).unwrap().as_bytes(),
    );
    let rows = check(&store, START);
    let found = row(&rows, ADMIN);
    assert_eq!(found.status, Status::Drifted, "{found:?}");
    assert_eq!(
        found.reasons,
        ["its key is ECDSA P-384, the catalogue asks for ECDSA P-256"]
    );
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.keep_keys = true;
    let plan = pki.renewals(&diagnostic(), START, &policy).unwrap();
    let report = pki.renew(&boundary, &plan, &clock()).unwrap();
    assert!(report.issued.len() == 1 && !report.issued[0].key_kept);
    assert_eq!(row(&check(&store, START), ADMIN).status, Status::Ok);
}

#[test]
fn an_authority_with_a_key_of_another_kind_is_told_where_it_was_made_here() {
    let store = made();
    let record = String::from_utf8(store.content("fips/catalogue.json")).unwrap();
    let changed = record.replace("\"authority_key\": \"p256\"", "\"authority_key\": \"p384\"");
    assert_ne!(record, changed);
    for (record, status) in [
        (changed.clone(), Status::Warning),
        (
            changed.replace("\"made\": \"here\"", "\"made\": \"adopted\""),
            Status::Ok,
        ),
    ] {
        store.set("fips/catalogue.json", record);
        let rows = check(&store, START);
        assert_eq!(row(&rows, CA).status, status, "{:?}", row(&rows, CA));
        // It does not keep the authority from issuing.
        assert!(plan(&store, START).blocked.is_empty());
    }
}

#[test]
fn a_lost_or_wrong_copy_of_an_authority_is_written_again() {
    let copy = "tls/etcd/peer-ca.nochain.crt";
    let store = made();
    let good = store.content(copy);
    let two = [good.clone(), store.content(CA)].concat();
    for (content, status) in [
        (None, Status::Torn),
        (Some(b"torn".to_vec()), Status::Torn),
        (Some(store.content(CA)), Status::Drifted),
        (Some(two), Status::Drifted),
    ] {
        match content {
            Some(content) => store.set(copy, content),
            None => store.remove(copy),
        }
        let rows = check(&store, START);
        let found = row(&rows, copy);
        assert_eq!(
            (found.status, found.kind),
            (status, Kind::Nochain),
            "{found:?}"
        );
        let plan = plan(&store, START);
        assert_eq!(plan.renewals.len(), 1, "{plan:?}");
        let due = &plan.renewals[0];
        assert_eq!(
            (due.name.as_str(), due.kind),
            ("etcd/peer-ca.nochain", Kind::Nochain)
        );
        assert_eq!(due.reasons, found.reasons);
        let pki = Pki::open(&store).unwrap();
        let report = pki.renew(&boundary(), &plan, &clock()).unwrap();
        assert!(report.issued.is_empty());
        assert_eq!(report.written, [copy]);
        assert_eq!(store.content(copy), good);
        assert!(
            check(&store, START)
                .iter()
                .all(|row| row.status == Status::Ok)
        );
    }

    // By name; never by force or time; never from an authority that is not well.
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.names = vec!["etcd/peer-ca.nochain".into()];
    policy.force = true;
    let plan = |after| {
        pki.renewals(&diagnostic(), START + DAY * after, &policy)
            .unwrap()
    };
    assert!(plan(0).is_empty() && plan(3651).is_empty());
    store.set(copy, store.content(CA));
    assert_eq!(plan(0).renewals.len(), 1);
    store.set("tls/etcd/peer-ca.key", store.content("tls/client-ca.key"));
    let blocked = plan(0);
    assert_eq!((blocked.renewals.len(), blocked.blocked.len()), (0, 1));
    assert_eq!(blocked.blocked[0].issuer.as_deref(), Some("etcd/peer-ca"));
}

#[test]
fn the_mark_of_evaluation_is_told_and_gives_an_edited_record_away() {
    let store = made();
    let rows = check(&store, START);
    let found = row(&rows, CA);
    assert_eq!(found.status, Status::Ok);
    assert_eq!(found.reasons, ["made under evaluation"]);
    assert!(
        found
            .subject
            .as_ref()
            .unwrap()
            .contains(fips_core::EVALUATION_MARK)
    );
    assert_eq!(row(&rows, ADMIN).issuer, found.subject);

    let record = String::from_utf8(store.content("fips/catalogue.json")).unwrap();
    let strict = record.replace("\"evaluation\": true", "\"evaluation\": false");
    store.set("fips/catalogue.json", strict);
    let rows = check(&store, START);
    for entry in catalogue().authorities() {
        let found = row(&rows, entry.certificate.as_str());
        assert_eq!(found.status, Status::Drifted, "{found:?}");
        assert!(found.reasons[0].contains("record"), "{found:?}");
    }
    assert_eq!(plan(&store, START).authorities.len(), 5);
    assert_eq!(
        Pki::obstacle(&store, &catalogue()).unwrap(),
        Some(path("fips/catalogue.json"))
    );
}

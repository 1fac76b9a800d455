//! Revoking, and the lists that say so.

use fips_certs::audit::{self, EventKind};
use fips_certs::crl::{RevocationList, RevocationListParams, RevocationReason};
use fips_certs::pki::{RenewalPolicy, Status, Target};
use fips_certs::{Clock, Error, Pki};

use crate::common::{DAY, MemoryStore, START, boundary, check, clock, diagnostic, made, row};
use crate::{LIST, REGISTER, entry, list, refresh, revoke};

#[test]
fn a_revoked_leaf_is_refused_here_and_due() {
    let (store, clock) = (made(), clock());
    let serial = store.certificates("tls/etcd/client.crt")[0].serial();
    let report = revoke(&store, &[entry("etcd/client")], &clock);
    assert_eq!(report.lists.len(), 1);
    assert_eq!((report.lists[0].listed, report.lists[0].revoked), (1, 1));
    let found = list(&store);
    assert_eq!(
        found.entry(&serial).unwrap().reason,
        RevocationReason::KeyCompromise
    );
    let pem = store.content(&format!("{LIST}.pem"));
    assert_eq!(RevocationList::from_file(&pem).unwrap().der(), found.der());

    let rows = check(&store, START);
    let leaf = row(&rows, "tls/etcd/client.crt");
    assert_eq!(leaf.status, Status::Revoked);
    assert!(leaf.reasons[0].contains("key-compromise"), "{leaf:?}");
    assert_eq!(row(&rows, LIST).status, Status::Ok);
    let pki = Pki::open(&store).unwrap();
    let failed = |pki: &Pki<'_>| {
        let verdicts = pki.verify(&diagnostic(), START).unwrap();
        verdicts
            .into_iter()
            .filter_map(|verdict| Some((verdict.file, verdict.failed?)))
            .collect::<Vec<_>>()
    };
    let [(file, why)] = &failed(&pki)[..] else {
        panic!("{:?}", failed(&pki));
    };
    assert_eq!(file, "tls/etcd/client.crt");
    assert!(why.contains("CertRevoked"), "{why}");

    let plan = pki
        .renewals(&diagnostic(), START, &RenewalPolicy::default())
        .unwrap();
    assert_eq!(plan.renewals.len(), 1);
    pki.renew(&boundary(), &plan, &clock).unwrap();
    assert_eq!(
        row(&check(&store, START), "tls/etcd/client.crt").status,
        Status::Ok
    );
    assert!(failed(&pki).is_empty());
    // Again: it is another certificate now; the old one stays where it is.
    let again = Target::Serial {
        serial: serial.clone(),
        authority: Some("etcd/server-ca".into()),
    };
    assert!(revoke(&store, &[again], &clock).lists.is_empty());
    assert_eq!(list(&store).entries().count(), 1);
    let log = audit::entries(&store).unwrap();
    let kinds: Vec<_> = log.iter().map(|entry| entry.event).collect();
    assert!(kinds.contains(&EventKind::Revoked) && kinds.contains(&EventKind::CrlIssued));
}

#[test]
fn what_cannot_be_revoked_is_said() {
    let store = made();
    let other = made();
    let pki = Pki::open(&store).unwrap();
    let serial = |serial: &str, authority: Option<&str>| Target::Serial {
        serial: serial.into(),
        authority: authority.map(str::to_owned),
    };
    let certificate = |store: &MemoryStore, name: &str| {
        Target::Certificate(Box::new(store.certificates(name).remove(0)))
    };
    for (target, words) in [
        (entry("nobody"), "nothing called"),
        (serial("", None), "hexadecimal"),
        (serial("1", None), "hexadecimal"),
        (serial("xyz1", None), "hexadecimal"),
        (serial("0A0B", None), "no certificate"),
        (serial("0A0B", Some("nobody")), "nothing called"),
        (certificate(&other, "tls/etcd/client.crt"), "no authority"),
        (certificate(&store, "tls/client-ca.crt"), "is an authority"),
    ] {
        let refused = pki.revocations(
            &diagnostic(),
            START,
            std::slice::from_ref(&target),
            RevocationReason::Superseded,
        );
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(words), "{target:?}: {error}");
    }
    // One of which the number alone is known lives as long as its authority.
    let known = serial("0a:0b", Some("client-ca"));
    let plan = pki
        .revocations(&diagnostic(), START, &[known], RevocationReason::Superseded)
        .unwrap();
    let end = store.certificates("tls/client-ca.crt")[0].not_after();
    assert_eq!(plan.revocations[0].revocation.serial, "0A0B");
    assert_eq!(plan.revocations[0].revocation.not_after, end);
    // A register that cannot be read stops everything, and nothing changes.
    store.set("fips/revoked/client-ca.json", b"{}".to_vec());
    let before = store.snapshot();
    let refused = pki.revoke(
        &boundary(),
        &plan,
        &RevocationListParams::default(),
        &clock(),
    );
    assert!(
        matches!(refused, Err(Error::Revocation { .. })),
        "{refused:?}"
    );
    assert_eq!(store.snapshot(), before);
}

#[test]
fn a_list_is_renewed_at_half_its_time_and_found_when_it_is_not() {
    let (store, clock) = (made(), clock());
    revoke(&store, &[entry("etcd/client")], &clock);
    let first = list(&store).number().unwrap().parse::<u64>().unwrap();
    clock.advance(DAY * 3);
    assert!(refresh(&store, &clock).lists.is_empty());
    clock.advance(DAY);
    assert_eq!(
        row(&check(&store, clock.now()), LIST).status,
        Status::Warning
    );
    assert_eq!(refresh(&store, &clock).lists.len(), 1);
    let second = list(&store).number().unwrap().parse::<u64>().unwrap();
    assert!(second > first);
    // The clock set back: the number still grows.
    clock.set(START);
    let names = ["etcd/server-ca".to_owned()];
    let params = RevocationListParams::default();
    let pki = Pki::open(&store).unwrap();
    pki.refresh_lists(&boundary(), &names, &params, &clock)
        .unwrap();
    assert!(list(&store).number().unwrap().parse::<u64>().unwrap() > second);
    let ended = check(&store, START + DAY * 8);
    assert_eq!(row(&ended, LIST).status, Status::Expired);
    for (name, content, status) in [
        (LIST, b"\x30\x00".to_vec(), Status::Torn),
        (LIST, store.content("tls/etcd/server-ca.crt"), Status::Torn),
        (REGISTER, b"{}".to_vec(), Status::Torn),
        (
            "fips/crl/etcd/server-ca.crl.pem",
            b"".to_vec(),
            Status::Drifted,
        ),
    ] {
        let good = store.content(name);
        store.set(name, content);
        assert_eq!(row(&check(&store, START), LIST).status, status, "{name}");
        store.set(name, good);
    }
    store.remove(LIST);
    assert_eq!(row(&check(&store, START), LIST).status, Status::Torn);
}

#[test]
fn a_lost_or_old_register_takes_over_what_the_list_says() {
    let (store, clock) = (made(), clock());
    revoke(&store, &[entry("etcd/client")], &clock);
    let old = store.content(REGISTER);
    revoke(&store, &[entry("etcd/server-client")], &clock);
    let number = |store: &MemoryStore| list(store).number().unwrap().parse::<u64>().unwrap();
    for spoil in [Some(old), None] {
        let last = number(&store);
        match spoil {
            Some(old) => store.set(REGISTER, old),
            None => store.remove(REGISTER),
        }
        let rows = check(&store, START);
        assert_eq!(row(&rows, LIST).status, Status::Drifted);
        // The list alone is believed.
        let leaf = row(&rows, "tls/etcd/server-client.crt");
        assert_eq!(leaf.status, Status::Revoked);
        let report = refresh(&store, &clock);
        assert!(report.lists[0].taken_over > 0, "{report:?}");
        assert_eq!(list(&store).entries().count(), 2);
        assert!(number(&store) > last);
        assert_eq!(row(&check(&store, START), LIST).status, Status::Ok);
    }
}

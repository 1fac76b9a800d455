//! Revocation lists: ours enforced by independent programs, theirs read and judged here.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{
    DAY, MemoryStore, START, boundary, certtool, check, clock, diagnostic, made, openssl, path,
    row, run,
};
use fips_certs::audit::{self, EventKind};
use fips_certs::crl::{ListRefused, Register, RevocationList, RevocationListParams, Scope};
use fips_certs::crl::{Revocation, RevocationReason};
use fips_certs::pki::{RenewalPolicy, RevocationReport, Status, Target};
use fips_certs::store::Store;
use fips_certs::{
    Authority, AuthorityParams, Certificate, Clock, Error, FixedClock, Pki, Subject, SystemClock,
    key,
};
use proptest::prelude::*;
use time::OffsetDateTime;

const LIST: &str = "fips/crl/etcd/server-ca.crl";
const REGISTER: &str = "fips/revoked/etcd/server-ca.json";

fn entry(name: &str) -> Target {
    Target::Entry(name.to_owned())
}

fn revoke(store: &dyn Store, targets: &[Target], clock: &dyn Clock) -> RevocationReport {
    let pki = Pki::open(store).unwrap();
    let reason = RevocationReason::KeyCompromise;
    let plan = pki
        .revocations(&diagnostic(), clock.now(), targets, reason)
        .unwrap();
    pki.revoke(&boundary(), &plan, &RevocationListParams::default(), clock)
        .unwrap()
}

fn refresh(store: &dyn Store, clock: &dyn Clock) -> RevocationReport {
    Pki::open(store)
        .unwrap()
        .refresh_lists(&boundary(), &[], &RevocationListParams::default(), clock)
        .unwrap()
}

fn list(store: &MemoryStore) -> RevocationList {
    RevocationList::from_der(&store.content(LIST)).unwrap()
}

/// A PKI made now, written to `folder`, of which etcd's client is revoked.
fn revoked_now(folder: &Path) -> MemoryStore {
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    revoke(&store, &[entry("etcd/client")], &SystemClock);
    store.write_to(folder);
    store
}

/// Runs a program and answers whether it succeeded, and what it said.
fn tried(program: &str, package: &str, arguments: &str, folder: &Path) -> (bool, String) {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = run(program, package, &arguments, folder);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

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

#[test]
fn openssl_and_gnutls_enforce_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = revoked_now(folder);
    let ca = "tls/etcd/server-ca.crt";
    openssl(
        folder,
        &format!("crl -inform DER -in {LIST} -noout -CAfile {ca}"),
    );
    let verify = |file: &str| {
        let arguments =
            format!("verify -x509_strict -crl_check -CRLfile {LIST}.pem -CAfile {ca} {file}");
        tried("openssl", "openssl", &arguments, folder)
    };
    assert!(verify("tls/etcd/server-client.crt").0);
    let (good, text) = verify("tls/etcd/client.crt");
    assert!(!good && text.contains("certificate revoked"), "{text}");

    certtool(
        folder,
        &format!("--verify-crl --load-ca-certificate {ca} --infile {LIST}.pem"),
    );
    for (name, good) in [("client", false), ("server-client", true)] {
        let leaf = &store.certificates(&format!("tls/etcd/{name}.crt"))[0];
        std::fs::write(folder.join("leaf.pem"), leaf.to_pem()).unwrap();
        let arguments =
            format!("--verify --load-ca-certificate {ca} --load-crl {LIST}.pem --infile leaf.pem");
        let (held, text) = tried("certtool", "gnutls-bin", &arguments, folder);
        assert_eq!(held, good, "{name}: {text}");
        assert!(good || text.contains("revoked"), "{text}");
    }
}

#[test]
fn nss_enforces_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = revoked_now(folder);
    let nss = |program: &str, arguments: &str| {
        tried(
            program,
            "libnss3-tools",
            &format!("{arguments} -d sql:."),
            folder,
        )
    };
    assert!(nss("certutil", "-N --empty-password").0);
    assert!(
        nss(
            "certutil",
            "-A -n ca -t CT,C,C -i tls/etcd/server-ca.nochain.crt"
        )
        .0
    );
    for name in ["client", "server-client"] {
        let leaf = &store.certificates(&format!("tls/etcd/{name}.crt"))[0];
        std::fs::write(folder.join("leaf.pem"), leaf.to_pem()).unwrap();
        assert!(nss("certutil", &format!("-A -n {name} -t ,, -i leaf.pem")).0);
        assert!(
            nss("certutil", &format!("-V -u C -n {name}")).0,
            "{name} before"
        );
    }
    let (good, text) = nss("crlutil", &format!("-I -i {LIST}"));
    assert!(good, "{text}");
    let (good, text) = nss("certutil", "-V -u C -n client");
    assert!(!good && text.contains("revoked"), "{text}");
    assert!(nss("certutil", "-V -u C -n server-client").0);
}

#[test]
fn go_reads_and_verifies_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = revoked_now(folder);
    let program = r#"package main

import ("crypto/x509"; "encoding/pem"; "fmt"; "os")

func main() {
	der, err := os.ReadFile(os.Args[1])
	if err != nil { panic(err) }
	list, err := x509.ParseRevocationList(der)
	if err != nil { panic(err) }
	text, err := os.ReadFile(os.Args[2])
	if err != nil { panic(err) }
	block, _ := pem.Decode(text)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil { panic(err) }
	if err := list.CheckSignatureFrom(ca); err != nil { panic(err) }
	for _, entry := range list.RevokedCertificates { fmt.Printf("%X\n", entry.SerialNumber) }
}
"#;
    std::fs::write(folder.join("list.go"), program).unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-build");
    let output = std::process::Command::new("go")
        .args(["run", "list.go", LIST, "tls/etcd/server-ca.crt"])
        .current_dir(folder)
        .env("GOCACHE", cache)
        .env("GO111MODULE", "off")
        .output()
        .expect("go is needed (Debian package golang-go)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let serial = store.certificates("tls/etcd/client.crt")[0].serial();
    assert_eq!(text.trim(), serial.trim_start_matches('0'));
}

/// What OpenSSL issues: `folder/ca.crt`, its key, and a database.
fn foreign_ca(folder: &Path) -> Certificate {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout \
         ca.key -out ca.crt -subj /CN=foreign -addext keyUsage=critical,keyCertSign,cRLSign",
    );
    std::fs::write(
        folder.join("ca.cnf"),
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=number\ncertificate=ca.crt\n\
         private_key=ca.key\ndefault_md=sha256\ndefault_crl_days=7\n\
         [plain]\nauthorityKeyIdentifier=keyid\n\
         [delta]\nauthorityKeyIdentifier=keyid\n2.5.29.27=critical,DER:020101\n\
         [indirect]\nissuingDistributionPoint=critical,@indirect_point\n\
         [indirect_point]\nindirectCRL=TRUE\n\
         [reasons]\nissuingDistributionPoint=critical,@reasons_point\n\
         [reasons_point]\nonlysomereasons=keyCompromise\n\
         [attributes]\nissuingDistributionPoint=critical,@attributes_point\n\
         [attributes_point]\nonlyAA=TRUE\n\
         [leaves]\nissuingDistributionPoint=critical,@leaves_point\n\
         [leaves_point]\nonlyuser=TRUE\n\
         [unknown]\n1.2.3.4=critical,DER:0500\n\
         [known]\n1.2.3.4=DER:0500\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("index.txt"),
        "R\t301231235959Z\t261101000000Z,keyCompromise\t0A0B\tunknown\t/CN=a\n",
    )
    .unwrap();
    std::fs::write(folder.join("number"), "1001\n").unwrap();
    Certificate::from_pem(&std::fs::read(folder.join("ca.crt")).unwrap())
        .unwrap()
        .remove(0)
}

fn foreign_list(folder: &Path, more: &str) -> RevocationList {
    openssl(
        folder,
        &format!("ca -config ca.cnf -gencrl -out list.pem {more}"),
    );
    RevocationList::from_file(&std::fs::read(folder.join("list.pem")).unwrap()).unwrap()
}

#[test]
fn lists_of_openssl_are_read_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ca = foreign_ca(folder);
    let now = SystemClock.now() + Duration::from_secs(5);
    let judge = |list: &RevocationList, now: OffsetDateTime| list.verify(&diagnostic(), &ca, now);

    let plain = foreign_list(folder, "-crlexts plain");
    judge(&plain, now).unwrap();
    assert_eq!(plain.number(), Some("4097"));
    assert_eq!(
        plain.entry("0A0B").unwrap().reason,
        RevocationReason::KeyCompromise
    );
    assert_eq!(plain.authority_key_id(), ca.subject_key_id());
    // Version 1, without number or key identifier, is a list, too.
    std::fs::write(folder.join("index.txt"), "").unwrap();
    for (extensions, expected) in [
        ("", Ok(())),
        ("-crlexts known", Ok(())),
        ("-crlexts leaves", Ok(())),
        ("-crlexts delta", Err(ListRefused::Delta)),
        ("-crlexts indirect", Err(ListRefused::Indirect)),
        ("-crlexts reasons", Err(ListRefused::SomeReasons)),
        (
            "-crlexts attributes",
            Err(ListRefused::AttributeCertificates),
        ),
        (
            "-crlexts unknown",
            Err(ListRefused::UnknownCritical {
                oid: "1.2.3.4".into(),
            }),
        ),
        ("-crlexts plain -md sha1", Err(ListRefused::Algorithm)),
        // FIPS 186-5 lets a stronger hash be; the policy pairs each curve with its own.
        ("-crlexts plain -md sha224", Err(ListRefused::Algorithm)),
    ] {
        let list = foreign_list(folder, extensions);
        assert_eq!(judge(&list, now), expected, "{extensions}");
        if extensions == "-crlexts leaves" {
            assert_eq!(list.scope(), Scope::Leaves);
        }
    }
    let next = plain.next_update().unwrap();
    assert!(judge(&plain, next).is_ok());
    assert_eq!(
        judge(&plain, next + Duration::from_secs(1)),
        Err(ListRefused::Ended { ended: next })
    );
    let begins = plain.this_update();
    assert_eq!(
        judge(&plain, begins - Duration::from_secs(1)),
        Err(ListRefused::NotYetValid { begins })
    );

    // Another of the same name, another of another name, and one that may not sign lists.
    let other = tempfile::tempdir().unwrap();
    let same_name = foreign_ca(other.path());
    assert_eq!(
        plain.verify(&diagnostic(), &same_name, now),
        Err(ListRefused::OtherKeyId)
    );
    let unnamed = foreign_list(folder, "");
    assert_eq!(
        unnamed.verify(&diagnostic(), &same_name, now),
        Err(ListRefused::Signature)
    );
    let key = key::generate(&boundary(), key::KeyType::P256).unwrap();
    let params = AuthorityParams::new(Subject::new("else").unwrap(), DAY);
    let stranger = params.self_signed(key, &SystemClock).unwrap();
    assert!(matches!(
        plain.verify(&diagnostic(), stranger.certificate(), now),
        Err(ListRefused::OtherName { .. })
    ));
    openssl(
        folder,
        "req -x509 -key ca.key -days 30 -out mute.crt -subj /CN=foreign -addext \
         keyUsage=critical,keyCertSign",
    );
    let mute = std::fs::read(folder.join("mute.crt")).unwrap();
    let mute = Certificate::from_pem(&mute).unwrap().remove(0);
    assert_eq!(
        plain.verify(&diagnostic(), &mute, now),
        Err(ListRefused::NoCrlSign)
    );
    // Nor does it sign one here.
    let key = std::fs::read(folder.join("ca.key")).unwrap();
    let mute = Authority::load(mute, key::from_pem(&boundary(), &key).unwrap()).unwrap();
    let refused =
        RevocationListParams::default().signed_by(&mut Register::new("mute"), &mute, &SystemClock);
    assert!(refused.unwrap_err().to_string().contains("cRLSign"));
}

#[test]
fn a_distribution_point_is_critical_and_read_by_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let key = key::generate(&boundary(), key::KeyType::Rsa2048).unwrap();
    let authority = AuthorityParams::new(Subject::new("ca").unwrap(), DAY)
        .self_signed(key, &SystemClock)
        .unwrap();
    let params = RevocationListParams::default();
    assert!(
        params
            .clone()
            .with_distribution_point([""; 0], Scope::All)
            .is_err()
    );
    let params = params
        .with_distribution_point(["http://pki.example.org/ca.crl"], Scope::Leaves)
        .unwrap();
    let list = params
        .signed_by(&mut Register::new("ca"), &authority, &SystemClock)
        .unwrap();
    // Clamped to the authority.
    assert_eq!(
        list.next_update(),
        Some(authority.certificate().not_after())
    );
    assert_eq!(list.scope(), Scope::Leaves);
    list.verify(&diagnostic(), authority.certificate(), SystemClock.now())
        .unwrap();
    std::fs::write(folder.path().join("list.pem"), list.to_pem()).unwrap();
    let text = openssl(folder.path(), "crl -in list.pem -noout -text");
    for words in [
        "X509v3 Issuing Distribution Point: critical",
        "URI:http://pki.example.org/ca.crl",
        "Only User Certificates",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn no_changed_or_cut_list_verifies() {
    let store = made();
    revoke(&store, &[entry("etcd/client")], &clock());
    let issuer = store.certificates("tls/etcd/server-ca.crt").remove(0);
    let good = store.content(LIST);
    for length in 0..good.len() {
        assert!(
            RevocationList::from_der(&good[..length]).is_err(),
            "{length}"
        );
    }
    assert!(RevocationList::from_der(&[&good[..], &[0]].concat()).is_err());
    let mut der = good.clone();
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0x20, 0xff] {
            der[at] = good[at] ^ flip;
            if let Ok(list) = RevocationList::from_der(&der) {
                let verified = list.verify(&diagnostic(), &issuer, START);
                assert!(verified.is_err(), "byte {at} by {flip:#04x}");
            }
        }
        der[at] = good[at];
    }
    for file in [&b""[..], b"text", &store.content("tls/etcd/server-ca.crt")] {
        assert!(RevocationList::from_file(file).is_err());
    }
}

/// One step in the life of an authority.
#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    Back(u32),
    Issue,
    Restore,
    Revoke { serial: u8, days: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..400_u32).prop_map(Step::Advance),
        (0..400_u32).prop_map(Step::Back),
        Just(Step::Issue),
        Just(Step::Restore),
        (1..40_u8, 0..800_u16).prop_map(|(serial, days)| Step::Revoke { serial, days }),
    ]
}

proptest! {
    /// Whatever happens to clock and register, numbers grow and nothing that still lives is
    /// left out; what has ended stands on one more list.
    #[test]
    fn numbers_grow_and_nothing_is_lost(steps in prop::collection::vec(step(), 1..60)) {
        let clock = FixedClock::new(START);
        let mut register = Register::new("ca");
        let mut backup = register.clone();
        let mut last = 0;
        // Each with its end, and whether it stood on a list after that.
        let mut expected = std::collections::BTreeMap::new();
        for step in steps {
            let now = clock.now();
            match step {
                Step::Advance(days) => clock.advance(DAY * days),
                Step::Back(days) => clock.set(now - DAY * days),
                Step::Restore => {
                    // As the store does it: the list in place is taken over.
                    let number = register.number;
                    let kept = register.revocations.clone();
                    register = backup.clone();
                    for entry in kept {
                        register.add(entry);
                    }
                    register.number = register.number.max(number);
                }
                Step::Revoke { serial, days } => {
                    let not_after = now + DAY * u32::from(days);
                    let entry: Revocation = serde_json::from_value(serde_json::json!({
                        "serial": format!("{serial:02X}"),
                        "issuer_key_id": "AA",
                        "subject": null,
                        "not_after": not_after.format(&time::format_description::well_known::Rfc3339).unwrap(),
                        "revoked_at": "2026-11-22T12:00:00Z",
                        "reason": "superseded",
                        "last_list": null,
                    })).unwrap();
                    if register.add(entry) {
                        expected.insert(format!("{serial:02X}"), (not_after, false));
                    }
                }
                Step::Issue => {
                    let listed = register.next_list("AA", now).unwrap();
                    prop_assert!(register.number > last);
                    for (serial, (not_after, ended)) in &mut expected {
                        let stands = listed.iter().any(|entry| entry.serial == *serial);
                        if *not_after >= now {
                            prop_assert!(stands, "{serial}");
                            *ended = false;
                        } else {
                            prop_assert!(stands || *ended, "{serial}");
                            *ended = true;
                        }
                    }
                    prop_assert!(register.next_list("BB", now).unwrap().is_empty());
                    last = register.number;
                    backup = register.clone();
                }
            }
            let json = register.to_json().unwrap();
            prop_assert_eq!(&Register::from_json("ca", &json).unwrap(), &register);
        }
    }
}

#[test]
fn a_register_of_another_kind_is_not_read() {
    let good = String::from_utf8(Register::new("ca").to_json().unwrap()).unwrap();
    assert!(Register::from_json("ca", good.as_bytes()).is_ok());
    assert!(Register::from_json("other", good.as_bytes()).is_err());
    for (from, to) in [
        ("\"schema\": 1", "\"schema\": 2"),
        ("\"number\"", "\"numbers\""),
        ("\"number\": 0", "\"number\": -1"),
        ("\"revocations\": []", "\"revocations\": [], \"more\": 1"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(good, bad);
        assert!(Register::from_json("ca", bad.as_bytes()).is_err(), "{bad}");
    }
    assert_eq!(path(LIST).as_str(), LIST);
}

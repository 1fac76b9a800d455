//! An authority is rotated: in each phase who trusts one of the two takes the leaves, and every
//! step can be taken back.

#[path = "../common/mod.rs"]
mod common;
mod old_key;

use std::collections::BTreeMap;
use std::path::Path;

use common::{
    DAY, MemoryStore, START, boundary, certtool, check, clock, diagnostic, made, openssl,
};
use fips_certs::catalogue::{Catalogue, Options, Program};
use fips_certs::pki::rotation::{Advance, Phase, Start, Step};
use fips_certs::pki::{RenewalPolicy, Status};
use fips_certs::{Certificate, Clock, Error, FixedClock, Pki, SystemClock};

const NAME: &str = "etcd/server-ca";
const FILE: &str = "tls/etcd/server-ca.crt";
const KEY: &str = "tls/etcd/server-ca.key";
const NOCHAIN: &str = "tls/etcd/server-ca.nochain.crt";
const LEAVES: [&str; 2] = ["tls/etcd/client.crt", "tls/etcd/server-client.crt"];

fn start(store: &MemoryStore, clock: &FixedClock) -> Step {
    let pki = Pki::open(store).unwrap();
    pki.rotation(NAME)
        .unwrap()
        .start(&boundary(), clock)
        .unwrap()
}

fn next(store: &MemoryStore, clock: &FixedClock) -> Result<Step, Error> {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    rotation.next(&boundary(), &Advance::default(), clock)
}

fn rollback(store: &MemoryStore, clock: &FixedClock) -> Result<Step, Error> {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    rotation.rollback(&boundary(), clock)
}

/// Confirms everything the phase waits for.
fn confirm(store: &MemoryStore, clock: &FixedClock) {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    let open = rotation.journal().unwrap().unwrap().open();
    let open: Vec<String> = open.iter().map(|one| one.id.to_owned()).collect();
    rotation.confirm(&boundary(), &open, clock).unwrap();
}

/// Everything but the rotation's own files and the leaves.
fn trust(store: &MemoryStore) -> BTreeMap<String, Vec<u8>> {
    let leaf = |name: &str| {
        LEAVES
            .iter()
            .any(|leaf| leaf[..leaf.len() - 3] == name[..name.len() - 3])
    };
    store
        .snapshot()
        .into_iter()
        .map(|(path, content)| (path.to_string(), content))
        .filter(|(name, _)| !name.starts_with("fips/") && !leaf(name))
        .collect()
}

fn all_well(store: &MemoryStore, now: time::OffsetDateTime) {
    for row in check(store, now) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
}

#[test]
fn in_each_phase_who_trusts_either_takes_the_leaves() {
    let scratch = tempfile::tempdir().unwrap();
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    let now = FixedClock::new(SystemClock.now());
    let old = store.content(FILE);
    start(&store, &now);
    let new = store.content("fips/rotation/etcd/server-ca/new.crt");
    let verify = |root: &Path, trusted: &str, taken: bool| {
        for leaf in LEAVES {
            let verify = format!("verify -x509_strict -CAfile {trusted} -untrusted {leaf} {leaf}");
            if taken {
                openssl(root, &verify);
                certtool(
                    root,
                    &format!("--verify --load-ca-certificate {trusted} --infile {leaf}"),
                );
            } else {
                let arguments: Vec<&str> = verify.split_whitespace().collect();
                assert!(
                    !common::run("openssl", "openssl", &arguments, root)
                        .status
                        .success()
                );
            }
        }
    };
    for (phase, old_takes, new_takes) in [
        (Phase::Prepare, true, false),
        (Phase::TrustBoth, true, true),
        (Phase::IssueFromNew, true, true),
        (Phase::Retire, false, true),
    ] {
        if phase != Phase::Prepare {
            let step = next(&store, &now).unwrap();
            assert_eq!(step.phase, Some(phase));
            let refused = match next(&store, &now) {
                Err(Error::Rotation { why, .. }) => why,
                other => panic!("{other:?}"),
            };
            assert!(
                refused.contains("waits for servers") || phase == Phase::Retire,
                "{refused}"
            );
            confirm(&store, &now);
        }
        let root = scratch.path().join(phase.name());
        store.write_to(&root);
        std::fs::write(root.join("old.crt"), &old).unwrap();
        std::fs::write(root.join("new.crt"), &new).unwrap();
        verify(&root, FILE, true);
        verify(&root, "old.crt", old_takes);
        verify(&root, "new.crt", new_takes);
        all_well(&store, now.now());
        // The file's first certificate pairs with the key and is the copy.
        assert_eq!(store.certificates(FILE)[0], store.certificates(NOCHAIN)[0]);
        openssl(&root, &format!("x509 -in {FILE} -noout -checkend 0"));
        assert_eq!(
            openssl(&root, &format!("x509 -in {FILE} -noout -pubkey")),
            openssl(&root, &format!("pkey -in {KEY} -pubout"))
        );
    }
    assert_eq!(store.content(FILE), new);
    let pki = Pki::open(&store).unwrap();
    let status = pki
        .rotation(NAME)
        .unwrap()
        .status(&diagnostic(), now.now())
        .unwrap();
    assert!(
        status.done && status.next.is_none() && status.blocked.is_empty(),
        "{status:?}"
    );
    // Of the rotation the journal alone is left, and another one may begin.
    let left: Vec<String> = store
        .snapshot()
        .keys()
        .map(ToString::to_string)
        .filter(|name| name.starts_with("fips/rotation") || name.starts_with("fips/retired"))
        .collect();
    assert_eq!(left, ["fips/rotation/etcd/server-ca.json"]);
    start(&store, &now);
}

#[test]
fn each_step_taken_back_restores_the_trust_byte_for_byte() {
    let (store, clock) = (made(), clock());
    // A file of another program: text before the certificate, trust of its own after it.
    let other = MemoryStore::default();
    Pki::init(&boundary(), &other, common::catalogue(), &clock).unwrap();
    let odd = [
        b"a remark\r\n",
        &store.content(FILE)[..],
        &other.content(FILE),
    ]
    .concat();
    store.set(FILE, odd.strip_suffix(b"\n").unwrap());

    let first = trust(&store);
    start(&store, &clock);
    let behind = |store: &MemoryStore| LEAVES.map(|leaf| store.certificates(leaf).len());
    let (prepared, alone) = (trust(&store), behind(&store));
    assert_eq!(first, prepared);
    next(&store, &clock).unwrap();
    let both = trust(&store);
    assert_ne!(prepared, both);
    confirm(&store, &clock);
    next(&store, &clock).unwrap();
    assert_ne!(trust(&store), both);
    let new_leaves = LEAVES.map(|leaf| store.certificates(leaf)[0].clone());

    let step = rollback(&store, &clock).unwrap();
    assert_eq!(
        (step.from, step.phase),
        (Some(Phase::IssueFromNew), Some(Phase::TrustBoth))
    );
    assert_eq!(trust(&store), both);
    all_but_strangers(&store, clock.now());
    for (leaf, new) in LEAVES.iter().zip(&new_leaves) {
        // Issued anew by the old key, not put back: the keys of the old ones are gone.
        assert_ne!(&store.certificates(leaf)[0], new);
    }
    // What was confirmed before stays so: who verifies trusts both all the time.
    next(&store, &clock).unwrap();
    rollback(&store, &clock).unwrap();
    rollback(&store, &clock).unwrap();
    assert_eq!(trust(&store), prepared);
    // Entered again, it waits again.
    next(&store, &clock).unwrap();
    assert_eq!(trust(&store), both);
    assert!(matches!(next(&store, &clock), Err(Error::Rotation { .. })));
    rollback(&store, &clock).unwrap();
    assert_eq!(behind(&store), alone);
    let step = rollback(&store, &clock).unwrap();
    assert_eq!(step.phase, None);
    assert_eq!(trust(&store), first);
    assert!(
        !store
            .snapshot()
            .keys()
            .any(|name| name.as_str().contains("rotation"))
    );
    assert!(matches!(
        rollback(&store, &clock),
        Err(Error::Rotation { .. })
    ));
}

/// The trust of another program's is nobody's root here, and well all the same.
fn all_but_strangers(store: &MemoryStore, now: time::OffsetDateTime) {
    for row in check(store, now) {
        assert!(row.status <= Status::Warning, "{row:?}");
    }
}

#[test]
fn retiring_waits_for_every_live_leaf_of_the_old_one() {
    let (store, clock) = (made(), clock());
    start(&store, &clock);
    next(&store, &clock).unwrap();
    confirm(&store, &clock);
    // A copy the catalogue does not know.
    store.set("tls/extra.crt", store.content(LEAVES[0]));
    let serial = store.certificates(LEAVES[0])[0].serial();
    next(&store, &clock).unwrap();
    confirm(&store, &clock);
    let refused = next(&store, &clock).unwrap_err().to_string();
    assert!(
        refused.contains("tls/extra.crt") && refused.contains(&serial),
        "{refused}"
    );

    let pki = Pki::open(&store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    let status = rotation.status(&diagnostic(), clock.now()).unwrap();
    assert_eq!(status.live.len(), 1);
    let mut advance = Advance::default();
    advance.force = true;
    let forced = rotation.next(&boundary(), &advance, &clock).unwrap_err();
    assert!(forced.to_string().contains("tls/extra.crt"), "{forced}");
    advance.give_up = vec!["00".to_owned(), serial.clone()];
    let unknown = rotation.next(&boundary(), &advance, &clock).unwrap_err();
    assert!(unknown.to_string().contains("serial 00"), "{unknown}");
    advance.give_up = vec![serial.clone()];
    advance.keep_old_key = true;
    let before = store.content("fips/rotation/etcd/server-ca/old.key");
    let old = Certificate::from_pem(&store.content("fips/rotation/etcd/server-ca/before.crt"))
        .unwrap()[0]
        .serial();
    rotation.next(&boundary(), &advance, &clock).unwrap();
    assert_eq!(
        store.content(&format!("fips/retired/etcd/server-ca/{old}.key")),
        before
    );
    assert!(matches!(
        rollback(&store, &clock),
        Err(Error::Rotation { .. })
    ));
    // One that has ended keeps nothing.
    let store_two = made();
    start(&store_two, &clock);
    next(&store_two, &clock).unwrap();
    confirm(&store_two, &clock);
    store_two.set("tls/extra.crt", store_two.content(LEAVES[0]));
    next(&store_two, &clock).unwrap();
    confirm(&store_two, &clock);
    let late = FixedClock::new(START + DAY * 366);
    let pki = Pki::open(&store_two).unwrap();
    let status = pki
        .rotation(NAME)
        .unwrap()
        .status(&diagnostic(), late.now())
        .unwrap();
    assert_eq!(status.live, []);
}

#[test]
fn force_skips_checkpoints_and_nothing_else() {
    let (store, clock) = (made(), clock());
    start(&store, &clock);
    next(&store, &clock).unwrap();
    let force = |store: &MemoryStore| {
        let pki = Pki::open(store).unwrap();
        let mut advance = Advance::default();
        advance.force = true;
        pki.rotation(NAME)
            .unwrap()
            .next(&boundary(), &advance, &clock)
    };
    let well = store.snapshot();
    let staged = |name: &str| format!("fips/rotation/etcd/server-ca/{name}");
    let other = made();
    type Spoil<'a> = (&'a str, Vec<u8>);
    let spoilt: [Spoil<'_>; 6] = [
        // Key and certificate that are no pair, live and staged.
        (KEY, other.content(KEY)),
        (&staged("new.key"), other.content(KEY)),
        // Trust that somebody added, and staged files that are others.
        (FILE, [store.content(FILE), other.content(FILE)].concat()),
        (&staged("new.crt"), other.content(FILE)),
        (&staged("new-by-old.crt"), other.content(FILE)),
        (&staged("before.crt"), other.content(FILE)),
    ];
    for (name, content) in spoilt {
        let kept = store.content(name);
        store.set(name, content);
        let before = store.snapshot();
        let refused = force(&store).unwrap_err();
        assert!(
            matches!(refused, Error::Rotation { .. } | Error::Authority { .. }),
            "{name}: {refused}"
        );
        assert_eq!(store.snapshot(), before, "{name}");
        store.set(name, kept);
    }
    assert_eq!(store.snapshot(), well);
    force(&store).unwrap();
    let pki = Pki::open(&store).unwrap();
    let journal = pki.rotation(NAME).unwrap().journal().unwrap().unwrap();
    assert_eq!(journal.passed.len(), 3);
    assert!(journal.passed.iter().all(|passed| passed.forced));
}

#[test]
fn a_journal_that_says_something_unknown_is_an_error() {
    let (store, clock) = (made(), clock());
    start(&store, &clock);
    let file = "fips/rotation/etcd/server-ca.json";
    let good = String::from_utf8(store.content(file)).unwrap();
    for (from, to) in [
        ("\"version\": 1", "\"version\": 2"),
        ("\"phase\": \"prepare\"", "\"phase\": \"retired\""),
        ("\"name\": \"etcd/server-ca\"", "\"name\": \"etcd/peer-ca\""),
        ("\"passed\": []", "\"passed\": [], \"more\": 1"),
        (
            "\"passed\": []",
            "\"passed\": [{\"phase\": \"prepare\", \"checkpoint\": \"x\", \"at\": \"2026-11-22T12:00:00Z\", \"forced\": false}]",
        ),
        ("\"before\": \"", "\"before\": \"x"),
        ("{", ""),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        store.set(file, bad.clone());
        let error = next(&store, &clock).unwrap_err();
        assert!(
            matches!(error, Error::RotationJournal { .. }),
            "{bad}: {error}"
        );
        let error = rollback(&store, &clock).unwrap_err();
        assert!(
            matches!(error, Error::RotationJournal { .. }),
            "{bad}: {error}"
        );
    }
    store.set(file, good);
    next(&store, &clock).unwrap();
}

#[test]
fn renewals_go_on_in_every_phase() {
    let (store, clock) = (made(), clock());
    let mut force = RenewalPolicy::default();
    force.force = true;
    start(&store, &clock);
    for _ in 0..3 {
        next(&store, &clock).unwrap();
        let pki = Pki::open(&store).unwrap();
        let plan = pki.renewals(&diagnostic(), clock.now(), &force).unwrap();
        pki.renew(&boundary(), &plan, &clock).unwrap();
        all_well(&store, clock.now());
        let behind = store.certificates(LEAVES[1]).len() - 1;
        let phase = pki
            .rotation(NAME)
            .unwrap()
            .journal()
            .unwrap()
            .unwrap()
            .phase;
        assert_eq!(
            behind,
            if phase == Phase::Retire { 1 } else { 2 },
            "{phase}"
        );
        confirm(&store, &clock);
    }
}

#[test]
fn what_cannot_be_rotated_says_why() {
    let (store, clock) = (made(), clock());
    let pki = Pki::open(&store).unwrap();
    let unknown = pki.rotation("no-such").unwrap_err();
    assert!(matches!(unknown, Error::UnknownEntry { .. }));
    let blocked = |store: &MemoryStore, now| {
        let pki = Pki::open(store).unwrap();
        let rotation = pki.rotation(NAME).unwrap();
        let why = rotation
            .start_blocked(&Start::default(), &diagnostic(), now)
            .unwrap()
            .join("; ");
        let refused = rotation
            .start(&boundary(), &FixedClock::new(now))
            .unwrap_err();
        assert!(matches!(refused, Error::Rotation { .. }), "{refused}");
        why
    };
    assert!(blocked(&store, START + DAY * 3651).contains("ended"));
    assert!(blocked(&store, START - DAY).contains("begins later"));
    let key = store.content(KEY);
    store.set(KEY, made().content(KEY));
    assert!(blocked(&store, START).contains("pki recover"));
    store.set(KEY, key);
    start(&store, &clock);
    assert!(blocked(&store, START).contains("under way"));
    assert!(rollback(&store, &clock).unwrap().phase.is_none());
    assert!(matches!(next(&store, &clock), Err(Error::Rotation { .. })));
}

/// A field of a kubeconfig that holds a file in base64.
fn embedded(store: &MemoryStore, file: &str, field: &str) -> Vec<u8> {
    let text = String::from_utf8(store.content(file)).unwrap();
    let field = format!("{field}: ");
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(&field));
    let data = data_encoding::BASE64.decode(line.unwrap().as_bytes());
    data.unwrap()
}

#[test]
fn kubeadm_s_kubeconfigs_hold_both_and_show_leaves_that_both_take() {
    let scratch = tempfile::tempdir().unwrap();
    let store = MemoryStore::default();
    let mut options = Options::new(Program::Kubeadm, "cp-1");
    options.node_ips = vec!["192.0.2.10".parse().unwrap()];
    let catalogue = Catalogue::new(options).unwrap();
    Pki::init(&boundary(), &store, catalogue.clone(), &SystemClock).unwrap();
    let clock = FixedClock::new(SystemClock.now());
    let mut force = Advance::default();
    force.force = true;
    let pki = Pki::open(&store).unwrap();
    let rotation = pki.rotation("ca").unwrap();
    let old = store.content("pki/ca.crt");
    rotation.start(&boundary(), &clock).unwrap();
    let new = store.content("fips/rotation/ca/new.crt");
    for (phase, old_takes, new_takes) in [
        (Phase::Prepare, true, false),
        (Phase::TrustBoth, true, true),
        (Phase::IssueFromNew, true, true),
        (Phase::Retire, false, true),
    ] {
        if phase != Phase::Prepare {
            rotation.next(&boundary(), &force, &clock).unwrap();
        }
        all_well(&store, clock.now());
        let root = scratch.path().join(phase.name());
        store.write_to(&root);
        std::fs::write(root.join("old.crt"), &old).unwrap();
        std::fs::write(root.join("new.crt"), &new).unwrap();
        let mut leaves = vec!["pki/apiserver.crt".to_owned()];
        for entry in catalogue.kubeconfigs() {
            let file = entry.path.as_str();
            assert_eq!(
                embedded(&store, file, "certificate-authority-data"),
                store.content("pki/ca.crt"),
                "{file} at {phase}"
            );
            let leaf = embedded(&store, file, "client-certificate-data");
            std::fs::write(root.join(format!("{file}.crt")), leaf).unwrap();
            leaves.push(format!("{file}.crt"));
        }
        for leaf in &leaves {
            for (trusted, taken) in [
                ("old.crt", old_takes),
                ("new.crt", new_takes),
                ("pki/ca.crt", true),
            ] {
                let verify = format!("verify -CAfile {trusted} -untrusted {leaf} {leaf}");
                let arguments: Vec<&str> = verify.split_whitespace().collect();
                let output = common::run("openssl", "openssl", &arguments, &root);
                assert_eq!(
                    output.status.success(),
                    taken,
                    "{leaf} by {trusted} at {phase}"
                );
            }
        }
    }
    assert_eq!(store.content("pki/ca.crt"), new);
}

#[test]
fn one_below_another_is_rotated_under_it_and_one_above_is_not() {
    let store = MemoryStore::default();
    let catalogue = Catalogue::from_toml(
        "[[authority]]\nname = \"root\"\ncommon_name = \"root\"\n\n\
         [[authority]]\nname = \"below\"\ncommon_name = \"below\"\nissuer = \"root\"\n\n\
         [[leaf]]\nname = \"web\"\ncommon_name = \"web\"\nnames = [\"web.example.org\"]\n\
         usages = \"server\"\nissuer = \"below\"\n",
    )
    .unwrap();
    let clock = clock();
    let (pki, _) = Pki::init(&boundary(), &store, catalogue, &clock).unwrap();
    let above = pki
        .rotation("root")
        .unwrap()
        .start(&boundary(), &clock)
        .unwrap_err();
    assert!(
        above.to_string().contains("signs the authority below"),
        "{above}"
    );
    let rotation = pki.rotation("below").unwrap();
    let step = rotation.start(&boundary(), &clock).unwrap();
    assert!(step.remarks[0].contains("both are below root"), "{step:?}");
    let mut force = Advance::default();
    force.force = true;
    let root = store.certificates("root.crt");
    for _ in 0..3 {
        rotation.next(&boundary(), &force, &clock).unwrap();
        all_well(&store, clock.now());
        let leaf = store.certificates("web.crt");
        assert!(leaf.last() == root.last(), "the chain goes up to the root");
    }
    assert_eq!(store.certificates("below.crt").len(), 2);
}

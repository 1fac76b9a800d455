//! Join tokens in k3s's form, and node passwords.

mod common;

use std::time::Duration;

use common::{MemoryStore, START, boundary, clock, diagnostic, openssl, path};
use fips_certs::audit::{self, EventKind};
use fips_certs::key::{self, KeyType};
use fips_certs::store::{DirStore, Store};
use fips_certs::token::{
    Bound, Created, Credentials, JoinToken, NodePassword, NodePasswords, Pin, Role, TokenParams,
    TokenRefused, TokenState, Tokens,
};
use fips_certs::{Authority, AuthorityParams, Clock, Error, FixedClock, Subject};
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3600);

fn params(name: &str) -> AuthorityParams {
    AuthorityParams::new(Subject::new(name).unwrap(), HOUR * 24).with_path_length(2)
}

fn root(name: &str) -> Authority {
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    params(name).self_signed(key, &clock()).unwrap()
}

fn below(name: &str, length: u8, issuer: &Authority) -> Authority {
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    params(name)
        .with_path_length(length)
        .signed_by(key, issuer, &clock())
        .unwrap()
}

fn pem(authorities: &[&Authority]) -> String {
    let certificates = authorities.iter().map(|one| one.certificate().to_pem());
    certificates.collect()
}

fn pin(file: &str) -> String {
    Pin::of_file(&diagnostic(), file.as_bytes())
        .unwrap()
        .to_string()
}

fn agent() -> TokenParams {
    TokenParams::new(Role::Agent, HOUR).unwrap()
}

fn create(store: &dyn Store, params: &TokenParams, ca: &str, clock: &dyn Clock) -> Created {
    let tokens = Tokens::new(store);
    tokens
        .create(&boundary(), params, ca.as_bytes(), clock)
        .unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> TokenRefused {
    match result.unwrap_err() {
        Error::Token(refused) => refused,
        error => panic!("{error}"),
    }
}

/// Both rules, computed by OpenSSL and coreutils.
#[test]
fn pins_are_what_openssl_and_sha256sum_say() {
    let folder = tempfile::tempdir().unwrap();
    let root = root("root");
    let between = below("between", 1, &root);
    let leaf = below("server-ca", 0, &between);
    let sum = |content: &str| {
        std::fs::write(folder.path().join("file"), content).unwrap();
        let run = common::run("sha256sum", "coreutils", &["file"], folder.path());
        String::from_utf8(run.stdout).unwrap()[..64].to_owned()
    };
    // One certificate: the file as it is, whatever else is in it.
    let alone = pem(&[&root]);
    assert_eq!(pin(&alone), sum(&alone));
    let with_words = format!("words\n{alone}");
    assert_eq!(pin(&with_words), sum(&with_words));
    assert_ne!(pin(&with_words), pin(&alone));
    // More: the root's DER, in whatever order they stand behind the first.
    std::fs::write(folder.path().join("root"), &alone).unwrap();
    let fingerprint = openssl(folder.path(), "x509 -in root -noout -fingerprint -sha256");
    let fingerprint = fingerprint.trim().rsplit('=').next().unwrap();
    let fingerprint = fingerprint.replace(':', "").to_lowercase();
    for file in [
        pem(&[&leaf, &between, &root]),
        pem(&[&leaf, &root, &between]),
        pem(&[&between, &root]),
    ] {
        assert_eq!(pin(&file), fingerprint);
    }
    // More, and the first leads to no root behind it: the file as it is.
    let other = self::root("other");
    for file in [
        pem(&[&root, &other]),
        pem(&[&leaf, &root]),
        pem(&[&root, &root]),
    ] {
        assert_eq!(pin(&file), sum(&file));
    }
    assert!(Pin::of_file(&diagnostic(), b"words").is_err());
}

#[test]
fn each_form_of_k3s_is_read_and_printed_exactly_or_refused_with_the_reason() {
    let hash = "0123456789abcdef".repeat(4);
    let upper = hash.to_uppercase();
    let password = |text: &str| match JoinToken::parse(text).unwrap().credentials() {
        Credentials::Password { user, secret } => (user.clone(), secret.to_string()),
        Credentials::Bootstrap { .. } => panic!("{text}"),
    };
    let read = |user: &str, secret: &str| (user.to_owned(), secret.to_owned());
    for (after, expected) in [
        ("server:token", read("server", "token")),
        ("node:a:b::c", read("node", "a:b::c")),
        (":password", read("", "password")),
        ("u:::x", read("u", "::x")),
        (
            "abcdef.0123456789abcdeF:x",
            read("abcdef.0123456789abcdeF", "x"),
        ),
    ] {
        let text = format!("K10{hash}::{after}");
        assert_eq!(password(&text), expected);
        let token = JoinToken::parse(&text).unwrap();
        assert_eq!(*token.reveal(), text);
        assert_eq!(token.pin().as_str(), hash);
    }
    let text = format!("K10{hash}::abcdef.0123456789abcdef");
    let token = JoinToken::parse(&text).unwrap();
    assert_eq!(*token.reveal(), text);
    assert!(matches!(
        token.credentials(),
        Credentials::Bootstrap { id, secret } if id == "abcdef" && **secret == "0123456789abcdef"
    ));

    for text in [
        "token",
        "server:token",
        "abcdef.0123456789abcdef",
        "K10::server:token",
        "K10::abcdef.0123456789abcdef",
        "K10:::token",
        "K10abc:token",
        &format!("K10{hash}"),
        &format!("K10{hash}:server:token"),
        &format!("k10{hash}::server:token"),
    ] {
        assert_eq!(
            JoinToken::parse(text).unwrap_err(),
            TokenRefused::Unpinned,
            "{text}"
        );
    }
    for text in [
        "",
        "K10XX::x:y",
        &format!("K10{upper}::server:token"),
        &format!("K10{hash}0::server:token"),
        &format!("K10{hash}::"),
        &format!("K10{hash}::x"),
        &format!("K10{hash}::x:"),
        &format!("K10{hash}::abcdef.0123456789abcde"),
        &format!("K10{hash}::server:token\n"),
        &format!("K10{hash}::server:to\0ken"),
        &format!("K10{hash}::server:{}", "x".repeat(4096)),
    ] {
        let error = JoinToken::parse(text).unwrap_err();
        assert!(matches!(error, TokenRefused::Form(_)), "{text}: {error}");
    }
}

#[test]
fn a_joining_node_takes_what_the_pin_vouches_for_and_no_more() {
    let (old, new, evil) = (root("old"), root("new"), root("evil"));
    let server_ca = below("server-ca", 0, &old);
    let token = |file: &str| JoinToken::parse(&format!("K10{}::node:secret", pin(file))).unwrap();
    let anchors = |pinned: &str, file: &str| {
        let found = token(pinned).anchors(&diagnostic(), file.as_bytes());
        found.map(|found| {
            let names = found
                .iter()
                .map(|one| one.subject().split(',').next().unwrap()[3..].to_owned());
            names.collect::<Vec<_>>()
        })
    };
    let (alone, both) = (pem(&[&old]), pem(&[&old, &new]));
    assert_eq!(anchors(&alone, &alone).unwrap(), ["old"]);
    assert_eq!(anchors(&both, &both).unwrap(), ["old", "new"]);
    // A rotation puts the new one beside it: the old token is good for the old one.
    assert_eq!(anchors(&alone, &both).unwrap(), ["old"]);
    assert_eq!(anchors(&alone, &pem(&[&new, &old])).unwrap(), ["old"]);
    assert!(matches!(
        refused(anchors(&alone, &pem(&[&new]))),
        TokenRefused::OtherPin { .. }
    ));
    // k3s's hash of these two files is the same; the root put beside is not believed.
    let chain = pem(&[&server_ca, &old]);
    let with_evil = pem(&[&server_ca, &old, &evil]);
    assert_eq!(pin(&chain), pin(&with_evil));
    assert_eq!(anchors(&chain, &with_evil).unwrap(), ["old"]);
    assert!(anchors(&chain, &pem(&[&evil])).is_err());
    // An intermediate is no anchor, though its hash be the pin.
    let alone = pem(&[&server_ca]);
    assert_eq!(anchors(&alone, &alone).unwrap(), ["server-ca"]);
    assert!(anchors(&alone, &pem(&[&server_ca, &new])).is_err());
}

#[test]
fn a_token_is_good_until_its_end_and_as_often_as_it_says() {
    let (store, clock, ca) = (MemoryStore::default(), clock(), pem(&[&root("ca")]));
    let tokens = Tokens::new(&store);
    let made = create(&store, &agent().with_uses(2).unwrap(), &ca, &clock);
    assert_eq!(made.token.pin().as_str(), pin(&ca));
    let text = made.token.reveal();
    assert!(text.starts_with(&format!("K10{}::node:", pin(&ca))));
    assert_eq!(text.len(), 3 + 64 + 2 + 5 + 32);
    assert_eq!(made.info.expires, START + HOUR);

    let read = JoinToken::parse(&text).unwrap();
    assert!(read.is(&made.token));
    let verify = |now| tokens.verify(&diagnostic(), &read, now);
    assert_eq!(verify(START).unwrap(), made.info);
    // Looking uses nothing.
    assert_eq!(verify(START).unwrap().uses_left, Some(2));
    verify(START + HOUR - Duration::from_secs(1)).unwrap();
    assert_eq!(
        refused(verify(START + HOUR)),
        TokenRefused::Expired { at: START + HOUR }
    );
    let redeem = || tokens.redeem(&boundary(), &read, "node-1", &clock);
    assert_eq!(redeem().unwrap().uses_left, Some(1));
    assert_eq!(redeem().unwrap().uses_left, Some(0));
    assert_eq!(refused(redeem()), TokenRefused::UsedUp);
    assert_eq!(refused(verify(START)), TokenRefused::UsedUp);
    let listed = tokens.list(START).unwrap();
    assert_eq!((listed.len(), listed[0].state), (1, TokenState::UsedUp));

    let entries = audit::entries(&store).unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.event).collect();
    assert_eq!(
        kinds,
        [
            EventKind::LogBegun,
            EventKind::TokenCreated,
            EventKind::TokenUsed,
            EventKind::TokenUsed
        ]
    );
    assert_eq!(entries[2].reason.as_deref(), Some("node-1"));
    assert_eq!(entries[2].name, made.info.id);
}

#[test]
fn another_secret_user_or_pin_is_refused_and_so_is_a_revoked_token() {
    let (store, clock, ca) = (MemoryStore::default(), clock(), pem(&[&root("ca")]));
    let tokens = Tokens::new(&store);
    let made = create(&store, &agent(), &ca, &clock);
    let other = create(&store, &agent(), &ca, &clock);
    let text = made.token.reveal();
    let verify = |text: &str| tokens.verify(&diagnostic(), &JoinToken::parse(text).unwrap(), START);
    assert_eq!(verify(&text).unwrap().id, made.info.id);
    assert_eq!(verify(&other.token.reveal()).unwrap().id, other.info.id);
    // Each digit of the secret counts.
    for at in text.len() - 32..text.len() {
        let mut changed = text.to_string().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(refused(verify(&changed)), TokenRefused::Unknown);
    }
    let as_server = text.replace("::node:", "::server:");
    assert_eq!(refused(verify(&as_server)), TokenRefused::Unknown);
    let elsewhere = text.replace(&pin(&ca), &"0".repeat(64));
    assert!(matches!(
        refused(verify(&elsewhere)),
        TokenRefused::OtherPin { .. }
    ));
    let bootstrap = format!("K10{}::abcdef.0123456789abcdef", pin(&ca));
    assert_eq!(refused(verify(&bootstrap)), TokenRefused::Bootstrap);

    tokens.revoke(&boundary(), &made.info.id, &clock).unwrap();
    assert_eq!(refused(verify(&text)), TokenRefused::Revoked { at: START });
    verify(&other.token.reveal()).unwrap();
    let error = tokens.revoke(&boundary(), "nobody", &clock).unwrap_err();
    assert!(matches!(error, Error::UnknownEntry { .. }), "{error}");
    let empty = MemoryStore::default();
    let answer = Tokens::new(&empty).verify(&diagnostic(), &made.token, START);
    assert_eq!(refused(answer), TokenRefused::Unknown);
}

/// What had ended does not come back with the clock.
#[test]
fn a_clock_set_back_revives_no_token() {
    let (store, clock, ca) = (MemoryStore::default(), clock(), pem(&[&root("ca")]));
    let tokens = Tokens::new(&store);
    let made = create(&store, &agent(), &ca, &clock);
    let verify = |now| tokens.verify(&diagnostic(), &made.token, now);
    // Later the list changes, and so has seen the later time.
    clock.set(START + HOUR * 2);
    let later = create(&store, &agent(), &ca, &clock);
    assert!(matches!(
        refused(verify(START + HOUR * 2)),
        TokenRefused::Expired { .. }
    ));
    let seen = START + HOUR * 2;
    assert_eq!(refused(verify(START)), TokenRefused::ClockSetBack { seen });
    let within = seen - Duration::from_secs(200);
    assert!(matches!(
        refused(verify(within)),
        TokenRefused::Expired { .. }
    ));
    tokens.verify(&diagnostic(), &later.token, within).unwrap();
    // A new token takes the clock as it is; what had ended stays ended.
    clock.set(START);
    let new = create(&store, &agent(), &ca, &clock);
    tokens.verify(&diagnostic(), &new.token, START).unwrap();
    assert!(matches!(
        refused(verify(START)),
        TokenRefused::Revoked { .. }
    ));
}

#[test]
fn a_rotation_makes_tokens_anew_and_both_are_good_for_a_while() {
    let (store, clock) = (MemoryStore::default(), clock());
    let (old, new) = (pem(&[&root("old")]), pem(&[&root("new")]));
    let tokens = Tokens::new(&store);
    let life = TokenParams::new(Role::Server, HOUR * 10).unwrap();
    let first = create(&store, &life.clone().with_uses(3).unwrap(), &old, &clock);
    let revoked = create(&store, &life, &old, &clock);
    tokens
        .revoke(&boundary(), &revoked.info.id, &clock)
        .unwrap();

    let until = START + HOUR;
    let reissue = |ca: &str| {
        tokens
            .reissue(&boundary(), ca.as_bytes(), until, &clock)
            .unwrap()
    };
    let again = reissue(&new);
    assert_eq!(again.len(), 1);
    let second = &again[0];
    assert_eq!(second.info.id, first.info.id);
    assert_eq!(second.token.pin().as_str(), pin(&new));
    let pins: Vec<_> = second.info.pins.iter().map(Pin::as_str).collect();
    assert_eq!(pins, [pin(&old), pin(&new)]);
    // The step taken again makes nothing.
    assert!(reissue(&new).is_empty());

    // Side by side, from the same uses.
    let redeem = |token: &JoinToken| tokens.redeem(&boundary(), token, "node-1", &clock);
    assert_eq!(redeem(&first.token).unwrap().uses_left, Some(2));
    assert_eq!(redeem(&second.token).unwrap().uses_left, Some(1));
    // Neither with the other's pin.
    let mixed = second.token.reveal().replace(&pin(&new), &pin(&old));
    assert!(matches!(
        refused(redeem(&JoinToken::parse(&mixed).unwrap())),
        TokenRefused::OtherPin { .. }
    ));
    clock.set(until);
    assert_eq!(
        refused(redeem(&first.token)),
        TokenRefused::Replaced { until }
    );
    assert_eq!(redeem(&second.token).unwrap().uses_left, Some(0));
    assert_eq!(refused(redeem(&second.token)), TokenRefused::UsedUp);
}

/// Threads that share a store, and another that opens it for itself.
#[test]
fn one_use_is_one_use_however_many_try_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(folder.path()).unwrap();
    let (clock, ca) = (clock(), pem(&[&root("ca")]));
    let made = create(&store, &agent().with_uses(3).unwrap(), &ca, &clock);
    let taken = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                match Tokens::new(&store).redeem(&boundary(), &made.token, "node", &clock) {
                    Ok(_) => _ = taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst),
                    other => assert_eq!(refused(other), TokenRefused::UsedUp),
                }
            });
        }
    });
    assert_eq!(taken.into_inner(), 3);
    // Another opening is kept out while one is open: no second reader of the same count.
    let locked = DirStore::open(folder.path());
    assert!(matches!(locked, Err(Error::Locked { .. })));
    let report = audit::verify(&diagnostic(), &store, None).unwrap();
    assert_eq!((report.findings, report.entries), (vec![], 5));
}

#[test]
fn what_is_kept_and_shown_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(folder.path()).unwrap();
    let (clock, ca) = (clock(), pem(&[&root("ca")]));
    let made = create(&store, &agent(), &ca, &clock);
    let text = made.token.reveal();
    let secret = &text[text.len() - 32..];
    let node = NodePassword::generate(&boundary()).unwrap();
    NodePasswords::new(&store)
        .bind(&boundary(), "node-1", &node, &clock)
        .unwrap();
    let listed = Tokens::new(&store).list(START).unwrap();
    let mut shown = vec![
        format!(
            "{made:?} {node:?} {listed:?} {:?}",
            made.token.credentials()
        ),
        serde_json::to_string(&listed).unwrap(),
    ];
    for name in store.list().unwrap() {
        let content = store.read(&name).unwrap().unwrap();
        shown.push(String::from_utf8(content.to_vec()).unwrap());
    }
    // Beside the list itself: its key and verifiers are no one's to see either.
    let list = store.read(&path("fips/tokens.json")).unwrap().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let key = list["key"].as_str().unwrap();
    assert_eq!(key.len(), 64);
    for (at, shown) in shown.iter().enumerate() {
        for hidden in [secret, &**node.reveal()] {
            assert!(!shown.contains(hidden), "{at}");
        }
        assert!(at >= 2 || !shown.contains(key));
    }
    for name in ["fips/tokens.json", "fips/node-passwords.json"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600, "{name}");
    }
}

/// The verifier is the HMAC that OpenSSL computes.
#[test]
fn the_verifier_is_what_openssl_says() {
    let (store, clock, ca) = (MemoryStore::default(), clock(), pem(&[&root("ca")]));
    let made = create(&store, &agent(), &ca, &clock);
    let list: serde_json::Value =
        serde_json::from_slice(&store.content("fips/tokens.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = made.token.reveal();
    let data = format!("node\0{}", &text[text.len() - 32..]);
    std::fs::write(folder.path().join("data"), data).unwrap();
    let key = list["key"].as_str().unwrap();
    let mac = openssl(folder.path(), &format!("dgst -sha256 -hmac {key} data"));
    let mac = mac.trim().rsplit(' ').next().unwrap();
    assert_eq!(
        list["tokens"][0]["forms"][0]["verifier"].as_str(),
        Some(mac)
    );
}

#[test]
fn a_list_with_anything_unknown_is_an_error_that_shows_nothing() {
    let (store, clock, ca) = (MemoryStore::default(), clock(), pem(&[&root("ca")]));
    create(&store, &agent(), &ca, &clock);
    let text = String::from_utf8(store.content("fips/tokens.json")).unwrap();
    let key = &text[text.find("\"key\":\"").unwrap() + 7..][..64];
    for changed in [
        text.replacen('{', "{\"more\":1,", 1),
        text.replace("\"schema\":1", "\"schema\":2"),
        text.replace("\"agent\"", "\"admin\""),
        text.replace("\"forms\"", "\"form\""),
        text[..text.len() - 9].to_owned(),
        text.replace("\"uses-left\":null", &format!("\"uses-left\":\"{key}\"")),
    ] {
        assert_ne!(changed, text);
        store.set("fips/tokens.json", changed);
        let error = Tokens::new(&store).list(START).unwrap_err();
        assert!(matches!(error, Error::Record { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains(key));
    }
}

#[test]
fn tokens_that_make_no_sense_are_refused() {
    assert!(TokenParams::new(Role::Agent, Duration::ZERO).is_err());
    assert!(TokenParams::new(Role::Agent, HOUR * 24 * 366).is_err());
    assert!(agent().with_uses(0).is_err());
    assert!(agent().with_description("a\nb").is_err());
    assert!(agent().with_description("x".repeat(201)).is_err());
}

#[test]
fn a_node_is_bound_to_its_first_password_until_it_is_released() {
    let (store, clock) = (MemoryStore::default(), clock());
    let nodes = NodePasswords::new(&store);
    let make = || NodePassword::generate(&boundary()).unwrap();
    let (own, other) = (make(), make());
    let bind =
        |node: &str, password: &NodePassword| nodes.bind(&boundary(), node, password, &clock);
    let unbound = nodes.verify(&diagnostic(), "node-1", &own);
    assert_eq!(refused(unbound), TokenRefused::Unknown);
    assert_eq!(bind("node-1", &own).unwrap(), Bound::First);
    assert_eq!(bind("node-1", &own).unwrap(), Bound::Same);
    // Handed over as text.
    let text = own.reveal();
    let read = NodePassword::parse(&text).unwrap();
    assert_eq!(bind("node-1", &read).unwrap(), Bound::Same);
    nodes.verify(&diagnostic(), "node-1", &read).unwrap();
    let node = "node-1".to_owned();
    assert_eq!(
        refused(bind("node-1", &other)),
        TokenRefused::OtherNodePassword { node }
    );
    assert!(nodes.verify(&diagnostic(), "node-1", &other).is_err());
    assert!(nodes.verify(&diagnostic(), "node-2", &own).is_err());
    // The same password under another name has another verifier.
    bind("node-2", &own).unwrap();
    let file: serde_json::Value =
        serde_json::from_slice(&store.content("fips/node-passwords.json")).unwrap();
    assert_ne!(file["nodes"]["node-1"], file["nodes"]["node-2"]);

    assert!(nodes.release(&boundary(), "node-1", &clock).unwrap());
    assert!(!nodes.release(&boundary(), "node-1", &clock).unwrap());
    assert_eq!(bind("node-1", &other).unwrap(), Bound::First);
    for name in ["", "a\nb", &"x".repeat(254)] {
        assert!(
            matches!(bind(name, &own), Err(Error::Policy { .. })),
            "{name:?}"
        );
    }
    for text in [
        "",
        "x",
        &text[1..],
        &text.to_uppercase().replace(char::is_numeric, "A"),
    ] {
        assert!(NodePassword::parse(text).is_err(), "{text:?}");
    }
    let kinds: Vec<_> = audit::entries(&store)
        .unwrap()
        .iter()
        .map(|e| e.event)
        .collect();
    assert_eq!(
        kinds[1..],
        [
            EventKind::NodeBound,
            EventKind::NodeBound,
            EventKind::NodeReleased,
            EventKind::NodeBound
        ]
    );
}

proptest! {
    /// No text breaks the reader, and what it takes it prints exactly.
    #[test]
    fn any_text_is_refused_or_printed_exactly(
        text in prop_oneof![
            any::<String>(),
            "K10[0-9a-fA-F]{60,66}:{0,3}[a-z.:]{0,30}",
            "K10[0-9a-f]{64}::.{0,40}",
        ]
    ) {
        if let Ok(token) = JoinToken::parse(&text) {
            prop_assert_eq!(&*token.reveal(), &text);
            let shown = format!("{token:?}");
            prop_assert!(!shown.contains(&text));
            prop_assert!(JoinToken::parse(&token.reveal()).unwrap().is(&token));
        }
    }

    /// A foreign text is never good.
    #[test]
    fn no_made_up_token_is_good(user in "(server|node)", secret in "[0-9a-f]{32}") {
        static STORE: std::sync::LazyLock<(MemoryStore, String)> = std::sync::LazyLock::new(|| {
            let (store, ca) = (MemoryStore::default(), pem(&[&root("ca")]));
            create(&store, &agent(), &ca, &FixedClock::new(START));
            (store, pin(&ca))
        });
        let token = JoinToken::parse(&format!("K10{}::{user}:{secret}", STORE.1)).unwrap();
        let answer = Tokens::new(&STORE.0).verify(&diagnostic(), &token, START);
        prop_assert_eq!(refused(answer), TokenRefused::Unknown);
    }
}

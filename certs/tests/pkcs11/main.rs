//! Keys on a PKCS#11 token: SoftHSM, and SoftHSM behind a library that spoils its answers.

#[path = "../common/mod.rs"]
mod common;
mod softhsm;

use std::fs;
use std::sync::Arc;

use common::{DAY, boundary, clock, openssl};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use fips_certs::key::{self, KeyType, SubjectKey};
use fips_certs::pkcs11::Pkcs11Signer;
use fips_certs::{
    Authority, AuthorityParams, Certificate, Error, LeafParams, Signer, Subject, Usages,
};
use softhsm::{LIBRARY, PIN, Token, pin};
use zeroize::Zeroizing;

fn generate(token: &Token, label: &str, key_type: KeyType) -> Pkcs11Signer {
    let uri = token.uri(&format!("object={label}"));
    Pkcs11Signer::generate(&boundary(), &uri, pin(), key_type).unwrap()
}

fn refused(answer: Result<Pkcs11Signer, Error>, why: &str) {
    let error = answer.unwrap_err();
    assert!(matches!(error, Error::Signer { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(why), "{text}");
    assert!(!text.contains(PIN), "{text}");
}

fn root(signer: Arc<dyn Signer>) -> Authority {
    AuthorityParams::new(Subject::new("root").unwrap(), DAY * 3650)
        .self_signed(signer, &clock())
        .unwrap()
}

fn leaf(root: &Authority) -> Certificate {
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    LeafParams::new(Subject::new("leaf").unwrap(), Usages::Client, DAY)
        .signed_by(&key, root, &clock())
        .unwrap()
}

#[test]
fn every_type_of_key_signs_what_openssl_verifies() {
    let Some(token) = Token::of("every_type_of_key_signs_what_openssl_verifies") else {
        return;
    };
    for key_type in KeyType::ALL {
        if key_type == KeyType::Rsa4096 {
            // Made by the same code in seconds; RSA 3072 takes the same scheme.
            continue;
        }
        let signer: Arc<dyn Signer> = Arc::new(generate(&token, key_type.name(), key_type));
        assert_eq!(Signer::key_type(&*signer), key_type);
        assert_eq!(
            signer.origin(),
            format!("PKCS#11 token control-plane (module {LIBRARY}, no CMVP number declared)")
        );
        let root = root(signer);
        fs::write(token.folder.join("root.pem"), root.certificate().to_pem()).unwrap();
        // Enough for numbers with leading zeros and with a high bit.
        for _ in 0..8 {
            fs::write(token.folder.join("leaf.pem"), leaf(&root).to_pem()).unwrap();
            let time = common::START.unix_timestamp();
            openssl(
                &token.folder,
                &format!("verify -x509_strict -attime {time} -CAfile root.pem leaf.pem"),
            );
        }
    }
    let listed = token.tool(&["--list-objects", "--type", "privkey"]);
    assert_eq!(listed.matches("Private Key Object").count(), 4, "{listed}");
    assert!(listed.contains("never extractable"), "{listed}");
    assert!(
        !listed.contains("decrypt") && !listed.contains("unwrap"),
        "{listed}"
    );
}

#[test]
fn a_key_made_elsewhere_is_found_by_label_and_by_id() {
    let Some(token) = Token::of("a_key_made_elsewhere_is_found_by_label_and_by_id") else {
        return;
    };
    let pair = ["--keypairgen", "--key-type", "EC:prime256v1"];
    token.tool(&[&pair[..], &["--label", "twin", "--id", "01"]].concat());
    token.tool(&[&pair[..], &["--label", "twin", "--id", "02"]].concat());
    for label in ["twins", "twins"] {
        token.initialize(label);
    }
    let open = |key: &str| Pkcs11Signer::open(&boundary(), &token.uri(key), pin());
    let twins = token.uri_of("twins", "object=twin");
    refused(
        Pkcs11Signer::open(&boundary(), &twins, pin()),
        "several tokens are called so",
    );
    refused(open("object=twin"), "several private keys \"twin\"");
    let one = open("object=twin;id=%01").unwrap();
    let two = open("id=%02").unwrap();
    assert_ne!(Signer::public_key(&one), Signer::public_key(&two));
    // What lies under the same name on the token is not taken for the certificate's key.
    let certificate = root(Arc::new(one)).certificate().clone();
    let signer: Arc<dyn Signer> = Arc::new(two);
    let error = Authority::load(certificate, signer).unwrap_err();
    assert!(
        error.to_string().contains("not that of the certificate"),
        "{error}"
    );

    refused(open("object=missing"), "no private key \"missing\"");
    refused(open("object=twin;id=%03"), "(id 03)");
    let other = token.uri_of("elsewhere", "object=twin");
    refused(
        Pkcs11Signer::open(&boundary(), &other, pin()),
        "no such token: there are ",
    );
    let twin = generate(&token, "made-here", KeyType::P256).uri().clone();
    refused(
        Pkcs11Signer::generate(&boundary(), &twin, pin(), KeyType::P256),
        "there already",
    );
    refused(
        Pkcs11Signer::generate(&boundary(), &token.uri("id=%09"), pin(), KeyType::P256),
        "no label",
    );
    token.tool(&[
        "--delete-object",
        "--type",
        "pubkey",
        "--label",
        "made-here",
    ]);
    refused(open("object=made-here"), "no public key object");
}

#[test]
fn forbidden_types_of_keys_are_refused() {
    let Some(token) = Token::of("forbidden_types_of_keys_are_refused") else {
        return;
    };
    let open = |key: &str| Pkcs11Signer::open(&boundary(), &token.uri(key), pin());
    for (kind, label, why) in [
        ("EC:secp256k1", "k256", "1.3.132.0.10"),
        ("EC:secp521r1", "p521", "1.3.132.0.35"),
        ("rsa:1024", "short", "RSA key of 1024 bits"),
    ] {
        token.tool(&["--keypairgen", "--key-type", kind, "--label", label]);
        refused(open(&format!("object={label}")), why);
    }
    for (label, attribute, why) in [
        ("agree", Attribute::Sign(false), "may not sign"),
        (
            "asks",
            Attribute::AlwaysAuthenticate(true),
            "wants the PIN again",
        ),
    ] {
        make(label, attribute);
        refused(open(&format!("object={label}")), why);
    }
}

/// Makes a key of an attribute that no key of ours has, beside our use of the same library.
fn make(label: &str, attribute: Attribute) {
    let library = cryptoki::context::Pkcs11::new(LIBRARY).unwrap();
    let slots = library.get_slots_with_token().unwrap();
    let slot = slots
        .into_iter()
        .find(|slot| library.get_token_info(*slot).unwrap().label() == "control-plane")
        .unwrap();
    let session = library.open_rw_session(slot).unwrap();
    // Logged in already, where a signer of this process still is.
    let _ = session.login(UserType::User, Some(&AuthPin::new(PIN.into())));
    let common = [
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
    ];
    let p256 = vec![0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let public = [&common[..], &[Attribute::EcParams(p256)]].concat();
    let private = [&common[..], &[Attribute::Private(true), attribute]].concat();
    session
        .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
        .unwrap();
}

#[test]
fn a_pin_that_is_wrong_or_missing_or_locked() {
    let Some(token) = Token::of("a_pin_that_is_wrong_or_missing_or_locked") else {
        return;
    };
    let token = token.spoiled();
    let uri = token.uri("object=ca");
    let wrong = || Some(Zeroizing::new(b"0000-wrong".to_vec()));
    let open = |pin| Pkcs11Signer::open(&boundary(), &uri, pin);
    refused(open(wrong()), "the PIN is wrong, and is not tried again");
    refused(open(None), "none was given");
    refused(open(Some(Zeroizing::new(vec![0xff, 0xfe]))), "not UTF-8");
    refused(
        Pkcs11Signer::generate(&boundary(), &uri, wrong(), KeyType::P256),
        "the PIN is wrong",
    );
    Pkcs11Signer::generate(&boundary(), &uri, pin(), KeyType::P256).unwrap();
    for (spoil, why) in [
        ("pin-locked", "the PIN is locked: unlock it"),
        ("flag-locked", "its PIN is locked"),
        ("final-try", "one more wrong PIN locks it"),
    ] {
        token.spoil(spoil);
        refused(open(pin()), why);
    }
    token.spoil("");
    open(pin()).unwrap();
}

#[test]
fn a_token_that_lies_or_goes_away() {
    let Some(token) = Token::of("a_token_that_lies_or_goes_away") else {
        return;
    };
    let token = token.spoiled();
    for key_type in [KeyType::P256, KeyType::Rsa2048] {
        let signer = generate(&token, key_type.name(), key_type);
        let shown = format!("{signer:?}");
        assert!(!shown.contains(PIN), "{shown}");
        let answer = |spoil| {
            token.spoil(spoil);
            signer.sign(b"message").map_err(|error| error.to_string())
        };
        assert!(answer("").is_ok());
        assert!(answer("lie").unwrap_err().contains("does not verify"));
        assert!(answer("short").is_err());
        assert!(
            answer("removed")
                .unwrap_err()
                .contains("put the token back")
        );
        assert!(answer("").is_ok(), "it is used again once it is back");
        assert!(answer("closed-once").is_ok(), "it logs in again by itself");
    }
    let signer = generate(&token, "shared", KeyType::P256);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0_u8..20 {
                    signer.sign(&[number]).unwrap();
                }
            });
        }
    });

    // Logging in again meets a locked PIN: said, and not tried a second time.
    token.spoil("removed");
    assert!(signer.sign(b"message").is_err());
    token.spoil("pin-locked");
    assert!(signer.sign(b"message").is_err());
    token.spoil("");
    let error = signer.sign(b"message").unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
}

#[test]
fn another_key_under_the_same_name_is_not_used_after_a_loss() {
    let Some(token) = Token::of("another_key_under_the_same_name_is_not_used_after_a_loss") else {
        return;
    };
    let token = token.spoiled();
    let signer = generate(&token, "ca", KeyType::P256);
    for kind in ["privkey", "pubkey"] {
        token.tool(&["--delete-object", "--type", kind, "--label", "ca"]);
    }
    let pair = [
        "--keypairgen",
        "--key-type",
        "EC:prime256v1",
        "--label",
        "ca",
    ];
    token.tool(&[&pair[..], &["--id", "07"]].concat());
    token.spoil("closed-once");
    let error = signer.sign(b"message").unwrap_err().to_string();
    assert!(error.contains("another one now"), "{error}");
}

#[test]
fn the_tokens_files_are_gone() {
    let Some(token) = Token::of("the_tokens_files_are_gone") else {
        return;
    };
    let uri = token.uri("object=ca");
    let signer = generate(&token, "ca", KeyType::P256);
    assert_eq!(SubjectKey::public_key(&signer as &dyn Signer).len(), 65);
    fs::remove_dir_all(token.folder.join("tokens")).unwrap();
    assert!(signer.sign(b"message").is_err());
    drop(signer);
    assert!(Pkcs11Signer::open(&boundary(), &uri, pin()).is_err());
}

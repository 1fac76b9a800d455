//! Certificate requests: only what its key signed is proven, and a rule grants no more than it
//! says, whatever is asked for.

use std::sync::LazyLock;

use fips_certs::csr::{CertificateRequest, SigningRule, SigningRules};
use fips_certs::{IntoSigner, Subject, SubjectAltName, Usages};
use fips_core::Diagnostic;
use fips_core::signing::{KeyAlgorithm, PrivateKey};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::fixtures::{boundary, key_der};
use crate::input::Input;
use crate::text::assert_one_line;

const RULES: &str = "[[rule]]\nname = \"web\"\nauthorities = [\"ca\"]\n\
    common-names = [\"web-*\"]\ndns = [\"*.web.test\"]\nip = [\"10.0.0.0/8\"]\n\
    usages = \"server\"\n";

static RULE: LazyLock<SigningRule> = LazyLock::new(|| {
    let rules = SigningRules::from_toml(RULES).expect("the rules are good");
    rules.only().expect("there is one").clone()
});

static DIAGNOSTIC: LazyLock<Diagnostic> =
    LazyLock::new(|| Diagnostic::new().expect("the module is a FIPS one"));

/// Genuine ones: of each kind of key, with names within and outside of the rule.
static GENUINE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (file, names) in [
        ("p256.key", &["a.web.test", "10.1.2.3"][..]),
        ("p384.key", &["a.web.test", "other.test", "192.0.2.1"]),
        ("rsa2048.key", &["*.web.test"]),
    ] {
        let key = PrivateKey::from_der(boundary(), &key_der(file)).expect("fixtures are keys");
        assert_ne!(key.algorithm(), KeyAlgorithm::EcdsaP521);
        let signer = key.into_signer().expect("each is issued for");
        let names: Vec<SubjectAltName> = names
            .iter()
            .map(|name| name.parse().expect("names are names"))
            .collect();
        let subject = Subject::new("web-1").expect("it is a name");
        let made = CertificateRequest::new(&*signer, &subject, &names, Usages::Server);
        all.push(made.expect("the module signs").der().to_vec());
    }
    all
});

/// The first byte says whether the rest is a request by itself, or a change of a genuine one.
pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    if input.bit() {
        judge(input.rest(), None);
        return;
    }
    let genuine = input.choose(&GENUINE).clone();
    let bent = input.bend(&genuine);
    judge(&bent, Some(&genuine));
}

fn judge(der: &[u8], genuine: Option<&[u8]>) {
    let request = match CertificateRequest::from_der(der) {
        Ok(request) => request,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    assert_eq!(request.der(), der);
    assert_one_line(request.subject());
    // What is read here is read by others too.
    let (rest, other) = X509CertificationRequest::from_der(der).expect("another reader reads it");
    assert!(rest.is_empty());
    let key = &other
        .certification_request_info
        .subject_pki
        .subject_public_key;

    match request.prove(&DIAGNOSTIC) {
        Err(error) => {
            assert_one_line(&error.to_string());
            assert_ne!(genuine, Some(der), "a genuine request is refused: {error}");
        }
        Ok(proven) => {
            use fips_certs::key::SubjectKey;
            assert_eq!(proven.public_key(), &*key.data);
            if let Some(genuine) = genuine {
                assert_eq!(der, genuine, "a changed request is proven");
            }
            match RULE.authorise(&proven, "ca", None) {
                Err(error) => assert_one_line(&error.to_string()),
                Ok(grant) => {
                    for name in grant.names() {
                        let name = name.to_string();
                        assert!(
                            name.ends_with(".web.test") || name.starts_with("10."),
                            "{name}"
                        );
                        assert!(!name.contains('*'), "{name}");
                    }
                    assert!(grant.subject().common_name().starts_with("web-"));
                    assert_eq!(grant.subject().organization(), None);
                }
            }
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let genuine = (0..3_u8).map(|which| vec![0, which, 0]);
    // One bit of the frame, of the names, of the signature.
    let bent = [(0, 1), (120, 32), (200, 1)].map(|(at, value)| vec![0, 0, 1, 0, 0, at, value]);
    let alone = GENUINE.iter().map(|der| [&[1][..], der].concat());
    genuine.chain(bent).chain(alone).collect()
}

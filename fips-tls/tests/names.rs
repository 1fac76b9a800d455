//! Names that a peer chose: one name on one line wherever they show.

mod support;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Explanation, Identity, Profile, Session, Trust};
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

use support::memory::Pair;
use support::pki::{self, Ca, Leaf};
use support::refusal::{P256, plain_client, refuse_s_client, says};
use support::{NAME, boundary, client, server};

const HOSTILE: &str = "evil\u{1b}[2J\nFAKE, O=system:masters";
const HOSTILE_ESCAPED: &str = "CN=evil\\1B[2J\\0AFAKE\\, O=system:masters";

/// The hostile name is in `text`, and is one name on one line there.
#[track_caller]
fn is_escaped(text: &str) {
    assert!(text.contains(HOSTILE_ESCAPED), "{text:?}");
    assert!(!text.contains(char::is_control), "{text:?}");
}

#[test]
fn a_hostile_name_is_one_name_on_one_line_wherever_it_shows() {
    let ca = Ca::test();
    let leaf = Leaf {
        common_name: HOSTILE,
        ..Leaf::client()
    };
    let (chain, key) = ca.issue(&leaf, P256);
    let identity = Identity::from_pem(&boundary(), &chain, &key).unwrap();
    is_escaped(identity.leaf().subject());
    assert_eq!(identity.leaf().organizations(), ["test organization"]);
    let issuer = Ca::new(HOSTILE, P256);
    let issued = issuer.identity(&Leaf::client(), P256);
    is_escaped(issued.leaf().issuer());

    // Where files are read.
    let (_, other_key) = ca.issue(&leaf, KeyAlgorithm::EcdsaP384);
    let error = Identity::from_pem(&boundary(), &chain, other_key).unwrap_err();
    is_escaped(&error.to_string());
    let error = Trust::from_pem(&chain).unwrap_err();
    is_escaped(&error.to_string());

    // Where a server refuses a client.
    let mutual = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), P256),
        Some(ca.trust()),
    );
    let usage = "extendedKeyUsage=clientAuth\n";
    let weak = ca.issue_with_openssl(&key, HOSTILE, usage, "-sha1");
    let error = refuse_s_client(&mutual, &weak, &key);
    let Error::InvalidCertificate(CertificateError::Other(other)) = &error else {
        panic!("{error:?}");
    };
    is_escaped(&other.to_string());
    is_escaped(&Explanation::of(&error).to_string());

    // Where a resumed session has outlived its certificate.
    let shown = client(Profile::sp800_52r2(), ca.trust(), Some(identity));
    let mut pair = Pair::new(&shown, &mutual);
    pair.finish();
    is_escaped(Session::of(&pair.server).unwrap().peer.unwrap().subject());
    let late = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        UnixTime::now().as_secs() + 31 * 86_400,
    ));
    let error = Session::at(&pair.server, late).unwrap_err();
    is_escaped(&error.to_string());
}

#[test]
fn names_a_server_presents_do_not_break_the_line_or_fill_the_log() {
    let key = pki::key_pem(&pki::key(P256));
    let hostile = "DNS:a\u{1b}[2J.test,".repeat(300);
    let extensions = format!("extendedKeyUsage=serverAuth\nsubjectAltName={hostile}DNS:z.test\n");
    let chain = Ca::test().issue_with_openssl(&key, "names", &extensions, "-sha256");
    let identity = Identity::from_pem(&boundary(), &chain, &key).unwrap();
    let server = server(Profile::sp800_52r2(), identity, None);
    let error = Pair::new(&plain_client(), &server).run().client.unwrap();
    // So it comes from rustls.
    assert!(error.to_string().contains('\u{1b}'));
    let explanation = Explanation::of(&error);
    assert!(!explanation.what.contains(char::is_control));
    assert!(explanation.what.contains("a\\u{1b}[2J.test"));
    assert!(explanation.what.chars().count() < 1100);
    says(&error, &[NAME, "subjectAltName", "issue it again"]);
}

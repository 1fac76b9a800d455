//! Every reason against a certificate, one by one and all at once.

use std::path::Path;

use fips_certs::import::{self, Chain, Judgement, Reason};
use fips_certs::{Clock, Error, SystemClock};

use super::common::{diagnostic, openssl};
use super::{CA, P256, certificates, root, sign};

const RSA: &str = "RSA -pkeyopt rsa_keygen_bits:2048";

fn judge(folder: &Path, files: &[&str]) -> Judgement {
    let all = files
        .iter()
        .flat_map(|file| certificates(folder, file))
        .collect();
    let diagnostic = diagnostic();
    let chain = Chain::new(all, &diagnostic).unwrap();
    import::judge_authority(&diagnostic, &chain, None, SystemClock.now())
}

#[test]
fn a_root_is_refused_for_each_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(folder, "good", P256, "-sha256", "CN=good", CA);
    assert_eq!(judge(folder, &["good.crt"]), Judgement::default());

    let without = |line: &str| -> String {
        CA.split_inclusive('\n')
            .filter(|found| !found.starts_with(line))
            .collect()
    };
    let no_sign =
        "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign\nsubjectKeyIdentifier=hash\n";
    let no_crl =
        "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n";
    for (key, more, subject, ext, expected) in [
        (
            "RSA -pkeyopt rsa_keygen_bits:1024",
            "-sha256",
            "CN=a",
            CA.to_owned(),
            "its key is RSA 1024;",
        ),
        (
            "RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
            "-sha256",
            "CN=a",
            CA.to_owned(),
            "its key is RSA 2048 with a small or even exponent;",
        ),
        (
            RSA,
            "-sha1",
            "CN=a",
            CA.to_owned(),
            "it is signed with RSA with SHA-1;",
        ),
        (
            RSA,
            "-md5",
            "CN=a",
            CA.to_owned(),
            "it is signed with RSA with MD5;",
        ),
        (
            P256,
            "-sha1",
            "CN=a",
            CA.to_owned(),
            "it is signed with ECDSA with SHA-1;",
        ),
        ("ED25519", "", "CN=a", CA.to_owned(), "its key is Ed25519;"),
        (
            "EC -pkeyopt ec_paramgen_curve:P-224",
            "-sha256",
            "CN=a",
            CA.to_owned(),
            "its key is ECDSA P-224;",
        ),
        (
            "EC -pkeyopt ec_paramgen_curve:secp256k1",
            "-sha256",
            "CN=a",
            CA.to_owned(),
            "its key is ECDSA on secp256k1;",
        ),
        (
            "EC -pkeyopt ec_paramgen_curve:P-521",
            "-sha512",
            "CN=a",
            CA.to_owned(),
            "its key is ECDSA P-521, which is verified but not issued for",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            without("basic"),
            "do not make it an authority",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            no_sign.into(),
            "its key usage lacks keyCertSign",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            no_crl.into(),
            "its key usage lacks cRLSign",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            without("keyUsage"),
            "its key usage lacks keyCertSign",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            CA.replace("=hash", "=none"),
            "no subject key identifier",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            format!("{CA}1.2.3.4=critical,ASN1:NULL\n"),
            "its critical extension 1.2.3.4 is unknown",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            format!("{CA}nameConstraints=critical,permitted;DNS:a\n"),
            "it constrains names",
        ),
        (
            P256,
            "-sha256",
            "CN=a",
            format!("{CA}policyConstraints=critical,requireExplicitPolicy:0\n"),
            "its critical extension 2.5.29.36 is unknown",
        ),
        (
            P256,
            "-sha256",
            "0.OU=a\n1.OU=b\nCN=c",
            CA.to_owned(),
            "would be written differently",
        ),
        (
            P256,
            "-sha256",
            "OU=a\n+CN=c",
            CA.to_owned(),
            "would be written differently",
        ),
        (
            P256,
            "-sha256 -set_serial 0",
            "CN=a",
            CA.to_owned(),
            "its serial number 00 is not positive",
        ),
        (
            P256,
            "-sha256 -set_serial -5",
            "CN=a",
            CA.to_owned(),
            "its serial number FB is not positive",
        ),
    ] {
        root(folder, "bad", key, more, subject, &ext);
        let reasons = judge(folder, &["bad.crt"]).reasons;
        let said = import_error(reasons);
        assert!(
            said.contains(expected),
            "{key} {more} {subject} {ext}: {said}"
        );
        // Whole reasons, and each once.
        assert_eq!(said.matches(expected).count(), 1, "{said}");
    }
}

fn import_error(reasons: Vec<Reason>) -> String {
    Judgement::default().into_result("nothing").unwrap();
    let mut judgement = Judgement::default();
    judgement.reasons = reasons;
    judgement
        .into_result("it")
        .map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn every_reason_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ext = "nameConstraints=permitted;DNS:a\n1.2.3.4=critical,ASN1:NULL\n";
    let (more, subject) = ("-sha1 -set_serial 0", "0.OU=a\n1.OU=b\nCN=c");
    root(
        folder,
        "bad",
        "RSA -pkeyopt rsa_keygen_bits:1024",
        more,
        subject,
        ext,
    );
    let said = import_error(judge(folder, &["bad.crt"]).reasons);
    for expected in [
        "RSA 1024",
        "SHA-1",
        "1.2.3.4",
        "constrains names",
        "an authority",
        "keyCertSign",
        "cRLSign",
        "written differently",
        "serial number 00",
        "no root",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_chain_is_refused_for_each_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(
        folder,
        "root",
        P256,
        "-sha256",
        "CN=root",
        &CA.replace("pathlen:1", "pathlen:2"),
    );
    openssl(folder, &format!("genpkey -algorithm {P256} -out sub.key"));
    openssl(folder, "req -new -key sub.key -subj /CN=sub -out sub.csr");
    sign(folder, "sub", "root", "-sha256", CA);
    assert_eq!(
        judge(folder, &["sub.crt", "root.crt"]),
        Judgement::default()
    );

    let said = |files: &[&str]| import_error(judge(folder, files).reasons);
    assert!(said(&["sub.crt"]).contains("no root: the chain ends at `CN=sub`"));
    root(folder, "other", P256, "-sha256", "CN=root", CA);
    let other = said(&["sub.crt", "other.crt"]);
    assert!(
        other.contains("`CN=sub` is not signed by `CN=root`: "),
        "{other}"
    );
    root(folder, "stranger", P256, "-sha256", "CN=stranger", CA);
    let strayed = said(&["sub.crt", "root.crt", "stranger.crt"]);
    assert!(
        strayed.contains("`CN=stranger` belongs to no chain"),
        "{strayed}"
    );

    // Three links in the wrong order are put right.
    openssl(folder, &format!("genpkey -algorithm {P256} -out low.key"));
    openssl(folder, "req -new -key low.key -subj /CN=low -out low.csr");
    let leaf_most = CA.replace("pathlen:1", "pathlen:0");
    sign(folder, "low", "sub", "-sha256 -days 500", &leaf_most);
    let judged = judge(folder, &["low.crt", "root.crt", "sub.crt"]);
    assert_eq!(judged.reasons, []);
    assert!(
        judged.notes[0].contains("path length is 0"),
        "{:?}",
        judged.notes
    );

    root(folder, "short", P256, "-sha256", "CN=short", &leaf_most);
    sign(folder, "sub", "short", "-sha256", CA);
    sign(folder, "low", "sub", "-sha256 -days 500", &leaf_most);
    let short = said(&["low.crt", "sub.crt", "short.crt"]);
    assert!(
        short.contains("`CN=short` allows 0 authorities below it, there are 2"),
        "{short}"
    );

    // The roots of k3s have serial number 0: a note, no reason.
    root(folder, "zero", P256, "-sha256 -set_serial 0", "CN=zero", CA);
    sign(folder, "sub", "zero", "-sha256", &leaf_most);
    let judged = judge(folder, &["sub.crt", "zero.crt"]);
    assert_eq!(judged.reasons, []);
    assert!(
        judged
            .notes
            .iter()
            .any(|note| note.contains("serial number 0"))
    );

    // What is wrong above is told of whom it concerns.
    root(
        folder,
        "weak",
        "RSA -pkeyopt rsa_keygen_bits:1024",
        "-sha256",
        "CN=weak",
        CA,
    );
    sign(folder, "sub", "weak", "-sha256", CA);
    let weak = said(&["sub.crt", "weak.crt"]);
    assert!(
        weak.contains("above it, `CN=weak`: its key is RSA 1024"),
        "{weak}"
    );

    let later = SystemClock.now() + time::Duration::days(1500);
    let (all, diagnostic) = (certificates(folder, "sub.crt"), diagnostic());
    let chain = Chain::new(
        [all, certificates(folder, "weak.crt")].concat(),
        &diagnostic,
    )
    .unwrap();
    for (now, expected) in [
        (later, "it ended on "),
        (later - time::Duration::days(3000), "it begins on "),
    ] {
        let said = import_error(import::judge_authority(&diagnostic, &chain, None, now).reasons);
        assert!(said.contains(expected), "{said}");
    }
    openssl(
        folder,
        "x509 -in weak.crt -signkey weak.key -days 10 -sha256 -out weak.crt",
    );
    let said = said(&["sub.crt", "weak.crt"]);
    assert!(said.contains("it ends after CN=weak"), "{said}");
}

#[test]
fn bytes_of_an_odd_form_are_refused_before_anything_is_read_out_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(folder, "good", P256, "-sha256", "OU=unit\nCN=name", CA);
    let der = certificates(folder, "good.crt")[0].der().to_vec();
    let said = |der: &[u8]| import::read(der).unwrap_err().to_string();
    assert!(import::read(&der).is_ok());
    assert!(said(&[&der[..], &[0]].concat()).contains("1 bytes follow it"));
    assert!(said(&der[..der.len() - 1]).contains("not DER"));

    let mut deep = vec![0x05, 0x00];
    for _ in 0..5000 {
        let length = u32::try_from(deep.len()).unwrap().to_be_bytes();
        let skip = length.iter().take_while(|byte| **byte == 0).count();
        let mut outer = vec![0x30];
        if deep.len() < 0x80 {
            outer.push(length[3]);
        } else {
            outer.push(0x80 | u8::try_from(4 - skip).unwrap());
            outer.extend(&length[skip..]);
        }
        outer.extend(&deep);
        deep = outer;
    }
    assert!(said(&deep).contains("nested deeper than 16 levels"));

    // The second attribute of the names is none any more: the parser would stop before it.
    let name = [0x06, 0x03, 0x55, 0x04, 0x03];
    let mut partly = der.clone();
    for at in 2..der.len() - name.len() {
        if der[at..at + name.len()] == name {
            partly[at - 2] = 0x31;
        }
    }
    let partly = said(&partly);
    assert!(
        partly.contains("only a part can be read") || partly.contains("does not parse"),
        "{partly}"
    );

    let names: Vec<String> = (0..6000).map(|n| format!("DNS:host-{n}.example")).collect();
    root(
        folder,
        "huge",
        P256,
        "-sha256",
        "CN=a",
        &format!("{CA}subjectAltName={}\n", names.join(",")),
    );
    let huge = import::read(&std::fs::read(folder.join("huge.crt")).unwrap()).unwrap_err();
    assert!(
        huge.to_string().contains("more than the 65536 taken"),
        "{huge}"
    );

    // 1.2.3.5 made into another 1.2.3.4.
    let two = format!("{CA}1.2.3.4=ASN1:NULL\n1.2.3.5=ASN1:NULL\n");
    root(folder, "twice", P256, "-sha256", "CN=a", &two);
    let mut twice = certificates(folder, "twice.crt")[0].der().to_vec();
    let other = [0x06, 0x03, 0x2a, 0x03, 0x05];
    let at = twice.windows(5).position(|part| part == other).unwrap();
    twice[at + 4] = 0x04;
    let twice = import::read(&twice).unwrap_err();
    assert!(twice.to_string().contains("is there twice"), "{twice}");

    openssl(folder, "req -new -key good.key -subj /CN=old -out old.csr");
    openssl(
        folder,
        "x509 -req -in old.csr -CA good.crt -CAkey good.key -sha256 -out old.crt",
    );
    let old = import::read(&std::fs::read(folder.join("old.crt")).unwrap()).unwrap_err();
    assert!(old.to_string().contains("not of version 3"), "{old}");

    // Of several certificates, each that cannot be read is told.
    let both = [
        std::fs::read(folder.join("old.crt")).unwrap(),
        std::fs::read(folder.join("huge.crt")).unwrap(),
    ];
    let Err(Error::Import { reasons, .. }) = import::read(&both.concat()) else {
        panic!("it was taken");
    };
    assert_eq!(reasons.len(), 2, "{reasons:?}");
}

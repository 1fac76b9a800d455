//! Lists of others, read and judged.

use std::path::Path;
use std::time::Duration;

use fips_certs::crl::{
    ListRefused, Register, RevocationList, RevocationListParams, RevocationReason, Scope,
};
use fips_certs::pki::Target;
use fips_certs::{Authority, AuthorityParams, Certificate, Clock, Pki, Subject, SystemClock, key};
use time::OffsetDateTime;

use crate::common::{DAY, START, boundary, clock, diagnostic, made, openssl};
use crate::{LIST, entry, revoke};

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

/// A client's leaf of the PKI at `folder`, under a number its authority would not give.
fn numbered(folder: &Path, serial: &str) -> Certificate {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout \
             odd.key -out odd.crt -subj /CN=odd -set_serial {serial} -CA tls/etcd/server-ca.crt \
             -CAkey tls/etcd/server-ca.key -addext basicConstraints=critical,CA:FALSE"
        ),
    );
    let odd = std::fs::read(folder.join("odd.crt")).unwrap();
    Certificate::from_pem(&odd).unwrap().remove(0)
}

/// The register would not be read again with one too long, and the list would name another number
/// for a negative one.
#[test]
fn a_serial_number_that_no_list_of_ours_can_name_is_not_revoked() {
    let (store, clock) = (made(), clock());
    let folder = tempfile::tempdir().unwrap();
    store.write_to(folder.path());
    let long = format!("0x{}", "7F".repeat(22));
    for (serial, good) in [("-5", false), (&*long, false), ("5", true)] {
        let target = Target::Certificate(Box::new(numbered(folder.path(), serial)));
        let pki = Pki::open(&store).unwrap();
        let reason = RevocationReason::Superseded;
        let plan = pki.revocations(&diagnostic(), START, &[target], reason);
        if good {
            let list = RevocationListParams::default();
            pki.revoke(&boundary(), &plan.unwrap(), &list, &clock)
                .unwrap();
            assert!(crate::list(&store).entry("05").is_some());
        } else {
            let refused = plan.unwrap_err().to_string();
            assert!(refused.contains("RFC 5280 §4.1.2.2"), "{serial}: {refused}");
        }
    }
}

/// Nor does a register take it over from a list.
#[test]
fn a_list_with_a_serial_number_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    foreign_ca(folder);
    for (serial, good) in [("7F".repeat(21), true), ("7F".repeat(22), false)] {
        let line = format!("R\t301231235959Z\t261101000000Z\t{serial}\tunknown\t/CN=a\n");
        std::fs::write(folder.join("index.txt"), line).unwrap();
        openssl(
            folder,
            "ca -config ca.cnf -gencrl -out list.pem -crlexts plain",
        );
        let list = RevocationList::from_file(&std::fs::read(folder.join("list.pem")).unwrap());
        assert_eq!(list.is_ok(), good, "{serial}");
    }
}

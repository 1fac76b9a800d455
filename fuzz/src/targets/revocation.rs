//! Revocation lists as a configuration takes them: a server is believed exactly when a genuine
//! list of its authority is there and none that is newer revokes it; whatever else is read is
//! refused, in one line.

use std::sync::LazyLock;

use fips_tls::{Explanation, Profile, Revocation, fuzzing};
use rustls::pki_types::{CertificateRevocationListDer, ServerName};
use rustls_pki_types::pem::PemObject;

use crate::fixtures::{self, NAME, NOW, at, boundary, chain};
use crate::input::Input;
use crate::pki::LISTS;
use crate::text::assert_one_line;
use crate::wire::ca;

/// An empty one of the authority, its next one that names `server.pem`, one of another authority
/// of the same key, and one of another name.
static POOL: LazyLock<Vec<CertificateRevocationListDer<'static>>> = LazyLock::new(|| {
    LISTS
        .iter()
        .map(|name| {
            CertificateRevocationListDer::from_pem_slice(fixtures::pem(name).as_bytes())
                .expect("fixtures are lists")
        })
        .collect()
});

const EMPTY: usize = 0;
const REVOKED: usize = 1;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    // Text or bytes of anybody.
    if input.u8() == 0xff {
        let rest = input.rest();
        for read in [
            Revocation::from_pem(rest),
            Revocation::from_der(vec![rest.to_vec().into()]),
        ] {
            match read {
                Ok(lists) => show(&lists),
                Err(error) => assert_one_line(&error.to_string()),
            }
        }
        return;
    }
    let (mut lists, mut genuine) = (Vec::new(), Vec::new());
    for _ in 0..1 + input.u8() % 3 {
        let which = usize::from(input.u8()) % POOL.len();
        let bent = input.bend(&POOL[which]);
        if bent == *POOL[which] {
            genuine.push(which);
        }
        lists.push(CertificateRevocationListDer::from(bent));
    }
    let lists = match Revocation::from_der(lists) {
        Ok(lists) => lists,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    show(&lists);
    let trust = match ca().with_revocation(lists) {
        Ok(trust) => trust,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    let judges = match fuzzing::verifiers(boundary(), &Profile::sp800_52r2(), &trust) {
        Ok(judges) => judges,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    let chain = chain("server.pem");
    let name = ServerName::try_from(NAME).expect("it is one");
    let answer = judges
        .0
        .verify_server_cert(&chain[0], &chain[1..], &name, &[], at(NOW));
    let expected = genuine.contains(&EMPTY) && !genuine.contains(&REVOKED);
    match answer {
        Ok(_) => assert!(expected, "{genuine:?}"),
        Err(error) => {
            assert!(!expected, "{genuine:?}: {error}");
            assert_one_line(&Explanation::of(&error).to_string());
        }
    }
}

fn show(lists: &Revocation) {
    for list in lists.lists() {
        assert_one_line(list.issuer());
        assert_one_line(&format!("{list:?}"));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, list) in POOL.iter().enumerate() {
        let index = index as u8;
        seeds.push([&[0xff], &list[..]].concat());
        seeds.push([&[0xff], fixtures::pem(LISTS[usize::from(index)]).as_bytes()].concat());
        seeds.push(vec![0, 0, index, 0]);
        // With a changed byte in its times, its entries, its signature.
        for place in [0x40u8, 0x70, 0xd0] {
            seeds.push(vec![0, 0, index, 1, 0, 0, place, 1]);
        }
        for other in 0..POOL.len() as u8 {
            seeds.push(vec![0, 1, index, 0, other, 0]);
        }
    }
    seeds
}

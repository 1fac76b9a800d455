//! The judges of chains: only an untouched leaf of the right CA, name, use and time is taken, with
//! the intermediate it needs; whatever is refused is explained in one line.

use std::sync::{Arc, LazyLock};

use fips_tls::{Explanation, Profile, fuzzing};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::danger::ClientCertVerifier;

use crate::fixtures::{NAME, NOW, at, boundary, chain};
use crate::input::Input;
use crate::pki::CHAINS;
use crate::text::assert_one_line;
use crate::wire::ca;

type Judges = (Arc<dyn ServerCertVerifier>, Arc<dyn ClientCertVerifier>);

static JUDGES: LazyLock<Judges> =
    LazyLock::new(|| fuzzing::verifiers(boundary(), &Profile::sp800_52r2(), &ca()).unwrap());

/// Each certificate of the fixtures, with where it is from.
static POOL: LazyLock<Vec<(&str, usize, CertificateDer<'static>)>> = LazyLock::new(|| {
    CHAINS
        .iter()
        .flat_map(|name| {
            chain(name)
                .into_iter()
                .enumerate()
                .map(|(place, der)| (*name, place, der))
        })
        .collect()
});

const NAMES: [&str; 5] = [NAME, "other.test", "127.0.0.1", "::1", "test"];

/// Seconds: within the fixtures' years, and in 2028, 2036, 2041, 2025.
const TIMES: [u64; 5] = [
    NOW,
    1_830_297_600,
    2_082_758_400,
    2_240_524_800,
    1_735_689_600,
];

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let server = input.bit();
    let name = *input.choose(&NAMES);
    let time = *input.choose(&TIMES);
    let mut certificates = Vec::new();
    let mut untouched = Vec::new();
    for _ in 0..1 + input.u8() % 4 {
        let (from, place, der) = input.choose(&POOL);
        let bent = input.bend(der);
        untouched.push((*from, *place, bent == **der));
        certificates.push(CertificateDer::from(bent));
    }
    let (leaf, rest) = certificates.split_first().expect("there is at least one");

    let answer = match server {
        true => {
            let name = ServerName::try_from(name).expect("each is one");
            JUDGES
                .0
                .verify_server_cert(leaf, rest, &name, &[], at(time))
                .map(|_| ())
        }
        false => JUDGES
            .1
            .verify_client_cert(leaf, rest, at(time))
            .map(|_| ()),
    };
    match answer {
        Ok(()) => {
            let right = is_right(server, name, time, &untouched);
            assert!(right, "{server} {name} {time} {untouched:?}");
        }
        Err(error) => assert_one_line(&Explanation::of(&error).to_string()),
    }
}

/// What the fixtures are for, by the table.
fn is_right(server: bool, name: &str, time: u64, chain: &[(&str, usize, bool)]) -> bool {
    let holds_intermediate = chain[1..].contains(&("deep.pem", 1, true));
    let (from, place, untouched) = chain[0];
    let years = match from {
        "early.pem" => 2035..2040,
        "expired.pem" => 2026..2029,
        _ => 2026..2040,
    };
    let named = match from {
        "client.pem" => !server,
        "odd-name.pem" => server && [NAME, "127.0.0.1", "::1", "other.test"].contains(&name),
        "server.pem" => server && [NAME, "127.0.0.1"].contains(&name),
        "deep.pem" => server && name == NAME && holds_intermediate,
        "early.pem" | "expired.pem" | "server-rsa.pem" => server && name == NAME,
        _ => false,
    };
    let year = 1970 + (time as f64 / 31_556_952.0) as i32;
    untouched && place == 0 && named && years.contains(&year)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, (from, _, _)) in POOL.iter().enumerate() {
        let index = index as u8;
        for server in [0u8, 1] {
            for time in 0..TIMES.len() as u8 {
                seeds.push(vec![server, 0, time, 0, index, 0]);
            }
        }
        // With a changed byte in its head, its names, its signature.
        for place in [1u8, 0x50, 0xf0] {
            seeds.push(vec![1, 0, 0, 0, index, 1, 0, 0, place, 1]);
        }
        if *from == "odd-name.pem" {
            seeds.extend((0..NAMES.len() as u8).map(|name| vec![1, name, 0, 0, index, 0]));
        }
        // Each above the leaf that needs an intermediate, and above the plain one.
        let leaf = |name| {
            POOL.iter()
                .position(|(from, ..)| *from == name)
                .unwrap_or(0) as u8
        };
        seeds.push(vec![1, 0, 0, 1, leaf("deep.pem"), 0, index, 0]);
        seeds.push(vec![1, 0, 0, 1, leaf("server.pem"), 0, index, 0]);
    }
    seeds
}

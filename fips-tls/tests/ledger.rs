//! What the module's service indicator says of TLS 1.3 handshakes with ML-KEM. Alone in its
//! process: the ledger is one for all threads.

mod support;

use fips_core::indicator::{self, Count, Service};
use fips_core::signing::KeyAlgorithm;
use fips_tls::{Group, Profile, Session};

use support::memory::Pair;
use support::pki::{Ca, Leaf};
use support::{client, server};

/// Approved calls of `service` so far.
fn approved(service: Service) -> u64 {
    indicator::ledger()
        .into_iter()
        .find(|(used, _)| *used == service)
        .map_or(0, |(_, count)| count.approved)
}

#[test]
fn every_call_of_a_tls13_handshake_with_ml_kem_is_approved() {
    const CALLS: [Service; 5] = [
        Service::MlKemKeyGeneration,
        Service::MlKemEncapsulate,
        Service::MlKemDecapsulate,
        Service::EcKeyGeneration,
        Service::Ecdh,
    ];
    let ca = Ca::test();
    let key = KeyAlgorithm::EcdsaP256;
    let identity = ca.identity(&Leaf::server(), key);
    let shown = ca.identity(&Leaf::client(), key);
    for (group, curve_keys) in [
        (Group::MlKem768, 0),
        (Group::MlKem1024, 0),
        (Group::SecP256r1MlKem768, 2),
        (Group::SecP384r1MlKem1024, 2),
    ] {
        let profile = Profile::tls13()
            .with_hybrids()
            .and_then(Profile::with_ml_kem)
            .unwrap()
            .narrow_groups(&[group])
            .unwrap();
        let server = server(profile.clone(), identity.clone(), Some(ca.trust()));
        let client = client(profile, ca.trust(), Some(shown.clone()));
        for resumed in [false, true] {
            let before = CALLS.map(approved);
            let mut pair = Pair::new(&client, &server);
            pair.finish();
            let session = Session::of(&pair.server).unwrap();
            assert_eq!((session.group, session.resumed), (Some(group), resumed));
            let made: Vec<_> = CALLS
                .into_iter()
                .zip(before)
                .map(|(service, before)| approved(service) - before)
                .collect();
            assert_eq!(made, [1, 1, 1, curve_keys, curve_keys], "{group}");
        }
    }
    for (service, count) in indicator::ledger() {
        let clean = Count {
            approved: count.approved,
            ..Count::default()
        };
        assert_eq!(count, clean, "{service}");
    }
}

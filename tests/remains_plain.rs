//! What remains in memory of dropped secrets under the system's allocator: nothing of ours, and
//! of the libraries below exactly what SECURITY.md says.

mod remains;
mod wire;

use std::collections::BTreeSet;

use remains::{FREED, HELD};

const CONNECTIONS: [&str; 6] = [
    "Tls12 full",
    "Tls12 resumed",
    "Tls13 full",
    "Tls13 resumed",
    "hybrid full",
    "provider full",
];

/// Every secret that is left behind, and who leaves it.
fn known() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut leaves = |name: String| assert!(known.insert(name));
    // aws-lc-rs, agreement::agree: the shared secret, in a block that it frees unwiped. Of a
    // hybrid, that is the half of ECDH; ML-KEM's is wiped.
    for curve in ["P256", "P384", "P521"] {
        leaves(format!("ECDH {curve}"));
    }
    for connection in ["hybrid full", "provider full"] {
        leaves(format!("{connection}: pre-master secret"));
    }
    for connection in CONNECTIONS {
        let mut leaves = |what: &str| leaves(format!("{connection}: {what}"));
        match &connection[..5] {
            "Tls12" => {
                // rustls, the key block that the traffic keys are cut from.
                leaves("client's key");
                leaves("server's key");
                // rustls, the states of a handshake, whose blocks it frees after moving out of
                // them; and the ticket, as for TLS 1.3.
                leaves("master secret");
            }
            _ => {
                // rustls, the states of a handshake.
                leaves("CLIENT_HANDSHAKE_TRAFFIC_SECRET");
                leaves("CLIENT_TRAFFIC_SECRET_0");
                leaves("EXPORTER_SECRET");
                leaves("SERVER_HANDSHAKE_TRAFFIC_SECRET");
                leaves("SERVER_TRAFFIC_SECRET_0");
            }
        }
        if connection.starts_with("Tls1") {
            // rustls, the ticket's plain text before it is sealed and after it is opened.
            leaves("session secret");
        }
    }
    known
}

#[test]
fn nothing_remains_but_what_is_known_of_the_libraries_below() {
    let Some(remains) = remains::search("nothing_remains_but_what_is_known_of_the_libraries_below")
    else {
        return;
    };
    remains.assert_alive();
    let mut expected = known();
    expected.extend([FREED.to_owned(), HELD.to_owned()]);
    for found in [&remains.dropped, &remains.core] {
        let found: BTreeSet<_> = found.keys().cloned().collect();
        let new: Vec<_> = found.difference(&expected).collect();
        assert!(new.is_empty(), "left behind, and not known to be: {new:#?}");
        let gone: Vec<_> = expected.difference(&found).collect();
        assert!(
            gone.is_empty(),
            "no longer left behind: strike it here and in SECURITY.md: {gone:#?}"
        );
    }
}

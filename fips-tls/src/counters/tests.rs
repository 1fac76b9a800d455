use super::*;
use crate::policy::Version;
use crate::refusal::RefusalReason;

fn session(suite: Suite, group: Option<Group>, resumed: bool) -> Session {
    Session {
        version: suite.version(),
        suite,
        group,
        resumed,
        alpn: None,
        peer: None,
    }
}

/// The one test of this binary that counts handshakes, so that the numbers are its own.
#[test]
fn each_kind_counts_in_its_own_row() {
    let suites = [Suite::Aes128GcmSha256, Suite::EcdheRsaAes256GcmSha384];
    handshake(Side::Client, &session(suites[0], Some(Group::P384), false));
    handshake(Side::Server, &session(suites[0], Some(Group::P384), true));
    handshake(Side::Server, &session(suites[1], None, true));
    handshake(Side::Server, &session(suites[1], None, true));
    for reason in FailureReason::all() {
        failure(Side::Server, reason);
    }
    failure(
        Side::Server,
        FailureReason::Peer(RefusalReason::UnknownIssuer),
    );
    chain_cache(true);
    reload(false);

    let counted = snapshot();
    let rows: Vec<_> = counted
        .handshakes
        .iter()
        .map(|row| (row.side, row.version, row.group, row.resumed, row.count))
        .collect();
    assert_eq!(
        rows,
        [
            (Side::Client, Version::Tls13, Some(Group::P384), false, 1),
            (Side::Server, Version::Tls13, Some(Group::P384), true, 1),
            (Side::Server, Version::Tls12, None, true, 2),
        ]
    );
    assert_eq!(counted.failures.len(), FailureReason::COUNT);
    for row in &counted.failures {
        let twice = row.reason == FailureReason::Peer(RefusalReason::UnknownIssuer);
        assert_eq!(row.count, if twice { 2 } else { 1 }, "{row:?}");
    }
    assert_eq!(counted.chain_cache, Outcomes { good: 1, bad: 0 });
    assert_eq!(counted.reloads, Outcomes { good: 0, bad: 1 });

    let json = serde_json::to_value(&counted).unwrap();
    assert_eq!(json["handshakes"][0]["suite"], "TLS_AES_128_GCM_SHA256");
    assert_eq!(json["handshakes"][2]["group"], serde_json::Value::Null);
    assert_eq!(json["failures"][0]["reason"], "alert");
}

#[test]
fn no_two_reasons_share_a_name() {
    let mut names: Vec<_> = FailureReason::all().map(FailureReason::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FailureReason::COUNT);
    for (index, reason) in FailureReason::all().enumerate() {
        assert_eq!(reason.index(), index);
    }
}

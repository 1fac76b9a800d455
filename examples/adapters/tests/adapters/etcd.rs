use std::process::Command;

use fips_boundary::tls::adapter::etcd::{EtcdError, connect};
use fips_boundary::tls::adapter::tokio::Connector;

use crate::support::{
    OURS, STRANGERS, assert_failed, assert_printed, etcd, free_port, run, runtime,
};

#[test]
fn a_client_puts_watches_and_reads_at_whichever_member_answers() {
    let work = tempfile::tempdir().unwrap();
    let etcd = etcd(&OURS, work.path());
    let nobody = free_port();
    let members = format!("https://127.0.0.1:{nobody},https://127.0.0.1:{}", etcd.port);
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd_client"));
    command.args(OURS.of("client")).arg(&members);
    let out = run(&mut command, "");
    assert_printed(&out, "events: 1");
    assert_printed(&out, "greeting: good morning");

    // A client of another authority: etcd's answer, and the other member's.
    let [chain, key, _] = STRANGERS.of("client");
    let [_, _, ca] = OURS.of("client");
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd_client"));
    command.args([chain, key, ca]).arg(&members);
    assert_failed(&run(&mut command, ""), "error");
    // An etcd that is not trusted: each member's reason.
    let [chain, key, _] = OURS.of("client");
    let [_, _, ca] = STRANGERS.of("client");
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd_client"));
    command.args([chain, key, ca]).arg(&members);
    let out = run(&mut command, "");
    assert_failed(&out, "no endpoint can be reached");
    assert_failed(&out, "not issued by a CA that is trusted here");
    assert_failed(&out, "Connection refused");
}

#[test]
fn only_https_addresses_are_members() {
    runtime().block_on(async {
        let connector = || Connector::new(OURS.client(&[]));
        for wrong in ["http://127.0.0.1:2379", "127.0.0.1:2379", "https://"] {
            let error = connect(&[wrong], connector(), None).await.map(drop);
            assert!(
                matches!(&error, Err(EtcdError::Endpoint { endpoint }) if endpoint == wrong),
                "{error:?}"
            );
        }
        let error = connect(&[] as &[&str], connector(), None).await.map(drop);
        assert!(matches!(error, Err(EtcdError::NoEndpoint)));
    });
}

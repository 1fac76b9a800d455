//! Key updates with OpenSSL: asked for and answered, by either side, in either role.

use std::ops::DerefMut;

use fips_tls::{Group, Suite};
use rustls::{ConnectionCommon, SideData};

use crate::conversation::{Conversation, only, with_s_client, with_s_server};

/// What `-msg` prints before each message of the handshake, and after each key update.
const SENT: &str = ">>> TLS 1.3, Handshake";
const RECEIVED: &str = "<<< TLS 1.3, Handshake";
const KEY_UPDATE: &str = ", KeyUpdate";

fn count(lines: &[String], direction: &str) -> usize {
    let updates = lines
        .iter()
        .filter(|line| line.contains(direction) && line.contains(KEY_UPDATE));
    updates.count()
}

fn converse<Connection, Data>(mut with: Conversation<Connection, Data>)
where
    Connection: DerefMut<Target = ConnectionCommon<Data>>,
    Data: SideData,
{
    let lines = with.exchange("first");
    assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (0, 0));
    for round in 0..3 {
        // OpenSSL renews its keys and asks for nothing.
        with.openssl.say("k\n");
        let lines = with.openssl.take_until(KEY_UPDATE).unwrap();
        assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (1, 0));
        let lines = with.exchange(&format!("k {round}"));
        assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (0, 0));

        // It asks for ours, too: they come before anything else we say. It has to say
        // something for us to read that.
        with.openssl.say("K\n");
        let lines = with.openssl.take_until(KEY_UPDATE).unwrap();
        assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (1, 0));
        with.exchange(&format!("K {round}"));
        let lines = with.exchange(&format!("after K {round}"));
        assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (0, 1));

        // We renew ours, and ask for its: they come before anything else it says.
        with.refresh().unwrap();
        let lines = with.exchange(&format!("ours {round}"));
        assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (0, 1));
        let lines = with.exchange(&format!("last {round}"));
        assert_eq!((count(&lines, SENT), count(&lines, RECEIVED)), (1, 0));
    }
}

#[test]
fn our_client_and_openssl() {
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384] {
        for group in [Group::P256, Group::P384] {
            let profile = only(suite).narrow_groups(&[group]).unwrap();
            converse(with_s_server(profile, suite, &["-msg"]));
        }
    }
}

#[test]
fn our_server_and_openssl() {
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384] {
        for group in [Group::P256, Group::P384] {
            let profile = only(suite).narrow_groups(&[group]).unwrap();
            converse(with_s_client(profile, suite, &["-msg"]));
        }
    }
}

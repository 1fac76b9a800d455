//! Every alert ends what it should, and its name is in the words that are left.

use std::io::{ErrorKind, Read, Write};

use fips_tls::{Explanation, Suite};
use rustls::{AlertDescription, CommonState, ContentType, Error, PeerMisbehaved, ServerConnection};

use crate::odd;
use crate::support::NAME;
use crate::support::memory::{Outcome, Pair};
use crate::{SUITES, only, our_client, our_server};

const FATAL: u8 = 2;
const WARNING: u8 = 1;

/// Every alert that has a name.
fn alerts() -> impl Iterator<Item = AlertDescription> {
    let alerts = (0..=u8::MAX).map(AlertDescription::from);
    alerts.filter(|alert| !matches!(alert, AlertDescription::Unknown(_)))
}

/// An alert in a record without protection.
fn plain(level: u8, alert: AlertDescription) -> [u8; 7] {
    [21, 3, 3, 0, 2, level, u8::from(alert)]
}

#[track_caller]
fn names(error: &Error, alert: AlertDescription, case: &str) {
    assert_eq!(*error, Error::AlertReceived(alert), "{case}");
    let words = Explanation::of(error).to_string();
    assert!(
        words.contains(&format!("alert {alert:?}")),
        "{case}: {words}"
    );
}

#[test]
fn there_are_as_many_as_the_library_knows() {
    assert_eq!(alerts().count(), 35);
}

#[test]
fn each_ends_a_handshake_that_has_no_keys_yet() {
    for suite in SUITES {
        for alert in alerts() {
            for level in [WARNING, FATAL] {
                let case = format!("{suite} {alert:?} at level {level}");
                // Before ServerHello the version is open, and warnings count as in TLS 1.2.
                let ends = level == FATAL;

                let mut pair = Pair::of(our_client(only(suite)), our_server(only(suite)), NAME);
                pair.client.write_tls(&mut Vec::new()).unwrap();
                pair.client.read_tls(&mut &plain(level, alert)[..]).unwrap();
                match pair.client.process_new_packets() {
                    Err(error) => names(&error, alert, &case),
                    Ok(_) => assert!(!ends, "{case}"),
                }

                pair.server.read_tls(&mut &plain(level, alert)[..]).unwrap();
                match pair.server.process_new_packets() {
                    Err(error) => names(&error, alert, &case),
                    Ok(_) => assert!(!ends, "{case}"),
                }
                // Not even a close_notify ends a handshake as if that were all in order.
                for side in [&*pair.client, &*pair.server] as [&CommonState; 2] {
                    assert!(side.is_handshaking(), "{case}");
                }
            }
        }
    }
}

/// A pair after its handshake, with the client odd or the server.
fn pair(suite: Suite, odd_client: bool) -> Pair {
    let mut pair = match odd_client {
        true => Pair::of(odd::client(suite), our_server(only(suite)), NAME),
        false => Pair::of(our_client(only(suite)), odd::server(suite), NAME),
    };
    pair.finish();
    pair
}

/// Lets the odd side send an alert under its keys, and returns what ours makes of it.
fn send(pair: &mut Pair, odd_client: bool, level: u8, alert: AlertDescription) -> Option<Error> {
    let record = odd::record(ContentType::Alert, &[level, u8::from(alert)]);
    match odd_client {
        true => pair.client.writer().write_all(&record).unwrap(),
        false => pair.server.writer().write_all(&record).unwrap(),
    }
    let Outcome { client, server } = pair.run();
    match odd_client {
        true => server,
        false => client,
    }
}

/// Data from the odd side still arrives.
fn flows(pair: &mut Pair, odd_client: bool) {
    let mut received = [0; 5];
    match odd_client {
        true => {
            pair.client.writer().write_all(b"after").unwrap();
            pair.run();
            pair.server.reader().read_exact(&mut received).unwrap();
        }
        false => {
            pair.server.writer().write_all(b"after").unwrap();
            pair.run();
            pair.client.reader().read_exact(&mut received).unwrap();
        }
    }
    assert_eq!(&received, b"after");
}

#[test]
fn each_fatal_one_ends_a_connection() {
    for suite in SUITES {
        for odd_client in [false, true] {
            for alert in alerts().filter(|alert| *alert != AlertDescription::CloseNotify) {
                let case = format!("{suite} {alert:?} odd client: {odd_client}");
                let mut pair = pair(suite, odd_client);
                let error = send(&mut pair, odd_client, FATAL, alert);
                let error = error.unwrap_or_else(|| panic!("{case}"));
                names(&error, alert, &case);
            }
        }
    }
}

#[test]
fn close_notify_is_a_clean_end_at_either_level() {
    for suite in SUITES {
        for odd_client in [false, true] {
            for level in [WARNING, FATAL] {
                let mut pair = pair(suite, odd_client);
                let error = send(&mut pair, odd_client, level, AlertDescription::CloseNotify);
                assert_eq!(error, None);
                let mut buffer = [0; 1];
                let end = match odd_client {
                    true => pair.server.reader().read(&mut buffer),
                    false => pair.client.reader().read(&mut buffer),
                };
                assert_eq!(end.unwrap(), 0, "{suite}");
            }
        }
    }
}

#[test]
fn user_canceled_is_passed_over_and_too_many_warnings_are_not() {
    for suite in SUITES {
        for odd_client in [false, true] {
            let mut pair = pair(suite, odd_client);
            let canceled = AlertDescription::UserCanceled;
            for _ in 0..4 {
                assert_eq!(send(&mut pair, odd_client, WARNING, canceled), None);
                flows(&mut pair, odd_client);
            }
            let error = send(&mut pair, odd_client, WARNING, canceled).unwrap();
            let expected = PeerMisbehaved::TooManyWarningAlertsReceived;
            assert_eq!(error, Error::PeerMisbehaved(expected), "{suite}");
        }
    }
}

#[test]
fn warnings_end_tls13_and_are_passed_over_in_tls12() {
    for odd_client in [false, true] {
        for alert in alerts() {
            use AlertDescription::{CloseNotify, UserCanceled};
            if matches!(alert, CloseNotify | UserCanceled) {
                continue;
            }
            let case = format!("{alert:?} odd client: {odd_client}");
            let [tls13, tls12] = SUITES;
            let mut of_tls13 = pair(tls13, odd_client);
            // RFC 8446 §6: all but those two are fatal whatever their level says.
            let error = send(&mut of_tls13, odd_client, WARNING, alert);
            names(&error.unwrap_or_else(|| panic!("{case}")), alert, &case);
            let mut of_tls12 = pair(tls12, odd_client);
            assert_eq!(
                send(&mut of_tls12, odd_client, WARNING, alert),
                None,
                "{case}"
            );
            flows(&mut of_tls12, odd_client);
        }
    }
}

#[test]
fn levels_and_descriptions_without_a_name_end_a_connection() {
    for suite in SUITES {
        for odd_client in [false, true] {
            let unknown = AlertDescription::from(200);
            let mut first = pair(suite, odd_client);
            let error = send(&mut first, odd_client, FATAL, unknown).unwrap();
            assert_eq!(error, Error::AlertReceived(unknown), "{suite}");
            let mut second = pair(suite, odd_client);
            let canceled = AlertDescription::UserCanceled;
            let error = send(&mut second, odd_client, 3, canceled).unwrap();
            assert_eq!(error, Error::AlertReceived(canceled), "{suite}");
        }
    }
}

#[test]
fn an_alert_without_protection_does_not_pass_for_one_after_the_handshake() {
    for suite in SUITES {
        for alert in [
            AlertDescription::CloseNotify,
            AlertDescription::HandshakeFailure,
        ] {
            let mut pair = Pair::of(our_client(only(suite)), our_server(only(suite)), NAME);
            pair.finish();
            for level in [WARNING, FATAL] {
                let forged = plain(level, alert);
                pair.client.read_tls(&mut &forged[..]).unwrap();
                let error = pair.client.process_new_packets().unwrap_err();
                assert_eq!(error, Error::DecryptError, "{suite} {alert:?}");
                let end = pair.client.reader().read(&mut [0; 1]).unwrap_err();
                assert_eq!(end.kind(), ErrorKind::WouldBlock, "{suite} {alert:?}");
                let server: &mut ServerConnection = &mut pair.server;
                server.read_tls(&mut &forged[..]).unwrap();
                let error = server.process_new_packets().unwrap_err();
                assert_eq!(error, Error::DecryptError, "{suite} {alert:?}");
            }
        }
    }
}

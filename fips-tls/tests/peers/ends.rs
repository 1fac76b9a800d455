//! How connections with OpenSSL end: by close_notify, and torn.

use std::io::{ErrorKind, Write};

use fips_tls::Suite;

use crate::conversation::{only, with_s_client, with_s_server};

const SUITES: [Suite; 2] = [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128GcmSha256];

#[test]
fn by_its_close_notify_they_end_clean() {
    for suite in SUITES {
        let mut with = with_s_client(only(suite), suite, &[]);
        with.exchange("hello");
        with.openssl.say("Q\n");
        assert_eq!(with.rest().unwrap(), 0, "{suite}");

        let mut with = with_s_server(only(suite), suite, &["-www"]);
        with.stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert!(with.rest().unwrap() > 0, "{suite}");
    }
}

#[test]
fn without_it_they_are_torn() {
    let torn = |end: std::io::Result<usize>| {
        let kind = end.unwrap_err().kind();
        assert!(
            matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
            "{kind}"
        );
    };
    for suite in SUITES {
        let mut with = with_s_client(only(suite), suite, &[]);
        with.exchange("hello");
        with.openssl.kill();
        torn(with.rest());

        let mut with = with_s_server(only(suite), suite, &[]);
        with.exchange("hello");
        with.openssl.kill();
        torn(with.rest());

        // Quitting, s_server closes the socket and says nothing.
        let mut with = with_s_server(only(suite), suite, &[]);
        with.exchange("hello");
        with.openssl.say("Q\n");
        torn(with.rest());
    }
}

#[test]
fn by_our_close_notify_it_ends_in_peace() {
    for suite in SUITES {
        let mut with = with_s_client(only(suite), suite, &[]);
        with.exchange("hello");
        with.stream.conn.send_close_notify();
        with.stream.flush().unwrap();
        with.openssl.take_until("closed").unwrap();
        let (status, lines) = with.openssl.finish();
        assert!(status.success(), "{suite}: {lines:?}");
    }
}

#[test]
fn torn_by_us_it_sees_an_unexpected_end() {
    for suite in SUITES {
        let mut with = with_s_client(only(suite), suite, &[]);
        with.exchange("hello");
        with.stream
            .sock
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
        with.openssl
            .take_until("unexpected eof while reading")
            .unwrap();

        let mut with = with_s_server(only(suite), suite, &[]);
        with.exchange("hello");
        with.stream
            .sock
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
        with.openssl
            .take_until("unexpected eof while reading")
            .unwrap();
    }
}

//! Handshakes and data in the smallest pieces: of records, and of what one read gives.

use std::io::{Read, Write};
use std::sync::Arc;

use fips_tls::{Group, Profile, Session};
use rustls::{ConnectionCommon, ContentType, SideData};

use crate::odd;
use crate::support::NAME;
use crate::support::memory::Pair;
use crate::{SUITES, only, our_client, our_server};

fn widest() -> Profile {
    Profile::sp800_52r2()
        .with_hybrids()
        .and_then(Profile::with_ml_kem)
        .unwrap()
}

/// Carries everything `from` has to say, byte by byte; the number of records.
fn carry<From: SideData, To: SideData>(
    from: &mut ConnectionCommon<From>,
    to: &mut ConnectionCommon<To>,
) -> usize {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    for byte in &bytes {
        assert_eq!(to.read_tls(&mut &[*byte][..]).unwrap(), 1);
        to.process_new_packets().unwrap();
    }
    let (mut rest, mut records) = (&bytes[..], 0);
    while let [_, _, _, high, low, after @ ..] = rest {
        rest = &after[usize::from(u16::from_be_bytes([*high, *low]))..];
        records += 1;
    }
    records
}

/// Both flights until both sides are silent; the number of records of either.
fn handshake(pair: &mut Pair) -> [usize; 2] {
    let mut records = [0, 0];
    loop {
        let forth = carry(&mut pair.client, &mut pair.server);
        let back = carry(&mut pair.server, &mut pair.client);
        if forth + back == 0 {
            return records;
        }
        records[0] += forth;
        records[1] += back;
    }
}

#[test]
fn each_suite_and_group_by_single_bytes_and_records_of_27() {
    let mut handshakes = 0;
    for row in widest().suites() {
        let suite = row.value;
        // The keys of these tests are elliptic.
        if !suite.takes_ecdsa_key() {
            continue;
        }
        for group in Group::ALL {
            if !group.usable_in(suite.version()) {
                continue;
            }
            let profile = widest().narrow_suites(&[suite]).unwrap();
            let mut server = (*our_server(profile.narrow_groups(&[group]).unwrap())).clone();
            let profile = widest().narrow_suites(&[suite]).unwrap();
            let mut client = (*our_client(profile)).clone();
            // The least rustls takes: 5 of header, 27 of a message.
            server.max_fragment_size = Some(32);
            client.max_fragment_size = Some(32);
            let mut pair = Pair::of(Arc::new(client), Arc::new(server), NAME);
            let [forth, back] = handshake(&mut pair);
            let case = format!("{suite} {group}");
            let session = Session::of(&pair.server).unwrap();
            assert_eq!(session.group, Some(group), "{case}");
            assert_eq!(
                session.peer.unwrap().common_name(),
                Some("test client"),
                "{case}"
            );
            // Two certificates each way are more than a thousand bytes.
            assert!(forth > 40 && back > 40, "{case}: {forth} {back}");

            let message: Vec<u8> = (0..100u8).collect();
            pair.client.writer().write_all(&message).unwrap();
            let records = carry(&mut pair.client, &mut pair.server);
            assert_eq!(records, 100_usize.div_ceil(27), "{case}");
            let mut received = [0; 100];
            pair.server.reader().read_exact(&mut received).unwrap();
            assert_eq!(received[..], message, "{case}");
            handshakes += 1;
        }
    }
    assert_eq!(handshakes, 2 * 7 + 2 * 3);
}

#[test]
fn empty_records_end_nothing_and_begin_nothing() {
    for suite in SUITES {
        for (typ, passes) in [
            (ContentType::Alert, false),
            (ContentType::ApplicationData, true),
            // RFC 8446 §5.4 has it refused; rustls reads no message in it and goes on.
            (ContentType::Handshake, true),
        ] {
            let mut pair = Pair::of(odd::client(suite), our_server(only(suite)), NAME);
            pair.finish();
            let record = odd::record(typ, b"");
            pair.client.writer().write_all(&record).unwrap();
            let error = pair.run().server;
            assert_eq!(error.is_none(), passes, "{suite} {typ:?}: {error:?}");
            if passes {
                pair.exchange(b"after");
            }
        }
    }
}

//! A peer that holds genuine keys and breaks the protocol inside of the encryption: changed,
//! replaced and retyped messages of the handshake and after it, to a server and to a client.
//!
//! The victim never finishes when a message before that was changed; it takes the data of its
//! records and nothing else for data; and whatever it was given to keep, its next handshake with
//! an honest peer finishes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use fips_tls::{Profile, provider};
use rustls::Connection;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;

use crate::attacker::{self, Message, set_change};
use crate::fixtures::{Clock, boundary, chain, key_der};
use crate::input::Input;
use crate::wire::{APPLICATION_DATA, Setup, accept, connect, deliver, run as carry, written};

const ROUNDS: usize = 12;

/// Writes of the attacker's after its handshake; each can be replaced.
const WRITES: usize = 4;

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| attacker::provider(&provider(boundary(), &Profile::sp800_52r2())));

/// What the attacker did, as the victim could see it.
#[derive(Default)]
struct Record {
    victim_finished: bool,
    changed_before: bool,
    /// All that was sent as application data.
    data: Vec<u8>,
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let setup = Setup::read(&mut input);
    let server_is_victim = input.bit();
    let edits: Vec<Edit> = (0..input.u8() % 4)
        .map(|_| Edit::read(&mut input))
        .collect();

    let (client, server) = (setup.client(), setup.server());
    let (mut victim, mut other) = match server_is_victim {
        true => (accept(server.rustls()), connect(attackers(setup).0)),
        false => (connect(client.rustls()), accept(attackers(setup).1)),
    };

    let done = Rc::new(RefCell::new(Record::default()));
    let log = Rc::clone(&done);
    set_change(Some(Box::new(move |count, message| {
        let before = message.clone();
        for edit in edits.iter().filter(|edit| edit.index == count) {
            edit.apply(message);
        }
        let mut log = log.borrow_mut();
        let (before, after) = (effective(setup, &before), effective(setup, message));
        log.changed_before |= before != after && !log.victim_finished;
        if after.0 == APPLICATION_DATA {
            log.data.extend(after.1);
        }
    })));
    attack(&mut victim, &mut other, &done);
    set_change(None);

    // Nothing it was given to keep breaks the next one.
    let (mut one, mut two) = (connect(client.rustls()), accept(server.rustls()));
    carry(&mut one, &mut two).unwrap();
    assert!(!one.is_handshaking() && !two.is_handshaking());
}

fn attack(victim: &mut Connection, attacker: &mut Connection, done: &RefCell<Record>) {
    let (mut received, mut writes, mut failed) = (Vec::new(), 0, false);
    for _ in 0..ROUNDS {
        // Not before the victim has finished: a change before that is another matter.
        let writing = !attacker.is_handshaking() && !victim.is_handshaking() && writes < WRITES;
        if writing {
            writes += 1;
            let _ = attacker.writer().write_all(b"data");
        }
        let forth = written(attacker);
        if !failed {
            failed = deliver(victim, &forth, &mut received).is_err();
        }
        if !victim.is_handshaking() {
            let mut done = done.borrow_mut();
            assert!(!done.changed_before, "the victim took a changed handshake");
            done.victim_finished = true;
        }
        assert!(done.borrow().data.starts_with(&received));
        let back = written(victim);
        if deliver(attacker, &back, &mut Vec::new()).is_err() {
            // It goes on as far as it can: what it has to say still arrives.
            let rest = written(attacker);
            if !failed {
                let _ = deliver(victim, &rest, &mut received);
            }
            break;
        }
        if forth.is_empty() && back.is_empty() && !writing {
            break;
        }
    }
    assert!(done.borrow().data.starts_with(&received));
}

/// What a message is to who decrypts it: TLS 1.3 takes the last byte that is not zero for the
/// type (RFC 8446 §5.4).
fn effective(setup: Setup, (kind, content): &Message) -> Message {
    if setup.version == Some(fips_tls::Version::Tls12) {
        return (*kind, content.clone());
    }
    let mut inner = [&content[..], &[*kind]].concat();
    while inner.last() == Some(&0) {
        inner.pop();
    }
    (inner.pop().unwrap_or_default(), inner)
}

type Attackers = (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>);

/// One of each for all inputs.
fn attackers(setup: Setup) -> Attackers {
    thread_local! {
        static ATTACKERS: RefCell<HashMap<Setup, Attackers>> = RefCell::default();
    }
    ATTACKERS.with_borrow_mut(|attackers| {
        attackers
            .entry(setup)
            .or_insert_with(|| (attacking_client(setup), attacking_server(setup)))
            .clone()
    })
}

fn attacking_client(setup: Setup) -> Arc<rustls::ClientConfig> {
    let roots = chain("ca.pem").into_iter().collect::<Vec<_>>();
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(store),
        Arc::clone(&PROVIDER),
    )
    .build()
    .expect("fixtures are of the policy");
    let builder = rustls::ClientConfig::builder_with_details(Arc::clone(&PROVIDER), Clock::now())
        .with_protocol_versions(versions(setup))
        .expect("both are there")
        .with_webpki_verifier(verifier);
    let mut config = match setup.mutual {
        true => builder
            .with_client_auth_cert(chain("client.pem"), key_der("p256.key"))
            .expect("fixtures are of the policy"),
        false => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // One input must not change the next.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

fn attacking_server(setup: Setup) -> Arc<rustls::ServerConfig> {
    let (certificates, key) = match setup.rsa {
        true => ("server-rsa.pem", "rsa2048.key"),
        false => ("server.pem", "p256.key"),
    };
    let mut config =
        rustls::ServerConfig::builder_with_details(Arc::clone(&PROVIDER), Clock::now())
            .with_protocol_versions(versions(setup))
            .expect("both are there")
            .with_no_client_auth()
            .with_single_cert(chain(certificates), key_der(key))
            .expect("fixtures are of the policy");
    // Tickets of its own, for the victim to keep.
    config.ticketer = setup.new_server().rustls().ticketer.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

static ONLY_12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
static ONLY_13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn versions(setup: Setup) -> &'static [&'static rustls::SupportedProtocolVersion] {
    match setup.version {
        Some(fips_tls::Version::Tls12) => ONLY_12,
        _ => ONLY_13,
    }
}

/// A change of one message.
struct Edit {
    index: usize,
    kind: u8,
    position: usize,
    value: u8,
    piece: Vec<u8>,
}

impl Edit {
    fn read(input: &mut Input<'_>) -> Self {
        Self {
            index: usize::from(input.u8() % 16),
            kind: input.u8(),
            position: usize::from(input.u16()),
            value: input.u8(),
            piece: input.piece().to_vec(),
        }
    }

    fn apply(&self, (kind, content): &mut Message) {
        let at = self.position % content.len().max(1);
        match self.kind % 7 {
            0 => {
                if let Some(byte) = content.get_mut(at) {
                    *byte ^= self.value;
                }
            }
            1 => content.truncate(at),
            2 => *kind = self.value,
            3 => content.clone_from(&self.piece),
            4 => {
                *kind = self.value;
                content.clone_from(&self.piece);
            }
            5 => content.extend_from_slice(&self.piece),
            _ => {
                let at = at.min(content.len());
                content.splice(at..at, self.piece.iter().copied());
            }
        }
        // The most a record holds with what encryption adds (RFC 8446 §5.2).
        content.truncate(1 << 14);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let edit = |index: u8, kind: u8, position: u16, value: u8, piece: &[u8]| {
        let [high, low] = position.to_be_bytes();
        [
            &[index, kind, high, low, value][..],
            &crate::input::piece(piece),
        ]
        .concat()
    };
    let messages: [(u8, &[u8]); 12] = [
        // KeyUpdate, with and without a request, and odd.
        (22, &[24, 0, 0, 1, 0]),
        (22, &[24, 0, 0, 1, 1]),
        (22, &[24, 0, 0, 1, 2]),
        // NewSessionTicket of TLS 1.3: lifetime, age, nonce, ticket, extensions; and of 1.2.
        (
            22,
            &[
                4, 0, 0, 16, 0, 0, 14, 16, 1, 2, 3, 4, 1, 0, 0, 2, 9, 9, 0, 0,
            ],
        ),
        (22, &[4, 0, 0, 8, 0, 0, 14, 16, 0, 2, 9, 9]),
        // HelloRequest, ClientHello, CertificateRequest, Finished.
        (22, &[0, 0, 0, 0]),
        (22, &[1, 0, 0, 2, 3, 3]),
        (22, &[13, 0, 0, 3, 0, 0, 0]),
        (22, &[20, 0, 0, 0]),
        // Alerts: close, a warning, one of no level.
        (21, &[1, 0]),
        (21, &[1, 90]),
        (21, &[3, 80]),
    ];
    let mut seeds = Vec::new();
    for version in [0u8, 1] {
        for bits in [0u8, 1, 2] {
            for side in [0u8, 1] {
                let head = [version, bits, side];
                seeds.push([&head[..], &[0]].concat());
                for index in 0..7u8 {
                    seeds.push([&head[..], &[1], &edit(index, index, 20, 1, b"\0\0\0")].concat());
                }
            }
        }
        for (which, (kind, content)) in messages.into_iter().enumerate() {
            // In place of a late message: a write, or a ticket.
            let index = 4 + which as u8 % 4;
            for side in [0u8, 1] {
                let head = [version, 0, side];
                seeds.push([&head[..], &[1], &edit(index, 4, 0, kind, content)].concat());
            }
        }
    }
    seeds
}

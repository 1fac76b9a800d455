//! One misbehaviour, and how our side answers it.

use std::io::Write;
use std::sync::Arc;

use fips_tls::{ClientConfig, Group, Profile, ServerConfig, Version};
use rustls::{Error, Side};

use crate::support::bent::{self, Bends, Bent, Point};
use crate::support::duel::{self, Duel, End};
use crate::support::pki::{Ca, Leaf};
use crate::support::refusal::P256;
use crate::support::wire::{CHANGE_CIPHER_SPEC, Hello, Message, Record, join, records, typ};
use crate::support::{boundary, server};

/// Alerts (RFC 8446 §6, RFC 5246 §7.2).
pub mod alert {
    /// None is sent.
    pub const NONE: Option<u8> = None;
    /// One is sealed with keys that a peer of another transcript does not have.
    pub const UNREADABLE: Option<u8> = Some(crate::support::duel::UNREADABLE);
    pub const UNEXPECTED_MESSAGE: Option<u8> = Some(10);
    pub const BAD_RECORD_MAC: Option<u8> = Some(20);
    pub const RECORD_OVERFLOW: Option<u8> = Some(22);
    pub const HANDSHAKE_FAILURE: Option<u8> = Some(40);
    pub const CERTIFICATE_UNKNOWN: Option<u8> = Some(46);
    pub const ILLEGAL_PARAMETER: Option<u8> = Some(47);
    pub const DECODE_ERROR: Option<u8> = Some(50);
    pub const DECRYPT_ERROR: Option<u8> = Some(51);
    pub const PROTOCOL_VERSION: Option<u8> = Some(70);
    pub const MISSING_EXTENSION: Option<u8> = Some(109);
    pub const NO_APPLICATION_PROTOCOL: Option<u8> = Some(120);
    pub const UNSUPPORTED_EXTENSION: Option<u8> = Some(110);
}

/// Over which handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Tls12,
    Tls13,
    /// With a HelloRetryRequest.
    Tls13Retried,
    /// With a ticket of an honest handshake before.
    Tls13Resumed,
}

pub struct Case {
    pub name: &'static str,
    pub over: Over,
    pub bends: Bends,
    /// A change of the peer's flights as they travel.
    pub on_wire: fn(usize, Vec<u8>) -> Vec<u8>,
    /// Records that the peer seals after the handshake, in its place.
    pub say: &'static [(u8, &'static [u8])],
    /// Description of the fatal alert our side sends.
    pub alert: Option<u8>,
    pub words: &'static str,
}

/// A table of cases, a line each, which formatting leaves in peace.
macro_rules! cases {
    ($($how:ident $over:ident $name:literal: $bend:expr => $alert:ident, $words:literal;)*) => {
        &[$($how(
            $name,
            $crate::case::Over::$over,
            $bend,
            $crate::case::alert::$alert,
            $words,
        )),*]
    };
}
pub(crate) use cases;

/// A case whose peer edits handshake messages.
pub const fn edit(
    name: &'static str,
    over: Over,
    edit: bent::Edit,
    alert: Option<u8>,
    words: &'static str,
) -> Case {
    let bends = Bends {
        edit: Some(edit),
        ..Bends::NONE
    };
    bend(name, over, bends, alert, words)
}

/// A case whose peer is bent in another way.
pub const fn bend(
    name: &'static str,
    over: Over,
    bends: Bends,
    alert: Option<u8>,
    words: &'static str,
) -> Case {
    Case {
        name,
        over,
        bends,
        on_wire: |_, flight| flight,
        say: &[],
        alert,
        words,
    }
}

/// A case whose peer's flights are changed as they travel.
pub const fn wired(
    name: &'static str,
    over: Over,
    on_wire: fn(usize, Vec<u8>) -> Vec<u8>,
    alert: Option<u8>,
    words: &'static str,
) -> Case {
    let case = bend(name, over, Bends::NONE, alert, words);
    Case { on_wire, ..case }
}

/// A case whose peer seals records after an honest handshake.
pub const fn say(
    name: &'static str,
    over: Over,
    say: &'static [(u8, &'static [u8])],
    alert: Option<u8>,
    words: &'static str,
) -> Case {
    let case = bend(name, over, Bends::NONE, alert, words);
    Case { say, ..case }
}

/// The edit of one type of message.
pub fn on(typ: u8, mut message: Message, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<Message> {
    if message.typ == typ {
        edit(&mut message.body);
    }
    vec![message]
}

/// What comes in the place of one type of message.
pub fn instead(
    typ: u8,
    message: Message,
    put: impl FnOnce(Message) -> Vec<Message>,
) -> Vec<Message> {
    if message.typ == typ {
        put(message)
    } else {
        vec![message]
    }
}

/// The random of a HelloRetryRequest (RFC 8446 §4.1.3).
pub const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The edit of a ServerHello.
pub fn hello(message: Message, edit: impl FnOnce(&mut Hello)) -> Vec<Message> {
    hello_if(
        message,
        typ::SERVER_HELLO,
        |hello| hello.random != RETRY,
        edit,
    )
}

/// The edit of a HelloRetryRequest.
pub fn retry(message: Message, edit: impl FnOnce(&mut Hello)) -> Vec<Message> {
    hello_if(
        message,
        typ::SERVER_HELLO,
        |hello| hello.random == RETRY,
        edit,
    )
}

/// The edit of a hello of this type, where it is meant.
pub fn hello_if(
    message: Message,
    typ: u8,
    meant: impl FnOnce(&Hello) -> bool,
    edit: impl FnOnce(&mut Hello),
) -> Vec<Message> {
    if message.typ != typ {
        return vec![message];
    }
    let mut hello = Hello::of(&message);
    if meant(&hello) {
        edit(&mut hello);
    }
    vec![hello.message()]
}

pub const fn point(point: Point) -> Bends {
    Bends {
        point: Some(point),
        ..Bends::NONE
    }
}

/// The records of one flight, changed.
pub fn at(
    wanted: usize,
    flight: usize,
    bytes: Vec<u8>,
    change: impl FnOnce(&mut Vec<Record>),
) -> Vec<u8> {
    if flight != wanted {
        return bytes;
    }
    let mut records = records(&bytes);
    change(&mut records);
    join(&records)
}

pub fn ccs(payload: &[u8]) -> Record {
    Record::new(CHANGE_CIPHER_SPEC, payload)
}

/// Another ChangeCipherSpec in the place of the one that is there.
pub fn swap_ccs(records: &mut [Record], payload: &[u8]) {
    let found = records
        .iter_mut()
        .find(|record| record.typ == CHANGE_CIPHER_SPEC);
    *found.unwrap() = ccs(payload);
}

pub fn flip_last(body: &mut [u8]) {
    *body.last_mut().unwrap() ^= 1;
}

pub fn our_client() -> ClientConfig {
    let ca = Ca::test();
    ClientConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_trust(ca.trust())
        .with_identity(ca.identity(&Leaf::client(), P256))
        .with_alpn(&[b"h2"])
        .build()
        .unwrap()
}

pub fn our_server() -> ServerConfig {
    let ca = Ca::test();
    ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(ca.identity(&Leaf::server(), P256))
        .with_client_trust(ca.trust())
        .with_alpn(&[b"h2"])
        .build()
        .unwrap()
}

/// What the bent side offers, so that `over` comes about.
pub fn profile(over: Over, ours: Side) -> Profile {
    let profile = Profile::sp800_52r2();
    match over {
        Over::Tls12 => profile.narrowed_to(Version::Tls12).unwrap(),
        Over::Tls13 | Over::Tls13Resumed => profile.narrowed_to(Version::Tls13).unwrap(),
        // A server that takes what the client has sent no share of.
        Over::Tls13Retried if ours == Side::Client => profile
            .narrowed_to(Version::Tls13)
            .unwrap()
            .narrow_groups(&[Group::P384])
            .unwrap(),
        Over::Tls13Retried => profile.narrowed_to(Version::Tls13).unwrap(),
    }
}

/// The configurations of a duel that ends as `over` says when nothing is bent.
#[derive(Clone)]
pub struct Sides {
    pub client: Arc<rustls::ClientConfig>,
    pub server: Arc<rustls::ServerConfig>,
    pub bent: Bent,
}

impl Sides {
    pub fn of(ours: Side, over: Over, bends: Bends) -> Self {
        let profile = profile(over, ours);
        let our_client = our_client();
        let bent = |bends| {
            let bent = Bent::new(bends);
            let (client, server) = match ours {
                Side::Client => (
                    None,
                    Some(Arc::new(bent.server(&honest_server(), &profile))),
                ),
                Side::Server => (Some(bent.client(&our_client, &profile)), None),
            };
            (bent, client, server)
        };
        let (peer, client, server) = bent(bends);
        let mut client = client.unwrap_or_else(|| (*our_client.rustls()).clone());
        let server = server.unwrap_or_else(|| match over {
            Over::Tls13Retried => narrow_server(&[Group::P384]).rustls(),
            _ => our_server().rustls(),
        });
        if over == Over::Tls13Resumed {
            // An honest handshake first, for its ticket: of a server with the same key for
            // tickets, or of a client with the same sessions.
            let (honest, first, _) = bent(Bends::NONE);
            let first = first.map_or_else(|| Arc::new(client.clone()), Arc::new);
            let issuer = match ours {
                Side::Client => {
                    let mut issuer = honest.server(&honest_server(), &profile);
                    issuer.ticketer = Arc::clone(&server.ticketer);
                    Arc::new(issuer)
                }
                Side::Server => Arc::clone(&server),
            };
            client.resumption = first.resumption.clone();
            finish(Duel::new(ours, first, issuer, honest));
        }
        Self {
            client: Arc::new(client),
            server,
            bent: peer,
        }
    }

    pub fn duel(&self, ours: Side) -> Duel {
        Duel::new(
            ours,
            Arc::clone(&self.client),
            Arc::clone(&self.server),
            Bent::new(self.bent.bends),
        )
    }
}

fn honest_server() -> ServerConfig {
    narrow_server(&Group::ALL)
}

fn narrow_server(groups: &[Group]) -> ServerConfig {
    let ca = Ca::test();
    server(
        Profile::sp800_52r2().narrow_groups(groups).unwrap(),
        ca.identity(&Leaf::server(), P256),
        Some(ca.trust()),
    )
}

pub fn duel(ours: Side, over: Over, bends: Bends) -> Duel {
    let Sides {
        client,
        server,
        bent,
    } = Sides::of(ours, over, bends);
    Duel::new(ours, client, server, bent)
}

/// Runs an honest duel to the end of its handshake.
pub fn finish(mut duel: Duel) -> Duel {
    let error = duel.run(&mut |_, flight| flight);
    assert_eq!(error, None);
    assert!(!duel.ours.is_handshaking() && !duel.theirs.is_handshaking());
    assert!(duel.told());
    duel
}

/// That a duel ended so: see [`Case`].
#[track_caller]
pub fn assert_ends(
    mut duel: Duel,
    error: Option<Error>,
    alert: Option<u8>,
    words: &str,
    name: &str,
) {
    let end = End {
        alert: duel.alert(),
        error,
    };
    let faults = duel::judge(&end, alert, words, name);
    assert!(faults.is_empty(), "{faults:?}");
    duel.assert_dead(&end.error.unwrap(), name);
}

pub fn run(case: &Case, ours: Side) -> Vec<String> {
    let mut duel = duel(ours, case.over, case.bends);
    let on_wire = case.on_wire;
    let mut error = duel.run(&mut |flight, bytes| on_wire(flight, bytes));
    if !case.say.is_empty() {
        assert_eq!(error, None, "{}: before anything was said", case.name);
        for (typ, payload) in case.say {
            let said = bent::said(*typ, payload);
            duel.theirs.writer().write_all(&said).unwrap();
            // Each in a record, and each in a flight, of its own.
            error = duel.run(&mut |flight, bytes| on_wire(flight, bytes));
            if error.is_some() {
                break;
            }
        }
    } else if duel.told() {
        return vec![format!("{}: the peer was told: {error:?}", case.name)];
    }
    let end = End {
        alert: duel.alert(),
        error,
    };
    let faults = duel::judge(&end, case.alert, case.words, case.name);
    if let Some(error) = &end.error {
        duel.assert_dead(error, case.name);
    }
    faults
}

#[track_caller]
pub fn run_all(cases: &[Case], ours: Side) {
    let faults: Vec<_> = cases.iter().flat_map(|case| run(case, ours)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn without_a_bend_every_duel_ends_well() {
    for ours in [Side::Client, Side::Server] {
        for over in [
            Over::Tls12,
            Over::Tls13,
            Over::Tls13Retried,
            Over::Tls13Resumed,
        ] {
            let duel = finish(duel(ours, over, Bends::NONE));
            let kind = duel.ours.handshake_kind().unwrap();
            let expected = match over {
                Over::Tls12 | Over::Tls13 => rustls::HandshakeKind::Full,
                Over::Tls13Retried => rustls::HandshakeKind::FullWithHelloRetryRequest,
                Over::Tls13Resumed => rustls::HandshakeKind::Resumed,
            };
            assert_eq!(kind, expected, "{over:?} {ours:?}");
        }
    }
}

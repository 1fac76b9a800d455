//! Records, handshake messages and hellos, taken apart and put together again.

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const APPLICATION_DATA: u8 = 23;

/// Handshake types (RFC 8446 §4, RFC 5246 §7.4).
pub mod typ {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const NEW_SESSION_TICKET: u8 = 4;
    pub const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub const CERTIFICATE: u8 = 11;
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    pub const CERTIFICATE_REQUEST: u8 = 13;
    pub const SERVER_HELLO_DONE: u8 = 14;
    pub const CERTIFICATE_VERIFY: u8 = 15;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub const FINISHED: u8 = 20;
}

/// Extensions (RFC 8446 §4.2, RFC 7627, RFC 5746).
pub mod ext {
    pub const SERVER_NAME: u16 = 0;
    pub const STATUS_REQUEST: u16 = 5;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const EC_POINT_FORMATS: u16 = 11;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const EXTENDED_MASTER_SECRET: u16 = 23;
    pub const SESSION_TICKET: u16 = 35;
    pub const PRE_SHARED_KEY: u16 = 41;
    pub const EARLY_DATA: u16 = 42;
    pub const SUPPORTED_VERSIONS: u16 = 43;
    pub const COOKIE: u16 = 44;
    pub const PSK_KEY_EXCHANGE_MODES: u16 = 45;
    pub const KEY_SHARE: u16 = 51;
    pub const RENEGOTIATION_INFO: u16 = 0xff01;
}

/// One record as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub typ: u8,
    pub version: u16,
    pub payload: Vec<u8>,
}

impl Record {
    pub fn new(typ: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            typ,
            version: 0x0303,
            payload: payload.into(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.typ];
        bytes.extend(self.version.to_be_bytes());
        with_len(&mut bytes, 2, &self.payload);
        bytes
    }
}

pub fn records(bytes: &[u8]) -> Vec<Record> {
    let mut rest = Reader(bytes);
    let mut records = Vec::new();
    while !rest.0.is_empty() {
        let (typ, version) = (rest.u8(), rest.u16());
        let payload = rest.with_len(2).to_vec();
        records.push(Record {
            typ,
            version,
            payload,
        });
    }
    records
}

pub fn join(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(Record::bytes).collect()
}

/// One handshake message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub typ: u8,
    pub body: Vec<u8>,
}

impl Message {
    pub fn new(typ: u8, body: impl Into<Vec<u8>>) -> Self {
        Self {
            typ,
            body: body.into(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.typ];
        with_len(&mut bytes, 3, &self.body);
        bytes
    }
}

pub fn messages(payload: &[u8]) -> Vec<Message> {
    let mut rest = Reader(payload);
    let mut messages = Vec::new();
    while !rest.0.is_empty() {
        let typ = rest.u8();
        messages.push(Message::new(typ, rest.with_len(3)));
    }
    messages
}

pub fn join_messages(messages: &[Message]) -> Vec<u8> {
    messages.iter().flat_map(Message::bytes).collect()
}

/// The place of the one message of this type.
pub fn place(messages: &[Message], typ: u8) -> usize {
    messages
        .iter()
        .position(|message| message.typ == typ)
        .unwrap_or_else(|| panic!("no message of type {typ}"))
}

/// Changes the readable handshake messages of a flight, those of its first run of handshake
/// records, which then travel in a record each.
pub fn edit_messages(flight: &[u8], edit: impl FnOnce(&mut Vec<Message>)) -> Vec<u8> {
    let all = records(flight);
    let is_handshake = |record: &&Record| record.typ == HANDSHAKE;
    let before = all
        .iter()
        .take_while(|record| !is_handshake(record))
        .count();
    let run = all[before..].iter().take_while(is_handshake).count();
    let payload: Vec<u8> = all[before..before + run]
        .iter()
        .flat_map(|record| record.payload.clone())
        .collect();
    let mut found = messages(&payload);
    edit(&mut found);
    let edited = found
        .iter()
        .map(|message| Record::new(HANDSHAKE, message.bytes()));
    let mut records = all[..before].to_vec();
    records.extend(edited);
    records.extend_from_slice(&all[before + run..]);
    join(&records)
}

/// Changes the hello that a flight begins with.
pub fn edit_hello(flight: &[u8], edit: impl FnOnce(&mut Hello)) -> Vec<u8> {
    edit_messages(flight, |messages| {
        let mut hello = Hello::of(&messages[0]);
        edit(&mut hello);
        messages[0] = hello.message();
    })
}

/// A ClientHello, ServerHello or HelloRetryRequest; a server names one suite and one compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub typ: u8,
    pub version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub suites: Vec<u16>,
    pub compressions: Vec<u8>,
    pub extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    pub fn of(message: &Message) -> Self {
        let mut rest = Reader(&message.body);
        let version = rest.u16();
        let random = rest.take(32).try_into().unwrap();
        let session_id = rest.with_len(1).to_vec();
        let (suites, compressions) = match message.typ {
            typ::CLIENT_HELLO => (rest.with_len(2), rest.with_len(1)),
            typ::SERVER_HELLO => (rest.take(2), rest.take(1)),
            other => panic!("message {other} is no hello"),
        };
        let suites = suites
            .chunks(2)
            .map(|code| u16::from_be_bytes([code[0], code[1]]))
            .collect();
        let mut listed = Reader(rest.with_len(2));
        assert!(rest.0.is_empty());
        let mut extensions = Vec::new();
        while !listed.0.is_empty() {
            let code = listed.u16();
            extensions.push((code, listed.with_len(2).to_vec()));
        }
        Self {
            typ: message.typ,
            version,
            random,
            session_id,
            suites,
            compressions: compressions.to_vec(),
            extensions,
        }
    }

    pub fn message(&self) -> Message {
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend(self.random);
        with_len(&mut body, 1, &self.session_id);
        let suites: Vec<u8> = self
            .suites
            .iter()
            .flat_map(|code| code.to_be_bytes())
            .collect();
        if self.typ == typ::CLIENT_HELLO {
            with_len(&mut body, 2, &suites);
            with_len(&mut body, 1, &self.compressions);
        } else {
            body.extend(suites);
            body.extend(&self.compressions);
        }
        with_len(&mut body, 2, &join_extensions(&self.extensions));
        Message::new(self.typ, body)
    }

    /// The content of an extension that is there.
    pub fn extension(&mut self, code: u16) -> &mut Vec<u8> {
        self.extensions
            .iter_mut()
            .find(|(found, _)| *found == code)
            .map(|(_, content)| content)
            .unwrap_or_else(|| panic!("no extension {code}"))
    }

    pub fn remove(&mut self, code: u16) {
        self.extension(code);
        self.extensions.retain(|(found, _)| *found != code);
    }

    /// Adds an extension at the front: one has a place at the end (RFC 8446 §4.2.11).
    pub fn add(&mut self, code: u16, content: &[u8]) {
        self.extensions.insert(0, (code, content.to_vec()));
    }
}

pub fn join_extensions(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (code, content) in extensions {
        bytes.extend(code.to_be_bytes());
        with_len(&mut bytes, 2, content);
    }
    bytes
}

/// `content` after its length, in so many bytes.
pub fn with_len(bytes: &mut Vec<u8>, width: usize, content: &[u8]) {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    assert!(len[..4 - width].iter().all(|byte| *byte == 0), "too long");
    bytes.extend_from_slice(&len[4 - width..]);
    bytes.extend_from_slice(content);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn with_len(&mut self, width: usize) -> &'a [u8] {
        let mut len = [0; 4];
        len[4 - width..].copy_from_slice(self.take(width));
        self.take(u32::from_be_bytes(len) as usize)
    }
}

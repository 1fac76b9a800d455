//! What is searched for.

use std::collections::HashMap;

/// One secret, in each form that it can have in memory.
pub(crate) struct Needle {
    pub(crate) name: String,
    pub(crate) forms: Vec<Form>,
}

/// One form: the pieces of eight bytes that it is found by. A freed block loses its first bytes
/// to the allocator, and a growing buffer is left behind in parts, so one piece is enough.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pieces: Vec<u64>,
}

const PIECE: usize = 8;

fn pieces(bytes: &[u8]) -> Vec<u64> {
    bytes
        .chunks_exact(PIECE)
        .map(|piece| u64::from_ne_bytes(piece.try_into().unwrap()))
        .collect()
}

impl Needle {
    /// Bytes that are nothing but secret.
    pub(crate) fn bytes(name: impl Into<String>, secret: &[u8]) -> Self {
        let mut form = Form {
            name: "bytes",
            pieces: pieces(secret),
        };
        // What a chunk of eight leaves out.
        form.pieces.extend(pieces(&secret[secret.len() % PIECE..]));
        Self {
            name: name.into(),
            forms: vec![form],
        }
    }

    /// A private key in PKCS#8: its secret numbers as they stand in DER, as the module holds
    /// them, and in the text of PEM.
    pub(crate) fn key(name: impl Into<String>, pkcs8: &[u8]) -> Self {
        let inner = inner(pkcs8);
        let secrets = secret_numbers(inner);
        let mut der = Vec::new();
        let mut words = Vec::new();
        for number in &secrets {
            der.extend(pieces(number));
            let mut reversed = number.to_vec();
            reversed.reverse();
            words.extend(pieces(&reversed));
        }
        let mut text = Vec::new();
        for file in [pkcs8, inner] {
            for number in &secrets {
                let start = number.as_ptr() as usize - file.as_ptr() as usize;
                text.extend(encoded(file, start..start + number.len()));
            }
        }
        let form = |name, pieces| Form { name, pieces };
        Self {
            name: name.into(),
            forms: vec![
                form("DER", der),
                form("PEM text", text),
                form("words", words),
            ],
        }
    }
}

/// The pieces of base64 lines, as PEM has them, that hold nothing but `secret`.
fn encoded(file: &[u8], secret: std::ops::Range<usize>) -> Vec<u64> {
    /// Bytes of a line of 64 characters, and of eight characters.
    const LINE: usize = 48;
    const GROUP: usize = 6;
    (0..file.len())
        .filter(|at| (at % LINE).is_multiple_of(GROUP) && at % LINE + GROUP <= LINE)
        .filter(|at| secret.contains(at) && at + GROUP <= secret.end)
        .flat_map(|at| {
            let text = data_encoding::BASE64.encode(&file[at..at + GROUP]);
            pieces(text.as_bytes())
        })
        .collect()
}

/// Content and rest of the first DER element.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (len, header) = match der[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(der[2]), 3),
        0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        other => panic!("a length of form {other:#x}"),
    };
    (der[0], &der[header..header + len], &der[header + len..])
}

fn elements(mut der: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (tag, content, rest) = element(der);
        found.push((tag, content));
        der = rest;
    }
    found
}

/// The SEC 1 or PKCS#1 key inside of PKCS#8 (RFC 5958 §2).
pub(crate) fn inner(pkcs8: &[u8]) -> &[u8] {
    elements(element(pkcs8).1)[2].1
}

/// The scalar (RFC 5915 §3), or RSA's private exponent and all after it (RFC 8017 §A.1.2).
fn secret_numbers(key: &[u8]) -> Vec<&[u8]> {
    let parts = elements(element(key).1);
    if parts[1].0 == 0x04 {
        return vec![parts[1].1];
    }
    parts[3..]
        .iter()
        // An INTEGER with its highest bit set has a zero before it.
        .map(|(_, content)| content.strip_prefix(&[0]).unwrap_or(content))
        .collect()
}

/// All pieces of all needles, for a search in one pass.
pub(crate) struct Index {
    by_piece: HashMap<u64, Vec<(usize, usize)>>,
    /// By the first two bytes, whether a piece begins with them.
    begins: Vec<bool>,
}

impl Index {
    pub(crate) fn new(needles: &[Needle]) -> Self {
        let mut index = Self {
            by_piece: HashMap::new(),
            begins: vec![false; 1 << 16],
        };
        for (needle, Needle { forms, .. }) in needles.iter().enumerate() {
            for (form, Form { pieces, .. }) in forms.iter().enumerate() {
                for piece in pieces {
                    index.begins[usize::from(*piece as u16)] = true;
                    index
                        .by_piece
                        .entry(*piece)
                        .or_default()
                        .push((needle, form));
                }
            }
        }
        index
    }

    /// Calls `found` with needle and form for each piece in `memory`.
    pub(crate) fn search(&self, memory: &[u8], mut found: impl FnMut(usize, usize)) {
        for window in memory.windows(PIECE) {
            let begin = u16::from_ne_bytes([window[0], window[1]]);
            if !self.begins[usize::from(begin)] {
                continue;
            }
            let piece = u64::from_ne_bytes(window.try_into().unwrap());
            for (needle, form) in self.by_piece.get(&piece).into_iter().flatten() {
                found(*needle, *form);
            }
        }
    }
}

//! Names as text read back to what they were (RFC 4514 §3), so that no two names look the same,
//! and are one line.

use fips_core::rfc4514::{Attribute, distinguished_name};

use crate::input::{Input, piece};
use crate::text::assert_one_line;

const TYPES: [(&str, Option<&str>); 6] = [
    ("2.5.4.3", Some("CN")),
    ("2.5.4.10", Some("O")),
    ("0.9.2342.19200300.100.1.25", Some("DC")),
    ("2.5.4.97", Some("organizationIdentifier")),
    ("1.2.840.113549.1.9.1", None),
    ("2.5.4.4", None),
];

/// A type and its value, either text or bytes.
type Read = (String, Result<String, Vec<u8>>);

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut names = Vec::new();
    for _ in 0..input.u8() % 5 {
        let mut relative = Vec::new();
        for _ in 0..1 + input.u8() % 3 {
            let &(oid, name) = input.choose(&TYPES);
            let is_text = input.bit();
            relative.push((oid, name, is_text, input.piece()));
        }
        names.push(relative);
    }

    let attributes: Vec<Vec<Attribute<'_>>> = names
        .iter()
        .map(|relative| {
            relative
                .iter()
                .map(|&(oid, _, is_text, bytes)| Attribute {
                    oid,
                    text: std::str::from_utf8(bytes).ok().filter(|_| is_text),
                    bytes,
                })
                .collect()
        })
        .collect();
    let text = distinguished_name(&attributes);
    assert_one_line(&text);

    let expected: Vec<Vec<Read>> = names
        .iter()
        .rev()
        .map(|relative| {
            relative
                .iter()
                .map(|&(oid, name, is_text, bytes)| {
                    let shown = name.unwrap_or(oid).to_owned();
                    match std::str::from_utf8(bytes) {
                        Ok(text) if is_text && name.is_some() => (shown, Ok(text.to_owned())),
                        _ => (shown, Err(bytes.to_vec())),
                    }
                })
                .collect()
        })
        .collect();
    let read = if text.is_empty() {
        Vec::new()
    } else {
        parse(&text)
    };
    assert_eq!(read, expected, "{text}");
}

fn parse(text: &str) -> Vec<Vec<Read>> {
    split(text, b',')
        .into_iter()
        .map(|relative| {
            split(relative, b'+')
                .into_iter()
                .map(|attribute| {
                    let (oid, value) = attribute.split_once('=').expect("a type has a value");
                    let value = match value.strip_prefix('#') {
                        Some(hex) => Err(unhex(hex.as_bytes())),
                        None => Ok(unescape(value)),
                    };
                    (oid.to_owned(), value)
                })
                .collect()
        })
        .collect()
}

/// At each `separator` that no backslash stands before.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let (mut parts, mut from, mut escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == separator && !escaped {
            parts.push(&text[from..at]);
            from = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(&text[from..]);
    parts
}

fn unescape(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
        } else if tail[0].is_ascii_hexdigit() {
            bytes.extend(unhex(&tail[..2]));
            rest = &tail[2..];
        } else {
            bytes.push(tail[0]);
            rest = &tail[1..];
        }
    }
    String::from_utf8(bytes).expect("what was text is text")
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let one = |index: u8, is_text: u8, value: &str| {
        [&[1, 0, index, is_text][..], &piece(value.as_bytes())].concat()
    };
    let mut seeds: Vec<Vec<u8>> = [
        "plain",
        "",
        " ",
        "  ",
        "#ab",
        "a#",
        "a,b+c=d",
        "\"<>;\\",
        " a ",
        "a\nb",
        "\u{1b}[2J",
        "\u{202e}x",
        "\u{7f}\u{85}",
        "grün",
    ]
    .iter()
    .flat_map(|value| [one(0, 1, value), one(0, 0, value), one(4, 1, value)])
    .collect();
    let two = [&[1, 1][..], &[0, 1], &piece(b"a"), &[1, 1], &piece(b"b")].concat();
    seeds.push([&[2][..], &two[1..], &two[1..]].concat());
    seeds.push(two);
    seeds.push(vec![0]);
    seeds
}

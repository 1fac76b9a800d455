//! Names of peers as text that no peer can forge a line with.

use fips_core::rfc4514::{self, Attribute};
use x509_parser::der_parser::asn1_rs::{Any, Class, FromDer, ToDer};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The most characters of a name inside an error: the reason after it must stay in sight.
const IN_ERROR: usize = 256;

/// Whether `name` holds every attribute of its encoding. The parser stops without a word at the
/// first it does not understand; of a name cut short, another program may read another name.
pub(crate) fn is_whole(name: &X509Name<'_>) -> bool {
    all_parsed(name).unwrap_or(false)
}

/// Walks a name's encoding: a sequence of sets of sequences of a type and a value.
fn all_parsed(name: &X509Name<'_>) -> Option<bool> {
    let next = |der| Any::from_der(der).ok().map(|(rest, any)| (rest, any.data));
    let (rest, mut relatives) = next(name.as_raw())?;
    let mut whole = rest.is_empty();
    for relative in name.iter() {
        let (rest, mut attributes) = next(relatives)?;
        relatives = rest;
        for _ in relative.iter() {
            let (rest, attribute) = next(attributes)?;
            attributes = rest;
            let (value, _) = next(attribute)?;
            let (rest, _) = next(value)?;
            whole &= rest.is_empty();
        }
        whole &= attributes.is_empty();
    }
    Some(whole && relatives.is_empty())
}

/// An attribute's value, where it is text. The parser looks at the number of a tag alone: one of
/// another class is some other thing.
pub(crate) fn text<'a>(attribute: &'a AttributeTypeAndValue<'_>) -> Option<&'a str> {
    (attribute.attr_value().class() == Class::Universal)
        .then(|| attribute.as_str().ok())
        .flatten()
}

/// A whole name, as RFC 4514 writes it.
pub(crate) fn distinguished(name: &X509Name<'_>) -> String {
    // What an attribute borrows: its type, its value where that is text, and its encoding, which
    // §2.4 shows in hexadecimal otherwise.
    let owned: Vec<Vec<_>> = name
        .iter()
        .map(|relative| {
            relative
                .iter()
                .map(|attribute| {
                    let value = attribute.attr_value();
                    (
                        attribute.attr_type().to_id_string(),
                        text(attribute),
                        value
                            .to_der_vec()
                            .unwrap_or_else(|_| value.as_bytes().to_vec()),
                    )
                })
                .collect()
        })
        .collect();
    let borrowed: Vec<Vec<_>> = owned
        .iter()
        .map(|relative| {
            relative
                .iter()
                .map(|(oid, text, bytes)| Attribute {
                    oid,
                    text: *text,
                    bytes,
                })
                .collect()
        })
        .collect();
    rfc4514::distinguished_name(&borrowed)
}

/// A distinguished name for an error, cut where it is very long.
pub(crate) fn in_error(distinguished: &str) -> String {
    one_line(distinguished, IN_ERROR)
}

/// `text` without a character that moves the cursor, breaks the line or hides, cut before it
/// grows longer than `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for character in text.chars() {
        let plain = matches!(character, '"' | '\'' | '\\');
        let escaped = character.escape_debug();
        length += if plain { 1 } else { escaped.len() };
        if length > most {
            line.push('…');
            break;
        }
        if plain {
            line.push(character);
        } else {
            line.extend(escaped);
        }
    }
    line
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    pub(crate) const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 0x04, 0x0b];
    pub(crate) const UTF8: u8 = 0x0c;
    pub(crate) const BMP: u8 = 0x1e;

    /// A name of attributes (type, tag, value), each in a set of its own.
    pub(crate) fn name(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let sets: Vec<u8> = attributes
            .iter()
            .flat_map(|(oid, tag, value)| {
                let pair = [tlv(0x06, oid), tlv(*tag, value)].concat();
                tlv(0x31, &tlv(0x30, &pair))
            })
            .collect();
        tlv(0x30, &sets)
    }

    pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    }

    #[test]
    fn the_last_comes_first_and_nothing_passes_for_more() {
        let der = name(&[
            (COMMON_NAME, UTF8, b"a\x1b[2J\n, O=b"),
            (ORGANIZATIONAL_UNIT, UTF8, b"unit"),
        ]);
        let (_, parsed) = X509Name::from_der(&der).unwrap();
        assert_eq!(distinguished(&parsed), "OU=unit,CN=a\\1B[2J\\0A\\, O=b");
    }

    #[test]
    fn a_name_of_which_a_part_does_not_parse_is_not_whole() {
        let whole = name(&[
            (COMMON_NAME, UTF8, b"user"),
            (ORGANIZATIONAL_UNIT, UTF8, b"unit"),
        ]);
        let (_, parsed) = X509Name::from_der(&whole).unwrap();
        assert!(is_whole(&parsed));
        let empty = name(&[]);
        assert!(is_whole(&X509Name::from_der(&empty).unwrap().1));

        let attribute = |oid, rest: &[u8]| tlv(0x30, &[tlv(0x06, oid), rest.to_vec()].concat());
        let user = attribute(COMMON_NAME, &tlv(UTF8, b"user"));
        for odd in [
            // A value that ends after its name, no value, no type, something after the value.
            attribute(COMMON_NAME, &[UTF8, 9, b'x']),
            attribute(COMMON_NAME, &[]),
            tlv(0x04, b"x"),
            attribute(COMMON_NAME, &[tlv(UTF8, b"a"), tlv(UTF8, b"b")].concat()),
        ] {
            let beside = tlv(0x30, &tlv(0x31, &[user.clone(), odd.clone()].concat()));
            let after = tlv(0x30, &[tlv(0x31, &user), tlv(0x31, &odd)].concat());
            let before = tlv(0x30, &[tlv(0x31, &odd), tlv(0x31, &user)].concat());
            for der in [beside, after, before] {
                // The parser's own refusal is as good.
                if let Ok((_, parsed)) = X509Name::from_der(&der) {
                    assert!(!is_whole(&parsed), "{der:02x?}: {}", distinguished(&parsed));
                }
            }
        }
    }

    #[test]
    fn what_is_no_text_shows_its_encoding() {
        let der = name(&[(COMMON_NAME, BMP, b"\0a")]);
        let (_, parsed) = X509Name::from_der(&der).unwrap();
        assert_eq!(distinguished(&parsed), "CN=#1e020061");
    }

    #[test]
    fn errors_show_the_beginning() {
        let der = name(&[(COMMON_NAME, UTF8, &[b'x'; 1000])]);
        let (_, parsed) = X509Name::from_der(&der).unwrap();
        let text = in_error(&distinguished(&parsed));
        assert_eq!(text.chars().count(), IN_ERROR + 1);
        assert!(text.starts_with("CN=xxx") && text.ends_with("x…"));
        assert_eq!(distinguished(&parsed).len(), 1003);
    }

    #[test]
    fn one_line_stays_one() {
        assert_eq!(one_line("grün \"a\\b'", 99), "grün \"a\\b'");
        assert_eq!(
            one_line("a\nb\x1b[2J\u{202e}\u{2028}", 99),
            "a\\nb\\u{1b}[2J\\u{202e}\\u{2028}"
        );
        assert_eq!(one_line("abc", 3), "abc");
        assert_eq!(one_line("abcd", 3), "abc…");
        assert_eq!(one_line("\n\n\n", 5), "\\n\\n…");
    }
}

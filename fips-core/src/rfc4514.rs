//! Distinguished names as text (RFC 4514), so that one name cannot be read as another.
//!
//! Names come from peers. Unescaped, a comma in one attribute reads as a second attribute, and a
//! control character forges a line of a log.

use std::fmt::Write as _;

/// One attribute of a name, as a parser of certificates gives it.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The attribute's type, dotted.
    pub oid: &'a str,
    /// The value, where it is text.
    pub text: Option<&'a str>,
    /// The value's bytes, shown in hexadecimal where it is no text or the type has no name.
    pub bytes: &'a [u8],
}

/// Names of attribute types (RFC 4514 §3) and those of certificates in use.
const TYPES: [(&str, &str); 11] = [
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.97", "organizationIdentifier"),
];

/// Writes a name: the last relative distinguished name first (RFC 4514 §2.1), as Go and
/// therefore Kubernetes' programs print it.
pub fn distinguished_name(relative_names: &[Vec<Attribute<'_>>]) -> String {
    let names: Vec<String> = relative_names
        .iter()
        .rev()
        .map(|name| relative(name))
        .collect();
    names.join(",")
}

fn relative(attributes: &[Attribute<'_>]) -> String {
    let attributes: Vec<String> = attributes.iter().map(attribute).collect();
    attributes.join("+")
}

fn attribute(attribute: &Attribute<'_>) -> String {
    let name = TYPES
        .iter()
        .find(|(oid, _)| *oid == attribute.oid)
        .map(|(_, name)| name);
    let mut out = String::new();
    match (name, attribute.text) {
        (Some(name), Some(text)) => {
            out.push_str(name);
            out.push('=');
            escape(text, &mut out);
        }
        (name, _) => {
            out.push_str(name.copied().unwrap_or(attribute.oid));
            out.push_str("=#");
            for byte in attribute.bytes {
                // Writing to a String cannot fail.
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
    out
}

/// RFC 4514 §2.4, and every control character or mark that changes how a line reads.
fn escape(text: &str, out: &mut String) {
    let last = text.chars().count().saturating_sub(1);
    for (index, character) in text.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', character]),
            '#' if index == 0 => out.push_str("\\#"),
            ' ' if index == 0 || index == last => out.push_str("\\ "),
            _ if breaks_line(character) => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(out, "\\{byte:02X}");
                }
            }
            _ => out.push(character),
        }
    }
}

/// `text` with what would break or reorder its line escaped, as Rust writes it in a literal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if breaks_line(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Control characters, and marks and separators of Unicode that reorder or break a line without
/// being seen.
fn breaks_line(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(oid: &'a str, text: &'a str) -> Attribute<'a> {
        Attribute {
            oid,
            text: Some(text),
            bytes: text.as_bytes(),
        }
    }

    #[test]
    fn the_last_comes_first_and_several_share_a_plus() {
        let name = [
            vec![text("2.5.4.10", "system:masters")],
            vec![text("2.5.4.3", "system:admin"), text("2.5.4.11", "x")],
        ];
        assert_eq!(
            distinguished_name(&name),
            "CN=system:admin+OU=x,O=system:masters"
        );
        assert_eq!(distinguished_name(&[]), "");
    }

    #[test]
    fn no_value_can_pass_for_another_name_or_line() {
        for (value, expected) in [
            ("evil, O=system:masters", "CN=evil\\, O=system:masters"),
            ("a+b\"c\\d<e>f;g", "CN=a\\+b\\\"c\\\\d\\<e\\>f\\;g"),
            ("#x ", "CN=\\#x\\ "),
            (" ", "CN=\\ "),
            ("a\nb\x1b[2J", "CN=a\\0Ab\\1B[2J"),
            ("a\u{202E}b", "CN=a\\E2\\80\\AEb"),
            ("grün", "CN=grün"),
        ] {
            assert_eq!(
                distinguished_name(&[vec![text("2.5.4.3", value)]]),
                expected
            );
        }
    }

    #[test]
    fn what_is_no_text_or_has_no_name_is_hexadecimal() {
        let raw = Attribute {
            oid: "2.5.4.3",
            text: None,
            bytes: &[0xff, 0x00],
        };
        let odd = text("1.2.3.4", "x");
        assert_eq!(
            distinguished_name(&[vec![raw], vec![odd]]),
            "1.2.3.4=#78,CN=#ff00"
        );
    }
}

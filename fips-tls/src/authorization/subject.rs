//! Whether a text is a subject as this crate writes one: any other would never be equal to one.

/// Takes a name of RFC 4514 in the form `name::distinguished` gives it.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let mut rest = text;
    loop {
        let (kind, value) = rest.split_once('=').ok_or("an attribute has no =")?;
        let hexadecimal = value.strip_prefix('#');
        if !is_type(kind, hexadecimal.is_some()) {
            return Err("an attribute has no type such as CN before its =, or spaces around it");
        }
        let end = match hexadecimal {
            Some(digits) => 1 + hexadecimal_end(digits)?,
            None => value_end(value)?,
        };
        match value[end..].chars().next() {
            // A separator is one byte.
            Some(_) => rest = &value[end + 1..],
            None => return Ok(()),
        }
    }
}

/// A name, or, before a value in hexadecimal, also an object identifier.
fn is_type(kind: &str, hexadecimal: bool) -> bool {
    let named = kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    let dotted = kind
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    !kind.is_empty() && (named || dotted && hexadecimal)
}

fn hexadecimal_end(digits: &str) -> Result<usize, &'static str> {
    let end = digits.find([',', '+']).unwrap_or(digits.len());
    let lower = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if end > 0 && end.is_multiple_of(2) && digits[..end].bytes().all(lower) {
        Ok(end)
    } else {
        Err("a value after # is not in lower-case hexadecimal")
    }
}

/// Where the separator after a value is, or the end (RFC 4514 §2.4).
fn value_end(value: &str) -> Result<usize, &'static str> {
    let end = separator(value);
    let own = &value[..end];
    if own.starts_with(' ') || own.ends_with(' ') && !own.ends_with("\\ ") {
        return Err("a space at the end of a value is not escaped, or follows a comma");
    }
    let mut characters = own.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' | ';' | '<' | '>' => return Err("a value has a character that must be escaped"),
            '\\' => {
                let mut escaped = characters.clone();
                match (escaped.next(), escaped.next()) {
                    (Some(' ' | '"' | '#' | '+' | ',' | ';' | '<' | '>' | '\\'), _) => {
                        characters.next();
                    }
                    (Some(high), Some(low)) if is_upper(high) && is_upper(low) => {
                        characters.next();
                        characters.next();
                    }
                    _ => return Err("a value has a \\ that escapes nothing"),
                }
            }
            _ => {}
        }
    }
    Ok(end)
}

fn is_upper(digit: char) -> bool {
    matches!(digit, '0'..='9' | 'A'..='F')
}

/// The first comma or plus that no backslash stands before.
fn separator(value: &str) -> usize {
    let mut escaped = false;
    for (place, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' | '+' => return place,
            _ => {}
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_names_are_written_as() {
        for text in [
            "CN=admin,O=system:masters",
            "CN=a+O=b,C=DE",
            "CN=a\\, b",
            "CN=\\#x",
            "CN=\\ a \\ ",
            "CN=a\\0A\\1B",
            "CN=a#b c=d",
            "CN=",
            "CN=#1e020061",
            "1.2.840.113549.1.9.1=#1603614062",
            "O=b,1.2.3=#0c00+CN=grün",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_no_name_is_written_as() {
        for text in [
            "",
            "admin",
            "/CN=admin/O=x",
            "CN=a, O=b",
            "CN = a",
            "CN=a,",
            "CN=a,,O=b",
            "CN=a;O=b",
            "CN=\"a\"",
            "CN=a\\",
            "CN=a\\z",
            "CN=a\\0a",
            "CN= a",
            "CN=a ",
            "CN=a<b",
            "CN=#1E020061",
            "CN=#1e02006",
            "CN=#",
            "1.2.3=a",
            "=a",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}

//! Join tokens: taken exactly when a second reading of k3s's form finds a pin in them, with the
//! same parts, and printed as they were.

use fips_certs::token::{Credentials, JoinToken};

use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let expected = read(text);
    match JoinToken::parse(text) {
        Ok(token) => {
            let found = match token.credentials() {
                Credentials::Bootstrap { id, secret } => (id.as_str(), secret.as_str(), true),
                Credentials::Password { user, secret } => (user.as_str(), secret.as_str(), false),
            };
            let (pin, one, other, bootstrap) = expected.expect("it is none, and was taken");
            assert_eq!(token.pin().as_str(), pin);
            assert_eq!(found, (one, other, bootstrap));
            assert_eq!(*token.reveal(), text);
            assert_eq!(
                format!("{token:?}"),
                format!("JoinToken {{ pin: Pin({pin:?}), .. }}")
            );
        }
        Err(refused) => {
            assert_eq!(expected, None);
            assert_error(&refused);
        }
    }
}

/// Pin, the part before the separator, the part after it, whether it is a bootstrap token.
fn read(text: &str) -> Option<(&str, &str, &str, bool)> {
    if text.len() > 4096 || text.chars().any(char::is_control) {
        return None;
    }
    let bytes = text.as_bytes();
    if bytes.get(..3)? != b"K10" || bytes.get(67..69)? != b"::" {
        return None;
    }
    let pin = text.get(3..67)?;
    if pin.contains(|c| !"0123456789abcdef".contains(c)) {
        return None;
    }
    let rest = &text[69..];
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if rest.len() == 23
        && rest
            .char_indices()
            .all(|(at, c)| if at == 6 { c == '.' } else { word(c) })
    {
        return Some((pin, &rest[..6], &rest[7..], true));
    }
    let colon = rest.find(':')?;
    let secret = &rest[colon + 1..];
    (!secret.is_empty()).then_some((pin, &rest[..colon], secret, false))
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let pin = "0123456789abcdef".repeat(4);
    let secret = "00112233445566778899aabbccddeeff";
    [
        format!("K10{pin}::server:{secret}"),
        format!("K10{pin}::node:{secret}"),
        format!("K10{pin}:::{secret}"),
        format!("K10{pin}::::"),
        format!("K10{pin}::abcdef.0123456789abcdef"),
        format!("K10{pin}::abcdef.0123456789abcdef:x"),
        format!("K10{pin}::server:grün"),
        format!("K10{}::server:{secret}", pin.to_uppercase()),
        format!("K10{pin}::server:{secret}\n"),
        format!("K10::server:{secret}"),
        format!("K10{pin}:server:{secret}"),
        "abcdef.0123456789abcdef".to_owned(),
        secret.to_owned(),
        String::new(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

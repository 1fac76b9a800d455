//! Whether a text shows a secret.

use aho_corasick::AhoCorasick;

/// Bytes in a row that give a secret away. Fewer would meet by chance in a dump of certificates.
const RUN: usize = 6;

/// The runs of secrets' bytes, in every form that bytes are written in.
pub(crate) struct Finder {
    forms: Vec<String>,
    search: AhoCorasick,
}

impl Finder {
    /// Searches for all of `secrets`.
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = &'s [u8]>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets {
            assert!(secret.len() >= RUN);
            for run in secret.windows(RUN) {
                forms.extend(written(run));
            }
        }
        let search = AhoCorasick::new(&forms).unwrap();
        Self { forms, search }
    }

    /// The first form of a secret that `text` shows.
    pub(crate) fn find(&self, text: &str) -> Option<&str> {
        // Lists and dumps, on one line or on many, between any brackets.
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let found = self.search.find(&text)?;
        Some(&self.forms[found.pattern()])
    }
}

/// Every form of a run, without white space.
fn written(run: &[u8]) -> [String; 9] {
    let list = |byte: fn(&u8) -> String| run.iter().map(byte).collect::<Vec<_>>().join(",");
    let hex = |upper: bool| {
        let digits: String = run.iter().map(|byte| format!("{byte:02x}")).collect();
        if upper { digits.to_uppercase() } else { digits }
    };
    [
        data_encoding::BASE64.encode(run),
        data_encoding::BASE64URL.encode(run),
        hex(false),
        hex(true),
        list(|byte| byte.to_string()),
        list(|byte| format!("{byte:02x}")),
        list(|byte| format!("{byte:#04x}")),
        run.escape_ascii().to_string(),
        String::from_utf8_lossy(run)
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect(),
    ]
}

#[test]
fn every_form_is_found_and_no_other_bytes() {
    let secret: Vec<u8> = (0..32)
        .map(|byte: u8| byte.wrapping_mul(151) ^ 0x5c)
        .collect();
    let finder = Finder::new([&secret[..]]);
    let hex = data_encoding::HEXLOWER.encode(&secret);
    for shown in [
        format!("{secret:?}"),
        format!("{secret:#?}"),
        format!("{secret:02x?}"),
        format!("{:?}", &secret[3..9]),
        hex.clone(),
        hex.to_uppercase(),
        data_encoding::HEXLOWER.encode(&secret[25..31]),
        data_encoding::BASE64.encode(&secret),
        data_encoding::BASE64.encode(&[b"x", &secret[..]].concat()),
        data_encoding::BASE64.encode(&[b"xy", &secret[..]].concat()),
        String::from_utf8_lossy(&secret).into_owned(),
        format!("b\"{}\"", secret.escape_ascii()),
    ] {
        assert!(
            finder.find(&format!("a field: {shown}")).is_some(),
            "{shown}"
        );
    }
    let other: Vec<u8> = secret.iter().map(|byte| byte ^ 1).collect();
    for text in [
        format!("{other:?}"),
        format!("{:?}", &secret[3..8]),
        String::new(),
    ] {
        assert_eq!(finder.find(&text), None, "{text}");
    }
}

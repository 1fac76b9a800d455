//! A reader of CAVP's response files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;

/// What stands between two blank lines, or up to a name that comes again, below the headings
/// that hold for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    headings: Vec<String>,
    fields: BTreeMap<String, String>,
    /// A line `FAIL`: the vector must not pass.
    pub(super) fail: bool,
}

impl Block {
    /// The last heading, without its brackets.
    pub(super) fn heading(&self) -> &str {
        self.headings.last().expect("a heading before the block")
    }

    /// The first heading of those without a value between them.
    pub(super) fn first_heading(&self) -> &str {
        self.headings.first().expect("a heading before the block")
    }

    /// The number of a heading `[name = number]`.
    pub(super) fn parameter(&self, name: &str) -> usize {
        let value = self
            .headings
            .iter()
            .filter_map(|heading| heading.split_once(" = "))
            .find_map(|(key, value)| (key == name).then_some(value));
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no number `{name}` in {:?}", self.headings))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .unwrap_or_else(|| panic!("no `{name}` in {self:?}"))
    }

    pub(super) fn number(&self, name: &str) -> usize {
        self.text(name).parse().expect("a number")
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        let text = self.text(name);
        HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .unwrap_or_else(|e| panic!("`{name}` is not hexadecimal: {e}: {text}"))
    }

    /// An integer, big-endian, of `len` bytes, or more when it does not fit.
    pub(super) fn integer(&self, name: &str, len: usize) -> Vec<u8> {
        let digits = self.text(name).trim_start_matches('0');
        let text = format!("{digits:0>0$}", 2 * len.max(digits.len().div_ceil(2)));
        HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .unwrap_or_else(|e| panic!("`{name}` is not hexadecimal: {e}: {text}"))
    }

    /// Whether `Result` begins with `P`.
    pub(super) fn passes(&self) -> bool {
        match self.text("Result").as_bytes().first() {
            Some(b'F') => false,
            Some(b'P') => true,
            _ => panic!("no result in {self:?}"),
        }
    }
}

/// The blocks of `file`, a path below the vectors' directory.
pub(super) fn read(file: &str) -> Vec<Block> {
    let path = directory().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: run scripts/vectors, or set FIPS_VECTORS to the directory it filled",
            path.display()
        )
    });
    parse(&text)
}

fn directory() -> PathBuf {
    match std::env::var_os("FIPS_VECTORS") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/vectors"),
    }
}

fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    let mut end = |block: &mut Block| {
        if !block.fields.is_empty() {
            blocks.push(Block {
                headings: block.headings.clone(),
                fields: std::mem::take(&mut block.fields),
                fail: std::mem::take(&mut block.fail),
            });
        }
    };
    // Whether a value has followed the headings: the next heading then begins anew.
    let mut used = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            end(&mut block);
            if std::mem::take(&mut used) {
                block.headings.clear();
            }
            block
                .headings
                .push(heading.trim_end_matches(']').trim().to_owned());
        } else if let Some((key, value)) = line.split_once('=') {
            used = true;
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            // Files without blank lines: a name that comes again begins a block.
            if block.fields.contains_key(&key) {
                end(&mut block);
            }
            block.fields.insert(key, value);
        } else if line.is_empty() {
            end(&mut block);
        } else {
            assert_eq!(line, "FAIL", "a line of another form");
            block.fail = true;
        }
    }
    end(&mut block);
    blocks
}

#[test]
fn headings_values_and_failures_are_read() {
    let blocks = parse(
        "# c\n[Keylen = 8]\r\n[IVlen = 96]\r\n\r\nKey = 0a\r\nCT =\r\nFAIL\r\n\r\n\
         Key = 0B\nResult = P (0 )\n\n[Keylen = 16]\nn = 001\nn = 2",
    );
    assert_eq!(blocks.len(), 4);
    assert_eq!(blocks[3].number("n"), 2);
    assert_eq!(blocks[0].parameter("Keylen"), 8);
    assert_eq!(blocks[1].parameter("IVlen"), 96);
    assert_eq!(blocks[2].headings, ["Keylen = 16"]);
    assert_eq!(blocks[0].bytes("Key"), [0x0a]);
    assert!(blocks[0].bytes("CT").is_empty());
    assert!(blocks[0].fail && !blocks[1].fail && blocks[1].passes());
    assert_eq!(blocks[1].bytes("Key"), [0x0b]);
    assert_eq!(blocks[2].integer("n", 2), [0, 1]);
    assert_eq!(blocks[2].integer("n", 0), [1]);
    assert!(blocks[2].has("n") && !blocks[2].has("Key"));
}

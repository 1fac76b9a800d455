//! Long lists, printed as they come: what is in memory of one is a block.

use fips_boundary::certs;
use serde::Serialize;

use crate::cli::Format;
use crate::exit::Failure;
use crate::output;
use crate::table::Blocks;

/// The most entries of a block.
const BLOCK: usize = 1000;

/// A list in the making.
///
/// JSON and YAML are one sequence. What is drawn is drawn a block at a time, since the widths of
/// columns follow from their rows. Remarks stand beneath all of it, where a person looks for them;
/// where they are more than a block has entries, beneath the blocks they belong to.
pub(crate) struct List<T> {
    format: Format,
    cells: fn(&T) -> Vec<String>,
    remarks: fn(&T) -> Vec<String>,
    blocks: Blocks,
    held: Vec<T>,
    beneath: Vec<String>,
    begun: bool,
    unread: bool,
}

/// Why a list ended before its end.
pub(crate) enum Ended {
    Failed(Box<Failure>),
    /// Nobody reads it, and nothing else would come of the rest.
    Unread,
}

impl Ended {
    /// That nobody reads on is no failure.
    pub(crate) fn failure(self) -> Result<(), Failure> {
        match self {
            Self::Failed(failure) => Err(*failure),
            Self::Unread => Ok(()),
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<certs::Error> for Ended {
    fn from(error: certs::Error) -> Self {
        Self::from(Failure::from(error))
    }
}

impl<T: Serialize> List<T> {
    /// A list that is drawn with the `cells` of each entry under `header`.
    pub(crate) fn new(
        header: &'static [&'static str],
        format: Format,
        cells: fn(&T) -> Vec<String>,
    ) -> Self {
        Self {
            format,
            cells,
            remarks: |_| Vec::new(),
            blocks: Blocks::new(header, format),
            held: Vec::new(),
            beneath: Vec::new(),
            begun: false,
            unread: false,
        }
    }

    /// Where it is drawn, with what `remarks` has to say of an entry beneath, a line each.
    pub(crate) fn with_remarks(self, remarks: fn(&T) -> Vec<String>) -> Self {
        Self { remarks, ..self }
    }

    /// Adds an entry; the block before it is printed when it is full.
    pub(crate) fn add(&mut self, entry: T) -> Result<(), Failure> {
        if self.held.len() == BLOCK {
            let text = self.block(false)?;
            self.put(&text)?;
        }
        self.held.push(entry);
        Ok(())
    }

    /// Whether the reader is known to have gone away.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    /// Prints the rest.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        let text = self.block(true)?;
        self.put(&text)
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        if !self.unread {
            self.unread = !output::put(text)?;
        }
        Ok(())
    }

    /// What is held, as text.
    fn block(&mut self, last: bool) -> Result<String, Failure> {
        let held = std::mem::take(&mut self.held);
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Json => {
                let text = output::json(&held)?;
                if first && last {
                    return Ok(text);
                }
                // The brackets are those of the whole.
                let text = text.strip_prefix('[').unwrap_or(&text);
                let text = text.strip_suffix("\n]\n").unwrap_or(text);
                let before = if first { "[" } else { "," };
                let after = if last { "\n]\n" } else { "" };
                Ok(format!("{before}{text}{after}"))
            }
            Format::Yaml => output::yaml(&held),
            Format::Table | Format::Text => {
                let rows = held.iter().map(self.cells).collect();
                let mut text = self.blocks.draw(rows, last);
                self.beneath.extend(held.iter().flat_map(self.remarks));
                if last || self.beneath.len() >= BLOCK {
                    for line in self.beneath.drain(..) {
                        text.push_str(&line);
                        text.push('\n');
                    }
                }
                Ok(text)
            }
        }
    }
}

/// Prints a list whose entries are there already.
pub(crate) fn print<T: Serialize>(
    header: &'static [&'static str],
    format: Format,
    entries: impl IntoIterator<Item = T>,
    cells: fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    let mut list = List::new(header, format, cells);
    for entry in entries {
        list.add(entry)?;
    }
    list.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Entry {
        name: String,
        lines: &'static str,
    }

    /// The text of a list of `count` entries, all of its blocks.
    fn text(count: usize, format: Format, remarked: fn(&Entry) -> Vec<String>) -> String {
        let cells = |entry: &Entry| vec![entry.name.clone(), String::new()];
        let mut list = List::new(&["NAME", "EMPTY"], format, cells).with_remarks(remarked);
        let mut text = String::new();
        for entry in entries(count) {
            if list.held.len() == BLOCK {
                text += &list.block(false).unwrap();
            }
            list.add(entry).unwrap();
            assert!(list.held.len() <= BLOCK);
            assert!(list.beneath.len() < BLOCK);
        }
        text + &list.block(true).unwrap()
    }

    fn entries(count: usize) -> Vec<Entry> {
        let entry = |number| Entry {
            name: format!("leaf-{number}"),
            lines: "]\n[\n- two",
        };
        (0..count).map(entry).collect()
    }

    fn silent(_: &Entry) -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn json_and_yaml_are_what_they_would_be_as_a_whole() {
        for count in [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let whole = entries(count);
            let json = output::json(&whole).unwrap();
            assert!(text(count, Format::Json, silent) == json, "{count}");
            let yaml = output::yaml(&whole).unwrap();
            assert!(text(count, Format::Yaml, silent) == yaml, "{count}");
        }
    }

    #[test]
    fn a_long_text_has_one_header_and_all_its_columns() {
        for (count, header) in [(BLOCK, "NAME"), (2 * BLOCK + 1, "NAME      EMPTY")] {
            let text = text(count, Format::Text, silent);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[0], header);
            let names: Vec<String> = entries(count).into_iter().map(|one| one.name).collect();
            assert_eq!(lines[1..], names);
        }
    }

    #[test]
    fn few_remarks_stand_at_the_end_and_many_beneath_their_blocks() {
        let few = |entry: &Entry| match entry.name.as_str() {
            "leaf-3" | "leaf-1003" => vec![format!("see {}", entry.name)],
            _ => Vec::new(),
        };
        let lines = text(BLOCK + 5, Format::Text, few);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[1 + BLOCK + 5..], ["see leaf-3", "see leaf-1003"]);

        let all = |entry: &Entry| vec![format!("see {}", entry.name)];
        let lines = text(BLOCK + 5, Format::Text, all);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[BLOCK], "leaf-999");
        assert_eq!(lines[BLOCK + 1], "see leaf-0");
        assert_eq!(lines[2 * BLOCK + 1], "leaf-1000");
        assert_eq!(lines.last(), Some(&"see leaf-1004"));
        assert_eq!(lines.len(), 1 + 2 * (BLOCK + 5));
    }
}

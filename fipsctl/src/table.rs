//! Columns, drawn or plain.

use std::io::IsTerminal;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use fips_boundary::certs::time::OffsetDateTime;
use fips_boundary::certs::time::format_description::well_known::Rfc3339;

use crate::cli::Format;

/// Rows under a header; empty columns are left out.
pub(crate) fn draw(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    format: Format,
) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let filled: Vec<bool> = (0..header.len())
        .map(|column| {
            rows.iter()
                .any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()))
        })
        .collect();
    let keep = |row: Vec<String>| {
        row.into_iter()
            .zip(&filled)
            .filter_map(|(cell, filled)| filled.then_some(cell))
            .collect::<Vec<_>>()
    };
    let header = keep(header.iter().map(ToString::to_string).collect());
    let mut table = table(format);
    table.set_header(header);
    table.add_rows(rows.into_iter().map(keep));
    text(table, format, &[])
}

/// A table too long to be drawn at once, a block of rows after another.
///
/// One of a single block is as [`draw`] has it. A longer one has all its columns, since nobody
/// knows yet which of them stay empty, and each is at least as wide as in the blocks before. Plain
/// columns have one header; drawn ones have one for each block, which is a table of its own.
pub(crate) struct Blocks {
    header: &'static [&'static str],
    format: Format,
    /// Of the content of each column, the widest so far; none before the first block.
    widths: Vec<u16>,
}

impl Blocks {
    pub(crate) fn new(header: &'static [&'static str], format: Format) -> Self {
        Self {
            header,
            format,
            widths: Vec::new(),
        }
    }

    /// Draws the next block, which may be the `last`.
    pub(crate) fn draw(&mut self, rows: Vec<Vec<String>>, last: bool) -> String {
        let first = self.widths.is_empty();
        if first && last {
            return draw(self.header, rows, self.format);
        }
        let mut table = table(self.format);
        if first || self.format == Format::Table {
            table.set_header(self.header);
        }
        table.add_rows(rows);
        let widths = table.column_max_content_widths().into_iter();
        let before = self.widths.iter().copied().chain(std::iter::repeat(0));
        self.widths = widths
            .zip(before)
            .map(|(one, other)| one.max(other))
            .collect();
        text(table, self.format, &self.widths)
    }
}

fn table(format: Format) -> Table {
    let mut table = Table::new();
    table.load_preset(match format {
        Format::Table => presets::UTF8_FULL_CONDENSED,
        _ => presets::NOTHING,
    });
    if format == Format::Table && is_wrapped() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// Wrapped to a terminal, never in a file or pipe: scripts cut columns.
fn is_wrapped() -> bool {
    std::io::stdout().is_terminal()
}

/// The text of `table`, its columns at least as wide as `widths` where these are known.
fn text(mut table: Table, format: Format, widths: &[u16]) -> String {
    let mut paddings = vec![(1, 1); table.column_count()];
    if format != Format::Table
        && let Some(first) = paddings.first_mut()
    {
        // Plain columns begin at the left edge.
        *first = (0, 1);
    }
    for (column, padding) in table.column_iter_mut().zip(&paddings) {
        column.set_padding(*padding);
    }
    if !(format == Format::Table && is_wrapped()) {
        for ((column, (before, after)), width) in table.column_iter_mut().zip(&paddings).zip(widths)
        {
            let width = Width::Fixed(width.saturating_add(before + after));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// RFC 3339, as the other programs print it.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[&str; 3]]) -> Vec<Vec<String>> {
        let cells = |row: &[&str; 3]| row.iter().map(ToString::to_string).collect();
        rows.iter().map(cells).collect()
    }

    const HEADER: &[&str] = &["A", "B", "C"];

    #[test]
    fn plain_blocks_have_one_header_and_keep_their_widths() {
        let mut blocks = Blocks::new(HEADER, Format::Text);
        let first = blocks.draw(rows(&[["long-cell", "", "x"]]), false);
        assert_eq!(first, "A          B  C\nlong-cell     x\n");
        let second = blocks.draw(rows(&[["a", "wider", "y"], ["b", "b", "y"]]), false);
        assert_eq!(second, "a          wider  y\nb          b      y\n");
        let third = blocks.draw(rows(&[["a", "b", "z"]]), true);
        assert_eq!(third, "a          b      z\n");
    }

    #[test]
    fn drawn_blocks_are_tables_of_their_own() {
        let mut blocks = Blocks::new(HEADER, Format::Table);
        let first = blocks.draw(rows(&[["long-cell", "", "x"]]), false);
        let second = blocks.draw(rows(&[["a", "b", "y"]]), true);
        assert_eq!(first.lines().count(), 5);
        for (one, other) in first.lines().zip(second.lines()) {
            assert_eq!(one.chars().count(), other.chars().count());
        }
        assert_eq!(first.lines().nth(1), second.lines().nth(1));
    }

    #[test]
    fn a_single_block_leaves_empty_columns_out() {
        let mut blocks = Blocks::new(HEADER, Format::Text);
        let only = blocks.draw(rows(&[["a", "", "x"]]), true);
        assert_eq!(only, "A  C\na  x\n");
        assert_eq!(only, draw(HEADER, rows(&[["a", "", "x"]]), Format::Text));
    }
}

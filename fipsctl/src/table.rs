//! Columns, drawn or plain.

use std::io::IsTerminal;

use comfy_table::{ContentArrangement, Table, presets};
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
    let mut table = Table::new();
    table.load_preset(match format {
        Format::Table => presets::UTF8_FULL_CONDENSED,
        _ => presets::NOTHING,
    });
    // Wrapped to a terminal, never in a file or pipe: scripts cut columns.
    if format == Format::Table && std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(keep(header.iter().map(ToString::to_string).collect()));
    table.add_rows(rows.into_iter().map(keep));
    if format != Format::Table {
        // Plain columns begin at the left edge.
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
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

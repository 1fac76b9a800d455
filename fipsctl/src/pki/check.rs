//! `fipsctl pki check`.

use fips_boundary::certs::pki::{Row, Status, Thresholds};
use fips_boundary::certs::store::{DirStore, Recovery};
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;

use crate::cli::{CheckArgs, Format};
use crate::exit::{self, Failure};
use crate::{output, table};

pub(super) fn run(args: &CheckArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = if args.layout.given()? {
        let catalogue = args.layout.catalogue_of(&args.dir, &store)?;
        Pki::judged_by(&store, catalogue)?
    } else {
        Pki::open(&store)?
    };
    let rows = pki.check(&diagnostic, SystemClock.now(), Thresholds::default())?;
    print(&rows, args.output)?;
    if pki.record().is_some_and(|record| record.evaluation) {
        output::note("this PKI was made under evaluation: a strict boundary will not renew it");
    }
    let unsettled = matches!(store.recovery(), Recovery::Pending { .. });
    let findings = unsettled || rows.iter().any(|row| row.status != Status::Ok);
    Ok(if findings { exit::FINDINGS } else { exit::DONE })
}

/// Prints rows as asked for.
pub(super) fn print(rows: &[Row], format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::print(&output::json(&rows)?),
        Format::Yaml => output::print(&output::yaml(&rows)?),
        Format::Table | Format::Text => output::print(&text(rows, format)),
    }
}

/// The columns of `rke2 certificate check` and k3s's, and the reasons beneath.
fn text(rows: &[Row], format: Format) -> String {
    let header = [
        "FILENAME",
        "SUBJECT",
        "ISSUER",
        "USAGES",
        "EXPIRES",
        "RESIDUAL TIME",
        "STATUS",
    ];
    let cells = rows.iter().map(|row| {
        vec![
            row.file.clone(),
            row.subject.clone().unwrap_or_default(),
            row.issuer.clone().unwrap_or_default(),
            row.usages.join(","),
            row.expires.map(table::date).unwrap_or_default(),
            row.residual.clone().unwrap_or_default(),
            row.status.to_string(),
        ]
    });
    let mut text = table::draw(&header, cells, format);
    for row in rows.iter().filter(|row| row.status != Status::Ok) {
        for reason in &row.reasons {
            text.push_str(&format!("{} {}: {reason}\n", row.status, row.file));
        }
    }
    text
}

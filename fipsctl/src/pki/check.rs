//! `fipsctl pki check`.

use fips_boundary::certs::pki::{Row, Status, Thresholds};
use fips_boundary::certs::store::{DirStore, Recovery};
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;

use crate::cli::{CheckArgs, Format};
use crate::exit::{self, Failure};
use crate::list::{Ended, List};
use crate::{output, table};

/// The columns of `rke2 certificate check` and k3s's.
const HEADER: &[&str] = &[
    "FILENAME",
    "SUBJECT",
    "ISSUER",
    "USAGES",
    "EXPIRES",
    "RESIDUAL TIME",
    "STATUS",
];

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
    let mut findings = matches!(store.recovery(), Recovery::Pending { .. });
    print(&pki, &diagnostic, args.output, |row| {
        findings |= row.status != Status::Ok;
        findings
    })?;
    if pki.record().is_some_and(|record| record.evaluation) {
        output::note("this PKI was made under evaluation: a strict boundary will not renew it");
    }
    Ok(if findings { exit::FINDINGS } else { exit::DONE })
}

/// Looks at every certificate, and prints the rows as they come. `seen` is given each of them, and
/// says whether nothing would follow from the others: they are not looked at when nobody reads
/// them, either.
pub(super) fn print(
    pki: &Pki<'_>,
    diagnostic: &Diagnostic,
    format: Format,
    mut seen: impl FnMut(&Row) -> bool,
) -> Result<(), Failure> {
    let mut list = List::new(HEADER, format, cells).with_remarks(reasons);
    let (now, thresholds) = (SystemClock.now(), Thresholds::default());
    let looked = pki.check_each(diagnostic, now, thresholds, |row| {
        let decided = seen(&row);
        list.add(row)?;
        if decided && list.is_unread() {
            return Err(Ended::Unread);
        }
        Ok(())
    });
    looked.or_else(Ended::failure)?;
    list.end()
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        row.file.clone(),
        row.subject.clone().unwrap_or_default(),
        row.issuer.clone().unwrap_or_default(),
        row.usages.join(","),
        row.expires.map(table::date).unwrap_or_default(),
        row.residual.clone().unwrap_or_default(),
        row.status.to_string(),
    ]
}

/// Why a row is not well.
fn reasons(row: &Row) -> Vec<String> {
    if row.status == Status::Ok {
        return Vec::new();
    }
    let reasons = row.reasons.iter();
    reasons
        .map(|reason| format!("{} {}: {reason}", row.status, row.file))
        .collect()
}

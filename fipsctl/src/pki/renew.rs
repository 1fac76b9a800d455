//! `fipsctl pki renew`.

use std::time::Duration;

use fips_boundary::certs::pki::{Plan, RenewalPolicy, Report};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use crate::cli::{Format, RenewArgs};
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

const DAY: Duration = Duration::from_secs(86_400);

/// Plan and result in one document.
#[derive(Serialize)]
struct Renewed<'a> {
    plan: &'a Plan,
    report: Option<&'a Report>,
}

pub(super) fn run(args: &RenewArgs) -> Result<u8, Failure> {
    let policy = policy(args);
    if args.dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let plan = Pki::open(&store)?.renewals(&diagnostic, SystemClock.now(), &policy)?;
        print(&plan, None, args.output)?;
        output::note("dry run: nothing was written");
        return Ok(code(&plan));
    }
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let plan = pki.renewals(&diagnostic, SystemClock.now(), &policy)?;
    let report = if plan.is_empty() {
        None
    } else {
        let _spinner = output::spinner("making keys and certificates");
        Some(pki.renew(&boundary, &plan, &SystemClock)?)
    };
    print(&plan, report.as_ref(), args.output)?;
    Ok(code(&plan))
}

/// What is due and cannot be renewed, and authorities that are not well, are findings.
fn code(plan: &Plan) -> u8 {
    if plan.blocked.is_empty() && plan.authorities.is_empty() {
        exit::DONE
    } else {
        exit::FINDINGS
    }
}

fn policy(args: &RenewArgs) -> RenewalPolicy {
    let mut policy = RenewalPolicy::default();
    policy.force = args.all || !args.name.is_empty();
    policy.names.clone_from(&args.name);
    policy.keep_keys = args.keep_keys;
    // Either one alone decides alone; the default is the smaller of both.
    if args.within_days.is_some() || args.within_fraction.is_some() {
        policy.remaining = args.within_days.map(|days| DAY * days);
        policy.fraction = args.within_fraction;
    }
    policy
}

fn print(plan: &Plan, report: Option<&Report>, format: Format) -> Result<(), Failure> {
    let both = Renewed { plan, report };
    match format {
        Format::Json => return output::print(&output::json(&both)?),
        Format::Yaml => return output::print(&output::yaml(&both)?),
        Format::Table | Format::Text => {}
    }
    if plan.is_empty() {
        output::print("nothing is due\n")?;
    } else {
        let rows = plan.renewals.iter().map(|renewal| {
            vec![
                renewal.name.clone(),
                renewal.file.clone(),
                renewal.expires.map(table::date).unwrap_or_default(),
                renewal.reasons.join("; "),
            ]
        });
        let header = ["NAME", "FILENAME", "EXPIRES", "WHY"];
        output::print(&table::draw(&header, rows, format))?;
    }
    for blocked in &plan.blocked {
        let issuer = blocked.issuer.as_ref();
        let issuer = issuer.map(|issuer| format!("{issuer} cannot sign it: "));
        output::print(&format!(
            "NOT RENEWED {}: {}{}\n",
            blocked.name,
            issuer.unwrap_or_default(),
            blocked.why
        ))?;
    }
    for row in &plan.authorities {
        output::print(&format!(
            "{} {}: {}\n",
            row.status,
            row.file,
            row.reasons.join("; ")
        ))?;
    }
    match report {
        Some(report) => super::print_report(report, format),
        None => Ok(()),
    }
}

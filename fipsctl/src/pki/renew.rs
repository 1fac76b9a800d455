//! `fipsctl pki renew`.

use std::path::Path;
use std::time::Duration;

use fips_boundary::certs::crl::RevocationListParams;
use fips_boundary::certs::pki::{ListsRefreshed, Plan, RenewalPolicy, Report, Requested};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use super::UnlockArgs;
use crate::cli::{Format, RenewArgs};
use crate::exit::{self, Failure};
use crate::{boundary, list, output, table};

const DAY: Duration = Duration::from_secs(86_400);

/// Of what is due.
const HEADER: &[&str] = &["NAME", "FILENAME", "EXPIRES", "WHY"];

/// Plan and result in one document.
#[derive(Serialize)]
struct Renewed<'a> {
    plan: &'a Plan,
    report: Option<&'a Report>,
    requested: &'a [Requested],
    lists: &'a Lists,
}

/// The revocation lists that are due.
#[derive(Default, Serialize)]
struct Lists {
    /// Authorities of which the next one would be issued.
    due: Vec<String>,
    /// What was done.
    refreshed: Option<ListsRefreshed>,
}

pub(super) fn run(args: &RenewArgs) -> Result<u8, Failure> {
    carry_out(
        &args.dir,
        &policy(args),
        &args.unlock,
        args.dry_run,
        args.output,
    )
}

/// Renews by `policy`, or says what that would do.
pub(super) fn carry_out(
    dir: &Path,
    policy: &RenewalPolicy,
    unlock: &UnlockArgs,
    dry_run: bool,
    format: Format,
) -> Result<u8, Failure> {
    if dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(dir)?;
        super::tell_recovery(dir, &store);
        let pki = Pki::open(&store)?;
        let now = SystemClock.now();
        let plan = pki.renewals(&diagnostic, now, policy)?;
        let lists = Lists {
            due: pki.lists_due(&diagnostic, now, &[])?,
            refreshed: None,
        };
        print(&plan, None, &[], &lists, format)?;
        output::note("dry run: nothing was written");
        return Ok(code(&plan));
    }
    let unlock = unlock.unlock()?;
    let boundary = boundary::enter()?;
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open(dir)?;
    super::tell_recovery(dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let plan = pki.renewals(&diagnostic, SystemClock.now(), policy)?;
    let report = if plan.is_empty() {
        None
    } else {
        let _spinner = output::spinner("making keys and certificates");
        Some(pki.renew(&boundary, &plan, &SystemClock)?)
    };
    let requested = pki.request_leaves(&boundary, &plan, &SystemClock)?;
    let due = pki.lists_due(&diagnostic, SystemClock.now(), &[])?;
    let params = RevocationListParams::default();
    let refreshed = match due.is_empty() {
        true => None,
        false => Some(pki.refresh_due_lists(&boundary, &params, &SystemClock)?),
    };
    let lists = Lists { due, refreshed };
    print(&plan, report.as_ref(), &requested, &lists, format)?;
    let blocked = lists
        .refreshed
        .is_some_and(|lists| !lists.blocked.is_empty());
    Ok(if blocked { exit::FINDINGS } else { code(&plan) })
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
    policy.services.clone_from(&args.service);
    policy.keep_keys = args.keep_keys;
    // Either one alone decides alone; the default is the smaller of both.
    if args.within_days.is_some() || args.within_fraction.is_some() {
        policy.remaining = args.within_days.map(|days| DAY * days);
        policy.fraction = args.within_fraction;
    }
    policy
}

fn print(
    plan: &Plan,
    report: Option<&Report>,
    requested: &[Requested],
    lists: &Lists,
    format: Format,
) -> Result<(), Failure> {
    let both = Renewed {
        plan,
        report,
        requested,
        lists,
    };
    match format {
        Format::Json => return output::print_json(&both),
        Format::Yaml => return output::print_yaml(&both),
        Format::Table | Format::Text => {}
    }
    if plan.is_empty() {
        output::print("nothing is due\n")?;
    } else {
        list::print(HEADER, format, &plan.renewals, |renewal| {
            vec![
                renewal.name.clone(),
                renewal.file.clone(),
                renewal.expires.map(table::date).unwrap_or_default(),
                renewal.reasons.join("; "),
            ]
        })?;
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
    if let Some(report) = report {
        super::print_report(report, format)?;
    }
    super::print_requested(requested)?;
    print_lists(lists)
}

fn print_lists(lists: &Lists) -> Result<(), Failure> {
    let Some(refreshed) = &lists.refreshed else {
        let lines = lists.due.iter();
        let lines = lines.map(|name| format!("revocation list of {name}: the next one is due\n"));
        return output::print(&lines.collect::<String>());
    };
    for list in &refreshed.lists {
        output::print(&format!(
            "revocation list {}: number {}, {} revoked, the next one by {}\n",
            list.file,
            list.number,
            list.listed,
            table::date(list.next_update)
        ))?;
    }
    for blocked in &refreshed.blocked {
        output::print(&format!(
            "LIST NOT ISSUED {}: {}\n",
            blocked.authority, blocked.why
        ))?;
    }
    Ok(())
}

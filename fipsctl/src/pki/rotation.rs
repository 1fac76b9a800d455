//! What the rotations of authorities and of service-account keys have in common.

use std::path::Path;

use fips_boundary::certs::pki::rotation::{Checkpoint, Outline, Phase, Status, Step};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Error, Pki};
use fips_boundary::core::{Boundary, Diagnostic};
use serde::Serialize;

use super::unlock::UnlockArgs;
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

/// Looks, without the gate and without the lock.
pub(super) fn look(
    dir: &Path,
    show: impl FnOnce(&Pki<'_>, &Diagnostic) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(dir)?;
    super::tell_recovery(dir, &store);
    show(&Pki::open(&store)?, &diagnostic)
}

/// Takes a step, and prints what it did. `unlock` opens what a step signs with.
pub(super) fn change(
    dir: &Path,
    unlock: Option<&UnlockArgs>,
    format: Format,
    step: impl FnOnce(&Pki<'_>, &Boundary) -> Result<Step, Error>,
) -> Result<u8, Failure> {
    let boundary = boundary::enter()?;
    let unlock = unlock.map(UnlockArgs::unlock).transpose()?;
    let store = DirStore::open(dir)?;
    super::tell_recovery(dir, &store);
    let mut pki = Pki::open(&store)?;
    if let Some(unlock) = unlock {
        pki = pki.with_unlock(unlock);
    }
    let done = {
        let _spinner = output::spinner("making keys and certificates");
        step(&pki, &boundary)?
    };
    print_step(&done, format)
}

/// Prints which checkpoints would be confirmed.
pub(super) fn print_confirmable(checkpoints: &[String], format: Format) -> Result<u8, Failure> {
    if structured(checkpoints, format)?.is_none() {
        output::print(&format!("would confirm {}\n", checkpoints.join(", ")))?;
    }
    output::note("dry run: nothing was written");
    Ok(exit::DONE)
}

/// Prints what a step did.
pub(super) fn print_step(step: &Step, format: Format) -> Result<u8, Failure> {
    if let Some(done) = structured(step, format)? {
        return Ok(done);
    }
    let mut text = match (step.from, step.phase) {
        (from, Some(phase)) if from == Some(phase) => format!("{}: still at {phase}\n", step.name),
        (Some(from), Some(phase)) => format!("{}: {from} -> {phase}\n", step.name),
        (None, Some(phase)) => format!("{}: {phase}\n", step.name),
        (_, None) => format!("{}: given up, nothing of it is left\n", step.name),
    };
    for file in &step.removed {
        text += &format!("removed {file}\n");
    }
    for remark in &step.remarks {
        text += &format!("note: {remark}\n");
    }
    if !step.report.issued.is_empty() {
        output::print(&text)?;
        text = String::new();
        super::print_report(&step.report, format)?;
    }
    text += &checkpoints(&step.checkpoints);
    output::print(&text)?;
    Ok(exit::DONE)
}

/// Prints what steps would do. What would be refused is a finding.
pub(super) fn print_outlines(outlines: &[Outline], format: Format) -> Result<u8, Failure> {
    let code = if outlines.iter().all(|one| one.blocked.is_empty()) {
        exit::DONE
    } else {
        exit::FINDINGS
    };
    if structured(outlines, format)?.is_some() {
        return Ok(code);
    }
    let mut text = String::new();
    for outline in outlines {
        let phase = outline.phase.map_or("give up", Phase::name);
        text += &format!("{}: {phase}: {}\n", outline.name, outline.what);
        if !outline.reissued.is_empty() {
            text += &format!("  issues anew: {}\n", outline.reissued.join(", "));
        }
        text += &format!("  writes: {}\n", outline.written.join(", "));
        for checkpoint in &outline.checkpoints {
            text += &format!("  then {}: {}\n", checkpoint.id, checkpoint.what);
        }
        for why in &outline.blocked {
            text += &format!("  BLOCKED: {why}\n");
        }
    }
    output::print(&text)?;
    output::note("dry run: nothing was written");
    Ok(code)
}

/// Prints how far rotations are. One that waits for something is a finding.
pub(super) fn print_status(statuses: &[Status], format: Format) -> Result<u8, Failure> {
    let waits = |status: &Status| status.phase.is_some() && !status.done;
    let code = if statuses.iter().any(waits) {
        exit::FINDINGS
    } else {
        exit::DONE
    };
    if structured(statuses, format)?.is_some() {
        return Ok(code);
    }
    let rows = statuses.iter().map(|status| {
        let name = |phase: Option<Phase>| phase.map_or_else(|| "-".to_owned(), |p| p.to_string());
        vec![
            status.name.clone(),
            name(status.phase),
            name(status.next),
            status.open.len().to_string(),
            status
                .journal
                .as_ref()
                .map(|journal| table::date(journal.changed))
                .unwrap_or_default(),
            match (status.phase, status.done) {
                (None, _) => "none begun",
                (Some(_), true) => "done",
                (Some(_), false) if status.blocked.is_empty() && status.open.is_empty() => "ready",
                (Some(_), false) => "waits",
            }
            .to_owned(),
        ]
    });
    let header = ["NAME", "PHASE", "NEXT", "OPEN", "CHANGED", "STATUS"];
    let mut text = table::draw(&header, rows, format);
    for status in statuses.iter().filter(|status| waits(status)) {
        for why in &status.blocked {
            text += &format!("{}: next is blocked: {why}\n", status.name);
        }
        text += &checkpoints(&status.open);
    }
    output::print(&text)?;
    Ok(code)
}

fn checkpoints(open: &[Checkpoint]) -> String {
    let mut text = String::new();
    if !open.is_empty() {
        text += "to be done in this order, then confirmed, before the next step:\n";
    }
    for one in open {
        text += &format!("  {}: {}\n", one.id, one.what);
    }
    text
}

/// Prints JSON and YAML, where asked for.
fn structured(value: &(impl Serialize + ?Sized), format: Format) -> Result<Option<u8>, Failure> {
    match format {
        Format::Json => output::print(&output::json(&value)?)?,
        Format::Yaml => output::print(&output::yaml(&value)?)?,
        Format::Table | Format::Text => return Ok(None),
    }
    Ok(Some(exit::DONE))
}

//! How this program enters the boundary: one place, so that every command does it alike.

use std::time::Duration;

use fips_boundary::core::{Boundary, Evidence, Refusal, Requirements};

use crate::exit::Failure;

/// fipsctl handles private keys and nothing else runs in its process: no core dumps.
const REQUIREMENTS: Requirements = Requirements::strict().non_dumpable();

/// Opens the gate, or answers with the refusal.
pub(crate) fn enter() -> Result<Boundary, Refusal> {
    enter_with(REQUIREMENTS)
}

/// As [`enter`]; the module then tests itself at `interval`.
pub(crate) fn enter_testing_every(interval: Duration) -> Result<Boundary, Failure> {
    let requirements = REQUIREMENTS
        .self_test_every(interval)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(enter_with(requirements)?)
}

#[cfg(not(feature = "evaluation"))]
fn enter_with(requirements: Requirements) -> Result<Boundary, Refusal> {
    Boundary::enter_with(requirements)
}

/// Opens the gate for evaluation and says what was waived, each time.
#[cfg(feature = "evaluation")]
fn enter_with(requirements: Requirements) -> Result<Boundary, Refusal> {
    let boundary = Boundary::enter_for_evaluation(requirements)?;
    let waived = &boundary.status().statement().waived;
    let waived = if waived.is_empty() {
        "nothing had to be waived".to_owned()
    } else {
        format!("waived: {}", waived.join(", "))
    };
    crate::output::note(&format!("EVALUATION BUILD, not for production; {waived}"));
    Ok(boundary)
}

/// What an entry would find, without one.
pub(crate) fn examine() -> Evidence {
    #[cfg(not(feature = "evaluation"))]
    let evidence = Boundary::examine(REQUIREMENTS);
    #[cfg(feature = "evaluation")]
    let evidence = Boundary::examine_for_evaluation(REQUIREMENTS);
    evidence
}

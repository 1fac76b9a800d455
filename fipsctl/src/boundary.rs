//! How this program enters the boundary: one place, so that every command does it alike.

use fips_boundary::core::{Boundary, Evidence, Refusal, Requirements};

/// fipsctl handles private keys and nothing else runs in its process: no core dumps.
const REQUIREMENTS: Requirements = Requirements::strict().non_dumpable();

/// Opens the gate, or answers with the refusal.
#[cfg(not(feature = "evaluation"))]
pub(crate) fn enter() -> Result<Boundary, Refusal> {
    Boundary::enter_with(REQUIREMENTS)
}

/// Opens the gate for evaluation and says what was waived, each time.
#[cfg(feature = "evaluation")]
pub(crate) fn enter() -> Result<Boundary, Refusal> {
    let boundary = Boundary::enter_for_evaluation(REQUIREMENTS)?;
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

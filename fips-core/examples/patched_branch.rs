//! Opens the gate with a later release of the module's branch accepted, and prints the evidence.
//!
//! With the pins as they are, nothing has to be waived. docs/patched-branch.md says how to move
//! them; `make patched-branch` builds that copy and runs this program under a FIPS kernel.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use fips_core::{Boundary, Requirements};

fn main() -> ExitCode {
    // A line of the program's source, seen in review: no file, flag or variable reaches it.
    match Boundary::enter_with(Requirements::strict().accept_patched_branch()) {
        Ok(boundary) => {
            print!("{}", boundary.evidence());
            for waiver in boundary.status().waivers() {
                println!("waiver: {} by {}", waiver.check, waiver.by);
            }
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            eprintln!("{refusal}");
            ExitCode::from(3)
        }
    }
}

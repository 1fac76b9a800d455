//! `fipsctl self-test`.

use fips_boundary::core::{Diagnostic, SelfTestRun};

use crate::cli::{Format, SelfTestArgs};
use crate::exit::{self, Failure};
use crate::{output, table};

pub(crate) fn run(args: SelfTestArgs) -> Result<u8, Failure> {
    let run = Diagnostic::new()?.self_test()?;
    match args.output {
        Format::Json => output::print(&output::json(&run)?)?,
        Format::Yaml => output::print(&output::yaml(&run)?)?,
        Format::Table | Format::Text => output::print(&text(&run, args.output))?,
    }
    Ok(exit::DONE)
}

fn text(run: &SelfTestRun, format: Format) -> String {
    let rows = run.tests.iter().map(|result| {
        let outcome = if result.passed { "pass" } else { "FAIL" };
        vec![
            outcome.to_owned(),
            result.test.to_string(),
            format!("{} µs", result.micros),
            result.test.covers().to_owned(),
        ]
    });
    table::draw(&["OUTCOME", "TEST", "TIME", "COVERS"], rows, format)
}

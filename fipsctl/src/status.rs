//! `fipsctl status`.

use crate::cli::{Format, StatusArgs};
use crate::exit::{self, Failure};
use crate::{boundary, output};

pub(crate) fn run(args: StatusArgs) -> Result<u8, Failure> {
    let evidence = boundary::examine();
    match args.output {
        Format::Json => output::print(&(evidence.to_json() + "\n"))?,
        Format::Yaml => output::print(&output::yaml(&evidence)?)?,
        Format::Table | Format::Text => output::print(&evidence.to_string())?,
    }
    Ok(if evidence.refused() {
        exit::REFUSED
    } else {
        exit::DONE
    })
}

//! `fipsctl seal`, `fipsctl open` and `fipsctl bootstrap`, and what they share.

mod bootstrap;
mod open;
mod pipe;
mod seal;
mod secret;

use clap::Args;
use fips_boundary::certs::sealing::{Binding, Header, SealedUnder};
use serde::Serialize;

use crate::cli::Format;
use crate::exit::Failure;
use crate::output;

pub(crate) use bootstrap::{BootstrapCommand, run as bootstrap};
pub(crate) use open::{OpenArgs, run as open};
pub(crate) use seal::{SealArgs, run as seal};
pub(crate) use secret::{IterationArgs, SecretArgs};

/// What a stream is for, and whose.
#[derive(Debug, Args)]
struct BindingArgs {
    /// What it is; opens as that alone.
    #[arg(long, default_value = "file")]
    purpose: String,
    /// Identity of the cluster it belongs to; opens for that cluster alone [default: none].
    #[arg(long, value_name = "ID")]
    cluster: Option<String>,
}

impl BindingArgs {
    fn binding(&self) -> Result<Binding, Failure> {
        let binding = Binding::new(&*self.purpose).and_then(|binding| match &self.cluster {
            Some(cluster) => binding.with_cluster(&**cluster),
            None => Ok(binding),
        });
        binding.map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// What was done, or what a header says.
#[derive(Default, Serialize)]
struct Described {
    purpose: String,
    cluster: Option<String>,
    key: String,
    evaluation: Option<bool>,
    bytes: Option<u64>,
    sealed_bytes: Option<u64>,
    file: Option<String>,
    /// What the service indicator said of the module's calls.
    calls: Option<String>,
}

impl Described {
    fn of_binding(binding: &Binding, key: String) -> Self {
        Self {
            purpose: binding.purpose().to_owned(),
            cluster: binding.cluster().map(str::to_owned),
            key,
            ..Self::default()
        }
    }

    fn of_header(header: &Header) -> Self {
        let key = match header.sealed_under() {
            SealedUnder::FileKey => "key file".to_owned(),
            SealedUnder::Passphrase { iterations } => {
                format!("passphrase, {iterations} iterations")
            }
            _ => "unknown".to_owned(),
        };
        Self {
            evaluation: Some(header.is_evaluation()),
            ..Self::of_binding(header.binding(), key)
        }
    }

    fn print(&self, what: &str, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json => return output::print(&output::json(self)?),
            Format::Yaml => return output::print(&output::yaml(self)?),
            Format::Table | Format::Text => {}
        }
        let mut text = format!("{what}: {}", self.purpose);
        if let Some(cluster) = &self.cluster {
            text += &format!(", cluster {cluster}");
        }
        text += &format!("; key: {}", self.key);
        if self.evaluation == Some(true) {
            text += "; made under EVALUATION";
        }
        if let (Some(bytes), Some(sealed)) = (self.bytes, self.sealed_bytes) {
            text += &format!("; {bytes} bytes, sealed {sealed}");
        }
        if let Some(file) = &self.file {
            text += &format!("; {file}");
        }
        if let Some(calls) = &self.calls {
            text += &format!("\n{calls}");
        }
        output::print(&(text + "\n"))
    }
}

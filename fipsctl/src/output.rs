//! Everything that is printed goes through here: results to stdout, the rest to stderr.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;

use crate::exit::Failure;

/// Writes a result. A reader that goes away early (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let done = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match done {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Io {
            action: "write to standard output".to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Writes a remark for the person at the terminal.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "fipsctl: {text}");
}

/// Writes why a command failed, with the causes beneath.
pub(crate) fn print_failure(failure: &Failure) {
    let mut text = format!("fipsctl: {failure}");
    let mut source = std::error::Error::source(failure);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Messages that already quote their cause do not repeat it.
        if !text.contains(&cause_text) {
            text += &format!("\n  because: {cause_text}");
        }
        source = cause.source();
    }
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Any result as JSON, indented, with a newline behind.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::Io {
            action: "render JSON".to_owned(),
            source: io::Error::other(error),
        })
}

/// Any result as YAML.
pub(crate) fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_yaml_ng::to_string(value).map_err(|error| Failure::Io {
        action: "render YAML".to_owned(),
        source: io::Error::other(error),
    })
}

/// A spinner on stderr, when that is a terminal; it disappears when dropped.
pub(crate) fn spinner(message: &'static str) -> impl Drop {
    struct Spinner(ProgressBar);
    impl Drop for Spinner {
        fn drop(&mut self) {
            self.0.finish_and_clear();
        }
    }
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::default_spinner());
    bar.set_message(message);
    bar.enable_steady_tick(Duration::from_millis(120));
    Spinner(bar)
}

/// Events of the libraries: warnings by default, more with each `-v`.
pub(crate) fn init_tracing(verbose: u8) {
    let level = match verbose {
        // The gate's refusal is printed in full by the command itself.
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
}

//! Everything that is printed goes through here: results to stdout, the rest to stderr.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;

use crate::exit::Failure;

/// Writes a result. A reader that goes away early (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    put(text).map(|_| ())
}

/// As [`print()`], and says whether there is still a reader.
pub(crate) fn put(text: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    let done = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(Failure::Io {
            action: "write to standard output".to_owned(),
            source,
        }),
    }
}

/// Standard output that drops what nobody reads, as [`print()`] does.
struct Unbroken(io::StdoutLock<'static>);

impl Write for Unbroken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            done => done,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}

/// Bytes of a document that are written at once.
const BUFFERED: usize = 64 << 10;

/// Writes a result as [`json`] has it. A long one is never whole in memory as text.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut output = BufWriter::with_capacity(BUFFERED, Unbroken(io::stdout().lock()));
    serde_json::to_writer_pretty(&mut output, value)
        .map_err(io::Error::from)
        .and_then(|()| output.write_all(b"\n"))
        .and_then(|()| output.flush())
        .map_err(|source| Failure::Io {
            action: "print JSON".to_owned(),
            source,
        })
}

/// Writes a result as [`yaml`] has it, likewise.
pub(crate) fn print_yaml(value: &impl Serialize) -> Result<(), Failure> {
    let mut output = BufWriter::with_capacity(BUFFERED, Unbroken(io::stdout().lock()));
    serde_yaml_ng::to_writer(&mut output, value)
        .map_err(io::Error::other)
        .and_then(|()| output.flush())
        .map_err(|source| Failure::Io {
            action: "print YAML".to_owned(),
            source,
        })
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

//! Where data comes from and goes to: files or the standard streams.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::Args;
use fips_boundary::certs::sealing::{Leftover, NewFile};
use indicatif::{ProgressBar, ProgressStyle};
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// The file to read [default: standard input, as is `-`].
    input: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Write to this file, which appears only once it is whole [default: standard output].
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "output_file")]
    force: bool,
}

impl InputArgs {
    fn path(&self) -> Option<&Path> {
        self.input.as_deref().filter(|path| *path != Path::new("-"))
    }

    pub(super) fn is_stdin(&self) -> bool {
        self.path().is_none()
    }

    /// The data, and how much there is when that is known.
    pub(super) fn open(&self) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
        let Some(path) = self.path() else {
            let stdin = io::stdin().as_fd().try_clone_to_owned();
            let stdin = stdin.map_err(|source| stream("use standard input", source))?;
            return Ok((Box::new(File::from(stdin)), None));
        };
        let failed = |action, source| Failure::File {
            action,
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(|source| failed("open", source))?;
        let metadata = file.metadata().map_err(|source| failed("stat", source))?;
        let length = metadata.is_file().then_some(metadata.len());
        Ok((Box::new(file), length))
    }

    /// All of it, when it is at most `most` bytes.
    pub(super) fn read(&self, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let (input, length) = self.open()?;
        let expected = length.and_then(|length| usize::try_from(length).ok());
        let mut bytes = Zeroizing::new(Vec::with_capacity(expected.unwrap_or(most).min(most) + 1));
        input
            .take(most as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| stream("read the input", source))?;
        if bytes.len() > most {
            return Err(stream(
                "read the input",
                io::Error::other(format!(
                    "it has more than {most} bytes, the most taken here"
                )),
            ));
        }
        Ok(bytes)
    }
}

impl OutputArgs {
    /// The file, for messages.
    pub(super) fn name(&self) -> Option<String> {
        let path = self.output_file.as_deref()?;
        Some(path.display().to_string())
    }

    /// Refuses to print what is no text on a terminal.
    pub(super) fn check_terminal(&self) -> Result<(), Failure> {
        if self.output_file.is_none() && io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "sealed data is no text for a terminal: name a file with --output-file, or redirect"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    pub(super) fn open(&self, leftover: Leftover) -> Result<Output, Failure> {
        match &self.output_file {
            Some(path) => {
                let file = NewFile::create(path, self.force, leftover)?;
                if file.swept() > 0 {
                    output::note(&format!(
                        "{} hidden files beside {} were of runs that were killed, and were removed",
                        file.swept(),
                        path.display()
                    ));
                }
                Ok(Output::File(file, path.clone()))
            }
            None => {
                // Not the buffered handle, which looks for lines.
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                let stdout = stdout.map_err(|source| stream("use standard output", source))?;
                Ok(Output::Stdout(File::from(stdout)))
            }
        }
    }
}

/// A file to be, or standard output.
pub(super) enum Output {
    File(NewFile, PathBuf),
    Stdout(File),
}

impl Output {
    /// Shows the file.
    pub(super) fn commit(self) -> Result<(), Failure> {
        match self {
            Self::File(file, _) => Ok(file.commit()?),
            Self::Stdout(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Whoever writes to it knows no name.
            Self::File(file, path) => file.write(bytes).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            }),
            Self::Stdout(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.flush(),
            Self::Stdout(file) => file.flush(),
        }
    }
}

/// A bar of bytes on stderr, when that is a terminal.
pub(super) fn progress(length: Option<u64>, message: &'static str) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{msg} {spinner} {bytes} {bytes_per_sec}",
        ),
    };
    // The templates are constants; one that did not parse would cost the looks alone.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(message);
    bar
}

pub(super) fn stream(action: &str, source: io::Error) -> Failure {
    Failure::Io {
        action: action.to_owned(),
        source,
    }
}

//! kubectl, of the same source as the components.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::Outcome;

/// What it says of a kind of which its list of the server's kinds knows nothing. The list is shared by
/// all that run here, and one may have asked for it in the moment of a restart.
const UNDISCOVERED: &str = "the server doesn't have a resource type";
/// How often it is asked again then, a second later each time.
const TRIES: usize = 20;

#[derive(Clone)]
pub(crate) struct Kubectl {
    program: PathBuf,
    home: PathBuf,
}

/// What kubectl said.
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, home: PathBuf) -> Self {
        Self { program, home }
    }

    /// Runs it once.
    pub(crate) fn run(&self, kubeconfig: &Path, arguments: &[&str]) -> Outcome<Answer> {
        self.command(Some(kubeconfig), arguments)
    }

    /// Runs it without a kubeconfig.
    pub(crate) fn run_bare(&self, arguments: &[&str]) -> Outcome<Answer> {
        self.command(None, arguments)
    }

    /// Runs it; its stdout.
    pub(crate) fn get(&self, kubeconfig: &Path, arguments: &[&str]) -> Outcome<String> {
        let mut answer = self.run(kubeconfig, arguments)?;
        for _ in 0..TRIES {
            if answer.success || !answer.stderr.contains(UNDISCOVERED) {
                break;
            }
            sleep(Duration::from_secs(1));
            answer = self.run(kubeconfig, arguments)?;
        }
        if answer.success {
            Ok(answer.stdout)
        } else {
            Err(format!(
                "kubectl --kubeconfig {} {}: {}{}",
                kubeconfig.display(),
                arguments.join(" "),
                answer.stdout,
                answer.stderr
            ))
        }
    }

    fn command(&self, kubeconfig: Option<&Path>, arguments: &[&str]) -> Outcome<Answer> {
        let mut command = Command::new(&self.program);
        command
            // Its cache of what the server has lies there.
            .env("HOME", &self.home)
            .env_remove("KUBECONFIG")
            .arg("--request-timeout=10s")
            .stdin(Stdio::null());
        match kubeconfig {
            Some(file) => command.arg("--kubeconfig").arg(file),
            None => command.arg("--kubeconfig=/dev/null"),
        };
        let output = command
            .args(arguments)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer {
            success: output.status.success(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }
}

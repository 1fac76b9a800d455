//! The components: started, asked, restarted, ended with the program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long a component may take to end when it is asked to. The API server waits for watches
/// far longer; a kubelet kills it after its grace period, of half a minute.
const GRACE: Duration = Duration::from_secs(5);

/// One component.
pub(crate) struct Component {
    name: &'static str,
    program: PathBuf,
    flags: Vec<String>,
    log: PathBuf,
    process: Option<Child>,
}

impl Component {
    pub(crate) fn new(
        name: &'static str,
        program: PathBuf,
        flags: Vec<String>,
        logs: &Path,
    ) -> Self {
        Self {
            name,
            program,
            flags,
            log: logs.join(format!("{name}.log")),
            process: None,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Gives a flag another value from the next start on.
    pub(crate) fn set_flag(&mut self, name: &str, value: &str) {
        let start = format!("--{name}=");
        for flag in &mut self.flags {
            if flag.starts_with(&start) {
                *flag = format!("{start}{value}");
            }
        }
    }

    pub(crate) fn start(&mut self) -> Outcome {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(|error| format!("cannot open {}: {error}", self.log.display()))?;
        let copy = log
            .try_clone()
            .map_err(|error| format!("cannot use {}: {error}", self.log.display()))?;
        // setpriv ends it with this program even when this program is killed.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.program)
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(copy)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {} by setpriv: {error}", self.name))?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it as its supervisor would: by SIGTERM, then by SIGKILL.
    pub(crate) fn stop(&mut self) -> Outcome {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        if let Some(id) = rustix::process::Pid::from_raw(process.id().cast_signed()) {
            // One that has ended already is ended.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let began = Instant::now();
        while began.elapsed() < GRACE {
            match process.try_wait() {
                Ok(None) => sleep(Duration::from_millis(50)),
                Ok(Some(_)) => return Ok(()),
                Err(error) => return Err(format!("{} cannot be ended: {error}", self.name)),
            }
        }
        let ended = process.kill().and_then(|()| process.wait());
        ended
            .map(drop)
            .map_err(|error| format!("{} cannot be killed: {error}", self.name))
    }

    /// An error once it has ended by itself.
    pub(crate) fn alive(&mut self) -> Outcome {
        let Some(process) = &mut self.process else {
            return Err(format!("{} is not running", self.name));
        };
        match process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!(
                "{} ended with {status}: {}",
                self.name,
                self.tail()
            )),
            Err(error) => Err(format!("{} cannot be waited for: {error}", self.name)),
        }
    }

    fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

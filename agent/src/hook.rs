//! Telling services of a renewal: a command without a shell, or a signal.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::config::{HookAction, HookConfig};

/// The most of a command's output that is kept for an error, in bytes.
const MOST_OUTPUT: u64 = 4096;

impl HookConfig {
    /// The leaves it is told of, by serial number.
    pub(crate) fn concerned(
        &self,
        serials: &BTreeMap<String, String>,
        services: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let all = self.entries.is_empty() && self.services.is_empty();
        serials
            .iter()
            .filter(|(name, _)| {
                let service = services.get(*name);
                all || self.entries.contains(name)
                    || service.is_some_and(|service| self.services.contains(service))
            })
            .map(|(name, serial)| (name.clone(), serial.clone()))
            .collect()
    }

    /// What it names and the PKI does not have.
    pub(crate) fn unknown(&self, services: &BTreeMap<String, String>) -> Option<&str> {
        let entry = self
            .entries
            .iter()
            .find(|name| !services.contains_key(*name));
        let known = |service: &&String| !services.values().any(|known| known == *service);
        entry
            .or_else(|| self.services.iter().find(known))
            .map(String::as_str)
    }

    /// Tells of `entries`.
    ///
    /// # Errors
    ///
    /// Why it could not, in words.
    pub(crate) async fn run(&self, entries: &[String]) -> Result<(), String> {
        match &self.action {
            HookAction::Command(command) => self.command(command, entries).await,
            HookAction::Signal { signal, pid_file } => send(signal, pid_file),
        }
    }

    async fn command(&self, command: &[String], entries: &[String]) -> Result<(), String> {
        let [program, arguments @ ..] = command else {
            return Err("the command is empty".into());
        };
        let mut child = Command::new(program)
            .args(arguments)
            .env("FIPS_AGENT_ENTRIES", entries.join("\n"))
            .env("FIPS_AGENT_HOOK", &self.name)
            // The service manager hears from the agent alone.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let errors = child.stderr.take();
        let (status, told) = tokio::time::timeout(self.timeout, async {
            tokio::join!(child.wait(), first_of(errors))
        })
        .await
        .map_err(|_| {
            format!(
                "{program} took longer than {:?} and was ended",
                self.timeout
            )
        })?;
        let status = status.map_err(|error| format!("cannot wait for {program}: {error}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{program} ended with {status}: {}", told.trim()))
    }
}

/// The beginning of what a command complains; the rest is read and dropped, so that it does not
/// block.
async fn first_of(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else {
        return String::new();
    };
    let mut first = Vec::new();
    let _ = (&mut from).take(MOST_OUTPUT).read_to_end(&mut first).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    let text = String::from_utf8_lossy(&first);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Through a descriptor of the process: the number alone could be another's by then.
fn send(signal: &str, pid_file: &Path) -> Result<(), String> {
    let place = pid_file.display();
    let text = std::fs::read_to_string(pid_file).map_err(|error| format!("{place}: {error}"))?;
    let number = text.trim().parse::<i32>().ok().filter(|id| *id > 1);
    let pid = number
        .and_then(Pid::from_raw)
        .ok_or_else(|| format!("{place} does not hold the number of a process"))?;
    let signal = match signal {
        "HUP" => Signal::HUP,
        "TERM" => Signal::TERM,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        other => return Err(format!("signal {other} is not known")),
    };
    pidfd_open(pid, PidfdFlags::empty())
        .and_then(|process| pidfd_send_signal(process, signal))
        .map_err(|errno| {
            format!(
                "cannot signal process {text} of {place}: {errno}",
                text = text.trim()
            )
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hook(action: HookAction) -> HookConfig {
        HookConfig {
            name: "test".into(),
            entries: Vec::new(),
            services: Vec::new(),
            action,
            timeout: Duration::from_millis(500),
        }
    }

    fn command(words: &[&str]) -> HookConfig {
        hook(HookAction::Command(
            words.iter().map(ToString::to_string).collect(),
        ))
    }

    #[tokio::test]
    async fn a_command_gets_its_words_as_they_are_and_what_was_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out").display().to_string();
        let script =
            "printf '%s|%s|%s' \"$0\" \"$FIPS_AGENT_HOOK\" \"$FIPS_AGENT_ENTRIES\" > \"$1\"";
        let odd = "a b; $(touch x) `id`";
        command(&["/bin/sh", "-c", script, odd, &out])
            .run(&["etcd/client".into(), "etcd/server".into()])
            .await
            .unwrap();
        let found = std::fs::read_to_string(&out).unwrap();
        assert_eq!(found, format!("{odd}|test|etcd/client\netcd/server"));
    }

    #[tokio::test]
    async fn what_fails_says_why() {
        for (hook, words) in [
            (command(&["/nowhere/at/all"]), &["cannot start"][..]),
            (
                command(&["/bin/sh", "-c", "echo broken >&2; exit 7"]),
                &["broken", "7"],
            ),
            (
                command(&["/bin/sh", "-c", "exec sleep 60"]),
                &["longer than"],
            ),
        ] {
            let told = hook.run(&[]).await.unwrap_err();
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
        // A command that talks without end is still only as long as its time.
        let told = command(&["/bin/sh", "-c", "yes >&2"])
            .run(&[])
            .await
            .unwrap_err();
        assert!(told.len() < 6000, "{}", told.len());
    }

    #[tokio::test]
    async fn a_signal_reaches_the_process_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
        std::fs::write(&pid_file, format!("{}\n", child.id().unwrap())).unwrap();
        let signal = |signal| {
            hook(HookAction::Signal {
                signal,
                pid_file: pid_file.clone(),
            })
        };
        // HUP may be ignored, by whoever started this.
        signal("USR1").run(&[]).await.unwrap();
        assert!(!child.wait().await.unwrap().success());
        for text in ["", "0", "1", "-5", "seven"] {
            std::fs::write(&pid_file, text).unwrap();
            let told = signal("HUP").run(&[]).await.unwrap_err();
            assert!(told.contains("number"), "{text}: {told}");
        }
    }
}

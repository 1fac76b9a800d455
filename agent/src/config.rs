//! What to keep, and how: a TOML file. Whatever it does not know is an error.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fips_certs::SecretSource;
use fips_certs::key::KeySecrets;
use fips_certs::pki::RenewalPolicy;
use fips_certs::sealing::{Passphrase, Secret};
use serde::{Deserialize, Deserializer};

use crate::error::Error;

/// The whole configuration.
///
/// ```
/// use fips_agent::Config;
///
/// let config = Config::from_toml(r#"
/// dir = "/var/lib/rancher/rke2/server"
/// check_every = "1h"
///
/// [renewal]
/// remaining = "90d"
/// jitter = 0.1
///
/// [[hook]]
/// name = "etcd"
/// services = ["etcd"]
/// command = ["/usr/bin/systemctl", "reload", "etcd"]
/// "#)?;
/// assert_eq!(config.hooks[0].name, "etcd");
/// assert!(Config::from_toml("dir = '/x'\nchek_every = '1h'").is_err());
/// # Ok::<(), fips_agent::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The folder of the PKI.
    pub dir: PathBuf,
    /// The longest time between two looks; an hour.
    #[serde(default = "hour", deserialize_with = "duration")]
    pub check_every: Duration,
    /// How often the module tests itself again; at the start alone where it is left out.
    #[serde(default, deserialize_with = "some_duration")]
    pub self_test_every: Option<Duration>,
    /// When a certificate is renewed.
    #[serde(default)]
    pub renewal: Renewal,
    /// What is done after a failure.
    #[serde(default)]
    pub retry: Retry,
    /// What is done when the clock jumps.
    #[serde(default)]
    pub clock: ClockRules,
    /// What unlocks authorities' keys that are sealed or on a token.
    #[serde(default)]
    pub keys: Keys,
    /// What is told of a renewal.
    #[serde(default, rename = "hook")]
    pub hooks: Vec<HookConfig>,
    /// Where health and metrics are served; nowhere when left out.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
}

/// When a certificate is renewed; see [`RenewalPolicy`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Renewal {
    /// Due when less than this is left; with a fraction, the smaller level decides. 90 days and
    /// a third where both are left out.
    #[serde(default, deserialize_with = "some_duration")]
    pub remaining: Option<Duration>,
    /// Due when less than this part of its life is left, 0 to 1.
    #[serde(default)]
    pub fraction: Option<f64>,
    /// By how much at most each leaf's level is raised, 0 to 1; 0.1.
    #[serde(default = "tenth")]
    pub jitter: f64,
    /// Whether to keep the keys.
    #[serde(default)]
    pub keep_keys: bool,
}

impl Default for Renewal {
    fn default() -> Self {
        Self {
            remaining: None,
            fraction: None,
            jitter: tenth(),
            keep_keys: false,
        }
    }
}

impl Renewal {
    /// As the engine takes it.
    pub fn policy(&self) -> RenewalPolicy {
        let mut policy = RenewalPolicy::default();
        if self.remaining.is_some() || self.fraction.is_some() {
            policy.remaining = self.remaining;
            policy.fraction = self.fraction;
        }
        policy.jitter = self.jitter;
        policy.keep_keys = self.keep_keys;
        policy
    }
}

/// What is done after a failure: again, each time after a longer wait.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Retry {
    /// The wait after the first failure; 10 seconds.
    #[serde(default = "ten_seconds", deserialize_with = "duration")]
    pub first: Duration,
    /// The longest wait; 15 minutes.
    #[serde(default = "quarter", deserialize_with = "duration")]
    pub most: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: ten_seconds(),
            most: quarter(),
        }
    }
}

/// What is done when the clock jumps.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClockRules {
    /// How long the clock must run steadily after a jump, or while certificates begin in the
    /// future, before anything is renewed; 5 minutes.
    #[serde(default = "five_minutes", deserialize_with = "duration")]
    pub settle: Duration,
}

impl Default for ClockRules {
    fn default() -> Self {
        Self {
            settle: five_minutes(),
        }
    }
}

/// What unlocks authorities' keys: systemd credentials of the service (`LoadCredential=`), by their
/// names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Keys {
    /// The passphrase of sealed keys; read once, at the start.
    #[serde(default)]
    pub passphrase_credential: Option<String>,
    /// The PIN of tokens whose URI has no `pin-source`; read when a token asks for it.
    #[serde(default)]
    pub pin_credential: Option<String>,
}

impl Keys {
    /// Reads what is to be read at the start.
    ///
    /// # Errors
    ///
    /// [`Error::Certs`] for a credential that cannot be read, or is no passphrase.
    pub fn unlock(&self) -> Result<KeySecrets, Error> {
        let mut secrets = KeySecrets::default();
        if let Some(name) = &self.passphrase_credential {
            let passphrase = SecretSource::Credential(name.clone()).read()?;
            secrets = secrets.with_secret(Secret::from(Passphrase::new(passphrase)?));
        }
        if let Some(name) = &self.pin_credential {
            secrets = secrets.with_pin(SecretSource::Credential(name.clone()));
        }
        Ok(secrets)
    }
}

/// Who is told of a renewal, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "HookFile")]
#[non_exhaustive]
pub struct HookConfig {
    /// Its name in events and metrics.
    pub name: String,
    /// The entries it is told of, by their names in the catalogue.
    pub entries: Vec<String>,
    /// The components it is told of; every leaf when both are empty.
    pub services: Vec<String>,
    /// How it is told.
    pub action: HookAction,
    /// How long a command may take; 30 seconds.
    pub timeout: Duration,
}

/// How somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookAction {
    /// A program and its arguments, run without a shell. It finds the hook's name in
    /// `FIPS_AGENT_HOOK` and the renewed entries, one per line, in `FIPS_AGENT_ENTRIES`.
    Command(Vec<String>),
    /// A signal to the process whose number the file holds.
    Signal {
        /// Which: `HUP`, `USR1`, `USR2` or `TERM`.
        signal: &'static str,
        /// The file.
        pid_file: PathBuf,
    },
}

/// The signals a hook can send.
pub(crate) const SIGNALS: [&str; 4] = ["HUP", "TERM", "USR1", "USR2"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookFile {
    name: String,
    #[serde(default)]
    entries: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    command: Option<Vec<String>>,
    #[serde(default)]
    signal: Option<String>,
    #[serde(default)]
    pid_file: Option<PathBuf>,
    #[serde(default = "half_minute", deserialize_with = "duration")]
    timeout: Duration,
}

impl TryFrom<HookFile> for HookConfig {
    type Error = String;

    fn try_from(file: HookFile) -> Result<Self, String> {
        let name = file.name;
        let action = match (file.command, file.signal, file.pid_file) {
            (Some(command), None, None) => {
                if !command
                    .first()
                    .is_some_and(|program| program.starts_with('/'))
                {
                    return Err(format!(
                        "hook {name:?}: `command` begins with the absolute path of a program; no \
                         shell runs it"
                    ));
                }
                HookAction::Command(command)
            }
            (None, Some(signal), Some(pid_file)) => HookAction::Signal {
                signal: SIGNALS
                    .into_iter()
                    .find(|known| *known == signal.trim_start_matches("SIG"))
                    .ok_or_else(|| {
                        format!("hook {name:?}: signal {signal:?} is none of {SIGNALS:?}")
                    })?,
                pid_file,
            },
            _ => {
                return Err(format!(
                    "hook {name:?} wants either `command`, or `signal` and `pid_file`"
                ));
            }
        };
        if name.is_empty() || name.contains(char::is_control) {
            return Err(format!("{name:?} cannot be a hook's name"));
        }
        Ok(Self {
            name,
            entries: file.entries,
            services: file.services,
            action,
            timeout: file.timeout,
        })
    }
}

/// Where health and metrics are served: HTTPS, with client certificates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Endpoint {
    /// Address and port.
    pub listen: SocketAddr,
    /// The server's certificate and its chain (PEM), below `dir` unless absolute.
    pub certificate: PathBuf,
    /// Its key, likewise.
    pub key: PathBuf,
    /// The authorities clients are judged by, likewise.
    pub client_ca: PathBuf,
    /// The common names of the clients that are answered; every client of those authorities
    /// when empty.
    #[serde(default)]
    pub clients: Vec<String>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Config`] with the line.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            action: format!("read {}", path.display()),
            source,
        })?;
        Self::from_toml(&text).map_err(|error| match error {
            Error::Config { why, .. } => Error::Config {
                place: path.display().to_string(),
                why,
            },
            other => other,
        })
    }

    /// Reads the text of one.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for what is unknown, missing or senseless, with its line.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let wrong = |why: String| Error::Config {
            place: "the configuration".into(),
            why,
        };
        let config: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        config.judge().map_err(wrong)?;
        Ok(config)
    }

    /// How long no look may end before the agent counts as hung: two may be missed, and one may
    /// take its time.
    pub(crate) fn patience(&self) -> Duration {
        self.check_every * 2 + self.retry.most + Duration::from_secs(60)
    }

    fn judge(&self) -> Result<(), String> {
        if !self.dir.is_absolute() {
            return Err("`dir` is no absolute path; an agent has no folder of its own".into());
        }
        for (name, value) in [
            ("check_every", self.check_every),
            ("retry.first", self.retry.first),
            ("retry.most", self.retry.most),
        ] {
            if value < Duration::from_secs(1) {
                return Err(format!("`{name}` is shorter than a second"));
            }
        }
        if self.retry.most < self.retry.first {
            return Err("`retry.most` is shorter than `retry.first`".into());
        }
        for (name, part) in [
            ("renewal.fraction", self.renewal.fraction),
            ("renewal.jitter", Some(self.renewal.jitter)),
        ] {
            if part.is_some_and(|part| !(0.0..=1.0).contains(&part)) {
                return Err(format!("`{name}` is not between 0 and 1"));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = self.hooks.iter().find(|hook| !seen.insert(&hook.name)) {
            return Err(format!("two hooks are called {:?}", twice.name));
        }
        Ok(())
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!(
            "{text:?} is no time such as 30s, 1h or 90d: {error}"
        ))
    })
}

fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

const fn hour() -> Duration {
    Duration::from_secs(3600)
}

const fn quarter() -> Duration {
    Duration::from_secs(900)
}

const fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

const fn half_minute() -> Duration {
    Duration::from_secs(30)
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn tenth() -> f64 {
    0.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_senseless_is_refused_with_its_name() {
        for (text, word) in [
            ("", "dir"),
            ("dir = 'relative'", "absolute"),
            ("dir = '/x'\ncheck_every = '1 fortnight'", "fortnight"),
            ("dir = '/x'\ncheck_every = '10ms'", "check_every"),
            ("dir = '/x'\nunknown = 1", "unknown"),
            ("dir = '/x'\n[renewal]\nfraction = 1.5", "fraction"),
            ("dir = '/x'\n[renewal]\njitter = -0.1", "jitter"),
            ("dir = '/x'\n[renewal]\nwithin = '1d'", "within"),
            (
                "dir = '/x'\n[retry]\nfirst = '1h'\nmost = '1m'",
                "retry.most",
            ),
            ("dir = '/x'\n[[hook]]\nname = 'a'", "either"),
            ("dir = '/x'\n[[hook]]\nname = 'a'\ncommand = []", "absolute"),
            (
                "dir = '/x'\n[[hook]]\nname = 'a'\ncommand = ['sh']",
                "absolute",
            ),
            (
                "dir = '/x'\n[[hook]]\nname = 'a'\nsignal = 'KILL'\npid_file = '/p'",
                "KILL",
            ),
            (
                "dir = '/x'\n[[hook]]\nname = 'a'\nsignal = 'HUP'",
                "pid_file",
            ),
            (
                "dir = '/x'\n[[hook]]\nname = 'a'\ncommand = ['/a']\n[[hook]]\nname = 'a'\ncommand = ['/a']",
                "two hooks",
            ),
            (
                "dir = '/x'\n[endpoint]\nlisten = '127.0.0.1:1'",
                "certificate",
            ),
        ] {
            let told = Config::from_toml(text).unwrap_err().to_string();
            assert!(told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn one_level_alone_decides_alone() {
        let policy = |text: &str| Config::from_toml(text).unwrap().renewal.policy();
        let both = policy("dir = '/x'");
        assert!(both.remaining.is_some() && both.fraction.is_some());
        let one = policy("dir = '/x'\n[renewal]\nremaining = '90d'");
        assert!(one.remaining.is_some() && one.fraction.is_none());
    }
}

//! One run: its folder, its tree, its components, and what it tells.

use std::cell::Cell;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Outcome;
use crate::kubectl::Kubectl;
use crate::layout::Layout;
use crate::plane::Component;

/// The node's name.
pub(crate) const NODE: &str = "node-1";

/// How long a component may take to be ready on a slow machine.
const READY: Duration = Duration::from_secs(120);

pub(crate) struct Run {
    pub(crate) layout: Layout,
    pub(crate) folder: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) ports: Ports,
    fipsctl: PathBuf,
    pub(crate) kube_client: PathBuf,
    programs: PathBuf,
    // Before the folder they write to, so that they end first.
    components: Vec<Component>,
    guard: Option<TempDir>,
    began: Instant,
    given: Cell<u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) api: u16,
    pub(crate) etcd: u16,
    peer: u16,
    pub(crate) manager: u16,
    pub(crate) scheduler: u16,
}

impl Run {
    pub(crate) fn new(
        layout: Layout,
        fipsctl: &Path,
        kube_client: &Path,
        programs: &Path,
    ) -> Outcome<Self> {
        let guard = tempfile::Builder::new()
            .prefix("fips-k8s-")
            .tempdir()
            .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let folder = guard.path().to_owned();
        let root = folder.join(layout.root);
        for made in [&folder.join("logs"), &folder.join("home")] {
            std::fs::create_dir_all(made)
                .map_err(|error| format!("cannot make {}: {error}", made.display()))?;
        }
        Ok(Self {
            layout,
            root,
            ports: Ports::free()?,
            fipsctl: absolute(fipsctl)?,
            kube_client: absolute(kube_client)?,
            programs: absolute(programs)?,
            components: Vec::new(),
            folder,
            guard: Some(guard),
            began: Instant::now(),
            given: Cell::new(0),
        })
    }

    /// Leaves the folder.
    pub(crate) fn keep(&mut self) -> PathBuf {
        if let Some(guard) = self.guard.take() {
            let _ = guard.keep();
        }
        self.folder.clone()
    }

    pub(crate) fn begin(&self, what: &str) {
        println!("\n== {}: {what}", self.layout.name);
    }

    /// Tells one finding.
    pub(crate) fn ok(&self, what: &str) {
        println!("ok  {:6.1} s  {what}", self.began.elapsed().as_secs_f32());
    }

    /// A file of the tree.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::new(self.programs.join("kubectl"), self.folder.join("home"))
    }

    /// Runs fipsctl; its stdout.
    pub(crate) fn fipsctl(&self, arguments: &[&str]) -> Outcome<String> {
        let output = self.fipsctl_answer(arguments)?;
        if !output.status.success() {
            return Err(format!(
                "fipsctl {} ended with {}: {}{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs fipsctl, whatever it ends with.
    pub(crate) fn fipsctl_answer(&self, arguments: &[&str]) -> Outcome<Output> {
        Command::new(&self.fipsctl)
            .args(arguments)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.fipsctl.display()))
    }

    pub(crate) fn root_text(&self) -> &str {
        self.root.to_str().unwrap_or_default()
    }

    pub(crate) fn start(&mut self) -> Outcome {
        for (name, flags) in self.layout.flags {
            let program = match name {
                "etcd" => PathBuf::from("etcd"),
                _ => self.programs.join(name),
            };
            let flags = self.flags(flags);
            let logs = self.folder.join("logs");
            self.components
                .push(Component::new(name, program, flags, &logs));
            let started = Instant::now();
            self.restart(name)?;
            self.ok(&format!(
                "{name} is ready after {:.1} s",
                started.elapsed().as_secs_f32()
            ));
        }
        Ok(())
    }

    /// Flags with what stands in braces put in.
    fn flags(&self, text: &str) -> Vec<String> {
        let ports = self.ports;
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                line.replace("{root}", self.root_text())
                    .replace("{run}", &self.folder.to_string_lossy())
                    .replace("{node}", NODE)
                    .replace("{api}", &ports.api.to_string())
                    .replace("{etcd}", &ports.etcd.to_string())
                    .replace("{peer}", &ports.peer.to_string())
                    .replace("{manager}", &ports.manager.to_string())
                    .replace("{scheduler}", &ports.scheduler.to_string())
            })
            .collect()
    }

    /// Stops a component, where it runs, and starts it; comes back when it is ready.
    pub(crate) fn restart(&mut self, name: &str) -> Outcome {
        let component = self.component(name)?;
        component.stop()?;
        component.start()?;
        let began = Instant::now();
        loop {
            self.component(name)?.alive()?;
            let Err(why) = self.ready(name) else {
                return Ok(());
            };
            if began.elapsed() > READY {
                return Err(format!("{name} is not ready after {READY:?}: {why}"));
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// Starts what has ended by itself, as a supervisor does: kube-controller-manager gives up
    /// when the API server is not there at its start.
    pub(crate) fn revive(&mut self) -> Outcome {
        for (name, _) in self.layout.flags {
            if self.component(name)?.alive().is_err() {
                self.restart(name)?;
                self.ok(&format!("{name} had ended by itself, and is started again"));
            }
        }
        Ok(())
    }

    /// No component ended by itself.
    pub(crate) fn all_alive(&mut self) -> Outcome {
        self.components.iter_mut().try_for_each(Component::alive)
    }

    pub(crate) fn component(&mut self, name: &str) -> Outcome<&mut Component> {
        self.components
            .iter_mut()
            .find(|component| component.name() == name)
            .ok_or_else(|| format!("there is no component {name}"))
    }

    fn ready(&self, name: &str) -> Outcome {
        match name {
            "etcd" => self.etcdctl(&["endpoint", "health"]).map(drop),
            "kube-apiserver" => {
                let answer = self.kubectl().run(
                    &self.file(self.layout.first_admin),
                    &["get", "--raw", "/readyz"],
                )?;
                match answer.stdout.trim() {
                    "ok" => Ok(()),
                    other => Err(format!("{other}{}", answer.stderr)),
                }
            }
            // Open to everybody by its own default.
            "kube-controller-manager" => healthy(self.ports.manager),
            "kube-scheduler" => healthy(self.ports.scheduler),
            other => Err(format!("nothing tells whether {other} is ready")),
        }
    }

    /// Runs etcdctl with the tree's client of etcd.
    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> Outcome<String> {
        let (ca, client) = (self.layout.etcd_ca, self.layout.etcd_client);
        self.etcdctl_as(ca, client, arguments)
    }

    /// Runs etcdctl with another trust or identity.
    pub(crate) fn etcdctl_as(&self, ca: &str, client: &str, words: &[&str]) -> Outcome<String> {
        let endpoint = format!("https://127.0.0.1:{}", self.ports.etcd);
        let files = [
            format!("{ca}.crt"),
            format!("{client}.crt"),
            format!("{client}.key"),
        ];
        etcdctl(&endpoint, &files.map(|name| self.file(&name)), words)
    }

    /// A number that was not given before.
    pub(crate) fn unique(&self) -> u32 {
        self.given.set(self.given.get() + 1);
        self.given.get()
    }
}

impl Ports {
    /// Ports nobody listens on now. All are held until all are known, so that none comes twice.
    fn free() -> Outcome<Self> {
        let held = [(); 5].map(|()| TcpListener::bind(("127.0.0.1", 0)));
        let mut ports = Vec::new();
        for listener in &held {
            let listener = listener
                .as_ref()
                .map_err(|e| format!("no free port: {e}"))?;
            let address = listener.local_addr();
            ports.push(address.map_err(|e| format!("no free port: {e}"))?.port());
        }
        Ok(Self {
            api: ports[0],
            etcd: ports[1],
            peer: ports[2],
            manager: ports[3],
            scheduler: ports[4],
        })
    }
}

fn healthy(port: u16) -> Outcome {
    let output = output(
        "curl",
        &[
            "--silent",
            "--insecure",
            "--max-time",
            "2",
            &format!("https://127.0.0.1:{port}/healthz"),
        ],
    )?;
    match output.trim() {
        "ok" => Ok(()),
        other => Err(format!("/healthz says {other:?}")),
    }
}

/// Runs a program; its stdout, or its stderr as the error.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {program} (scripts/deps k8s): {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{program} {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn absolute(path: &Path) -> Outcome<PathBuf> {
    path.canonicalize()
        .map_err(|error| format!("cannot use {}: {error}", path.display()))
}

/// Runs etcdctl with an authority, a certificate and its key.
pub(crate) fn etcdctl(endpoint: &str, files: &[PathBuf; 3], words: &[&str]) -> Outcome<String> {
    let [ca, certificate, key] = files;
    let output = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints={endpoint}"))
        .args(["--dial-timeout=2s", "--command-timeout=3s"])
        .arg("--cacert")
        .arg(ca)
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .args(words)
        .output()
        .map_err(|error| format!("cannot run etcdctl (Debian: etcd-client): {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

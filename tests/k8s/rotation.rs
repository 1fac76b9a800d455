//! What rotates while clients go on: leaves, token keys, authorities.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::run::{Run, output};
use crate::tokens::{self, Tokens};
use crate::{Outcome, agent, csr, identities, strangers};

/// kube-apiserver looks at its files once a minute.
const PICK_UP: Duration = Duration::from_secs(150);

/// Every leaf, renewed at once: nothing is restarted.
pub(crate) fn leaves(run: &mut Run) -> Outcome {
    let servers = servers(run);
    let load = Load::start(run)?;
    let mut before = Vec::new();
    for (_, port, _) in servers {
        before.push(served(run, port)?);
    }
    let report = run.fipsctl(&["pki", "renew", run.root_text(), "--all"])?;
    run.ok(&format!(
        "fipsctl pki renew --all: {} lines",
        report.lines().count()
    ));
    let began = Instant::now();
    for ((name, port, leaf), old) in servers.into_iter().zip(before) {
        let file = run.file(&format!("{leaf}.crt"));
        let on_disk = fingerprint(&std::fs::read_to_string(&file).map_err(|e| e.to_string())?)?;
        if on_disk == old {
            return Err(format!("{leaf} was not renewed"));
        }
        while served(run, port)? != on_disk {
            if began.elapsed() > PICK_UP {
                return Err(format!("{name} does not serve {leaf} within {PICK_UP:?}"));
            }
            sleep(Duration::from_millis(500));
        }
        run.ok(&format!(
            "{name} serves its new leaf {:.0} s after, without a restart",
            began.elapsed().as_secs_f32()
        ));
    }
    load.finish(run)?;
    run.all_alive()
}

/// The keys of service accounts: verify with both, sign with the new one, retire the old one.
pub(crate) fn service_account_keys(run: &mut Run, old: Tokens) -> Outcome<Tokens> {
    // So short for the test: what it made lives longer, and is cut off.
    run.fipsctl(&[
        "pki",
        "rotate-sa",
        "start",
        run.root_text(),
        "--longest-token",
        "1s",
    ])?;
    let load = Load::start(run)?;

    step(run, Rotating::ServiceAccountKeys, &mut |_, _| Ok(()))?;
    old.check(run)?;

    step(run, Rotating::ServiceAccountKeys, &mut |run, checkpoint| {
        if checkpoint == "tokens-without-end" {
            run.ok("the new key signs; tokens of the old one:");
            old.check(run)?;
        }
        Ok(())
    })?;
    let new = Tokens(vec![
        tokens::in_secret(run, "reader")?,
        tokens::requested(run)?,
    ]);
    new.check(run)?;
    for (old, new) in old.0.iter().zip(&new.0) {
        if old.key == new.key {
            return Err(format!("the key that signs is still {}", old.key));
        }
    }
    load.finish(run)?;

    sleep(Duration::from_secs(2));
    step(run, Rotating::ServiceAccountKeys, &mut |_, _| Ok(()))?;
    new.check(run)?;
    for token in &old.0 {
        token.refused(run)?;
    }
    run.ok("tokens of the old key are Unauthorized once it is retired");
    Ok(new)
}

/// Every authority of the tree, one after the other.
pub(crate) fn authorities(run: &mut Run) -> Outcome {
    for name in run.layout.authorities {
        let old = Old::keep(run)?;
        let load = Load::start(run)?;
        run.fipsctl(&["pki", "rotate-ca", "start", run.root_text(), name])?;
        for _ in 0..3 {
            step(run, Rotating::Authority(name), &mut |_, _| Ok(()))?;
            works(run)?;
        }
        load.finish(run)?;
        old.refused(run, name)?;
        run.all_alive()?;
    }
    Ok(())
}

/// What `step` goes on with.
#[derive(Clone, Copy)]
enum Rotating {
    Authority(&'static str),
    ServiceAccountKeys,
}

/// Enters the next phase, does what it asks for, and confirms each; `before` looks first.
fn step(
    run: &mut Run,
    what: Rotating,
    before: &mut dyn FnMut(&mut Run, &str) -> Outcome,
) -> Outcome {
    let root = run.root_text().to_owned();
    let words = |verb: &'static str| -> Vec<&str> {
        match what {
            Rotating::Authority(name) => vec!["pki", "rotate-ca", verb, &root, name],
            Rotating::ServiceAccountKeys => vec!["pki", "rotate-sa", verb, &root],
        }
    };
    let mut next = words("next");
    next.extend(["--output", "json"]);
    let said = run.fipsctl(&next)?;
    let done: serde_json::Value =
        serde_json::from_str(&said).map_err(|error| format!("{said}: {error}"))?;
    let (name, phase) = (done["name"].clone(), done["phase"].clone());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let checkpoints: Vec<String> = done["checkpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|checkpoint| text(&checkpoint["id"]))
        .collect();
    if checkpoints.is_empty() {
        return Err(format!("{name} at {phase} has no checkpoints: {said}"));
    }
    for checkpoint in &checkpoints {
        before(run, checkpoint)?;
        reach(run, checkpoint, &text(&phase))
            .map_err(|why| format!("{name} at {phase}, {checkpoint}: {why}"))?;
        let mut confirm = words("confirm");
        confirm.push(checkpoint);
        run.fipsctl(&confirm)?;
    }
    run.ok(&format!(
        "{}: {} ({})",
        text(&name),
        text(&phase),
        checkpoints.join(", ")
    ));
    Ok(())
}

/// Does what a checkpoint asks for, or sees that it is so.
fn reach(run: &mut Run, checkpoint: &str, phase: &str) -> Outcome {
    match checkpoint {
        "aggregated" => aggregated(run, phase),
        "leaves" => {
            agent::make(run)?;
            served_as_on_disk(run)
        }
        "restart-apiserver" | "restart-etcd-clients" => {
            run.restart("kube-apiserver")?;
            run.revive()
        }
        "restart-controller-manager" => {
            signing_file(run)?;
            run.restart("kube-controller-manager")
        }
        "restart-etcd" => run.restart("etcd"),
        "restart-scheduler" => run.restart("kube-scheduler"),
        "service-account-ca" => tokens::root_ca(run),
        "tokens-without-end" => tokens::drop_secrets(run),
        "restart-kubelets" => agent::make(run),
        // One server, no workload, no token to join with, nothing else outside.
        "cluster-info" | "join-tokens" | "kubeconfigs" | "servers" | "workloads" => Ok(()),
        other => Err(format!(
            "at {phase}, {other} is asked for, which this test does not know"
        )),
    }
}

/// kubeadm has requests signed with the authority's own file, where kube-controller-manager takes
/// no more than one certificate: while two are trusted, it gets a file with the first alone.
fn signing_file(run: &mut Run) -> Outcome {
    if run.layout.name == "rke2" {
        return Ok(());
    }
    let file = run.file(&format!("{}.crt", run.layout.client_ca));
    let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let alone = run.folder.join("signing-ca.crt");
    let end = "-----END CERTIFICATE-----\n";
    let first = text.split_inclusive(end).next().unwrap_or_default();
    std::fs::write(&alone, first).map_err(|error| error.to_string())?;
    let named = if certificates(&text).len() > 1 {
        alone
    } else {
        file
    };
    run.component("kube-controller-manager")?
        .set_flag("cluster-signing-cert-file", &named.to_string_lossy());
    Ok(())
}

/// What every controller is for still happens.
fn works(run: &Run) -> Outcome {
    tokens::new_namespace(run)?;
    identities::scheduled(run)?;
    csr::check(run)
}

/// What aggregated API servers verify by is as the files are.
fn aggregated(run: &Run, phase: &str) -> Outcome {
    let admin = run.file(run.layout.admin);
    if phase == "retire" {
        // The API server adds what is new, and removes nothing; it writes the whole anew.
        let words = ["delete", "configmap", "extension-apiserver-authentication"];
        let words = [&words[..], &["-n", "kube-system"]].concat();
        run.kubectl().get(&admin, &words)?;
    }
    let pairs = [
        ("client-ca-file", run.layout.client_ca),
        ("requestheader-client-ca-file", run.layout.proxy_ca),
    ];
    for (key, ca) in pairs {
        let file = run.file(&format!("{ca}.crt"));
        let path = format!("jsonpath={{.data.{key}}}");
        let words = [
            "get",
            "configmap",
            "extension-apiserver-authentication",
            "-n",
        ];
        wait(&format!("{key} in {} is not {ca}", words[2]), || {
            let expected = std::fs::read_to_string(&file).map_err(|e| e.to_string())?;
            let found = run.kubectl().get(
                &admin,
                &[&words[..], &["kube-system", "-o", &path]].concat(),
            )?;
            Ok(certificates(&found) == certificates(&expected))
        })?;
    }
    Ok(())
}

/// What API server and etcd serve is what lies on disk.
fn served_as_on_disk(run: &Run) -> Outcome {
    for (name, port, leaf) in servers(run) {
        let file = run.file(&format!("{leaf}.crt"));
        wait(&format!("{name} does not serve {leaf}"), || {
            let on_disk = std::fs::read_to_string(&file).map_err(|e| e.to_string())?;
            Ok(served(run, port)? == fingerprint(&on_disk)?)
        })?;
    }
    Ok(())
}

/// Waits until it is so; a failure to ask counts as not yet.
pub(crate) fn wait(otherwise: &str, mut ask: impl FnMut() -> Outcome<bool>) -> Outcome {
    let began = Instant::now();
    loop {
        let answer = ask();
        if answer == Ok(true) {
            return Ok(());
        }
        if began.elapsed() > PICK_UP {
            let why = answer.err().unwrap_or_default();
            return Err(format!("{otherwise} within {PICK_UP:?} {why}"));
        }
        sleep(Duration::from_millis(500));
    }
}

/// Leaves and trust as they were before a rotation.
struct Old(std::path::PathBuf);

impl Old {
    fn keep(run: &Run) -> Outcome<Self> {
        let folder = run.folder.join(format!("old-{}", run.unique()));
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let layout = run.layout;
        for (name, from) in [
            ("client", layout.api_client),
            ("proxy", layout.proxy_client),
            ("etcd", layout.etcd_client),
        ] {
            for ending in ["crt", "key"] {
                let from = run.file(&format!("{from}.{ending}"));
                std::fs::copy(&from, folder.join(format!("{name}.{ending}")))
                    .map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
            }
        }
        for (name, from) in [("server-ca", layout.server_ca), ("etcd-ca", layout.etcd_ca)] {
            let from = run.file(&format!("{from}.crt"));
            std::fs::copy(&from, folder.join(format!("{name}.crt")))
                .map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
        }
        Ok(Self(folder))
    }

    /// What the old authority signed is refused; its file is no trust for what the new one does.
    fn refused(&self, run: &Run, authority: &str) -> Outcome {
        let layout = run.layout;
        let path = |file: &str| self.0.join(file).to_string_lossy().into_owned();
        let server = format!("--server=https://127.0.0.1:{}", run.ports.api);
        let trust = |file: &str| format!("--certificate-authority={file}");
        let ours = run.file(&format!("{}.crt", layout.server_ca));
        // The tree's folder of authorities comes before the name.
        let is = |path: &str| {
            path.split_once('/')
                .is_some_and(|(_, name)| name == authority)
        };
        let mut seen = Vec::new();
        if is(layout.client_ca) {
            let answer = run.kubectl().run_bare(&[
                &server,
                &trust(&ours.to_string_lossy()),
                &format!("--client-certificate={}", path("client.crt")),
                &format!("--client-key={}", path("client.key")),
                "get",
                "nodes",
            ])?;
            if answer.success || !answer.stderr.contains("(Unauthorized)") {
                return Err(format!("a leaf of the old {authority}: {}", answer.stderr));
            }
            seen.push("its old client is Unauthorized");
        }
        if is(layout.server_ca) {
            let admin = run.file(layout.admin);
            let answer = run
                .kubectl()
                .run(&admin, &[&trust(&path("server-ca.crt")), "get", "ns"])?;
            if answer.success || !answer.stderr.contains("unknown authority") {
                return Err(format!("the old {authority} as trust: {}", answer.stderr));
            }
            seen.push("its old file trusts the API server no more");
        }
        if is(layout.etcd_ca) {
            let old = self.0.join("etcd");
            let (old, new) = (old.to_string_lossy(), run.file(layout.etcd_ca));
            if run
                .etcdctl_as(&new.to_string_lossy(), &old, &["get", "x"])
                .is_ok()
            {
                return Err(format!("etcd takes a client of the old {authority}"));
            }
            if run
                .etcdctl_as(&path("etcd-ca"), layout.etcd_client, &["get", "x"])
                .is_ok()
            {
                return Err(format!("etcd still shows a leaf of the old {authority}"));
            }
            run.etcdctl(&["get", "x"])?;
            seen.push("etcd takes its old client no more, and is not trusted by its old file");
        }
        if is(layout.proxy_ca) {
            let said = strangers::ask_for_somebody(run, &self.0.join("proxy"))?;
            if said.contains("somebody") {
                return Err(format!(
                    "the old {} still speaks for others: {said}",
                    layout.proxy_client
                ));
            }
            seen.push("its old client speaks for nobody");
        }
        if seen.is_empty() {
            seen.push("nobody outside of etcd sees it");
        }
        run.ok(&format!("{authority} is rotated: {}", seen.join(", ")));
        Ok(())
    }
}

fn servers(run: &Run) -> [(&'static str, u16, &'static str); 2] {
    [
        ("kube-apiserver", run.ports.api, run.layout.api_serving),
        ("etcd", run.ports.etcd, run.layout.etcd_serving),
    ]
}

/// The certificates of a text: each one's base64.
fn certificates(text: &str) -> Vec<String> {
    text.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .filter_map(|rest| rest.split_once("-----END"))
        .map(|(body, _)| body.split_whitespace().collect())
        .collect()
}

/// The fingerprint of the leaf that is served.
fn served(run: &Run, port: u16) -> Outcome<String> {
    // etcd asks for a certificate, and ends what shows none; the leaf comes before.
    let client = run.file(run.layout.etcd_client);
    let said = output(
        "openssl",
        &[
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-cert",
            &format!("{}.crt", client.display()),
            "-key",
            &format!("{}.key", client.display()),
        ],
    )?;
    fingerprint(&said)
}

/// The first certificate in a text: its base64.
fn fingerprint(text: &str) -> Outcome<String> {
    let first = certificates(text).into_iter().next();
    first.ok_or_else(|| format!("no certificate in {text:?}"))
}

//! kube's client over our connector, against the real API server.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::run::{NODE, Run};

/// Kubernetes makes it by itself.
const MADE_BY_SERVER: &str = "extension-apiserver-authentication";

/// The administrator reads version and config maps, and a kubelet may not.
pub(crate) fn check(run: &Run) -> Outcome {
    let layout = run.layout;
    let (success, said) = ask(run, &run.file(layout.admin))?;
    if !success || !said.starts_with("v1.20.") || !said.lines().any(|map| map == MADE_BY_SERVER) {
        return Err(format!("kube's client, as the administrator, said: {said}"));
    }
    run.ok("kube's client over fips-tls reads version and config maps as the administrator");
    let (success, said) = ask(run, &run.file(layout.kubelet))?;
    // Known by its certificate, and let in no further than that.
    if success || !said.contains(&format!("system:node:{NODE}")) || !said.contains("forbidden") {
        return Err(format!("kube's client, as a kubelet, said: {said}"));
    }
    run.ok("kube's client over fips-tls is the kubelet with the kubelet's certificate: Forbidden");
    Ok(())
}

fn ask(run: &Run, kubeconfig: &Path) -> Outcome<(bool, String)> {
    let output = Command::new(&run.kube_client)
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", run.kube_client.display()))?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

//! What lies outside of RKE2's tree, in the folder `agent` of each node: kubeconfigs, and the
//! kubelet's leaf, which kube-controller-manager signs here.

use crate::run::Run;
use crate::{Outcome, csr};

/// Makes the folder `agent` of a node; nothing for kubeadm, whose tree has it all.
pub(crate) fn join(run: &Run) -> Outcome {
    let layout = run.layout;
    if layout.agent.is_empty() {
        return Ok(());
    }
    let folder = run.file("../agent");
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make a folder: {e}"))?;
    kubelet(run)?;
    for (kubeconfig, leaf) in layout.agent {
        let file = run.file(kubeconfig);
        let words = |verb: [&str; 2], rest: &[String]| -> Outcome {
            let mut words = vec!["config"];
            words.extend(verb);
            words.extend(rest.iter().map(String::as_str));
            run.kubectl().get(&file, &words).map(drop)
        };
        let path = |option: &str, path: &str| format!("--{option}={}", run.file(path).display());
        words(
            ["set-cluster", "local"],
            &[
                format!("--server=https://127.0.0.1:{}", run.ports.api),
                path(
                    "certificate-authority",
                    &format!("{}.crt", layout.server_ca),
                ),
            ],
        )?;
        words(
            ["set-credentials", "user"],
            &[
                path("client-certificate", &format!("{leaf}.crt")),
                path("client-key", &format!("{leaf}.key")),
            ],
        )?;
        words(
            ["set-context", "Default"],
            &["--cluster=local".to_owned(), "--user=user".to_owned()],
        )?;
        words(["use-context", "Default"], &[])?;
    }
    run.ok("the kubelet's leaf is signed by kube-controller-manager for the tree's own key");
    Ok(())
}

/// A leaf for the kubelet's key of the tree, asked for by the administrator.
pub(crate) fn kubelet(run: &Run) -> Outcome {
    if run.layout.agent.is_empty() {
        return Ok(());
    }
    let key = run.file("tls/client-kubelet.key");
    let target = run.file("../agent/client-kubelet.key");
    std::fs::copy(&key, &target).map_err(|e| format!("cannot copy {}: {e}", key.display()))?;
    let admin = run.file(run.layout.admin);
    let signed = csr::request(
        run,
        &admin,
        csr::Wanted {
            signer: "kube-apiserver-client-kubelet",
            usage: "client auth",
            names: "",
            key: Some(&target),
        },
    )?;
    std::fs::copy(&signed.certificate, run.file("../agent/client-kubelet.crt"))
        .map_err(|e| format!("cannot copy {}: {e}", signed.certificate))
        .map(drop)
}

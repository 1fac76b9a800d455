//! Certificates of other authorities, other purposes, other protocols.

use std::path::Path;

use crate::run::{Run, output};
use crate::{Outcome, ours};

pub(crate) fn check(run: &Run) -> Outcome {
    let layout = run.layout;
    let server = format!("--server=https://127.0.0.1:{}", run.ports.api);
    let trust = |ca: &str| format!("--certificate-authority={}", run.file(ca).display());
    let ours = trust(&format!("{}.crt", layout.server_ca));

    let other = other_tree(run)?;
    let strangers = [
        ("an administrator of another PKI", other),
        ("a client of etcd", run.file(layout.etcd_client)),
        (
            "the aggregator's client, speaking for nobody",
            run.file(layout.proxy_client),
        ),
    ];
    for (who, leaf) in strangers {
        let (certificate, key) = pair(&leaf);
        let answer = run.kubectl().run_bare(&[
            &server,
            &ours,
            &format!("--client-certificate={certificate}"),
            &format!("--client-key={key}"),
            "get",
            "nodes",
        ])?;
        // kubeadm leaves anonymous access open: a certificate that holds for nothing is still 401.
        if answer.success || !answer.stderr.contains("(Unauthorized)") {
            return Err(format!(
                "{who}: Unauthorized expected, kubectl said: {}{}",
                answer.stdout, answer.stderr
            ));
        }
        run.ok(&format!("{who} is Unauthorized (401)"));
    }

    let answer = run.kubectl().run(
        &run.file(layout.admin),
        &[&trust(&format!("{}.crt", layout.etcd_ca)), "get", "nodes"],
    )?;
    if answer.success || !answer.stderr.contains("signed by unknown authority") {
        return Err(format!(
            "kubectl must not trust the API server by etcd's authority: {}{}",
            answer.stdout, answer.stderr
        ));
    }
    run.ok("kubectl does not trust the API server by etcd's authority");

    proxy(run)?;
    etcd(run)?;
    ours::ask(run)
}

/// `client-admin` of a tree made for this alone.
fn other_tree(run: &Run) -> Outcome<std::path::PathBuf> {
    let folder = run.folder.join("other").join("server");
    if !folder.exists() {
        run.fipsctl(&[
            "pki",
            "init",
            &folder.to_string_lossy(),
            "--node-name",
            "other",
        ])?;
    }
    Ok(folder.join("tls/client-admin"))
}

/// The request-header authority: its client may name another user, nobody else may.
fn proxy(run: &Run) -> Outcome {
    let layout = run.layout;
    let answer = ask_for_somebody(run, &run.file(layout.proxy_client))?;
    if !answer.contains(r#"User \"somebody\" cannot list"#) {
        return Err(format!(
            "{} must speak for somebody: {answer}",
            layout.proxy_client
        ));
    }
    let answer = ask_for_somebody(run, &run.file(layout.api_client))?;
    if answer.contains("somebody") || !answer.contains("NodeList") {
        return Err(format!(
            "{} must not speak for others: {answer}",
            layout.api_client
        ));
    }
    run.ok("the aggregator's client speaks for another user, an administrator's does not");
    Ok(())
}

/// Asks the API server for its nodes, in the name of `somebody`; what it answers.
pub(crate) fn ask_for_somebody(run: &Run, leaf: &Path) -> Outcome<String> {
    let (certificate, key) = pair(leaf);
    let ca = run.file(&format!("{}.crt", run.layout.server_ca));
    output(
        "curl",
        &[
            "--silent",
            "--show-error",
            "--max-time",
            "10",
            "--cacert",
            &ca.to_string_lossy(),
            "--cert",
            &certificate,
            "--key",
            &key,
            "--header",
            "X-Remote-User: somebody",
            &format!("https://127.0.0.1:{}/api/v1/nodes", run.ports.api),
        ],
    )
}

/// etcd takes clients of its own authority alone.
fn etcd(run: &Run) -> Outcome {
    let client = run.layout.api_client;
    match run.etcdctl_as(
        run.layout.etcd_ca,
        client,
        &["get", "/registry", "--limit=1"],
    ) {
        Ok(answer) => return Err(format!("etcd took {client}: {answer}")),
        Err(why) if why.contains("bad certificate") || why.contains("deadline exceeded") => {}
        Err(why) => return Err(format!("etcd refused {client} for another reason: {why}")),
    }
    run.etcdctl(&["get", "/registry/namespaces/default", "--keys-only"])?;
    run.ok(&format!("etcd refuses {client}, and takes its own client"));
    Ok(())
}

/// Certificate and key of a leaf.
fn pair(leaf: &Path) -> (String, String) {
    let stem = leaf.to_string_lossy();
    (format!("{stem}.crt"), format!("{stem}.key"))
}

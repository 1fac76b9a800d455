//! What each kubeconfig of the tree may do and may not.

use crate::run::{NODE, Run};
use crate::{Outcome, rotation};

/// One kubeconfig's lines of the file `identities`.
struct Identity<'a> {
    kubeconfig: &'a str,
    user: String,
    /// Whether it must succeed, and what kubectl is told.
    tries: Vec<(bool, Vec<String>)>,
}

/// kubeadm's administrators are in no built-in group: bound as kubeadm does it, with
/// super-admin.conf, and refused before.
pub(crate) fn bind_administrators(run: &Run) -> Outcome {
    let layout = run.layout;
    if layout.admin == layout.first_admin {
        return Ok(());
    }
    let admin = run.file(layout.admin);
    let answer = run.kubectl().run(&admin, &["get", "nodes"])?;
    if answer.success || !answer.stderr.contains("(Forbidden)") {
        return Err(format!(
            "{} must be Forbidden before its group is bound: {}{}",
            layout.admin, answer.stdout, answer.stderr
        ));
    }
    run.kubectl().get(
        &run.file(layout.first_admin),
        &[
            "create",
            "clusterrolebinding",
            "kubeadm:cluster-admins",
            "--clusterrole=cluster-admin",
            "--group=kubeadm:cluster-admins",
        ],
    )?;
    run.ok(&format!(
        "{} is Forbidden until {} has bound kubeadm:cluster-admins",
        layout.admin, layout.first_admin
    ));
    Ok(())
}

/// The kubelet makes its own node, and only that; the administrator another.
pub(crate) fn nodes(run: &Run) -> Outcome {
    let node = |name: &str| -> Outcome<String> {
        let file = run.folder.join(format!("{name}.json"));
        let text = format!(
            r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{name}"}},"status":{{"allocatable":{{"pods":"100"}}}}}}"#
        );
        std::fs::write(&file, text).map_err(|e| format!("cannot write {name}.json: {e}"))?;
        Ok(file.to_string_lossy().into_owned())
    };
    let kubelet = run.file(run.layout.kubelet);
    let other = node("other")?;
    let answer = run.kubectl().run(&kubelet, &["create", "-f", &other])?;
    if answer.success || !answer.stderr.contains("(Forbidden)") {
        return Err(format!(
            "the kubelet must not make another's node: {}{}",
            answer.stdout, answer.stderr
        ));
    }
    run.kubectl()
        .get(&kubelet, &["create", "-f", &node(NODE)?])?;
    run.kubectl()
        .get(&run.file(run.layout.admin), &["create", "-f", &other])?;
    run.ok("the kubelet registers its own node, and is Forbidden another's");
    Ok(())
}

/// kube-scheduler binds a pod to a node.
pub(crate) fn scheduled(run: &Run) -> Outcome {
    let admin = run.file(run.layout.admin);
    let name = format!("pod-{}", run.unique());
    let pod = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": {
            "containers": [{ "name": "none", "image": "none" }],
            // No kubelet tells that the nodes are well.
            "tolerations": [{ "operator": "Exists" }],
        },
    });
    let file = run.folder.join("pod.json");
    std::fs::write(&file, pod.to_string()).map_err(|e| format!("cannot write pod.json: {e}"))?;
    run.kubectl()
        .get(&admin, &["create", "-f", &file.to_string_lossy()])?;
    rotation::wait("kube-scheduler binds no pod", || {
        let words = ["get", "pod", &name, "-o", "jsonpath={.spec.nodeName}"];
        Ok(!run.kubectl().get(&admin, &words)?.is_empty())
    })
}

/// Tries every line of the file.
pub(crate) fn check(run: &Run) -> Outcome {
    let text = run.layout.identities.replace("{node}", NODE);
    for identity in parse(&text)? {
        let kubeconfig = run.file(identity.kubeconfig);
        let (mut may, mut refused) = (0, 0);
        for (expected, words) in &identity.tries {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let answer = run.kubectl().run(&kubeconfig, &words)?;
            // A repetition of the whole list finds what the first one made.
            let done = answer.success || answer.stderr.contains("(AlreadyExists)");
            let by_name = format!("User \"{}\" cannot", identity.user);
            let forbidden = !answer.success
                && answer.stderr.to_lowercase().contains("forbidden")
                // NodeRestriction says `node "NAME" is not allowed`.
                && (answer.stderr.contains(&by_name) || answer.stderr.contains("is not allowed"));
            let as_expected = if *expected { done } else { forbidden };
            if !as_expected {
                return Err(format!(
                    "{}, kubectl {}: {} expected, it said: {}{}",
                    identity.kubeconfig,
                    words.join(" "),
                    if *expected { "success" } else { "Forbidden" },
                    answer.stdout,
                    answer.stderr
                ));
            }
            *(if *expected { &mut may } else { &mut refused }) += 1;
        }
        run.ok(&format!(
            "{} is {}: {may} allowed, {refused} Forbidden",
            identity.kubeconfig, identity.user
        ));
    }
    Ok(())
}

fn parse(text: &str) -> Outcome<Vec<Identity<'_>>> {
    let mut identities: Vec<Identity<'_>> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            ["@", kubeconfig, user] => identities.push(Identity {
                kubeconfig,
                user: user.to_owned(),
                tries: Vec::new(),
            }),
            [what @ ("may" | "not"), ref rest @ ..] => {
                let last = identities.last_mut().ok_or("a try before any kubeconfig")?;
                let rest = rest.iter().map(|word| (*word).to_owned()).collect();
                last.tries.push((what == "may", rest));
            }
            _ => return Err(format!("identities: {line:?} is not understood")),
        }
    }
    Ok(identities)
}

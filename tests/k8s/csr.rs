//! kube-controller-manager signs with the authorities' keys: a kubelet renews its own leaf.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use crate::Outcome;
use crate::run::{NODE, Run, output};

/// How long the controller may take to sign.
const SIGNED: Duration = Duration::from_secs(60);

pub(crate) fn check(run: &Run) -> Outcome {
    let layout = run.layout;
    let kubelet = run.file(layout.kubelet);
    let client = request(
        run,
        &kubelet,
        Wanted {
            signer: "kube-apiserver-client-kubelet",
            usage: "client auth",
            names: "",
            key: None,
        },
    )?;
    let said = output(
        "openssl",
        &[
            "verify",
            "-purpose",
            "sslclient",
            "-CAfile",
            &run.file(&format!("{}.crt", layout.client_ca))
                .to_string_lossy(),
            &client.certificate,
        ],
    )?;
    if !said.contains(": OK") {
        return Err(said);
    }
    let answer = run.kubectl().run_bare(&[
        &format!("--server=https://127.0.0.1:{}", run.ports.api),
        &format!(
            "--certificate-authority={}",
            run.file(&format!("{}.crt", layout.server_ca)).display()
        ),
        &format!("--client-certificate={}", client.certificate),
        &format!("--client-key={}", client.key),
        "get",
        "node",
        NODE,
    ])?;
    if !answer.success {
        return Err(format!("the kubelet's new leaf: {}", answer.stderr));
    }
    run.ok("a kubelet's request is signed, holds with OpenSSL, and opens the API server");

    let serving = request(
        run,
        &kubelet,
        Wanted {
            signer: "kubelet-serving",
            usage: "server auth",
            names: &format!("subjectAltName=DNS:{NODE},IP:127.0.0.1"),
            key: None,
        },
    )?;
    output(
        "openssl",
        &[
            "verify",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            NODE,
            "-CAfile",
            &run.file(&format!("{}.crt", layout.server_ca))
                .to_string_lossy(),
            &serving.certificate,
        ],
    )?;
    run.ok("a kubelet's serving request is signed, and holds with OpenSSL");
    Ok(())
}

/// What is asked for.
pub(crate) struct Wanted<'w> {
    pub(crate) signer: &'w str,
    pub(crate) usage: &'w str,
    pub(crate) names: &'w str,
    /// The key it is for; a new one otherwise.
    pub(crate) key: Option<&'w Path>,
}

/// A certificate that was signed, and its key.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    key: String,
}

/// Asks by a kubeconfig, approves as the administrator, waits for the signature.
pub(crate) fn request(run: &Run, asker: &Path, wanted: Wanted<'_>) -> Outcome<Signed> {
    let Wanted {
        signer,
        usage,
        names,
        ..
    } = wanted;
    let file = |ending: &str| {
        let file = run.folder.join(format!("{signer}.{ending}"));
        file.to_string_lossy().into_owned()
    };
    let (pem, body, certificate) = (file("csr"), file("json"), file("crt"));
    let given = wanted.key.map(|key| key.to_string_lossy().into_owned());
    let new = file("key");
    let mut words = vec!["req", "-new", "-out", &pem];
    let key = match &given {
        Some(key) => {
            words.extend(["-key", key]);
            key.clone()
        }
        None => {
            let curve = "ec_paramgen_curve:P-256";
            words.extend([
                "-nodes", "-newkey", "ec", "-pkeyopt", curve, "-keyout", &new,
            ]);
            new.clone()
        }
    };
    let subject = format!("/O=system:nodes/CN=system:node:{NODE}");
    words.extend(["-subj", &subject]);
    if !names.is_empty() {
        words.extend(["-addext", names]);
    }
    output("openssl", &words)?;
    let read = |path: &str| std::fs::read(path).map_err(|e| format!("cannot read {path}: {e}"));
    let request = serde_json::json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": { "name": signer },
        "spec": {
            "request": BASE64.encode(&read(&pem)?),
            "signerName": format!("kubernetes.io/{signer}"),
            // The signers of 1.20 insist on the middle one, for an EC key, too.
            "usages": ["digital signature", "key encipherment", usage],
        },
    });
    std::fs::write(&body, request.to_string()).map_err(|e| format!("cannot write {body}: {e}"))?;

    let admin = run.file(run.layout.admin);
    let kubectl = run.kubectl();
    kubectl.get(&admin, &["delete", "csr", signer, "--ignore-not-found"])?;
    kubectl.get(asker, &["create", "-f", &body])?;
    if asker != admin
        && kubectl
            .run(asker, &["certificate", "approve", signer])?
            .success
    {
        return Err("a kubelet must not approve its own request".to_owned());
    }
    kubectl.get(&admin, &["certificate", "approve", signer])?;
    let began = Instant::now();
    let encoded = loop {
        let path = "jsonpath={.status.certificate}";
        let encoded = kubectl.get(&admin, &["get", "csr", signer, "-o", path])?;
        if !encoded.is_empty() {
            break encoded;
        }
        if began.elapsed() > SIGNED {
            let state = kubectl.get(&admin, &["get", "csr", signer, "-o", "yaml"])?;
            return Err(format!(
                "{signer} was not signed within {SIGNED:?}: {state}"
            ));
        }
        sleep(Duration::from_millis(300));
    };
    let decoded = BASE64
        .decode(encoded.trim().as_bytes())
        .map_err(|error| format!("{signer}: the certificate is no base64: {error}"))?;
    std::fs::write(&certificate, decoded).map_err(|e| format!("cannot write: {e}"))?;
    Ok(Signed { certificate, key })
}

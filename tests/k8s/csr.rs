//! kube-controller-manager signs with the authorities' keys: a kubelet renews its own leaf.

use std::thread::sleep;
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use crate::Outcome;
use crate::run::{NODE, Run, output};

/// How long the controller may take to sign.
const SIGNED: Duration = Duration::from_secs(60);

pub(crate) fn check(run: &Run) -> Outcome {
    let layout = run.layout;
    let client = request(
        run,
        Wanted {
            signer: "kube-apiserver-client-kubelet",
            usage: "client auth",
            names: "",
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
        Wanted {
            signer: "kubelet-serving",
            usage: "server auth",
            names: &format!("subjectAltName=DNS:{NODE},IP:127.0.0.1"),
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
struct Wanted<'w> {
    signer: &'w str,
    usage: &'w str,
    names: &'w str,
}

/// A certificate that was signed, and its key.
struct Signed {
    certificate: String,
    key: String,
}

/// Asks as the kubelet, approves as the administrator, waits for the signature.
fn request(run: &Run, wanted: Wanted<'_>) -> Outcome<Signed> {
    let Wanted {
        signer,
        usage,
        names,
    } = wanted;
    let file = |ending: &str| {
        let file = run.folder.join(format!("{signer}.{ending}"));
        file.to_string_lossy().into_owned()
    };
    let (key, pem, body, certificate) = (file("key"), file("csr"), file("json"), file("crt"));
    let mut words = vec!["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt"];
    words.extend(["ec_paramgen_curve:P-256", "-keyout", &key, "-out", &pem]);
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

    let (admin, kubelet) = (run.file(run.layout.admin), run.file(run.layout.kubelet));
    let kubectl = run.kubectl();
    kubectl.get(&admin, &["delete", "csr", signer, "--ignore-not-found"])?;
    kubectl.get(&kubelet, &["create", "-f", &body])?;
    if kubectl
        .run(&kubelet, &["certificate", "approve", signer])?
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

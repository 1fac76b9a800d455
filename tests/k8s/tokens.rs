//! Service-account tokens: the old kind that kube-controller-manager signs into a secret, and
//! the bound kind that kube-apiserver signs on request.

use std::thread::sleep;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, BASE64URL_NOPAD};

use crate::run::Run;
use crate::{Outcome, rotation};

const SPACE: &str = "tokens";

/// How long controllers may take.
const MADE: Duration = Duration::from_secs(60);

/// A token and the key it was signed with.
pub(crate) struct Token {
    kind: &'static str,
    text: String,
    /// The header's `kid`.
    pub(crate) key: String,
}

/// Tokens that are held to be accepted.
pub(crate) struct Tokens(pub(crate) Vec<Token>);

/// A namespace with an account that may read config maps, and both kinds of token for it.
pub(crate) fn first(run: &Run) -> Outcome<Tokens> {
    let admin = run.file(run.layout.admin);
    let kubectl = run.kubectl();
    kubectl.get(&admin, &["create", "namespace", SPACE])?;
    kubectl.get(&admin, &["create", "serviceaccount", "reader", "-n", SPACE])?;
    let role = [
        "create",
        "role",
        "reader",
        "-n",
        SPACE,
        "--verb=list",
        "--resource=configmaps",
    ];
    kubectl.get(&admin, &role)?;
    let account = format!("--serviceaccount={SPACE}:reader");
    let bind = [
        "create",
        "rolebinding",
        "reader",
        "-n",
        SPACE,
        "--role=reader",
        &account,
    ];
    kubectl.get(&admin, &bind)?;
    let tokens = Tokens(vec![in_secret(run, "reader")?, requested(run)?]);
    tokens.check(run)?;
    Ok(tokens)
}

/// A token that kube-controller-manager signed; with it come the authorities to trust.
pub(crate) fn in_secret(run: &Run, account: &str) -> Outcome<Token> {
    let admin = run.file(run.layout.admin);
    let kubectl = run.kubectl();
    let name = format!("{account}-by-hand-{}", run.unique());
    let body = run.folder.join("token-secret.json");
    let secret = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": name,
            "namespace": SPACE,
            "annotations": { "kubernetes.io/service-account.name": account },
        },
    });
    std::fs::write(&body, secret.to_string()).map_err(|e| format!("cannot write: {e}"))?;
    kubectl.get(&admin, &["create", "-f", &body.to_string_lossy()])?;
    let began = Instant::now();
    loop {
        let path = "jsonpath={.data.token} {.data.ca\\.crt}";
        let said = kubectl.get(&admin, &["get", "secret", &name, "-n", SPACE, "-o", path])?;
        if let [token, ca] = said.split_whitespace().collect::<Vec<_>>()[..] {
            let decode = |text: &str| {
                BASE64
                    .decode(text.as_bytes())
                    .map_err(|error| format!("{name} is no base64: {error}"))
            };
            let trusted = run.file(&format!("{}.crt", run.layout.server_ca));
            if decode(ca)? != std::fs::read(&trusted).map_err(|e| format!("cannot read: {e}"))? {
                return Err(format!("{name}: its ca.crt is not {}", trusted.display()));
            }
            let text = String::from_utf8_lossy(&decode(token)?).into_owned();
            return Token::new("in a secret", text);
        }
        if began.elapsed() > MADE {
            return Err(format!("no token in {name} within {MADE:?}"));
        }
        sleep(Duration::from_millis(200));
    }
}

/// A token that kube-apiserver signed.
pub(crate) fn requested(run: &Run) -> Outcome<Token> {
    let admin = run.file(run.layout.admin);
    let body = run.folder.join("token-request.json");
    let request = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":7200}}"#;
    std::fs::write(&body, request).map_err(|e| format!("cannot write: {e}"))?;
    let path = format!("/api/v1/namespaces/{SPACE}/serviceaccounts/reader/token");
    let said = run.kubectl().get(
        &admin,
        &["create", "--raw", &path, "-f", &body.to_string_lossy()],
    )?;
    let answer: serde_json::Value =
        serde_json::from_str(&said).map_err(|e| format!("{path} answers {said}: {e}"))?;
    let token = answer["status"]["token"].as_str().unwrap_or_default();
    Token::new("on request", token.to_owned())
}

impl Token {
    fn new(kind: &'static str, text: String) -> Outcome<Self> {
        let header = text.split('.').next().unwrap_or_default();
        let key = BASE64URL_NOPAD
            .decode(header.as_bytes())
            .ok()
            .and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok())
            .and_then(|header| header["kid"].as_str().map(ToOwned::to_owned))
            .ok_or_else(|| format!("the token {kind} has no header with a kid"))?;
        Ok(Self { kind, text, key })
    }

    fn ask(&self, run: &Run, what: &[&str]) -> Outcome<crate::kubectl::Answer> {
        let server = format!("--server=https://127.0.0.1:{}", run.ports.api);
        let ca = run.file(&format!("{}.crt", run.layout.server_ca));
        let trust = format!("--certificate-authority={}", ca.display());
        let token = format!("--token={}", self.text);
        let mut words = vec![server.as_str(), &trust, &token];
        words.extend(what);
        run.kubectl().run_bare(&words)
    }

    /// It opens what its account may, and nothing else.
    pub(crate) fn accepted(&self, run: &Run) -> Outcome {
        let answer = self.ask(run, &["get", "configmaps", "-n", SPACE])?;
        if !answer.success {
            return Err(format!(
                "the token {} is not accepted: {}",
                self.kind, answer.stderr
            ));
        }
        let answer = self.ask(run, &["get", "secrets", "-n", SPACE])?;
        let user = format!("User \"system:serviceaccount:{SPACE}:reader\" cannot");
        if answer.success || !answer.stderr.contains(&user) {
            return Err(format!(
                "the token {} must not read secrets: {}{}",
                self.kind, answer.stdout, answer.stderr
            ));
        }
        Ok(())
    }

    pub(crate) fn refused(&self, run: &Run) -> Outcome {
        let answer = self.ask(run, &["get", "configmaps", "-n", SPACE])?;
        if answer.success || !answer.stderr.contains("(Unauthorized)") {
            return Err(format!(
                "the token {} must be Unauthorized: {}{}",
                self.kind, answer.stdout, answer.stderr
            ));
        }
        Ok(())
    }
}

/// Every namespace's `kube-root-ca.crt`, and the authority in each token's secret, is as the
/// file of the API server's authority is.
pub(crate) fn root_ca(run: &Run) -> Outcome {
    let admin = run.file(run.layout.admin);
    let file = run.file(&format!("{}.crt", run.layout.server_ca));
    rotation::wait("not every service account has the authority's file", || {
        let expected = std::fs::read_to_string(&file).map_err(|e| e.to_string())?;
        let mut found = Vec::new();
        for kind in ["configmaps", "secrets"] {
            let words = ["get", kind, "--all-namespaces", "-o", "json"];
            let said = run.kubectl().get(&admin, &words)?;
            let list: serde_json::Value = serde_json::from_str(&said).map_err(|e| e.to_string())?;
            for item in list["items"].as_array().into_iter().flatten() {
                let ca = item["data"]["ca.crt"].as_str().unwrap_or_default();
                if item["metadata"]["name"] == "kube-root-ca.crt" {
                    found.push(ca.to_owned());
                } else if item["type"] == "kubernetes.io/service-account-token" {
                    let ca = BASE64.decode(ca.as_bytes()).map_err(|e| e.to_string())?;
                    found.push(String::from_utf8_lossy(&ca).into_owned());
                }
            }
        }
        Ok(found.len() > 1 && found.iter().all(|one| *one == expected))
    })
}

/// kube-controller-manager gives a new namespace its account, its token and its authority.
pub(crate) fn new_namespace(run: &Run) -> Outcome {
    let admin = run.file(run.layout.admin);
    let name = format!("made-{}", run.unique());
    run.kubectl().get(&admin, &["create", "namespace", &name])?;
    rotation::wait("a new namespace has no account with a token", || {
        let words = ["get", "serviceaccount", "default", "-n", &name];
        let path = ["-o", "jsonpath={.secrets[0].name}"];
        let secret = run.kubectl().get(&admin, &[&words[..], &path].concat())?;
        Ok(!secret.is_empty())
    })?;
    run.kubectl()
        .get(&admin, &["delete", "namespace", &name, "--wait=false"])?;
    root_ca(run)
}

/// Removes every token in a secret; those of accounts are made anew.
pub(crate) fn drop_secrets(run: &Run) -> Outcome {
    let admin = run.file(run.layout.admin);
    let words = ["delete", "secrets", "--all-namespaces", "--field-selector"];
    let kind = ["type=kubernetes.io/service-account-token"];
    run.kubectl()
        .get(&admin, &[&words[..], &kind].concat())
        .map(drop)
}

impl Tokens {
    pub(crate) fn check(&self, run: &Run) -> Outcome {
        for token in &self.0 {
            token.accepted(run)?;
            run.ok(&format!(
                "the token {} (key {}) is accepted, and Forbidden secrets",
                token.kind,
                &token.key[..8.min(token.key.len())]
            ));
        }
        Ok(())
    }
}

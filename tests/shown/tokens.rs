//! Join tokens and node passwords of known secrets, and what is made where they are read.

use std::path::Path;
use std::time::Duration;

use fips_boundary::certs::store::{DirStore, EntryPath, Store};
use fips_boundary::certs::token::{
    JoinToken, NodePassword, NodePasswords, Role, TokenParams, Tokens,
};
use fips_boundary::certs::{
    AuthorityParams, Clock, Error, Subject, SystemClock, audit, key, key::KeyType,
};
use fips_boundary::core::{Boundary, Diagnostic};

use crate::values::Values;

pub(crate) fn of_tokens(values: &mut Values, boundary: &Boundary, work: &Path) {
    let store = DirStore::create_or_open(work.join("tokens")).unwrap();
    let day = Duration::from_secs(86_400);
    let ca = AuthorityParams::new(Subject::new("ca").unwrap(), day)
        .self_signed(
            key::generate(boundary, KeyType::P256).unwrap(),
            &SystemClock,
        )
        .unwrap();
    let ca = ca.certificate().to_pem();
    let tokens = Tokens::new(&store);
    let nodes = NodePasswords::new(&store);
    values.debug("fips_certs::token::issued::Tokens", &tokens);
    values.debug("fips_certs::token::node::NodePasswords", &nodes);

    let params = TokenParams::new(Role::Agent, day)
        .unwrap()
        .with_uses(1)
        .unwrap();
    let made = tokens
        .create(boundary, &params, ca.as_bytes(), &SystemClock)
        .unwrap();
    let whole = made.token.reveal();
    let secret = &whole[whole.len() - 32..];
    values.secret(&bytes(secret));
    values.debug("fips_certs::token::issued::Created", &made);
    values.debug("fips_certs::token::wire::JoinToken", &made.token);
    values.debug(
        "fips_certs::token::wire::Credentials",
        made.token.credentials(),
    );
    values.data("fips_certs::token::issued::TokenInfo", &made.info);

    let password = NodePassword::generate(boundary).unwrap();
    values.secret(&bytes(&password.reveal()));
    values.debug("fips_certs::token::node::NodePassword", &password);
    nodes
        .bind(boundary, "node", &password, &SystemClock)
        .unwrap();

    // The keys of the verifiers.
    for name in ["fips/tokens.json", "fips/node-passwords.json"] {
        let file = store.read(&EntryPath::new(name).unwrap()).unwrap().unwrap();
        let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
        values.secret(&bytes(file["key"].as_str().unwrap()));
    }

    // Every refusal there is of them.
    let mut errors = Vec::new();
    let diagnostic = Diagnostic::new().unwrap();
    let now = SystemClock.now();
    for text in [
        secret.to_owned(),
        format!("node:{secret}"),
        whole.replace("::", ":"),
        whole.replace("K10", "K11"),
        whole.replace("::node", "::server"),
        format!("{}\n", *whole),
        format!("K10{secret}::node:{secret}"),
        whole.replacen(made.token.pin().as_str(), &"0".repeat(64), 1),
    ] {
        let judged = JoinToken::parse(&text)
            .map_err(Error::from)
            .and_then(|token| tokens.verify(&diagnostic, &token, now));
        errors.push(judged.unwrap_err());
    }
    errors.push(
        tokens
            .verify(&diagnostic, &made.token, now + day)
            .unwrap_err(),
    );
    errors.push(
        tokens
            .verify(&diagnostic, &made.token, now - day)
            .unwrap_err(),
    );
    tokens
        .redeem(boundary, &made.token, "node", &SystemClock)
        .unwrap();
    errors.push(tokens.verify(&diagnostic, &made.token, now).unwrap_err());
    tokens
        .revoke(boundary, &made.info.id, &SystemClock)
        .unwrap();
    errors.push(tokens.verify(&diagnostic, &made.token, now).unwrap_err());
    let other = NodePassword::generate(boundary).unwrap();
    errors.push(
        nodes
            .bind(boundary, "node", &other, &SystemClock)
            .unwrap_err(),
    );
    errors.extend(NodePassword::parse(&whole).map_err(Error::from).err());
    for error in &errors {
        values.error("fips_certs::error::Error", error);
        if let Error::Token(refused) = error {
            values.error("fips_certs::token::TokenRefused", refused);
        }
    }
    for entry in audit::entries(&store).unwrap() {
        values.data("fips_certs::audit::entry::Entry", &entry);
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
}

//! What rotates while clients go on: leaves, token keys, authorities.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::load::Load;
use crate::run::{Run, output};
use crate::tokens::Tokens;

/// kube-apiserver looks at its files once a minute.
const PICK_UP: Duration = Duration::from_secs(150);

/// Every leaf, renewed at once: nothing is restarted.
pub(crate) fn leaves(run: &mut Run) -> Outcome {
    let layout = run.layout;
    let servers = [
        ("kube-apiserver", run.ports.api, layout.api_serving),
        ("etcd", run.ports.etcd, layout.etcd_serving),
    ];
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

pub(crate) fn service_account_keys(_run: &mut Run, _tokens: &Tokens) -> Outcome {
    Ok(())
}

pub(crate) fn authorities(_run: &mut Run) -> Outcome {
    Ok(())
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

/// The fingerprint of the first certificate in a text: its base64.
fn fingerprint(text: &str) -> Outcome<String> {
    let (_, rest) = text
        .split_once("-----BEGIN CERTIFICATE-----")
        .ok_or_else(|| format!("no certificate in {text:?}"))?;
    let (body, _) = rest.split_once("-----END").ok_or("half a certificate")?;
    Ok(body.split_whitespace().collect())
}

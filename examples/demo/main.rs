//! The main job, start to end, against a real etcd.
//!
//! `make demo` runs this: the boundary's status, an RKE2-layout PKI, a three-member etcd with
//! mutual TLS, a client that never stops writing while every etcd certificate is renewed.
//! Everything lives in a temporary folder and ends with the program.

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a demonstration talks"
)]

mod client;
mod etcd;
mod writer;

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{Identity, Profile, Version};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use client::Client;
use etcd::Cluster;
use writer::Books;

/// The leaves of etcd and of its client.
const LEAVES: [&str; 3] = [
    "etcd/client",
    "etcd/peer-server-client",
    "etcd/server-client",
];

/// How long the writer works before, and at least after, the renewal.
const WORK: Duration = Duration::from_secs(3);

/// How long the members may take to serve the new certificate.
const PICK_UP: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let Some(fipsctl) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: demo PATH-TO-FIPSCTL   (run it with `make demo`)");
        return ExitCode::from(2);
    };
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        eprintln!("demo: cannot listen for signals");
        return ExitCode::from(4);
    };
    // Whichever ends first, dropping the rest ends etcd and removes the folder.
    let outcome = tokio::select! {
        outcome = run(&fipsctl) => outcome,
        _ = interrupt.recv() => Err(Failure::say("interrupted")),
        _ = terminate.recv() => Err(Failure::say("terminated")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("demo: {failure}");
            ExitCode::from(4)
        }
    }
}

async fn run(fipsctl: &Path) -> Result<(), Failure> {
    let work = tempfile::tempdir().map_err(|e| Failure::new("make a temporary folder", e))?;
    let server = work.path().join("server");
    let tls = server.join("tls");

    Step::begin("the boundary");
    run_shown(fipsctl, &["status".as_ref()], &[0])?;
    let boundary = enter()?;

    Step::begin("a PKI in RKE2's layout");
    run_shown(
        fipsctl,
        &[
            "pki".as_ref(),
            "init".as_ref(),
            server.as_os_str(),
            "--node-name".as_ref(),
            "localhost".as_ref(),
            "--node-ip".as_ref(),
            "127.0.0.1".as_ref(),
        ],
        &[0],
    )?;

    Step::begin("a three-member etcd on loopback, mutual TLS, the profile's suites");
    let profile = Profile::sp800_52r2();
    // etcd takes Go's names, and only those of TLS 1.2: TLS 1.3's are not settable in Go.
    let suites: Vec<_> = profile
        .suites()
        .iter()
        .filter(|row| row.value.version() == Version::Tls12)
        .map(|row| row.value.go_name())
        .collect();
    let suites = suites.join(",");
    let mut cluster = Cluster::start(&tls, work.path(), &suites)?;
    let client = Client::new(boundary, &tls);
    cluster.wait_healthy(&client).await?;

    Step::begin("a client that keeps writing and reading back");
    let (books_in, books) = watch::channel(Books::default());
    let (stop, stopped) = watch::channel(false);
    let writer = tokio::spawn(writer::run(client, cluster.endpoints(), books_in, stopped));
    tokio::time::sleep(WORK).await;
    let before = books.borrow().clone();
    report(&before);
    for line in &before.negotiated {
        Step::say(&format!("negotiated: {line}"));
    }

    Step::begin("every etcd certificate renewed while it writes");
    let mut renew: Vec<&OsStr> = vec!["pki".as_ref(), "renew".as_ref(), server.as_os_str()];
    for leaf in LEAVES {
        renew.extend([OsStr::new("--name"), OsStr::new(leaf)]);
    }
    run_shown(fipsctl, &renew, &[0])?;
    let on_disk = serial_of(&boundary, &tls.join("etcd/server-client"))?;
    let own_on_disk = serial_of(&boundary, &tls.join("etcd/client"))?;
    let renewed = Instant::now();
    let after = loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = books.borrow().clone();
        let everywhere = now.own_serial == own_on_disk
            && now.served.len() == cluster.endpoints().len()
            && now.served.values().all(|serial| *serial == on_disk);
        if everywhere && renewed.elapsed() >= WORK {
            break now;
        }
        if renewed.elapsed() > PICK_UP {
            return Err(Failure::say(&format!(
                "after {PICK_UP:?} not every member serves {on_disk}: {:?}; last problem: {:?}",
                now.served, now.last_problem
            )));
        }
    };
    let _ = stop.send(true);
    writer
        .await
        .map_err(|e| Failure::new("wait for the writer", e))?;
    let last = books.borrow().clone();
    report(&last);
    for (endpoint, serial) in &after.served {
        let old = before
            .served
            .get(endpoint)
            .map_or("nothing yet", String::as_str);
        Step::say(&format!("{endpoint} served {old}"));
        Step::say(&format!("{:15} serves {serial}, as on disk", ""));
        if old == serial {
            return Err(Failure::say("the served serial number did not change"));
        }
    }
    if last.failed > 0 || last.acknowledged <= before.acknowledged {
        return Err(Failure::say(&format!(
            "{} writes failed, {} were acknowledged after the renewal; last problem: {:?}",
            last.failed,
            last.acknowledged - before.acknowledged,
            last.last_problem
        )));
    }

    Step::begin("the PKI, checked");
    run_shown(
        fipsctl,
        &[
            "pki".as_ref(),
            "check".as_ref(),
            server.as_os_str(),
            "--output".as_ref(),
            "table".as_ref(),
        ],
        &[0],
    )?;

    drop(cluster);
    work.close()
        .map_err(|e| Failure::new("remove the temporary folder", e))?;
    Step::begin("done");
    Step::say("no write failed, every member serves its new certificate, etcd is stopped,");
    Step::say("the temporary folder is removed");
    Ok(())
}

#[cfg(not(feature = "evaluation"))]
fn enter() -> Result<Boundary, Failure> {
    Boundary::enter_with(Requirements::strict()).map_err(|e| Failure::new("enter the boundary", e))
}

#[cfg(feature = "evaluation")]
fn enter() -> Result<Boundary, Failure> {
    Boundary::enter_for_evaluation(Requirements::strict())
        .map_err(|e| Failure::new("enter the boundary", e))
}

fn report(books: &Books) {
    Step::say(&format!(
        "{} writes acknowledged and read back, {} failed, {} attempts repeated, {} handshakes, \
         slowest write {} ms",
        books.acknowledged,
        books.failed,
        books.retried,
        books.connections,
        books.slowest.as_millis()
    ));
}

/// The serial number of the certificate on disk, read as a server of ours would.
fn serial_of(boundary: &Boundary, pair: &Path) -> Result<String, Failure> {
    Identity::from_files(
        boundary,
        pair.with_extension("crt"),
        pair.with_extension("key"),
    )
    .map(|identity| identity.leaf().serial().to_owned())
    .map_err(|e| Failure::new("read a certificate", e))
}

/// Runs a command in sight of the user, as the user would type it.
fn run_shown(program: &Path, args: &[&OsStr], codes: &[i32]) -> Result<(), Failure> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    println!("   $ fipsctl {}", words.join(" "));
    let status = Command::new(program)
        .args(args)
        .status()
        .map_err(|e| Failure::new("run fipsctl", e))?;
    match status.code() {
        Some(code) if codes.contains(&code) => Ok(()),
        _ => Err(Failure::say(&format!(
            "fipsctl {}: {status}",
            words.join(" ")
        ))),
    }
}

/// The headings.
struct Step;

impl Step {
    fn begin(title: &str) {
        println!("\n== {title}");
    }

    fn say(line: &str) {
        println!("   {line}");
    }
}

/// What went wrong, in words.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(action: &str, error: impl fmt::Display) -> Self {
        Self(format!("cannot {action}: {error}"))
    }

    fn say(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

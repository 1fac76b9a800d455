//! A real Kubernetes control plane on our trees: etcd, kube-apiserver, kube-controller-manager
//! and kube-scheduler on loopback, started with the flags that RKE2 and kubeadm give them.
//!
//! `make k8s-test` runs this. What must be refused is seen refused, by the component itself; a
//! client writes all the time while leaves, token keys and authorities are rotated. Everything
//! lies in a temporary folder and ends with the program; a failure leaves the folder.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test of its own that tells what it sees"
)]

mod agent;
mod csr;
mod identities;
mod kube_client;
mod kubectl;
mod layout;
mod load;
mod ours;
mod plane;
mod rotation;
mod run;
mod strangers;
mod tokens;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use layout::Layout;
use run::Run;

/// What went wrong, in words.
type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut fipsctl, mut kube_client, mut programs, mut keep) = (None, None, None, false);
    let mut layouts = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--fipsctl" => fipsctl = arguments.next().map(PathBuf::from),
            "--kube-client" => kube_client = arguments.next().map(PathBuf::from),
            "--programs" => programs = arguments.next().map(PathBuf::from),
            "--keep" => keep = true,
            name => match Layout::named(name) {
                Some(layout) => layouts.push(layout),
                None => return usage(),
            },
        }
    }
    let (Some(fipsctl), Some(kube_client), Some(programs)) = (fipsctl, kube_client, programs)
    else {
        return usage();
    };
    if layouts.is_empty() {
        layouts = Layout::all();
    }
    let began = Instant::now();
    for layout in layouts {
        let name = layout.name;
        let mut run = match Run::new(layout, &fipsctl, &kube_client, &programs) {
            Ok(run) => run,
            Err(why) => {
                eprintln!("k8s-test: {name}: {why}");
                return ExitCode::FAILURE;
            }
        };
        let outcome = test(&mut run);
        if outcome.is_err() || keep {
            eprintln!(
                "k8s-test: folder and logs are left in {}",
                run.keep().display()
            );
        }
        if let Err(why) = outcome {
            println!("FAIL  {why}");
            return ExitCode::FAILURE;
        }
    }
    println!("\nall as it must be, in {} s", began.elapsed().as_secs());
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: kubernetes --fipsctl PATH --kube-client PATH --programs FOLDER [--keep] [rke2] \
         [kubeadm]"
    );
    ExitCode::from(2)
}

/// Everything, on one tree.
fn test(run: &mut Run) -> Outcome {
    run.begin("the tree, and the components on it");
    tree::make(run)?;
    agent::make(run)?;
    run.start()?;

    run.begin("who may what: kubectl with each kubeconfig");
    identities::bind_administrators(run)?;
    identities::nodes(run)?;
    identities::check(run)?;
    kube_client::check(run)?;

    run.begin("who may not in at all");
    strangers::check(run)?;

    run.begin("certificates that kube-controller-manager signs with our authorities' keys");
    csr::check(run)?;

    run.begin("service-account tokens, before and after their key's rotation");
    let tokens = tokens::first(run)?;
    let tokens = rotation::service_account_keys(run, tokens)?;

    run.begin("every leaf renewed while clients write");
    rotation::leaves(run)?;
    identities::check(run)?;

    run.begin("the authorities rotated while clients write");
    rotation::authorities(run)?;
    identities::check(run)?;
    kube_client::check(run)?;
    strangers::check(run)?;
    csr::check(run)?;
    tokens.check(run)
}

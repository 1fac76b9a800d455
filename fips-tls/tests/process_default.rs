//! rustls's process default: ours, or a refusal. Each case is a process of its own, since rustls
//! takes one default in a process's life.
#![cfg(feature = "evaluation")]
#![allow(clippy::print_stdout, reason = "a child says that it came to the end")]

use std::process::{Command, Output};
use std::sync::Arc;
use std::{env, thread};

use fips_core::{Boundary, Requirements};
use fips_tls::{ProcessDefaultTaken, Profile, install_process_default, provider};
use rustls::crypto::CryptoProvider;

const CASE: &str = "FIPS_TLS_TEST_CASE";

fn child(case: &str) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture"])
        .env(CASE, case)
        .output()
        .unwrap()
}

#[track_caller]
fn assert_case(case: &str) {
    let out = child(case);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains(&format!("done: {case}")),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Does nothing but in a child.
#[test]
fn the_child() {
    let Ok(case) = env::var(CASE) else { return };
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let profile = Profile::sp800_52r2();
    match &*case {
        "foreign" => {
            // Ours with a suite less: not the one this crate installed.
            let mut other = CryptoProvider::clone(&provider(&boundary, &profile));
            other.cipher_suites.truncate(1);
            other.install_default().unwrap();
            let error = install_process_default(&boundary, &profile).unwrap_err();
            let ProcessDefaultTaken::Foreign { suites, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!(suites, "TLS13_AES_128_GCM_SHA256");
            assert!(error.to_string().contains("cargo tree -i"), "{error}");
            // It stays as it was.
            let there = CryptoProvider::get_default().unwrap();
            assert_eq!(there.cipher_suites.len(), 1);
        }
        "ours" => {
            assert!(CryptoProvider::get_default().is_none());
            install_process_default(&boundary, &profile).unwrap();
            let there = Arc::clone(CryptoProvider::get_default().unwrap());
            assert!(there.fips());
            install_process_default(&boundary, &profile).unwrap();
            assert!(Arc::ptr_eq(&there, CryptoProvider::get_default().unwrap()));
            // A crate that takes nothing else gets FIPS's rules with it.
            let config = rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            assert!(config.fips() && config.require_ems);
            // Nobody replaces it.
            let other = CryptoProvider::clone(&there);
            other.install_default().unwrap_err();
        }
        "other profile" => {
            install_process_default(&boundary, &profile).unwrap();
            let error = install_process_default(&boundary, &Profile::cnsa1()).unwrap_err();
            let expected = ProcessDefaultTaken::OtherProfile {
                installed: "sp800_52r2",
                wanted: "cnsa1",
            };
            assert_eq!(error, expected);
        }
        "threads" => thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| install_process_default(&boundary, &profile).unwrap());
            }
        }),
        "untouched" => {
            // Configurations neither read nor set it.
            let _ = provider(&boundary, &profile);
            assert!(CryptoProvider::get_default().is_none());
        }
        other => panic!("no case {other}"),
    }
    println!("done: {case}");
}

#[test]
fn ours_is_installed_once() {
    assert_case("ours");
    assert_case("threads");
}

#[test]
fn another_one_is_refused() {
    assert_case("foreign");
    assert_case("other profile");
}

#[test]
fn nothing_else_installs_it() {
    assert_case("untouched");
}

//! The normal build on a kernel without FIPS mode: it refuses with reasons and does nothing.
//!
//! On a kernel in FIPS mode there is nothing to refuse, and the same commands must work.
#![cfg(not(feature = "evaluation"))]

mod common;

use std::fs;
use std::net::TcpListener;

use common::fipsctl;

fn kernel_in_fips_mode() -> bool {
    fs::read_to_string("/proc/sys/crypto/fips_enabled").is_ok_and(|text| text == "1\n")
}

#[test]
fn status_names_the_failed_check_and_how_to_mend_it() {
    let run = fipsctl(["status"]);
    if kernel_in_fips_mode() {
        assert_eq!(run.code, Some(0), "{run}");
        return;
    }
    assert_eq!(run.code, Some(3), "{run}");
    for part in [
        "FAIL",
        "kernel.fips-mode",
        "mend:",
        "fips=1",
        "would refuse",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    assert!(!run.stdout.contains("EVALUATION"), "{run}");

    let run = fipsctl(["status", "--output", "json"]);
    assert_eq!(run.code, Some(3), "{run}");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["open"], false);
    assert_eq!(json["statement"]["version"], "AWS-LC FIPS 3.1.0");
    assert_eq!(json["statement"]["failed"][0], "kernel.fips-mode");
}

#[test]
fn commands_that_need_the_gate_do_nothing() {
    if kernel_in_fips_mode() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let dir = work.path().join("server");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let file = work.path().join("absent.pem");
    let tls = [
        "--cert".as_ref(),
        file.as_os_str(),
        "--key".as_ref(),
        file.as_os_str(),
        "--ca".as_ref(),
        file.as_os_str(),
    ];
    let commands: [Vec<&std::ffi::OsStr>; 6] = [
        vec!["pki".as_ref(), "init".as_ref(), dir.as_ref()],
        vec!["pki".as_ref(), "renew".as_ref(), dir.as_ref()],
        vec!["seal".as_ref(), "--new-key".as_ref(), file.as_ref()],
        vec![
            "open".as_ref(),
            "--output-file".as_ref(),
            file.as_ref(),
            "--key-file".as_ref(),
            file.as_ref(),
        ],
        [
            vec![
                "serve".as_ref(),
                "--listen".as_ref(),
                "127.0.0.1:0".as_ref(),
            ],
            tls.to_vec(),
        ]
        .concat(),
        [vec!["connect".as_ref(), address.as_ref()], tls.to_vec()].concat(),
    ];
    for command in commands {
        let run = fipsctl(&command);
        assert_eq!(run.code, Some(3), "{command:?}: {run}");
        assert!(
            run.stderr.contains("kernel.fips-mode"),
            "{command:?}: {run}"
        );
        assert!(run.stderr.contains("mend:"), "{command:?}: {run}");
        assert_eq!(run.stdout, "", "{command:?}");
    }
    assert_eq!(
        fs::read_dir(work.path()).unwrap().count(),
        0,
        "something was written"
    );
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn no_environment_variable_opens_the_gate() {
    if kernel_in_fips_mode() {
        return;
    }
    for name in [
        "FIPS",
        "OPENSSL_FIPS",
        "OPENSSL_FORCE_FIPS_MODE",
        "GODEBUG",
        "FIPSCTL_EVALUATION",
        "EVALUATION",
    ] {
        for value in ["1", "on", "true", "fips140=only"] {
            let run = common::run(
                std::process::Command::new(env!("CARGO_BIN_EXE_fipsctl"))
                    .arg("status")
                    .env(name, value),
            );
            assert_eq!(run.code, Some(3), "{name}={value}: {run}");
        }
    }
}

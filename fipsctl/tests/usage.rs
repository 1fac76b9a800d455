//! The command line itself, the same in both kinds of build.

mod common;

use common::fipsctl;

#[test]
fn wrong_usage_is_exit_2() {
    for args in [
        &["no-such-command"][..],
        &["status", "--output", "csv"],
        &["status", "--evaluation"],
        &["pki"],
        &["pki", "audit"],
        &["pki", "audit", "verify", "x", "--expect-head", "1:2"],
        &["pki", "audit", "show", "x", "--event", "made-up"],
        &["pki", "init"],
        &["pki", "token"],
        &["pki", "token", "create", "x", "--role", "admin"],
        &["pki", "token", "create", "x", "--uses", "0"],
        &["pki", "token", "create", "x", "--expires", "0s"],
        &["pki", "token", "create", "x", "--expires", "366d"],
        &["pki", "token", "create", "x", "--description", "a\nb"],
        &["pki", "token", "verify", "x", "K10..."],
        &["pki", "init", "x", "--key-type", "ed25519"],
        &["pki", "init", "x", "--key-type", "p521"],
        &["pki", "init", "x", "--leaf-days", "0"],
        &["pki", "init", "x", "--node-ip", "300.1.1.1"],
        &["pki", "renew", "x", "--within-fraction", "1.5"],
        &["pki", "renew", "x", "--all", "--name", "y"],
        &["pki", "rotate", "x"],
        &["pki", "rotate-ca"],
        &["pki", "rotate-ca", "start", "x"],
        &["pki", "rotate-ca", "confirm", "x", "y"],
        &["pki", "rotate-sa", "start", "x", "--longest-token", "long"],
        &["pki", "recover"],
        &["serve"],
        &[
            "serve",
            "--cert",
            "x",
            "--key",
            "x",
            "--ca",
            "x",
            "--self-test-every",
            "soon",
        ],
        &[
            "serve",
            "--cert",
            "x",
            "--key",
            "x",
            "--ca",
            "x",
            "--self-test-every",
            "999ms",
        ],
        &["connect"],
        &["bootstrap"],
        &["bootstrap", "seal", "x"],
        &[
            "bootstrap",
            "import-k3s",
            "x",
            "--cluster",
            "c",
            "--key-file",
            "k",
        ],
        &["open", "x", "--verify", "--output-file", "y"],
        &["open", "x", "--inspect", "--key-file", "k"],
        &["seal"],
        &["seal", "x", "--output-file", "y"],
        &["seal", "x", "--force"],
        &["seal", "x", "--key-file", "k", "--purpose", "two words"],
        &["open", "x"],
        &["tickets"],
        &["tickets", "new", "x", "--fleet", "f"],
        &["tickets", "rotate", "x", "--key-file", "k"],
        &["seal", "x", "--key-file", "k", "--passphrase-fd", "3"],
        &["seal", "x", "--new-key", "k"],
        &["seal", "x", "--passphrase", "never on the command line"],
        &["seal", "x", "--passphrase-fd", "3", "--iterations", "999"],
        &[
            "seal",
            "x",
            "--passphrase-fd",
            "3",
            "--iterations",
            "10000001",
        ],
    ] {
        let run = fipsctl(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run}");
        assert!(
            !run.stderr.is_empty() && run.stdout.is_empty(),
            "{args:?}: {run}"
        );
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        &["status"][..],
        &["pki", "audit", "head"],
        &["pki", "audit", "show"],
        &["pki", "audit", "verify"],
        &["pki", "init"],
        &["pki", "adopt"],
        &["pki", "check"],
        &["pki", "recover"],
        &["pki", "node"],
        &["pki", "renew"],
        &["pki", "rotate"],
        &["pki", "rotate-ca", "confirm"],
        &["pki", "rotate-ca", "next"],
        &["pki", "rotate-ca", "plan"],
        &["pki", "rotate-ca", "rollback"],
        &["pki", "rotate-ca", "start"],
        &["pki", "rotate-ca", "status"],
        &["pki", "rotate-sa", "confirm"],
        &["pki", "rotate-sa", "next"],
        &["pki", "rotate-sa", "plan"],
        &["pki", "rotate-sa", "rollback"],
        &["pki", "rotate-sa", "start"],
        &["pki", "rotate-sa", "status"],
        &["pki", "token", "create"],
        &["pki", "token", "list"],
        &["pki", "token", "revoke"],
        &["pki", "token", "verify"],
        &["pki", "revoke"],
        &["self-test"],
        &["serve"],
        &["connect"],
        &["completions"],
        &["seal"],
        &["open"],
        &["bootstrap", "import-k3s"],
        &["bootstrap", "open"],
        &["bootstrap", "seal"],
        &["tickets", "new"],
        &["tickets", "rotate"],
        &["tickets", "show"],
    ] {
        let args: Vec<_> = command.iter().copied().chain(["--help"]).collect();
        let run = fipsctl(&args);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains("Example"), "{command:?}: {run}");
        assert!(
            run.stdout
                .contains(&format!("fipsctl {}", command.join(" "))),
            "{run}"
        );
    }
    let run = fipsctl(["--help"]);
    assert!(run.stdout.contains("Exit codes: 0 done"), "{run}");
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = fipsctl(["completions", shell]);
        assert_eq!(run.code, Some(0), "{run}");
        for command in ["renew", "seal", "self-test"] {
            assert!(run.stdout.contains(command), "{shell}: {run}");
        }
    }
}

#[test]
fn no_escape_codes_without_a_terminal() {
    for args in [&["status"][..], &["--help"], &["-vv", "status"]] {
        let run = fipsctl(args);
        assert!(
            !run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'),
            "{args:?}: {run}"
        );
    }
}

/// On a terminal: made by `script` of util-linux.
#[test]
fn it_works_on_a_terminal_and_honours_no_color() {
    for (no_color, args) in [
        ("", "status"),
        ("1", "-vv status"),
        ("1", "pki check /nowhere"),
    ] {
        let run = common::run(
            std::process::Command::new("script")
                .args(["--quiet", "--return", "--command"])
                .arg(format!("{} {args}", env!("CARGO_BIN_EXE_fipsctl")))
                .arg("/dev/null")
                .env("NO_COLOR", no_color),
        );
        let expected: &[_] = match args {
            "pki check /nowhere" => &[Some(4)],
            // By kind of build and kernel.
            _ => &[Some(0), Some(3)],
        };
        assert!(
            expected.contains(&run.code),
            "script (Debian package bsdutils) is needed: {args}: {run}"
        );
        assert!(!run.stdout.contains("panicked"), "{args}: {run}");
        if no_color == "1" {
            assert!(!run.stdout.contains("\x1b[3"), "{args}: {run}");
        }
    }
}

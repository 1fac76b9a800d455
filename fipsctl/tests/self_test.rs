//! `fipsctl self-test`, and `serve` that tests the module while it serves.

mod common;
#[cfg(feature = "evaluation")]
mod elf;

use common::fipsctl;

#[test]
fn all_tests_run_without_an_open_gate() {
    let run = fipsctl(["self-test"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.stdout.matches("pass").count(), 2, "{run}");
    for part in ["integrity test", "known-answer tests", "ML-KEM", "µs"] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    let run = fipsctl(["self-test", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let tests = json["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 2, "{json}");
    assert!(tests.iter().all(|test| test["passed"] == true), "{json}");
}

#[cfg(feature = "evaluation")]
mod serving {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::common::{fipsctl, run};
    use super::elf::{Binary, UNUSED};

    const BIN: &str = env!("CARGO_BIN_EXE_fipsctl");

    /// Starts the server; on a line from stdin, changes one byte of it in memory. The server is
    /// not dumpable: only the root of its user namespace may do that.
    const SCRIPT: &str = r#"
set -eu
"$BIN" serve --self-test-every 1s --listen 127.0.0.1:0 \
    --cert etcd/server-client.crt --key etcd/server-client.key --ca etcd/server-ca.crt </dev/null &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT TERM
read -r go
base=$(head -n 1 /proc/$server/maps | cut -d- -f1)
[ "$PIE" = true ] || base=0
printf "$BYTE" | dd of=/proc/$server/mem bs=1 seek=$((0x$base + ADDRESS)) conv=notrunc status=none
code=0
wait $server || code=$?
exit $code
"#;

    /// The shell, which ends its server when it is terminated.
    struct Shell(Child);

    impl Shell {
        /// Its exit code, when it ends by itself in good time.
        fn end(&mut self) -> Option<i32> {
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(120) {
                if let Some(status) = self.0.try_wait().unwrap() {
                    return status.code();
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            panic!("the server went on serving");
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            if let Ok(None) = self.0.try_wait() {
                let pid = self.0.id().to_string();
                let _ = Command::new("kill").arg(pid).status();
                let _ = self.0.wait();
            }
        }
    }

    #[test]
    fn a_server_whose_module_changes_in_memory_ends() {
        let work = tempfile::tempdir().unwrap();
        let server = work.path().join("server");
        let made = fipsctl([
            "pki".as_ref(),
            "init".as_ref(),
            "--node-name".as_ref(),
            "localhost".as_ref(),
            server.as_os_str(),
        ]);
        assert_eq!(made.code, Some(0), "{made}");
        let tls = server.join("tls");

        let binary = Binary::read(Path::new(BIN));
        let address = binary.address(UNUSED);
        let offset = binary.offset(address);
        assert!(binary.module().contains(&offset));
        let byte = binary.0[usize::try_from(offset).unwrap()] ^ 1;
        let child = Command::new("unshare")
            .args(["--map-root-user", "sh", "-c", SCRIPT])
            .env("BIN", BIN)
            .env("PIE", binary.is_position_independent().to_string())
            .env("ADDRESS", address.to_string())
            .env("BYTE", format!("\\{byte:03o}"))
            .current_dir(&tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare (Debian package util-linux) is needed");
        let mut child = Shell(child);
        let mut stdout = BufReader::new(child.0.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").expect(&line);
        let connect = || {
            run(Command::new(BIN)
                .args(["connect", address, "--cert", "etcd/client.crt"])
                .args(["--key", "etcd/client.key", "--ca", "etcd/server-ca.crt"])
                .current_dir(&tls))
        };
        let before = connect();
        assert_eq!(before.code, Some(0), "{before}");

        child.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
        let code = child.end();
        let mut stderr = String::new();
        child
            .0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(code, Some(3), "{stderr}");
        assert!(stderr.contains("FIPS integrity test failed."), "{stderr}");
        assert!(stderr.contains("the gate is closed for good"), "{stderr}");
        let after = connect();
        assert_eq!(after.code, Some(4), "{after}");
    }
}

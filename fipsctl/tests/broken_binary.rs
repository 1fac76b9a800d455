//! A binary whose module differs by one bit dies before `main`, having done nothing; a bit
//! elsewhere is none of the module's business.
//!
//! What was done is read from `strace`. One test, so that no other's child holds the copy open.

mod common;
mod elf;

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use elf::{Binary, UNUSED};

const SIGABRT: i32 = 6;
/// Text of the command line's own, which no module contains.
const OWN_TEXT: &[u8] = b"Exit codes: 0 done";
/// System calls that make, change or remove a file, or open a port.
const TRACED: &str = "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,\
                      unlinkat,link,linkat,symlink,symlinkat,socket,bind,listen,connect,clone3,\
                      clone,fork,vfork";

struct Copy {
    work: tempfile::TempDir,
    path: PathBuf,
}

impl Copy {
    fn of(binary: &Binary) -> Self {
        let work = tempfile::tempdir().unwrap();
        let path = work.path().join("fipsctl");
        fs::write(&path, &binary.0).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Self { work, path }
    }

    fn flip(&self, offset: u64) {
        let file = File::options()
            .read(true)
            .write(true)
            .open(&self.path)
            .unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    }

    /// Runs it to its end, and answers also with what strace saw.
    fn run(&self, arguments: &[&OsStr]) -> (Output, Vec<String>) {
        let log = self.work.path().join("strace");
        let output = Command::new("strace")
            .args(["--follow-forks", "--quiet=all", "-e", TRACED, "--output"])
            .arg(&log)
            .arg(&self.path)
            .args(arguments)
            .current_dir(self.work.path())
            .stdin(Stdio::null())
            .output()
            .expect("strace (Debian package strace) is needed");
        let calls = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let done = calls.lines().filter(|line| {
            let reads_only = line.contains("O_RDONLY") && !line.contains("O_CREAT");
            !(reads_only || line.contains("+++") || line.contains("---"))
        });
        (output, done.map(str::to_owned).collect())
    }
}

fn text(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether the gate of this build opens here: else a whole copy lives, and refuses.
fn opens() -> bool {
    cfg!(feature = "evaluation")
        || fs::read_to_string("/proc/sys/crypto/fips_enabled").is_ok_and(|text| text == "1\n")
}

/// Files that make `serve` reach its port.
fn server_files(work: &Path) -> Vec<PathBuf> {
    if !opens() {
        return vec![work.join("absent"); 3];
    }
    let server = work.join("server");
    let made = common::fipsctl(["pki".as_ref(), "init".as_ref(), server.as_os_str()]);
    assert_eq!(made.code, Some(0), "{made}");
    let etcd = server.canonicalize().unwrap().join("tls/etcd");
    ["server-client.crt", "server-client.key", "server-ca.crt"]
        .map(|name| etcd.join(name))
        .to_vec()
}

#[test]
fn one_bit_of_the_module_ends_every_command_before_it_begins() {
    let binary = Binary::read(Path::new(env!("CARGO_BIN_EXE_fipsctl")));
    let copy = Copy::of(&binary);
    let outside = tempfile::tempdir().unwrap();
    let files = server_files(outside.path());
    let status = ["status".as_ref()];
    let init = ["pki", "init", "server"].map(OsStr::new);
    // No connections: it opens its port, says so, and ends.
    let serve: Vec<&OsStr> = ["serve", "--listen", "127.0.0.1:0", "--connections", "0"]
        .into_iter()
        .map(OsStr::new)
        .chain([
            "--cert".as_ref(),
            files[0].as_os_str(),
            "--key".as_ref(),
            files[1].as_os_str(),
            "--ca".as_ref(),
            files[2].as_os_str(),
        ])
        .collect();
    let commands: [&[&OsStr]; 3] = [&status, &init, &serve];
    let entries = || fs::read_dir(copy.work.path()).unwrap().count();

    let module = binary.module();
    let hash = binary.offset(binary.address("BORINGSSL_bcm_text_hash"));
    let function = |name| binary.offset(binary.address(name));
    for (place, offset) in [
        ("its first byte", module.start),
        ("its last byte", module.end - 1),
        ("a function nobody calls", function(UNUSED)),
        ("the RSA signature", function("_RSA_sign")),
        ("the DRBG", function("_RAND_bytes")),
        ("the recorded HMAC, first byte", hash),
        ("the recorded HMAC, last byte", hash + 31),
    ] {
        assert!(
            module.contains(&offset) != place.contains("HMAC"),
            "{place}"
        );
        copy.flip(offset);
        for command in commands {
            let (output, done) = copy.run(command);
            let case = format!("{place}, {command:?}: {}", text(&output));
            // strace ends as its child did.
            assert_eq!(output.status.signal(), Some(SIGABRT), "{case}");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("FIPS integrity test failed."), "{case}");
            assert!(
                stderr.contains("Expected:") && stderr.contains("Calculated:"),
                "{case}"
            );
            assert!(output.stdout.is_empty(), "{case}");
            assert!(done.is_empty(), "{case}\n{done:#?}");
            assert_eq!(entries(), 1, "{case}: something was written");
        }
        copy.flip(offset);
    }

    // The controls: the copy works when it is whole, and when a bit of ours differs.
    let own = binary
        .0
        .windows(OWN_TEXT.len())
        .position(|window| window == OWN_TEXT)
        .expect("the help's text lies in the binary in one piece");
    let own = u64::try_from(own).unwrap();
    assert!(!module.contains(&own));
    for (flipped, help) in [(false, "Exit codes: 0 done"), (true, "Dxit codes: 0 done")] {
        if flipped {
            copy.flip(own);
        }
        let (output, _) = copy.run(&["--help".as_ref()]);
        assert!(text(&output).contains(help), "{}", text(&output));
        for command in commands {
            let (output, done) = copy.run(command);
            let case = format!("{command:?}: {}\n{done:#?}", text(&output));
            let saw = |call: &str| done.iter().any(|line| line.contains(call));
            if !opens() {
                assert_eq!(output.status.code(), Some(3), "{case}");
                assert!(case.contains("kernel.fips-mode"), "{case}");
                continue;
            }
            match command[0].to_str() {
                Some("serve") => {
                    assert!(saw("listen("), "{case}");
                    assert!(text(&output).contains("listening on"), "{case}");
                }
                Some("pki") => {
                    assert_eq!(output.status.code(), Some(0), "{case}");
                    assert!(saw("O_CREAT") && saw("mkdir"), "{case}");
                    fs::remove_dir_all(copy.work.path().join("server")).unwrap();
                }
                _ => assert_eq!(output.status.code(), Some(0), "{case}"),
            }
        }
    }
}

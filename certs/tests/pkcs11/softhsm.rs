//! A SoftHSM token of its own for each test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fips_certs::key::Pkcs11Uri;
use zeroize::Zeroizing;

use crate::common;

pub(crate) const PIN: &str = "pin-4711-of-the-token";
pub(crate) const LIBRARY: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A token, seen from the process that uses it.
pub(crate) struct Token {
    pub(crate) folder: PathBuf,
    library: String,
}

impl Token {
    /// Runs `test` again in a process of its own that has a fresh token: SoftHSM finds its
    /// tokens by the environment, which a process of many threads cannot change. `None` in the
    /// process that started it, after it has passed.
    pub(crate) fn of(test: &str) -> Option<Self> {
        if let Some(folder) = std::env::var_os("TOKEN_OF_TEST") {
            let folder = PathBuf::from(folder);
            return Some(Self {
                library: LIBRARY.into(),
                folder,
            });
        }
        let folder = tempfile::tempdir().unwrap();
        let token = Self {
            library: LIBRARY.into(),
            folder: folder.path().into(),
        };
        assert!(
            Path::new(LIBRARY).exists(),
            "{LIBRARY} is needed (Debian package softhsm2)"
        );
        fs::create_dir(token.folder.join("tokens")).unwrap();
        let configuration = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            token.folder.join("tokens").display()
        );
        fs::write(token.folder.join("softhsm2.conf"), configuration).unwrap();
        token.initialize("control-plane");
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("TOKEN_OF_TEST", &token.folder)
            .env("SOFTHSM2_CONF", token.folder.join("softhsm2.conf"))
            .env("SPOILER", token.folder.join("spoil"))
            .output()
            .unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{text}");
        assert!(text.contains("1 passed"), "it ran: {text}");
        assert!(!text.contains(PIN), "the PIN shows: {text}");
        None
    }

    /// The same token through a library that spoils answers as [`spoil`](Self::spoil) says.
    pub(crate) fn spoiled(self) -> Self {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pkcs11/spoiler.c");
        let library = self.folder.join("spoiler.so");
        let arguments = [
            "-shared",
            "-fPIC",
            &format!("-DREAL=\"{LIBRARY}\""),
            "-o",
            library.to_str().unwrap(),
            source,
            "-ldl",
        ];
        let output = common::run("cc", "build-essential", &arguments, &self.folder);
        assert!(output.status.success(), "{output:?}");
        fs::set_permissions(&library, fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            library: library.to_str().unwrap().into(),
            ..self
        }
    }

    pub(crate) fn spoil(&self, what: &str) {
        fs::write(self.folder.join("spoil"), what).unwrap();
    }

    /// Makes a token.
    pub(crate) fn initialize(&self, label: &str) {
        let arguments = [
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "so-pin",
        ];
        self.softhsm(&[&arguments[..], &["--pin", PIN]].concat());
    }

    fn softhsm(&self, arguments: &[&str]) {
        let output = Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", self.folder.join("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is needed (Debian package softhsm2)");
        assert!(output.status.success(), "{output:?}");
    }

    /// Another program's view of the token.
    pub(crate) fn tool(&self, arguments: &[&str]) -> String {
        let all = [
            &["--module", LIBRARY, "--token-label", "control-plane"],
            &["--login", "--pin", PIN][..],
            arguments,
        ]
        .concat();
        let output = common::run("pkcs11-tool", "opensc", &all, &self.folder);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn uri(&self, key: &str) -> Pkcs11Uri {
        self.uri_of("control-plane", key)
    }

    pub(crate) fn uri_of(&self, token: &str, key: &str) -> Pkcs11Uri {
        format!(
            "pkcs11:token={token};{key}?module-path={}&x-cmvp=none",
            self.library
        )
        .parse()
        .unwrap()
    }
}

pub(crate) fn pin() -> Option<Zeroizing<Vec<u8>>> {
    Some(Zeroizing::new(PIN.as_bytes().to_vec()))
}

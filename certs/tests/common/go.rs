//! A small program in Go (`tests/go/main.go`), built once per test binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Runs the program in `folder`; what it said when it failed.
pub(crate) fn go(folder: &Path, arguments: &str) -> Result<(), String> {
    let output = Command::new(built())
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn built() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Two test binaries may build at once: each its own file.
        let program = target.join(format!("go-verify-{}", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/main.go");
        let mut build = Command::new("go");
        build
            .args(["build", "-o"])
            .arg(&program)
            .arg(source)
            .envs([
                ("CGO_ENABLED", "0"),
                ("GO111MODULE", "off"),
                ("GOENV", "off"),
                ("GOFLAGS", ""),
                ("GOPROXY", "off"),
                ("GOTELEMETRY", "off"),
                ("GOTOOLCHAIN", "local"),
            ])
            .env("GOCACHE", target.join("go-cache"));
        for name in ["GODEBUG", "GOFIPS140", "GOROOT", "GOPATH"] {
            build.env_remove(name);
        }
        let output = build
            .output()
            .unwrap_or_else(|error| panic!("go is needed (Debian package golang-go): {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "go build: {said}");
        program
    })
}

//! What a user of the published crates gets: without our lock file, without our
//! `.cargo/config.toml`, the module must still be the certificate's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const PACKAGES: [&str; 4] = ["fips-boundary", "fips-certs", "fips-core", "fips-tls"];

const MAIN: &str = r#"
use fips_boundary::core::{Boundary, ModuleClaim, Requirements};

fn main() {
    let evidence = Boundary::examine(Requirements::strict());
    println!("{}", evidence.statement.version);
    assert_eq!(evidence.statement.module, ModuleClaim::SourceOfValidated, "{evidence}");
}
"#;

fn run(command: &mut Command) -> String {
    let out = command.output().expect("the program starts");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr),
    );
    assert!(out.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

/// cargo, as an outsider calls it: nothing of this build's settings in its environment.
fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(dir);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("AWS_LC_")
            || text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_PROFILE_")
            || ["CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUSTFLAGS"].contains(&text.as_ref());
        if ours {
            command.env_remove(name);
        }
    }
    command
}

/// The packages as `cargo package` makes them, unpacked.
fn unpack(into: &Path) {
    let packaged = into.join("packaged");
    let mut package = cargo(Path::new(env!("CARGO_MANIFEST_DIR")));
    package.args([
        "package",
        "--locked",
        "--no-verify",
        "--allow-dirty",
        "--quiet",
    ]);
    for name in PACKAGES {
        package.args(["--package", name]);
    }
    run(package.arg("--target-dir").arg(&packaged));
    for name in PACKAGES {
        let archive = packaged
            .join("package")
            .join(format!("{name}-{}.crate", env!("CARGO_PKG_VERSION")));
        run(Command::new("tar")
            .arg("xzf")
            .arg(archive)
            .arg("-C")
            .arg(into));
    }
}

#[test]
fn an_outside_crate_links_the_certificates_module() {
    let work = tempfile::tempdir().unwrap();
    unpack(work.path());
    let outside = work.path().join("outside");
    fs::create_dir_all(outside.join("src")).unwrap();
    fs::write(outside.join("src/main.rs"), MAIN).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let patches: String = PACKAGES
        .iter()
        .map(|name| format!("{name} = {{ path = \"../{name}-{version}\" }}\n"))
        .collect();
    fs::write(
        outside.join("Cargo.toml"),
        format!(
            "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\nfips-boundary = \"{version}\"\n\
             [patch.crates-io]\n{patches}[workspace]\n"
        ),
    )
    .unwrap();

    // Kept between runs: the module takes a minute to build.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("outside");
    let printed = run(cargo(&outside)
        .args(["run", "--quiet", "--target-dir"])
        .arg(target));
    assert_eq!(printed.trim(), "AWS-LC FIPS 3.1.0");

    // Resolved anew, as a user's Cargo does it: still one crypto crate.
    let tree = run(cargo(&outside).args([
        "tree",
        "--edges",
        "normal,build",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]));
    for pinned in ["aws-lc-rs v1.17.1", "aws-lc-fips-sys v0.13.11"] {
        assert!(tree.contains(pinned), "{tree}");
    }
    for foreign in [
        "ring v",
        "aws-lc-sys v",
        "openssl-sys v",
        "sha2 v",
        "rand v",
    ] {
        assert!(
            !tree.lines().any(|line| line.starts_with(foreign)),
            "{foreign}: {tree}"
        );
    }
}

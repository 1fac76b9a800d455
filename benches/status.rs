//! What `fipsctl status` costs from the start of the process to its end.
//!
//! Two floors stand beside it in the same run, since only the ratio means something on a busy
//! machine: a process that does nothing, and the examination itself without a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};
use fips_boundary::core::{Boundary, Requirements};

fn status(criterion: &mut Criterion) {
    let fipsctl = fipsctl();
    let mut group = criterion.benchmark_group("status");
    group.bench_function("fipsctl", |bencher| {
        // 0 where the kernel is in FIPS mode, 3 where it is not; both have run every check.
        bencher.iter(|| run(Command::new(&fipsctl).arg("status"), &[0, 3]));
    });
    group.bench_function("floor-process", |bencher| {
        bencher.iter(|| run(&mut Command::new("true"), &[0]));
    });
    group.bench_function("floor-library", |bencher| {
        bencher.iter(|| Boundary::examine(Requirements::strict().non_dumpable()).to_string());
    });
    group.finish();
}

fn run(command: &mut Command, codes: &[i32]) {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(
        status.code().is_some_and(|code| codes.contains(&code)),
        "{command:?}: {status}"
    );
}

/// The normal release build, made now: `cargo bench` does not build another package's program.
fn fipsctl() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it lies in the target folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--package", "fipsctl", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "fipsctl builds");
    target.join("release/fipsctl")
}

criterion_group!(benches, status);
criterion_main!(benches);

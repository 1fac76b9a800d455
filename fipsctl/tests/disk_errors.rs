//! Every command that changes a disk, on one that takes no more and with few files that may be open:
//! the kernel's own ENOSPC, EROFS and EMFILE. The error says what helps, nothing is half done, and
//! the same command succeeds afterwards.
//!
//! The mounts are made in user and mount namespaces, so that neither root nor sudo is needed.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
mod changes;
#[allow(dead_code, reason = "each test takes what it needs")]
mod common;

use std::fs;
use std::path::Path;

use changes::{ALL, Case, Scene, State, has_worked, scratch};
use common::Run;

const UNSHARE: &str = "unshare (Debian package util-linux) with user namespaces is needed";

/// The code of a script whose mounts failed.
const NO_MOUNT: Option<i32> = Some(90);

/// A case that is tried, as it was before and as it is after.
struct Trial<'c> {
    case: &'c Case,
    root: tempfile::TempDir,
    scene: Scene,
    before: State,
    after: State,
}

impl<'c> Trial<'c> {
    fn new(case: &'c Case) -> Self {
        let root = scratch();
        let scene = Scene::prepared(root.path(), case);
        let probe = scene.copy(root.path(), "probe");
        let done = probe.run(case.command);
        assert!(has_worked(&done), "{}: {done}", case.command);
        Self {
            case,
            before: scene.state(),
            after: probe.state(),
            root,
            scene,
        }
    }

    /// A failed run names what it could not do, the answer in words, and what helps.
    fn assert_told(&self, run: &Run, answer: &str, remedy: &str, context: &str) {
        assert_eq!(run.code, Some(4), "{context}: {run}");
        let last = run.stderr.lines().last().unwrap_or_default();
        for word in ["cannot ", answer, remedy] {
            assert!(last.contains(word), "{context}: {word:?} is missing: {run}");
        }
        let here = self.root.path().to_str().unwrap();
        assert!(last.contains(here), "{context}: no file is named: {run}");
    }

    /// The old set or the new one is in `scene`, and nothing besides.
    fn assert_whole(&self, scene: &Scene, context: &str) {
        let found = scene.state();
        let is_old = found == self.before;
        let is_new = found.1.keys().eq(self.after.1.keys()) && found.0 == self.after.0;
        assert!(
            is_old || is_new || self.case.several,
            "{context}: {:?} {:?}",
            found.0,
            found.1.keys()
        );
        let journal = scene.folder.join("pki/.fips-journal");
        assert!(!journal.exists(), "{context}: decided and not finished");
        scene.assert_outside(self.case, &self.scene.outside(), context);
        scene.assert_nothing_lost(&self.scene, context);
    }

    fn assert_done(&self, run: &Run, scene: &Scene, context: &str) {
        assert!(has_worked(run), "{context}: again: {run}");
        assert_eq!(scene.state().0, self.after.0, "{context}: again");
        scene.assert_outside(self.case, &self.scene.outside(), context);
    }
}

/// Nothing of it can be written, and nothing is.
fn read_only(case: &Case) {
    let trial = Trial::new(case);
    let scene = trial.scene.copy(trial.root.path(), "tried");
    let place = scene.folder.to_str().unwrap();
    let script = r#"
        mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 90
        exec "$@""#;
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", script];
    let context = format!("{} on a read-only mount", case.command);
    let run = scene.run_in(&[&wrapper[..], &[place]].concat(), case.command);
    assert_ne!(run.code, NO_MOUNT, "{UNSHARE}: {run}");
    trial.assert_told(&run, "Read-only file system", "remount,rw", &context);
    assert!(scene.state() == trial.before, "{context}");
    assert!(scene.outside() == trial.scene.outside(), "{context}");
    let again = scene.run(case.command);
    trial.assert_done(&again, &scene, &context);
}

/// Fails for want of room at its first page, then at a later one, until there is enough.
fn full(case: &Case) {
    let trial = Trial::new(case);
    let results = trial.root.path().join("results");
    fs::create_dir(&results).unwrap();
    let tried = Scene {
        folder: trial.root.path().join("tried"),
    };
    fs::create_dir(&tried.folder).unwrap();
    // Copied out, since nobody outside sees what is mounted there.
    let script = r#"
        set -u
        results=$0 prepared=$1 tried=$2
        shift 2
        for pages in 0 2 8 32 256; do
            result="$results/$pages"
            mkdir "$result"
            mount -t tmpfs -o size=64m,mode=0700 tmpfs "$tried" || exit 90
            cp -a "$prepared/." "$tried/"
            used=$(df --output=used -k "$tried" | tail -n 1)
            mount -o remount,size=$((used + 4 * pages))k "$tried" || exit 90
            code=0
            "$@" >/dev/null 2>"$result/stderr" || code=$?
            echo "$code" >"$result/code"
            cp -a "$tried" "$result/failed"
            mount -o remount,size=64m "$tried" || exit 90
            if [ "$code" -gt 1 ]; then
                again=0
                "$@" >/dev/null 2>"$result/stderr-again" || again=$?
                echo "$again" >"$result/code-again"
                cp -a "$tried" "$result/again"
            fi
            umount "$tried"
            [ "$code" -gt 1 ] || exit 0
        done"#;
    let places = [&results, &trial.scene.folder, &tried.folder].map(|path| path.to_str().unwrap());
    let wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", script];
    // The token's id is looked up where it can be seen.
    let line = trial.scene.words(case.command);
    let moved: Vec<String> = line
        .iter()
        .map(|word| word.replace(places[1], places[2]))
        .collect();
    let words: Vec<&str> = wrapper
        .iter()
        .copied()
        .chain(places)
        .chain(moved.iter().map(String::as_str))
        .collect();
    let all = common::run(
        std::process::Command::new(words[0])
            .args(&words[1..])
            .env("CREDENTIALS_DIRECTORY", &tried.folder),
    );
    assert_ne!(all.code, NO_MOUNT, "{UNSHARE}: {all}");
    assert_eq!(all.code, Some(0), "{}: {all}", case.command);
    let mut failed = 0;
    for entry in fs::read_dir(&results).unwrap() {
        let result = entry.unwrap().path();
        let pages = result.file_name().unwrap().to_string_lossy().into_owned();
        let context = format!("{} with room for {pages} pages", case.command);
        let run = run_of(&result, "");
        let scene = |name| Scene {
            folder: result.join(name),
        };
        if has_worked(&run) {
            trial.assert_done(&run, &scene("failed"), &context);
            continue;
        }
        failed += 1;
        trial.assert_told(&run, "No space left on device", "make room", &context);
        trial.assert_whole(&scene("failed"), &context);
        trial.assert_done(&run_of(&result, "-again"), &scene("again"), &context);
    }
    assert!(failed > 0, "{}: there was room", case.command);
}

/// What a script kept of a run.
fn run_of(result: &Path, which: &str) -> Run {
    let read = |name: &str| fs::read_to_string(result.join(format!("{name}{which}"))).unwrap();
    Run {
        code: read("code").trim().parse().ok(),
        stdout: String::new(),
        stderr: read("stderr"),
    }
}

/// With one more file that may be open each time, until it succeeds; and once more where it had
/// failed last.
fn few_files(case: &Case) {
    let trial = Trial::new(case);
    let mut failed = None;
    for most in 4..64 {
        let context = format!("{} with {most} open files", case.command);
        let limit = format!("--nofile={most}");
        let scene = trial.scene.copy(trial.root.path(), &most.to_string());
        let run = scene.run_in(&["prlimit", &limit], case.command);
        if has_worked(&run) {
            trial.assert_done(&run, &scene, &context);
            let failed: Scene = failed.unwrap_or_else(|| panic!("{context}: it never failed"));
            trial.assert_done(&failed.run(case.command), &failed, &context);
            return;
        }
        // Not so the loader, and the boundary that cannot look at its evidence: it began nothing.
        if !matches!(run.code, Some(3 | 127)) {
            trial.assert_told(&run, "Too many open files", "ulimit -n", &context);
            trial.assert_whole(&scene, &context);
            failed = Some(scene);
        }
    }
    panic!("{}: it never worked", case.command);
}

#[test]
fn a_read_only_file_system() {
    ALL.concat().iter().for_each(read_only);
}

#[test]
fn a_full_file_system() {
    ALL.concat().iter().for_each(full);
}

#[test]
fn too_many_open_files() {
    ALL.concat().iter().for_each(few_files);
}

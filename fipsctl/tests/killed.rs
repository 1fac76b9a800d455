//! Every command that changes a disk, killed at its writes, renames and syncs by the kernel
//! (strace injects the signal), and run twice at once: the old set or the new, and the next
//! command goes on.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
mod changes;
#[allow(dead_code, reason = "each test takes what it needs")]
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use changes::{
    ALL, AUTHORITIES, Case, KEYS, LEAVES, LISTS, Line, MAKING, REQUESTS, SEALING, Scene, TOKENS,
    has_worked, scratch,
};
use common::Run;

/// The calls that change a disk.
const CALLS: &str = "fsync,fdatasync,linkat,mkdirat,renameat,renameat2,unlinkat,write";

/// Opens the PKI to write and finds nothing to do.
const OPEN: Line = "pki token revoke @pki none";

/// Runs `line` under strace, which does `inject` to it; with the calls it made.
fn traced(scene: &Scene, line: Line, inject: Option<&str>) -> (Run, String) {
    let log = scene.folder.join("strace");
    let (output, trace) = (log.display().to_string(), format!("--trace={CALLS}"));
    let mut strace = vec!["strace", "--follow-forks", "--quiet=all", &trace];
    strace.extend(["--output", &output]);
    strace.extend(inject);
    let run = scene.run_in(&strace, line);
    (run, fs::read_to_string(log).unwrap_or_default())
}

/// How often each call was made.
fn counts(log: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        // With threads a number stands before the call; a resumed one is counted once.
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if let Some((name, _)) = call.split_once('(')
            && CALLS.split(',').any(|known| known == name)
        {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// Whether a hidden file with a result lies in the folder of `scene`.
fn has_part(scene: &Scene) -> bool {
    fs::read_dir(&scene.folder).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.')
    })
}

/// Whether something of an unfinished change lies below `folder`.
fn is_unfinished(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        name == ".fips-journal"
            || name.starts_with(".fips-staged-")
            || (entry.path().is_dir() && is_unfinished(&entry.path()))
    })
}

fn kill_everywhere(case: &Case) {
    let root = scratch();
    let scene = Scene::prepared(root.path(), case);
    let before = scene.state();
    let probe = scene.copy(root.path(), "probe");
    let (done, log) = traced(&probe, case.command, None);
    assert!(has_worked(&done), "{}: {done}", case.command);
    let after = probe.state();
    probe.assert_outside(case, &scene.outside(), case.command);
    let mut killed = 0;
    for (call, count) in counts(&log) {
        let mut at = vec![1, count.div_ceil(2), count];
        at.dedup();
        for at in at {
            let context = format!("{} at {call} {at} of {count}", case.command);
            let tried = scene.copy(root.path(), "tried");
            let inject = format!("--inject={call}:signal=KILL:when={at}");
            let (run, _) = traced(&tried, case.command, Some(&inject));
            killed += usize::from(run.code.is_none() || run.code == Some(137));
            assert_killed(case, &tried, (&scene, &before), &after, &context);
            fs::remove_dir_all(&tried.folder).unwrap();
        }
    }
    assert!(killed > 3, "{}: {killed} killed", case.command);
}

/// What a command that was killed has left is the old set or the new one, and it can be done
/// again.
fn assert_killed(
    case: &Case,
    tried: &Scene,
    (scene, before): (&Scene, &changes::State),
    after: &changes::State,
    context: &str,
) {
    let outside = scene.outside();
    tried.assert_outside(case, &outside, context);
    // Opening with the lock brings each folder to one of the two sets, and says so.
    let pki = tried.folder.join("pki");
    let unfinished = is_unfinished(&pki);
    let next = tried.run(OPEN);
    assert!(
        !unfinished || next.stderr.contains("interrupted change"),
        "{context}: nothing is said of what was interrupted: {next}"
    );
    assert!(!is_unfinished(&pki), "{context}: {next}");
    let unfinished = is_unfinished(&tried.folder.join("node"));
    let found = tried.state();
    let is_old = found.1 == before.1;
    let is_new = found.1.keys().eq(after.1.keys()) && found.0 == after.0;
    assert!(
        is_old || is_new || case.several,
        "{context}: {:?} {:?}\n{next}",
        found.0,
        found.1.keys()
    );
    if is_old {
        assert_eq!(found.0, before.0, "{context}");
    }
    tried.assert_nothing_lost(scene, context);
    if is_old || !is_new {
        if tried.outside() != outside && outside[0].is_none() {
            let _ = fs::remove_file(tried.folder.join("out"));
            let _ = fs::remove_file(tried.folder.join("out.key"));
        }
        let part = has_part(tried);
        let again = tried.run(case.command);
        assert!(has_worked(&again), "{context}: {again}");
        assert!(
            !part || again.stderr.contains("killed"),
            "{context}: nothing is said of the hidden file: {again}"
        );
        assert!(
            !unfinished || again.stderr.contains("interrupted change"),
            "{context}: nothing is said of what was interrupted: {again}"
        );
        assert_eq!(tried.state().0, after.0, "{context}: {again}");
    }
    assert!(!has_part(tried), "{context}: a hidden file is left");
}

#[test]
fn making_and_taking_over() {
    MAKING.iter().for_each(kill_everywhere);
}

#[test]
fn leaves() {
    LEAVES.iter().for_each(kill_everywhere);
}

#[test]
fn lists_and_tokens() {
    LISTS.iter().chain(TOKENS).for_each(kill_everywhere);
}

#[test]
fn requests_and_what_is_handed_out() {
    REQUESTS.iter().for_each(kill_everywhere);
}

#[test]
fn rotations_of_authorities() {
    AUTHORITIES.iter().for_each(kill_everywhere);
}

#[test]
fn rotations_and_forms_of_keys() {
    KEYS.iter().for_each(kill_everywhere);
}

#[test]
fn what_is_sealed_and_opened() {
    SEALING.iter().for_each(kill_everywhere);
}

/// Of two at once one does its work; the other waits for nothing and says who holds the folder,
/// or comes after it.
#[test]
fn two_at_once() {
    for case in ALL.concat() {
        let root = scratch();
        let scene = Scene::prepared(root.path(), &case);
        let (words, outside) = (scene.words(case.command), scene.outside());
        let command = || {
            Command::new(&words[0])
                .args(&words[1..])
                .env("CREDENTIALS_DIRECTORY", &scene.folder)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let both = [command(), command()].map(|child| child.wait_with_output().unwrap());
        let mut done = 0;
        for output in &both {
            let told = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0 | 1) => done += 1,
                // Locked, or what the first did is done already.
                Some(2 | 4) => assert!(
                    [
                        "locked by",
                        "exist",
                        "under way",
                        "sealed",
                        "done",
                        "changed",
                        "may be good until",
                        "can sign",
                        "none was begun",
                        "wait",
                    ]
                    .iter()
                    .any(|word| told.contains(word)),
                    "{}: {told}",
                    case.command
                ),
                code => panic!("{}: {code:?} {told}", case.command),
            }
        }
        assert!(done >= 1, "{}: {both:?}", case.command);
        scene.assert_outside(&case, &outside, case.command);
        if scene.folder.join("pki").exists() {
            let log = scene.run("pki audit verify @pki");
            assert_eq!(log.code, Some(0), "{}: {log}", case.command);
        }
    }
}

//! The module's own tests on request and at intervals, while others use it.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fips_core::digest::{Algorithm, digest};
use fips_core::signing::{KeyAlgorithm, PrivateKey, Scheme};
use fips_core::{Boundary, Outcome, Requirements, SelfTest};

/// Against hangs alone.
const PATIENCE: Duration = Duration::from_secs(120);

fn every(seconds: u64) -> Requirements {
    Requirements::strict()
        .self_test_every(Duration::from_secs(seconds))
        .unwrap()
}

#[test]
fn on_request_and_again_and_again_while_others_use_the_module() {
    let boundary = Boundary::enter_for_evaluation(every(1)).unwrap();
    let status = boundary.status();
    let check = |id| status.checks().iter().find(|check| check.id == id).unwrap();
    assert_eq!(check("integrity.periodic").outcome, Outcome::Passed);
    assert_eq!(check("integrity.periodic").found, "every 1s");
    assert!(status.self_tests().runs >= 1, "the gate's own run counts");

    let key = PrivateKey::generate(&boundary, KeyAlgorithm::EcdsaP256).unwrap();
    let (stop, signatures) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    key.sign(Scheme::EcdsaP256Sha256, b"message").unwrap();
                    digest(Algorithm::Sha256, b"message").unwrap();
                    signatures.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // On request, from two threads at once.
        for _ in 0..2 {
            threads.spawn(|| {
                for _ in 0..5 {
                    let run = boundary.self_test().unwrap();
                    let tests: Vec<_> = run.tests.iter().map(|result| result.test).collect();
                    assert_eq!(tests, SelfTest::ALL);
                    assert!(run.tests.iter().all(|result| result.passed), "{run:?}");
                }
            });
        }
        // And by itself: two runs that nobody asked for.
        let waited = Instant::now();
        let enough = 1 + 10 + 2;
        while status.self_tests().runs < enough && waited.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(
            status.self_tests().runs >= enough,
            "{:?}",
            status.self_tests()
        );
    });
    assert!(signatures.load(Ordering::Relaxed) > 0);
    boundary.still_open().unwrap();

    let names: Vec<_> = fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default())
        .filter(|name| name.trim_end() == "fips-self-test")
        .collect();
    assert_eq!(names.len(), 1, "one thread, by its name");

    let json: serde_json::Value = serde_json::from_str(&boundary.evidence().to_json()).unwrap();
    assert_eq!(json["open"], true);
    assert_eq!(json["requirements"]["self_test_every_seconds"], 1.0);
    assert!(json["self_tests"]["runs"].as_u64() >= Some(13), "{json}");
    for (index, name) in ["integrity", "known-answers"].into_iter().enumerate() {
        let test = &json["self_tests"]["last"]["tests"][index];
        assert_eq!(test["test"], name, "{test}");
        assert_eq!(test["passed"], true, "{test}");
        assert!(test["micros"].as_u64() > Some(0), "{test}");
    }

    // The interval is part of the requirements: the same ones again, or a refusal.
    Boundary::enter_for_evaluation(every(1)).unwrap();
    for other in [every(2), Requirements::strict()] {
        let refusal = Boundary::enter_for_evaluation(other).unwrap_err();
        let failed: Vec<_> = refusal.failed().map(|check| check.id).collect();
        assert_eq!(failed, ["environment.one-entry"]);
    }
}

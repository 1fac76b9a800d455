//! What an entry answers, on this machine's kernel, in both kinds of build.

use std::fs;

use fips_core::{Boundary, KernelDetector, KernelFips, Requirements};

/// Independent of the detector: what `cat` would say.
fn kernel_reads_one() -> bool {
    fs::read_to_string("/proc/sys/crypto/fips_enabled").is_ok_and(|text| text == "1\n")
}

#[test]
#[cfg(not(feature = "evaluation"))]
fn a_normal_build_opens_on_a_fips_kernel_and_nowhere_else() {
    let examined = Boundary::examine(Requirements::strict());
    assert_eq!(examined.refused(), !kernel_reads_one());
    match Boundary::enter() {
        Ok(boundary) => {
            assert!(kernel_reads_one());
            assert!(boundary.status().waivers().is_empty());
        }
        Err(refusal) => {
            assert!(!kernel_reads_one());
            let failed: Vec<_> = refusal.failed().collect();
            assert_eq!(failed.len(), 1, "{refusal}");
            assert_eq!(failed[0].id, "kernel.fips-mode");
            assert!(!failed[0].mend.is_empty());
            let text = refusal.to_string();
            for part in ["expected", "found", "read from", "rule", "mend"] {
                assert!(text.contains(part), "{text}");
            }
            // Refusing leaves the process shut.
            assert!(fips_core::random::bytes::<8>().is_err());
        }
    }
}

#[test]
#[cfg(feature = "evaluation")]
fn an_evaluation_names_its_waivers_everywhere_and_is_entered_once() {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let status = boundary.status();
    let waived: Vec<_> = status.waivers().iter().map(|waiver| waiver.check).collect();
    if kernel_reads_one() {
        assert!(waived.is_empty());
    } else {
        assert_eq!(waived, ["kernel.fips-mode"]);
        for text in [
            status.statement().to_string(),
            boundary.evidence().to_string(),
            boundary.evidence().to_json(),
        ] {
            assert!(text.contains("FOR EVALUATION ONLY"), "{text}");
            assert!(text.contains("kernel.fips-mode"), "{text}");
        }
    }
    for check in status.checks() {
        assert_ne!(check.outcome, fips_core::Outcome::Failed, "{check:?}");
    }

    // The same entry again is the same gate; another one is an error.
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for refusal in [
        Boundary::enter().unwrap_err(),
        Boundary::enter_for_evaluation(Requirements::strict().non_dumpable()).unwrap_err(),
    ] {
        let failed: Vec<_> = refusal.failed().map(|check| check.id).collect();
        assert_eq!(failed, ["environment.one-entry"]);
    }

    fips_core::random::bytes::<8>().unwrap();
    let evidence = boundary.evidence();
    let json: serde_json::Value = serde_json::from_str(&evidence.to_json()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["open"], true);
    assert_eq!(json["statement"]["module"], "source-of-validated");
    assert!(
        json["ledger"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["service"] == "random" && row["approved"].as_u64() > Some(0)),
        "{json}"
    );
}

#[test]
fn the_detector_takes_another_root_and_the_entry_does_not() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("sys/crypto")).unwrap();
    fs::write(root.path().join("sys/crypto/fips_enabled"), "1\n").unwrap();
    let forged = KernelDetector::new(root.path()).detect();
    assert!(matches!(forged, KernelFips::NotGenuine(_)), "{forged:?}");
    assert_eq!(
        KernelDetector::default().detect() == KernelFips::Enabled,
        kernel_reads_one()
    );
}

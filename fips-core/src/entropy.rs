//! Whether the module's DRBG can be seeded, which its policy leaves to the caller.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::build_facts::BuildFacts;
use crate::check::{Check, Group};

pub(crate) fn checks(facts: &BuildFacts) -> [Check; 2] {
    let seeded = Check::passed(
        Group::Entropy,
        "entropy.kernel-initialised",
        "the kernel's random generator is initialised",
    )
    .read_from("getrandom(GRND_NONBLOCK)")
    .source("security policy of #5314, §2.8; getrandom(2)");
    let mut byte = [0];
    let seeded = match getrandom(&mut byte, GetRandomFlags::NONBLOCK) {
        Ok(1) => seeded.found("initialised; no claim of ours about its SP 800-90B assessment"),
        Ok(_) => seeded
            .found("the kernel gave no byte")
            .fails_with("report this kernel: getrandom(2) must give a byte or an error"),
        Err(rustix::io::Errno::AGAIN) => seeded.found("not initialised yet").fails_with(
            "start later in the boot, or give the machine an entropy source (virtio-rng)",
        ),
        Err(error) => seeded
            .found(format!("getrandom failed: {error}"))
            .fails_with("allow getrandom(2) in this process's seccomp filter"),
    };

    let mode = Check::passed(
        Group::Entropy,
        "entropy.module-source",
        "the module's default source: passive, from the operating system",
    )
    .read_from("CMake cache of the module's build")
    .source("security policy of #5314, §2.8");
    let mode = match facts.cpu_jitter_entropy {
        "OFF" => mode.found("passive: seeded by the operating system"),
        other => mode
            .found(format!("ENABLE_FIPS_ENTROPY_CPU_JITTER is {other}"))
            .fails_with("build with AWS_LC_FIPS_SYS_CPU_JITTER_ENTROPY unset or 0"),
    };
    [seeded, mode]
}

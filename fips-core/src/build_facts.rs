//! What `build.rs` found out about the module's build.

use serde::Serialize;

use crate::check::{Check, Group};

/// Facts read from the module's build folder when this crate was built.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct BuildFacts {
    /// C compiler and version.
    pub c_compiler: &'static str,
    /// Flags given to it.
    pub c_flags: &'static str,
    /// Flags given to the assembler.
    pub asm_flags: &'static str,
    /// CMake toolchain file; empty when there is none.
    pub toolchain_file: &'static str,
    /// CMake build type.
    pub cmake_build_type: &'static str,
    /// CMake's `FIPS` option.
    pub fips_build: &'static str,
    /// CMake's `ENABLE_FIPS_ENTROPY_CPU_JITTER` option.
    pub cpu_jitter_entropy: &'static str,
    /// Whether assembly was left out.
    pub no_assembly: bool,
    /// Whether small tables were asked for.
    pub small_tables: bool,
    /// CMake's `BUILD_SHARED_LIBS` option.
    pub shared_library: &'static str,
    /// Prefix of the module's symbols.
    pub symbol_prefix: &'static str,
    /// Whether the environment asked for a system library.
    pub system_library_asked: bool,
    /// Rust compiler.
    pub rustc: &'static str,
    /// Target triple.
    pub target: &'static str,
    /// Cargo's base profile, `debug` or `release`.
    pub profile: &'static str,
    /// Source files in the validated release's list.
    pub sources_listed: usize,
    /// Of these, how many the compiled folder has unchanged.
    pub sources_equal: usize,
    /// Files that differ.
    pub sources_altered: &'static [&'static str],
    /// Files that are not there.
    pub sources_missing: &'static [&'static str],
    /// Files in the module's own folders that the release does not have.
    pub sources_added: &'static [&'static str],
    /// Why nothing could be compared.
    pub sources_problem: Option<&'static str>,
}

/// Where the crate's build differs from the build instructions of the security policy.
pub const CRATE_DEVIATIONS: [&str; 3] = [
    "symbols carry a prefix (BORINGSSL_PREFIX), so that several copies of the library can be told apart",
    "the `bssl` tool is not built",
    "go.mod drops requirements that only tests need",
];

impl BuildFacts {
    /// The facts of this build.
    pub const fn of_this_build() -> Self {
        include!(concat!(env!("OUT_DIR"), "/build_facts.rs"))
    }

    /// Whether every source file equals the validated release's, with none added.
    pub fn sources_are_the_validated_ones(&self) -> bool {
        self.sources_problem.is_none()
            && self.sources_listed > 0
            && self.sources_equal == self.sources_listed
            && self.sources_added.is_empty()
    }
}

/// Name of the sources' check.
pub(crate) const SOURCES: &str = "build.module-sources";

/// Compiler options that change what the sources mean, or bring in others.
const CHANGING_OPTIONS: [&str; 15] = [
    "-B",
    "-D",
    "-I",
    "-U",
    "-Wa,",
    "-Wp,",
    "-X",
    "-fplugin",
    "-idirafter",
    "-imacros",
    "-include",
    "-iquote",
    "-isystem",
    "-specs",
    "-x",
];

/// The first option among `flags` that changes what the sources mean.
fn changing_option(flags: &str) -> Option<&str> {
    flags.split_ascii_whitespace().find(|flag| {
        let changes = flag.starts_with('@')
            || CHANGING_OPTIONS
                .iter()
                .any(|option| flag.starts_with(option));
        changes && !shortens_debug_paths(flag)
    })
}

/// What aws-lc-fips-sys from 0.13.15 on gives the assembler: paths in debug information, and no
/// second option behind it.
fn shortens_debug_paths(flag: &str) -> bool {
    flag.strip_prefix("-Wa,--debug-prefix-map=")
        .is_some_and(|map| !map.contains(','))
}

pub(crate) fn checks(facts: &BuildFacts) -> Vec<Check> {
    const CACHE: &str = "CMake cache of the module's build";
    const POLICY: &str = "security policy of #5314, §11.1";

    let sources = Check::passed(
        Group::Build,
        SOURCES,
        "every source file is byte-identical to the validated release's, none added",
    )
    .read_from("the folder the module was compiled from, hashed when fips-core was built")
    .source("security policy of #5314, §11.1: no additions, deletions or alterations");
    let sources = if facts.sources_are_the_validated_ones() {
        sources.found(format!(
            "{} of {} equal",
            facts.sources_equal, facts.sources_listed
        ))
    } else if let Some(problem) = facts.sources_problem {
        sources.found(problem).fails_with(
            "build fips-core and aws-lc-fips-sys in one Cargo build, with cmake on the PATH",
        )
    } else {
        sources
            .found(format!(
                "{} of {} equal; altered: {:?}; missing: {:?}; added: {:?}",
                facts.sources_equal,
                facts.sources_listed,
                facts.sources_altered,
                facts.sources_missing,
                facts.sources_added
            ))
            .fails_with("restore the sources of aws-lc-fips-sys 0.13.11 (delete the folder and let Cargo fetch it again)")
    };

    let options = Check::passed(
        Group::Build,
        "build.options",
        "a static FIPS build with assembly and full tables",
    )
    .read_from(CACHE)
    .source(POLICY);
    let mut wrong = Vec::new();
    for (name, found, wanted) in [
        ("FIPS", facts.fips_build, "1"),
        ("BUILD_SHARED_LIBS", facts.shared_library, "0"),
    ] {
        if found != wanted {
            wrong.push(format!("{name} is {found}, not {wanted}"));
        }
    }
    for (name, flags) in [("CFLAGS", facts.c_flags), ("ASMFLAGS", facts.asm_flags)] {
        if let Some(option) = changing_option(flags) {
            wrong.push(format!(
                "{name} has {option}, which changes what is compiled"
            ));
        }
    }
    if !facts.toolchain_file.is_empty() {
        wrong.push(format!(
            "the toolchain file {} was used",
            facts.toolchain_file
        ));
    }
    if facts.no_assembly {
        wrong.push("OPENSSL_NO_ASM is set".to_owned());
    }
    if facts.small_tables {
        wrong.push("OPENSSL_SMALL is set".to_owned());
    }
    let options = if wrong.is_empty() {
        options.found(format!(
            "static, assembly, {} build by {}",
            facts.cmake_build_type, facts.c_compiler
        ))
    } else {
        options.found(wrong.join("; ")).fails_with(
            "build with AWS_LC_FIPS_SYS_NO_ASM and AWS_LC_FIPS_SYS_SMALL unset or 0, \
             AWS_LC_FIPS_SYS_STATIC unset or 1, CFLAGS without options that define, include or \
             wrap, and no CMake toolchain file",
        )
    };

    let system = Check::passed(
        Group::Build,
        "build.no-system-library",
        "no system library was adopted in the module's place",
    )
    .read_from("AWS_LC_FIPS_SYS_USE_SYSTEM when fips-core was built")
    .source(POLICY);
    let system = if facts.system_library_asked {
        system
            .found("a system library was asked for")
            .fails_with("build with AWS_LC_FIPS_SYS_USE_SYSTEM=0")
    } else {
        system.found("none asked for")
    };

    vec![sources, options, system]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Outcome;

    #[test]
    fn this_build_passes() {
        for check in checks(&BuildFacts::of_this_build()) {
            assert_eq!(check.outcome, Outcome::Passed, "{check:?}");
        }
    }

    #[test]
    fn shorter_debug_paths_change_nothing() {
        let facts = BuildFacts {
            asm_flags: "-Wa,--debug-prefix-map=/x/aws-lc-fips-sys-0.13.17= -fPIC",
            c_flags: "-ffile-prefix-map=\"/x/aws-lc-fips-sys-0.13.17\"= -fPIC",
            ..BuildFacts::of_this_build()
        };
        for check in checks(&facts) {
            assert_eq!(check.outcome, Outcome::Passed, "{check:?}");
        }
    }

    #[test]
    fn each_wrong_fact_fails_its_check() {
        let good = BuildFacts::of_this_build();
        let cases = [
            BuildFacts {
                fips_build: "unknown",
                ..good
            },
            BuildFacts {
                shared_library: "1",
                ..good
            },
            BuildFacts {
                c_flags: "-O2 -DOPENSSL_SMALL",
                ..good
            },
            BuildFacts {
                c_flags: "-include x.h",
                ..good
            },
            BuildFacts {
                asm_flags: "-m64 @options",
                ..good
            },
            BuildFacts {
                asm_flags: "-Wa,--debug-prefix-map=/x=,-I/y",
                ..good
            },
            BuildFacts {
                toolchain_file: "x.cmake",
                ..good
            },
            BuildFacts {
                no_assembly: true,
                ..good
            },
            BuildFacts {
                small_tables: true,
                ..good
            },
            BuildFacts {
                system_library_asked: true,
                ..good
            },
            BuildFacts {
                sources_listed: 0,
                sources_equal: 0,
                ..good
            },
            BuildFacts {
                sources_equal: good.sources_equal - 1,
                ..good
            },
            BuildFacts {
                sources_added: &["crypto/fipsmodule/x.c"],
                ..good
            },
            BuildFacts {
                sources_problem: Some("x"),
                ..good
            },
        ];
        for facts in cases {
            let failed = checks(&facts)
                .iter()
                .filter(|c| c.outcome == Outcome::Failed)
                .count();
            assert_eq!(failed, 1, "{facts:?}");
        }
    }
}

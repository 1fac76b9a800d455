//! Records what the module in this build was really made from.
//!
//! The gate must not trust settings that a user may have changed, nor Cargo metadata: so the
//! facts are read from the CMake cache the module's build left behind (the source folder it
//! compiled, compiler, build type, options), and every source file of the module is hashed and
//! compared with the digests of the validated release. CMake does the hashing
//! (`cmake -E sha256sum`): the module cannot be built without it, and a second crypto crate
//! stays out of the build graph.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Digests of the validated release's vendored sources, in `sha256sum` format.
const DIGESTS: &str = "aws-lc-fips-3.1.0.sha256";

/// How many files one `cmake -E sha256sum` gets: keeps argument lists short.
const BATCH: usize = 256;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={DIGESTS}");
    for name in ["AWS_LC_FIPS_SYS_USE_SYSTEM", "CMAKE", "RUSTC"] {
        println!("cargo:rerun-if-env-changed={name}");
    }

    let facts = Facts::collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("build_facts.rs"), facts.render()).expect("OUT_DIR is writable");
}

/// Everything recorded, each with the text that will be shown; an unknown is said to be one.
struct Facts {
    cache: BTreeMap<String, String>,
    compiler: String,
    sources: Sources,
    use_system: bool,
}

/// The comparison of the compiled sources with the validated release's.
#[derive(Default)]
struct Sources {
    listed: usize,
    equal: usize,
    altered: Vec<String>,
    missing: Vec<String>,
    /// Files inside the module's own folders that the release does not have.
    added: Vec<String>,
    /// Why nothing could be compared.
    problem: Option<String>,
}

impl Facts {
    fn collect() -> Self {
        let build = module_build_dir();
        let cache = build
            .as_deref()
            .map(|dir| dir.join("CMakeCache.txt"))
            .and_then(|path| fs::read_to_string(path).ok())
            .map(|text| parse_cache(&text))
            .unwrap_or_default();
        let compiler = build
            .as_deref()
            .and_then(compiler_version)
            .unwrap_or_else(|| "unknown".to_owned());
        let sources = match cache.get("CMAKE_HOME_DIRECTORY") {
            Some(home) => compare_sources(&Path::new(home).join("aws-lc")),
            None => Sources {
                problem: Some(
                    "the CMake cache of the module's build was not found or names no source folder"
                        .to_owned(),
                ),
                ..Sources::default()
            },
        };
        let use_system = env::var("AWS_LC_FIPS_SYS_USE_SYSTEM")
            .is_ok_and(|v| !matches!(v.to_lowercase().as_str(), "" | "0" | "no" | "off" | "false"));
        Self {
            cache,
            compiler,
            sources,
            use_system,
        }
    }

    fn render(&self) -> String {
        let text = |key: &str| {
            self.cache
                .get(key)
                .map_or("unknown", String::as_str)
                .to_owned()
        };
        let s = &self.sources;
        let mut out = String::new();
        let mut field = |name: &str, value: String| {
            writeln!(out, "    {name}: {value},").expect("writing to a String");
        };
        field("c_compiler", quoted(&self.compiler));
        field("c_flags", quoted(text("CMAKE_C_FLAGS").trim()));
        field("asm_flags", quoted(text("CMAKE_ASM_FLAGS").trim()));
        field(
            "toolchain_file",
            quoted(
                self.cache
                    .get("CMAKE_TOOLCHAIN_FILE")
                    .map_or("", String::as_str),
            ),
        );
        field("cmake_build_type", quoted(&text("CMAKE_BUILD_TYPE")));
        field("fips_build", quoted(&text("FIPS")));
        field(
            "cpu_jitter_entropy",
            quoted(&text("ENABLE_FIPS_ENTROPY_CPU_JITTER")),
        );
        // CMake's cache holds these two only when they were asked for.
        field(
            "no_assembly",
            self.cache.contains_key("OPENSSL_NO_ASM").to_string(),
        );
        field(
            "small_tables",
            self.cache.contains_key("OPENSSL_SMALL").to_string(),
        );
        field("shared_library", quoted(&text("BUILD_SHARED_LIBS")));
        field("symbol_prefix", quoted(&text("BORINGSSL_PREFIX")));
        field("system_library_asked", self.use_system.to_string());
        field("rustc", quoted(&rustc_version()));
        field("target", quoted(&env::var("TARGET").unwrap_or_default()));
        field("profile", quoted(&env::var("PROFILE").unwrap_or_default()));
        field("sources_listed", s.listed.to_string());
        field("sources_equal", s.equal.to_string());
        field("sources_altered", list(&s.altered));
        field("sources_missing", list(&s.missing));
        field("sources_added", list(&s.added));
        field(
            "sources_problem",
            s.problem
                .as_deref()
                .map_or("None".to_owned(), |p| format!("Some({})", quoted(p))),
        );
        format!("BuildFacts {{\n{out}}}\n")
    }
}

/// The module's CMake build folder: beside the include folder its build script exports.
fn module_build_dir() -> Option<PathBuf> {
    let include = env::vars_os().find_map(|(name, value)| {
        let name = name.to_str()?;
        (name.starts_with("DEP_AWS_LC_FIPS_") && name.ends_with("_INCLUDE")).then_some(value)
    })?;
    Some(Path::new(&include).parent()?.join("build"))
}

/// `NAME:TYPE=value` lines.
fn parse_cache(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|line| !line.starts_with(['#', '/']))
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let (name, _) = name.split_once(':')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Identity and version of the C compiler as CMake found it.
fn compiler_version(build: &Path) -> Option<String> {
    let file = fs::read_dir(build.join("CMakeFiles"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("CMakeCCompiler.cmake")))
        .find(|path| path.exists())?;
    let text = fs::read_to_string(file).ok()?;
    let value = |name: &str| {
        text.lines()
            .find_map(|line| {
                line.strip_prefix("set(")?
                    .strip_prefix(name)?
                    .strip_prefix(" \"")
            })
            .and_then(|rest| rest.split('"').next())
            .map(str::to_owned)
    };
    Some(format!(
        "{} {}",
        value("CMAKE_C_COMPILER_ID")?,
        value("CMAKE_C_COMPILER_VERSION")?
    ))
}

fn compare_sources(root: &Path) -> Sources {
    let listed: BTreeMap<String, String> = fs::read_to_string(DIGESTS)
        .expect("the digest list is part of this package")
        .lines()
        .filter_map(|line| {
            let (digest, path) = line.split_once("  ")?;
            Some((path.to_owned(), digest.to_owned()))
        })
        .collect();
    let mut sources = Sources {
        listed: listed.len(),
        ..Sources::default()
    };

    let (present, missing): (Vec<_>, Vec<_>) = listed
        .keys()
        .cloned()
        .partition(|path| root.join(path).is_file());
    sources.missing = missing;
    for batch in present.chunks(BATCH) {
        match sha256(root, batch) {
            Ok(digests) => {
                for path in batch {
                    if digests.get(path) == listed.get(path) {
                        sources.equal += 1;
                    } else {
                        sources.altered.push(path.clone());
                    }
                }
            }
            Err(error) => {
                sources.problem = Some(format!("`cmake -E sha256sum` failed: {error}"));
                return sources;
            }
        }
    }

    // Additions matter inside the module only; beside it lie the crate's own files.
    let mut found = Vec::new();
    for dir in ["crypto/fipsmodule", "generated-src"] {
        if let Err(error) = walk(root, Path::new(dir), &mut found) {
            sources.problem = Some(format!("{dir}: {error}"));
            return sources;
        }
    }
    sources.added = found
        .into_iter()
        .filter(|path| path.contains("crypto/fipsmodule/") && !listed.contains_key(path))
        .collect();
    sources.added.sort();
    sources
}

fn walk(root: &Path, dir: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(root, &path, found)?;
        } else {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

fn sha256(root: &Path, paths: &[String]) -> io::Result<BTreeMap<String, String>> {
    let cmake = env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    let out = Command::new(cmake)
        .args(["-E", "sha256sum"])
        .args(paths)
        .current_dir(root)
        .output()?;
    if !out.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&out.stderr).into_owned(),
        ));
    }
    Ok(String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| {
            let (digest, path) = line.split_once("  ")?;
            Some((path.to_owned(), digest.to_owned()))
        })
        .collect())
}

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .filter(|out| out.status.success())
        .map_or("unknown".to_owned(), |out| {
            String::from_utf8_lossy(&out.stdout).trim().to_owned()
        })
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A slice literal, cut: one altered file refuses already, and a wrong version alters hundreds.
fn list(paths: &[String]) -> String {
    let shown: Vec<String> = paths.iter().take(20).map(|p| quoted(p)).collect();
    let more = paths.len().saturating_sub(20);
    let more = if more == 0 {
        String::new()
    } else {
        format!(", {}", quoted(&format!("and {more} more")))
    };
    format!("&[{}{more}]", shown.join(", "))
}

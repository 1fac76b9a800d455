//! Every command that changes a disk, what comes before it, and a folder to try it in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Run, run};

const CATALOGUE: &str = include_str!("../../../certs/tests/data/small.toml");

const RULES: &str = r#"
[[rule]]
name = "alice"
authorities = ["ca"]
common-names = ["alice"]
usages = "client"
"#;

/// For openssl, which signs what is asked for: of an authority, and of a leaf.
const EXTENSIONS: &str = "\
[authority]
basicConstraints=critical,CA:TRUE,pathlen:1
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[leaf]
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
";

/// A command line; each `@` stands for the folder of the scene, and the word ID for the token's.
/// Of fipsctl, unless it begins with another program.
pub(crate) type Line = &'static str;

/// A command, and what is there when it comes.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    before: &'static [Line],
    /// What is lost of the PKI before it.
    lost: Option<&'static str>,
    pub(crate) command: Line,
    /// What answers 0 or 1 when the file it writes outside of a PKI is whole.
    pub(crate) whole: Option<Line>,
    /// Whether it is more than one change, each whole: done again, it goes on.
    pub(crate) several: bool,
}

const fn case(before: &'static [Line], command: Line) -> Case {
    Case {
        before,
        lost: None,
        command,
        whole: None,
        several: false,
    }
}

impl Case {
    const fn without(mut self, lost: &'static str) -> Self {
        self.lost = Some(lost);
        self
    }

    const fn writes(mut self, whole: Line) -> Self {
        self.whole = Some(whole);
        self
    }

    const fn several(mut self) -> Self {
        self.several = true;
        self
    }
}

const INIT: Line = "pki init @pki --catalogue @catalogue.toml";
const SERVER: Line = "pki init @pki --node-name n --data-dir /d --key-type p256";
const START: Line = "pki rotate-ca start @pki ca";
const NEXT: Line = "pki rotate-ca next @pki ca --force";
const START_KEYS: Line = "pki rotate-sa start @pki --longest-token 1s";
const NEXT_KEYS: Line = "pki rotate-sa next @pki --force";
const SEAL: Line = "seal @data --output-file @sealed --key-file @key";
const ENVELOPE: Line = "bootstrap seal @data --cluster c --output-file @envelope --key-file @key";
/// What is there already where `--force` replaces it.
const OLD: Line = "cp @catalogue.toml @out";

pub(crate) const MAKING: &[Case] = &[
    case(&[], INIT),
    case(&[INIT], "pki adopt @pki --catalogue @catalogue.toml").without("fips"),
    case(
        &[SERVER],
        "pki node @pki worker --node-ip 192.0.2.1 --out @node",
    )
    .several(),
];

pub(crate) const LEAVES: &[Case] = &[
    case(&[INIT], "pki renew @pki --all"),
    case(&[INIT], "pki rotate @pki --name web"),
    case(&[INIT], "pki recover @pki").without("web.key"),
    case(&[INIT], "pki recover @pki --new-ca ca").without("ca.key"),
];

pub(crate) const LISTS: &[Case] = &[
    case(&[INIT], "pki revoke @pki --name web --reason superseded"),
    case(&[INIT], "pki crl issue @pki --authority ca"),
    case(
        &[INIT, "pki crl issue @pki --authority ca"],
        "pki crl refresh @pki",
    )
    .without("fips/crl/ca.crl"),
];

pub(crate) const TOKENS: &[Case] = &[
    case(&[INIT], "pki token create @pki --ca ca.crt"),
    case(
        &[INIT, "pki token create @pki --ca ca.crt", START, NEXT],
        "pki token reissue @pki --ca ca.crt",
    ),
    case(
        &[INIT, "pki token create @pki --ca ca.crt"],
        "pki token revoke @pki ID",
    ),
];

pub(crate) const REQUESTS: &[Case] = &[
    case(&[INIT], "pki export-csr @pki --ca ca --out @out")
        .writes("openssl req -in @out -noout -verify"),
    case(&[INIT], "pki export-csr @pki --ca ca --new-key --out @out")
        .writes("openssl req -in @out -noout -verify"),
    case(
        &[INIT],
        "pki issue @pki --ca ca --common-name alice --usage client --out @out --key-out @out.key",
    )
    .writes("openssl verify -x509_strict -CAfile @pki/ca.crt @out"),
    case(
        &[
            INIT,
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=alice \
             -keyout @alice.key -out @csr",
        ],
        "pki sign @pki @csr --ca ca --rules @rules.toml --out @out",
    )
    .writes("openssl verify -x509_strict -CAfile @pki/ca.crt @out"),
    case(
        &[
            INIT,
            "pki export-csr @pki --ca ca --new-key --out @csr",
            "openssl x509 -req -in @csr -signkey @pki/fips/requests/ca.key -extfile \
             @extensions.cnf -extensions authority -days 3000 -sha256 -out @signed",
        ],
        "pki import @pki ca @signed",
    )
    .several(),
    case(
        &[SERVER, AUTHORITY_ELSEWHERE],
        "pki import @pki client-ca @root.crt --external-key",
    )
    .several(),
    case(
        &[
            SERVER,
            AUTHORITY_ELSEWHERE,
            "pki import @pki client-ca @root.crt --external-key",
            "openssl x509 -req -in @pki/fips/requests/client-admin.csr -CA @root.crt -CAkey \
             @root.key -extfile @extensions.cnf -extensions leaf -days 90 -sha256 -out @signed",
        ],
        "pki import @pki client-admin @signed",
    ),
];

const AUTHORITY_ELSEWHERE: Line = "\
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=root -config \
    @request.cnf -extensions authority -days 3000 -sha256 -keyout @root.key -out @root.crt";

pub(crate) const AUTHORITIES: &[Case] = &[
    case(&[INIT], START),
    case(&[INIT, START], "pki rotate-ca rollback @pki ca"),
    case(&[INIT, START], NEXT),
    case(
        &[INIT, START, NEXT],
        "pki rotate-ca confirm @pki ca servers",
    ),
    case(&[INIT, START, NEXT], NEXT),
    case(&[INIT, START, NEXT, NEXT], NEXT),
];

pub(crate) const KEYS: &[Case] = &[
    case(&[INIT], START_KEYS),
    case(&[INIT, START_KEYS], "pki rotate-sa rollback @pki"),
    case(&[INIT, START_KEYS], NEXT_KEYS),
    case(
        &[INIT, START_KEYS, NEXT_KEYS],
        "pki rotate-sa confirm @pki servers",
    ),
    case(&[INIT, START_KEYS, NEXT_KEYS], NEXT_KEYS),
    case(
        // The longest token has to end before.
        &[INIT, START_KEYS, NEXT_KEYS, NEXT_KEYS, "sleep 2"],
        NEXT_KEYS,
    ),
    case(&[INIT], "pki key seal @pki ca --key-file @key"),
    case(
        &[INIT, "pki key seal @pki ca --key-file @key"],
        "pki key unseal @pki ca --key-file @key",
    ),
];

/// Of no PKI: a file that is there whole or not at all.
pub(crate) const SEALING: &[Case] = &[
    case(&[], "seal --new-key @out")
        .writes("seal @data --key-file @out --output-file @tried --dry-run"),
    case(&[], "seal @data --output-file @out --key-file @key")
        .writes("open @out --key-file @key --verify"),
    case(
        &[OLD],
        "seal @data --output-file @out --force --key-file @key",
    )
    .writes("open @out --key-file @key --verify"),
    case(&[SEAL], "open @sealed --output-file @out --key-file @key").writes("cmp @out @data"),
    case(
        &[SEAL, OLD],
        "open @sealed --output-file @out --force --key-file @key",
    )
    .writes("cmp @out @data"),
    case(
        &[],
        "bootstrap seal @data --cluster c --output-file @out --key-file @key",
    )
    .writes("bootstrap open @out --cluster c --key-file @key --dry-run"),
    case(
        &[ENVELOPE],
        "bootstrap open @envelope --cluster c --output-file @out --key-file @key",
    )
    .writes("cmp @out @data"),
    case(
        &[],
        "bootstrap import-k3s @stored --cluster c --k3s-token-credential k3s-token --key-file \
         @key --output-file @out",
    )
    .writes("bootstrap open @out --cluster c --key-file @key --dry-run"),
];

pub(crate) const ALL: [&[Case]; 8] = [
    MAKING,
    LEAVES,
    LISTS,
    TOKENS,
    REQUESTS,
    AUTHORITIES,
    KEYS,
    SEALING,
];

/// A folder with what commands name.
pub(crate) struct Scene {
    pub(crate) folder: PathBuf,
}

/// What a reader sees: the exit codes of checks, and every file's name and content.
pub(crate) type State = (Vec<Option<i32>>, BTreeMap<PathBuf, Vec<u8>>);

/// The content of the files outside of a PKI that commands write: a result, and its key.
pub(crate) type Outside = [Option<Vec<u8>>; 2];

impl Scene {
    /// Made below `root` as `case` finds it.
    pub(crate) fn prepared(root: &Path, case: &Case) -> Self {
        let scene = Self {
            folder: root.join("prepared"),
        };
        fs::create_dir(&scene.folder).unwrap();
        let vectors = include_str!("../../../certs/tests/sealing/vectors.txt");
        let stored = vectors
            .lines()
            .find_map(|line| line.strip_prefix("k3s-short "));
        let stored = data_encoding::BASE64
            .decode(stored.unwrap().as_bytes())
            .unwrap();
        let request = format!("[req]\ndistinguished_name=dn\n[dn]\n{EXTENSIONS}");
        let data = [0x5a; 200_000];
        for (name, content) in [
            ("catalogue.toml", CATALOGUE.as_bytes()),
            ("data", &data),
            ("extensions.cnf", EXTENSIONS.as_bytes()),
            ("k3s-token", b"secret\n"),
            ("request.cnf", request.as_bytes()),
            ("rules.toml", RULES.as_bytes()),
            ("stored", &stored),
        ] {
            let path = scene.folder.join(name);
            fs::write(&path, content).unwrap();
            // From others no secret is taken.
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        for line in ["seal --new-key @key"].iter().chain(case.before) {
            let done = scene.run(line);
            assert!(matches!(done.code, Some(0 | 1)), "{line}: {done}");
        }
        if let Some(lost) = case.lost {
            let lost = scene.folder.join("pki").join(lost);
            if lost.is_dir() {
                fs::remove_dir_all(lost).unwrap();
            } else {
                fs::remove_file(lost).unwrap();
            }
        }
        scene
    }

    /// A copy of it below `root`.
    pub(crate) fn copy(&self, root: &Path, name: &str) -> Self {
        let folder = root.join(name);
        let done = run(Command::new("cp").arg("-a").arg(&self.folder).arg(&folder));
        assert_eq!(done.code, Some(0), "{done}");
        Self { folder }
    }

    /// The program of a line and its words.
    pub(crate) fn words(&self, line: Line) -> Vec<String> {
        let here = format!("{}/", self.folder.display());
        let mut words: Vec<String> = line
            .split_whitespace()
            .map(|word| match word {
                "ID" => self.token(),
                _ => word.replace('@', &here),
            })
            .collect();
        if !matches!(&*words[0], "cmp" | "cp" | "openssl" | "sleep") {
            words.insert(0, env!("CARGO_BIN_EXE_fipsctl").to_owned());
        }
        words
    }

    /// The id of the token.
    fn token(&self) -> String {
        let list = self.run("pki token list @pki");
        // Below the header.
        let row = list.stdout.lines().nth(1);
        let id = row.and_then(|row| row.split_whitespace().next());
        id.unwrap_or_else(|| panic!("{list}")).to_owned()
    }

    /// Runs `line`, behind `wrapper` where there is one.
    pub(crate) fn run_in(&self, wrapper: &[&str], line: Line) -> Run {
        let words = wrapper.iter().map(|word| (*word).to_owned());
        let words: Vec<String> = words.chain(self.words(line)).collect();
        run(Command::new(&words[0])
            .args(&words[1..])
            .env("CREDENTIALS_DIRECTORY", &self.folder))
    }

    pub(crate) fn run(&self, line: Line) -> Run {
        self.run_in(&[], line)
    }

    pub(crate) fn state(&self) -> State {
        let mut files = BTreeMap::new();
        let mut codes = Vec::new();
        let mut copies = 0;
        for (tree, check) in [("pki", "pki check @pki"), ("node", "pki check @node")] {
            let tree = self.folder.join(tree);
            if !tree.exists() {
                // As of one that is empty.
                codes.push(Some(4));
                continue;
            }
            codes.push(self.run(check).code);
            for path in visible(&tree) {
                let content = fs::read(&path).unwrap();
                let path = path.strip_prefix(&self.folder).unwrap();
                // Named by a serial number, which differs each time.
                let is_copy = path
                    .parent()
                    .is_some_and(|folder| folder.ends_with("issued"));
                let mut named = path.to_owned();
                if is_copy {
                    named.set_file_name(format!("SERIAL-{copies}"));
                    copies += 1;
                }
                files.insert(named, content);
            }
        }
        (codes, files)
    }

    pub(crate) fn outside(&self) -> Outside {
        ["out", "out.key"].map(|name| fs::read(self.folder.join(name)).ok())
    }

    /// Whether each certificate that was logged since `before` is in some file.
    pub(crate) fn assert_nothing_lost(&self, before: &Scene, context: &str) {
        let there: String = ["pki", "node"]
            .iter()
            .flat_map(|tree| visible(&self.folder.join(tree)))
            .filter_map(|path| fs::read_to_string(path).ok())
            .map(|text| certificates(&text))
            .collect();
        let before = logged(before);
        for serial in logged(self).difference(&before) {
            assert!(there.contains(serial), "{context}: {serial} is lost");
        }
    }

    /// Whether each file outside of a PKI is as it was, or whole.
    pub(crate) fn assert_outside(&self, case: &Case, before: &Outside, context: &str) {
        let [out, key] = self.outside();
        if out.is_some() && out != before[0] {
            let whole = self.run(case.whole.unwrap());
            assert!(matches!(whole.code, Some(0 | 1)), "{context}: {whole}");
        }
        if key.is_some() {
            let whole = self.run("openssl pkey -in @out.key -noout -check");
            assert_eq!(whole.code, Some(0), "{context}: {whole}");
        }
        // The key is named first: nobody can use a leaf without it.
        assert!(
            out.is_none() || key.is_some() || !case.command.contains("--key-out"),
            "{context}: a certificate without its key"
        );
    }
}

/// The serial numbers in the audit log of `scene`.
fn logged(scene: &Scene) -> BTreeSet<String> {
    let log = scene.run("pki audit show @pki --output json");
    let serial = |line: &str| {
        let value = line.trim().strip_prefix("\"serial\": \"")?;
        Some(value.trim_end_matches(&['"', ','][..]).to_owned())
    };
    log.stdout.lines().filter_map(serial).collect()
}

/// The certificates of `text` in hexadecimal digits, those of kubeconfigs too.
fn certificates(text: &str) -> String {
    let mut found = String::new();
    let data = text
        .split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .filter_map(|rest| rest.split("-----END").next())
        .chain(text.split_whitespace().filter(|word| word.len() > 100));
    for base64 in data {
        let base64: String = base64.split_whitespace().collect();
        let Ok(bytes) = data_encoding::BASE64.decode(base64.as_bytes()) else {
            continue;
        };
        found += &data_encoding::HEXUPPER.encode(&bytes);
        if let Ok(inner) = String::from_utf8(bytes) {
            found += &certificates(&inner);
        }
    }
    found
}

/// The files below `folder` that have no hidden name.
fn visible(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(visible(&path));
        } else if !name.starts_with('.') {
            all.push(path);
        }
    }
    all
}

/// In memory where there is such a folder: the order of the syncs is tried, not their effect.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(crate) fn has_worked(run: &Run) -> bool {
    matches!(run.code, Some(0 | 1))
}

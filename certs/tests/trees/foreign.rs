//! The whole life of a tree that another program wrote.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fips_certs::catalogue::{Catalogue, Options, Place, Program};
use fips_certs::key::KeyType;
use fips_certs::pki::rotation::{Advance, Phase};
use fips_certs::pki::{Made, RenewalPolicy, Status, keys_as_found};
use fips_certs::store::DirStore;
use fips_certs::{Certificate, Clock, Error, FixedClock, Pki, SystemClock, key};

use crate::common::{boundary, diagnostic, openssl, row};
use crate::writers::{KUBELET, Writer};
use crate::{assert_well, forced, look, shown};

#[test]
fn kubeadms_tree_by_go() {
    live(Program::Kubeadm, Writer::Go);
}

#[test]
fn kubeadms_tree_by_openssl() {
    live(Program::Kubeadm, Writer::Openssl);
}

#[test]
fn k3s_s_tree_by_go() {
    live(Program::K3s, Writer::Go);
}

#[test]
fn k3s_s_tree_by_openssl() {
    live(Program::K3s, Writer::Openssl);
}

#[test]
fn rke2s_tree_by_go() {
    live(Program::Rke2, Writer::Go);
}

#[test]
fn rke2s_tree_by_openssl() {
    live(Program::Rke2, Writer::Openssl);
}

fn options(program: Program) -> Options {
    let mut options = Options::new(program, "cp-1");
    options.node_ips = vec!["192.0.2.10".parse().unwrap()];
    if program == Program::Kubeadm {
        // Its public half tells what it is: RSA.
        options.service_account_key = KeyType::P256;
    }
    options
}

/// Where k3s and RKE2 keep the leaf that their supervisor shows.
const SUPERVISOR: &str = "tls/dynamic-cert.json";

/// What a tree is expected to be, by its program.
struct Shape {
    /// The set of keys that signs tokens: its name, its file, and where the signing one is.
    tokens: (&'static str, &'static str, &'static str),
    /// An authority's file, and that of a leaf of it.
    authority: &'static str,
    leaf: &'static str,
    /// The kind of keys.
    kind: &'static str,
    /// Files of the real program that are in no catalogue.
    others: &'static [(&'static str, &'static str)],
}

const KUBEADM: Shape = Shape {
    tokens: ("sa", "pki/sa.key", "pki/sa.key"),
    authority: "pki/ca.crt",
    leaf: "pki/apiserver.crt",
    kind: "RSA 2048",
    others: &[
        ("manifests/kube-apiserver.yaml", "kind: Pod\n"),
        ("manifests/.kubelet-keep", ""),
        ("tmp/kubeadm-init-dryrun1/config.yaml", "kind: Config\n"),
    ],
};

const K3S: Shape = Shape {
    tokens: ("service", "tls/service.key", "tls/service.current.key"),
    authority: "tls/server-ca.crt",
    leaf: "tls/serving-kube-apiserver.crt",
    kind: "ECDSA P-256",
    others: &[
        ("token", "K1000::server:00ff\n"),
        ("cred/encryption-state.json", "start-00ff\n"),
        ("db/etcd/member/snap/db", "\0\x01\x02"),
        ("etc/other.json", "[]"),
        ("manifests/coredns.yaml", "kind: Deployment\n"),
    ],
};

impl Shape {
    fn of(program: Program) -> &'static Self {
        match program {
            Program::Kubeadm => &KUBEADM,
            Program::K3s | Program::Rke2 => &K3S,
        }
    }

    /// Writes the other files; k3s has a link and a socket among them.
    fn write_others(&self, root: &Path) {
        for (name, content) in self.others {
            let file = root.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        }
        if self.authority == K3S.authority {
            let token = "/var/lib/rancher/k3s/server/token";
            std::os::unix::fs::symlink(token, root.join("node-token")).unwrap();
            drop(std::os::unix::net::UnixListener::bind(root.join("kine.sock")).unwrap());
            // What the supervisor shows, as dynamiclistener keeps it.
            let base64 = |suffix: &str| {
                let file = root.join(self.leaf).with_extension(suffix);
                data_encoding::BASE64.encode(&std::fs::read(file).unwrap())
            };
            let secret = serde_json::json!({
                "metadata": {"name": "k3s-serving", "creationTimestamp": null},
                "data": {"tls.crt": base64("crt"), "tls.key": base64("key")},
                "type": "kubernetes.io/tls",
            });
            std::fs::write(root.join(SUPERVISOR), secret.to_string()).unwrap();
        }
    }
}

/// Everything below `root` that `wanted` takes by its name: its inode, its mode, when it was
/// written, and what is in it.
type State = BTreeMap<PathBuf, (u64, u32, i64, i64, Vec<u8>)>;

fn state(root: &Path, wanted: &dyn Fn(&str) -> bool) -> State {
    let mut found = State::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stat = path.symlink_metadata().unwrap();
            if stat.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(root).unwrap();
            if !wanted(below.to_str().unwrap()) {
                continue;
            }
            let content = if stat.is_file() {
                std::fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let at = (
                stat.ino(),
                stat.mode(),
                stat.mtime(),
                stat.mtime_nsec(),
                content,
            );
            found.insert(below.to_owned(), at);
        }
    }
    found
}

/// Whether the file is our own state, or the store's.
fn ours(name: &str) -> bool {
    name.starts_with("fips/") || name.starts_with(".fips")
}

fn live(program: Program, writer: Writer) {
    let kubeadm = program == Program::Kubeadm;
    let shape = Shape::of(program);
    let (folder, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, before) = (folder.path(), before.path());
    std::fs::set_permissions(root, PermissionsExt::from_mode(0o755)).unwrap();
    let catalogue = Catalogue::new(options(program)).unwrap();
    writer.write(root, &catalogue, kubeadm);
    shape.write_others(root);
    for path in catalogue.paths() {
        let copy = before.join(path.as_str());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(root.join(path.as_str()), copy).unwrap();
    }
    let known: Vec<&str> = catalogue.paths().map(|path| path.as_str()).collect();
    let stranger = |name: &str| !ours(name) && !known.contains(&name);
    let strangers = state(root, &stranger);
    assert!(strangers.len() >= shape.others.len());
    let all = state(root, &|name| !ours(name));

    let store = DirStore::open(root).unwrap();
    let catalogue = taken_over(&store, options(program), shape, writer);
    assert_eq!(state(root, &|name| !ours(name)), all);
    let pki = Pki::open(&store).unwrap();
    assert_eq!(pki.record().unwrap().made, Made::Adopted);
    assert_well(&look(&pki));
    shown::verify(root, &catalogue);

    // RSA keys take their time: kubeadm's are kept.
    let mut policy = forced();
    policy.keep_keys = kubeadm;
    let plan = pki
        .renewals(&diagnostic(), SystemClock.now(), &policy)
        .unwrap();
    let report = pki.renew(&boundary(), &plan, &SystemClock).unwrap();
    // All but the one that the kubelet renews itself.
    let leaves = catalogue.leaves().len() - usize::from(kubeadm);
    assert_eq!(report.issued.len(), leaves);
    let kept = report.issued.iter().all(|issued| issued.key_kept);
    assert_eq!(kept, kubeadm);
    works(root, &catalogue, &pki);

    for entry in catalogue.authorities() {
        rotate(root, &pki, &entry.name);
    }
    works(root, &catalogue, &pki);
    shown::refused(before, root, &catalogue);
    for entry in catalogue.authorities() {
        let file = entry.certificate.as_str();
        let found = |folder: &Path| openssl(folder, &format!("x509 -in {file} -noout -serial"));
        assert_ne!(found(root), found(before));
    }
    trusted(root, before, &catalogue);

    rotate_keys(root, &pki, shape);
    works(root, &catalogue, &pki);
    assert_eq!(state(root, &stranger), strangers);
}

/// Judges a tree without a record, takes it over, and refuses to do so again: the catalogue with
/// the tree's own kinds of keys.
fn taken_over(store: &DirStore, mut options: Options, shape: &Shape, writer: Writer) -> Catalogue {
    let wanted = options.clone();
    keys_as_found(store, &mut options).unwrap();
    let kubeadm = options.program == Program::Kubeadm;
    assert_eq!(options.overrides.is_empty(), !kubeadm);
    let catalogue = Catalogue::new(options).unwrap();
    let mut pki = Pki::adopt(store, catalogue.clone()).unwrap();
    let rows = look(&pki);
    assert_well(&rows);
    let authority = row(&rows, shape.authority);
    if writer == Writer::Go {
        assert_eq!(authority.serial.as_deref(), Some("00"));
    }
    assert_eq!(authority.usages, ["CertSign"]);
    assert_eq!(row(&rows, shape.leaf).key.as_deref(), Some(shape.kind));
    let plan = pki
        .renewals(&diagnostic(), SystemClock.now(), &RenewalPolicy::default())
        .unwrap();
    assert!(plan.is_empty() && plan.blocked.is_empty(), "{plan:?}");
    if kubeadm {
        // Judged as P-256, each of its leaves would be another.
        let other = Catalogue::new(wanted).unwrap();
        let other = Pki::adopt(store, other).unwrap();
        assert_eq!(row(&look(&other), shape.leaf).status, Status::Drifted);
    }

    assert!(matches!(Pki::open(store), Err(Error::NoPki { .. })));
    let report = pki.take_over(&boundary(), &SystemClock).unwrap();
    assert!(report.issued.is_empty());
    assert!(report.written.contains(&"fips/catalogue.json".to_owned()));
    let again = pki.take_over(&boundary(), &SystemClock);
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
    catalogue
}

/// Every look at the tree finds it well: the catalogue's, that of peers, OpenSSL's and Go's.
fn works(root: &Path, catalogue: &Catalogue, pki: &Pki<'_>) {
    assert_well(&look(pki));
    for verdict in pki.verify(&diagnostic(), SystemClock.now()).unwrap() {
        assert_eq!(verdict.failed, None, "{verdict:?}");
    }
    shown::verify(root, catalogue);
}

/// Takes an authority through all phases, each time with all that was asked for confirmed.
fn rotate(root: &Path, pki: &Pki<'_>, name: &str) {
    let rotation = pki.rotation(name).unwrap();
    let file = &pki.catalogue().authority(name).unwrap().certificate;
    let first = std::fs::read(root.join(file.as_str())).unwrap();
    let first = Certificate::from_pem(&first).unwrap().remove(0);
    let step = rotation.start(&boundary(), &SystemClock).unwrap();
    // An authority below another becomes a root.
    let told = step.remarks.iter().any(|one| one.contains(first.issuer()));
    assert_eq!(told, first.issuer() != first.subject(), "{step:?}");
    for phase in [Phase::TrustBoth, Phase::IssueFromNew, Phase::Retire] {
        let mut advance = Advance::default();
        if name == "server-ca" && phase == Phase::Retire {
            // The program goes on to show it, until it is told to make another one.
            let refused = rotation.next(&boundary(), &advance, &SystemClock);
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(SUPERVISOR), "{refused}");
            let status = rotation.status(&diagnostic(), SystemClock.now()).unwrap();
            let live = status.live.iter();
            advance.give_up = live.map(|leaf| leaf.serial.clone()).collect();
            assert_eq!(advance.give_up.len(), 1, "{status:?}");
        }
        let step = rotation.next(&boundary(), &advance, &SystemClock);
        let step = step.unwrap_or_else(|error| panic!("{name}, {phase}: {error}"));
        assert_eq!(step.phase, Some(phase));
        assert_well(&look(pki));
        let open: Vec<String> = step.checkpoints.iter().map(|one| one.id.into()).collect();
        rotation.confirm(&boundary(), &open, &SystemClock).unwrap();
    }
    let status = rotation.status(&diagnostic(), SystemClock.now()).unwrap();
    assert!(status.done, "{status:?}");
}

/// The kubeconfigs after the rotation: those that embed their authority embed the new one, and
/// those that name files are what they were.
fn trusted(root: &Path, before: &Path, catalogue: &Catalogue) {
    for entry in catalogue.kubeconfigs() {
        let text = |folder: &Path| std::fs::read_to_string(folder.join(entry.path.as_str()));
        let (now, before) = (text(root).unwrap(), text(before).unwrap());
        let leaf = catalogue.leaf(&entry.leaf).unwrap();
        if !matches!(leaf.place, Place::Kubeconfig(_)) {
            assert_eq!(now, before);
            continue;
        }
        let field = "certificate-authority-data";
        let authority = &catalogue.authority(&entry.authority).unwrap().certificate;
        let trust = std::fs::read(root.join(authority.as_str())).unwrap();
        assert_eq!(shown::embedded(&now, field), Some(trust), "{}", entry.path);
        if before.contains(KUBELET) {
            // The authority alone is ours; the rest is the kubelet's.
            let rest = |text: &str| -> Vec<String> {
                let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
                lines.retain(|line| !line.contains(field));
                lines
            };
            assert_eq!(rest(&now), rest(&before), "{}", entry.path);
        }
    }
}

/// The key that signs tokens is another one afterwards, of the same kind, and the old one is
/// nowhere.
fn rotate_keys(root: &Path, pki: &Pki<'_>, shape: &Shape) {
    let (name, set, signing) = shape.tokens;
    let public = |file: &str| openssl(root, &format!("pkey -in {file} -pubout"));
    let old = public(signing);
    let rotation = pki.key_rotation(None).unwrap();
    assert_eq!(rotation.name(), name);
    let clock = FixedClock::new(SystemClock.now());
    let longest = Duration::from_secs(3600);
    rotation.start(&boundary(), Some(longest), &clock).unwrap();
    for phase in [Phase::TrustBoth, Phase::IssueFromNew, Phase::Retire] {
        let step = rotation.next(&boundary(), &Advance::default(), &clock);
        let step = step.unwrap_or_else(|error| panic!("{name}, {phase}: {error}"));
        assert_eq!(public(signing) == old, phase == Phase::TrustBoth, "{phase}");
        assert_well(&look(pki));
        let open: Vec<String> = step.checkpoints.iter().map(|one| one.id.into()).collect();
        rotation.confirm(&boundary(), &open, &clock).unwrap();
        if phase == Phase::IssueFromNew {
            assert!(
                rotation
                    .next(&boundary(), &Advance::default(), &clock)
                    .is_err()
            );
            clock.advance(longest);
        }
    }
    let keys = std::fs::read(root.join(set)).unwrap();
    let keys = key::each_from_pem(&boundary(), &keys).unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(public(set), public(signing));
    assert!(openssl(root, &format!("pkey -in {signing} -noout -text")).contains("2048 bit"));
    if shape.authority == KUBEADM.authority {
        let half = openssl(root, "pkey -pubin -in pki/sa.pub -pubout");
        assert_eq!(half, public(signing));
    }
}

/// What was made once and is not there is not made anew; the rest is.
#[test]
fn what_a_tree_lacks_is_told_and_made_where_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::set_permissions(root, PermissionsExt::from_mode(0o755)).unwrap();
    let catalogue = Catalogue::new(options(Program::Rke2)).unwrap();
    Writer::Openssl.write(root, &catalogue, false);
    std::fs::remove_dir_all(root.join("cred")).unwrap();
    std::fs::remove_file(root.join("tls/service.key")).unwrap();
    let store = DirStore::open(root).unwrap();
    let pki = Pki::adopt(&store, catalogue).unwrap();
    for row in look(&pki) {
        let gone = row.file.starts_with("cred/") || row.file == "tls/service.key";
        let expected = if gone { Status::Torn } else { Status::Ok };
        assert_eq!(row.status, expected, "{row:?}");
    }
    let plan = pki
        .renewals(&diagnostic(), SystemClock.now(), &RenewalPolicy::default())
        .unwrap();
    let report = pki.renew(&boundary(), &plan, &SystemClock).unwrap();
    assert!(report.issued.is_empty(), "{report:?}");
    let pki = Pki::open(&store).unwrap();
    assert_eq!(pki.record().unwrap().made, Made::Adopted);
    let lost = [
        "tls/service.key",
        "cred/passwd",
        "cred/encryption-config.json",
    ];
    for row in look(&pki) {
        let gone = lost.contains(&row.file.as_str());
        let expected = if gone { Status::Torn } else { Status::Ok };
        assert_eq!(row.status, expected, "{row:?}");
    }
}

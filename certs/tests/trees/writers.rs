//! Go and OpenSSL write trees as the real programs, and their operators, do.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use fips_certs::SubjectAltName;
use fips_certs::catalogue::{
    AuthorityEntry, Catalogue, Content, Credentials, KubeconfigEntry, LeafEntry, Place,
};
use serde_json::{Value, json};

use crate::common::openssl;

/// Where the kubelet keeps the leaf that it renews itself.
pub(crate) const KUBELET: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// The program that writes a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Go,
    Openssl,
}

impl Writer {
    /// Writes the tree of `catalogue`: as kubeadm does it, or else as k3s and RKE2.
    pub(crate) fn write(self, root: &Path, catalogue: &Catalogue, kubeadm: bool) {
        match self {
            Self::Go => written_by_go(root, catalogue, kubeadm),
            Self::Openssl => written_by_openssl(root, catalogue, kubeadm),
        }
    }
}

/// The common name of an authority, as its program made it.
fn common_name(entry: &AuthorityEntry) -> String {
    let name = entry.subject.common_name();
    if entry.stamped {
        format!("{name}@1700000000")
    } else {
        name.to_owned()
    }
}

/// The names of a leaf that `wanted` takes.
fn names(entry: &LeafEntry, wanted: fn(&SubjectAltName) -> bool) -> Vec<String> {
    let names = entry.names.iter().filter(|name| wanted(name));
    names.map(ToString::to_string).collect()
}

/// Each set of keys with its other file: a copy of the first key, or its public half.
fn key_sets(catalogue: &Catalogue) -> impl Iterator<Item = (&str, Option<&str>)> {
    catalogue.key_sets().iter().map(|entry| {
        let other = entry.current.as_ref().or(entry.public.as_ref());
        (entry.keys.as_str(), other.map(|path| path.as_str()))
    })
}

/// k3s's template of a kubeconfig that names its certificates by file.
fn of_files(entry: &KubeconfigEntry) -> Option<String> {
    let Credentials::Files {
        authority,
        certificate,
        key,
    } = &entry.credentials
    else {
        return None;
    };
    Some(format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    server: {}\n    certificate-authority: \
         {authority}\n  name: local\ncontexts:\n- context:\n    cluster: local\n    namespace: \
         default\n    user: user\n  name: Default\ncurrent-context: Default\nkind: \
         Config\npreferences: {{}}\nusers:\n- name: user\n  user:\n    client-certificate: \
         {certificate}\n    client-key: {key}\n",
        entry.frame.server
    ))
}

/// What has no certificate in it: k3s's kubeconfigs, and its other files.
fn texts(catalogue: &Catalogue) -> impl Iterator<Item = (&str, String)> {
    let kubeconfigs = catalogue.kubeconfigs().iter();
    let kubeconfigs = kubeconfigs.filter_map(|one| Some((one.path.as_str(), of_files(one)?)));
    let files = catalogue.files().iter().map(|entry| {
        let text = match &entry.content {
            Content::EncryptionConfig(_) => format!(
                "{{\"kind\":\"EncryptionConfiguration\",\"apiVersion\":\"apiserver.config.k8s.io/v1\",\
                 \"resources\":[{{\"resources\":[\"secrets\"],\"providers\":[{{\"aescbc\":{{\"keys\":[{{\
                 \"name\":\"aescbckey\",\"secret\":\"{}=\"}}]}}}},{{\"identity\":{{}}}}]}}]}}",
                "A".repeat(43)
            ),
            Content::Passwd(users) => {
                let line = |user: &fips_certs::catalogue::PasswdUser| {
                    format!("00ff,{0},{0},{1}\n", user.name, user.role)
                };
                users.iter().rev().map(line).collect()
            }
            Content::PreSharedKey => format!("{}\n", "0a".repeat(48)),
            _ => "{}".to_owned(),
        };
        (entry.path.as_str(), text)
    });
    kubeconfigs.chain(files)
}

/// What `trees.go` needs to know of a catalogue.
fn described(catalogue: &Catalogue, kubeadm: bool) -> Value {
    let authorities = catalogue.authorities().iter().map(|entry| {
        json!({
            "Name": entry.name,
            "CommonName": common_name(entry),
            "Certificate": entry.certificate.as_str(),
            "Key": entry.key.as_ref().unwrap().as_str(),
            "Nochain": entry.nochain.as_ref().map(|path| path.as_str()).unwrap_or_default(),
        })
    });
    let leaves = catalogue.leaves().iter().map(|entry| {
        let mut leaf = json!({
            "Name": entry.name,
            "CommonName": entry.subject.common_name(),
            "Organization": entry.subject.organization().unwrap_or_default(),
            "Issuer": entry.issuer,
            "Certificate": entry.file().as_str(),
            "Key": entry.key_file().as_str(),
            "DNS": names(entry, |name| matches!(name, SubjectAltName::Dns(_))),
            "IP": names(entry, |name| matches!(name, SubjectAltName::Ip(_))),
            "Server": entry.usages.server(),
            "Client": entry.usages.client(),
        });
        if let Place::Kubeconfig(path) = &entry.place {
            let frame = &catalogue.kubeconfig_at(path).unwrap().frame;
            leaf["Kubeconfig"] = path.as_str().into();
            leaf["Kubeconfig_server"] = frame.server.as_str().into();
            leaf["User"] = frame.user.as_str().into();
            if entry.service == "kubelet" {
                leaf["Kubelet"] = KUBELET.into();
            }
        }
        leaf
    });
    let keys = key_sets(catalogue)
        .map(|(private, public)| json!({"Private": private, "Public": public.unwrap_or_default()}));
    let texts = texts(catalogue).map(|(path, text)| (path.to_owned(), text.into()));
    json!({
        "Kubeadm": kubeadm,
        "Authorities": authorities.collect::<Vec<_>>(),
        "Leaves": leaves.collect::<Vec<_>>(),
        "Keys": keys.collect::<Vec<_>>(),
        "Texts": texts.collect::<serde_json::Map<String, Value>>(),
    })
}

fn written_by_go(root: &Path, catalogue: &Catalogue, kubeadm: bool) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trees/trees.go");
    let mut go = Command::new("go")
        .args(["run", source])
        .arg(root)
        .env("GO111MODULE", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("go is needed (Debian package golang-go): {error}"));
    let text = described(catalogue, kubeadm).to_string();
    go.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = go.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "trees.go: {told}");
}

fn read(root: &Path, name: &str) -> Vec<u8> {
    std::fs::read(root.join(name)).unwrap()
}

fn write(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Makes the key `name` in the form each program keeps: PKCS#1 or SEC 1.
fn new_key(root: &Path, name: &str, rsa: bool) {
    write(root, name, "");
    if rsa {
        openssl(root, &format!("genrsa -traditional -out {name} 2048"));
    } else {
        openssl(
            root,
            &format!("ecparam -name prime256v1 -genkey -noout -out {name}"),
        );
    }
}

/// What k3s's `contrib/util/generate-custom-ca-certs.sh` has its authorities made by.
const CA_CONFIG: &str = "\
[ca]
default_ca = ca_default
[ca_default]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy_anything
[policy_anything]
commonName = supplied
[req]
distinguished_name = req_distinguished_name
[req_distinguished_name]
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, keyEncipherment, keyCertSign
";

/// Authorities as that script makes them: elliptic ones below an RSA intermediate and root, whose
/// files lie beside them, and in each authority's file behind it.
fn custom_authorities(root: &Path, scratch: &Path, catalogue: &Catalogue) {
    write(scratch, "config", CA_CONFIG);
    write(scratch, "index", "");
    write(scratch, "serial", "1000\n");
    let at = |name: &str| root.join(name).display().to_string();
    let (top, middle) = (at("tls/root-ca"), at("tls/intermediate-ca"));
    // The script's 4096 bits take their time.
    for name in ["tls/root-ca.key", "tls/intermediate-ca.key"] {
        new_key(root, name, true);
    }
    openssl(
        scratch,
        &format!(
            "req -x509 -new -sha256 -days 7300 -subj /CN=root-ca@1700000000 -key {top}.key -out \
             {top}.pem -config config -extensions v3_ca"
        ),
    );
    let signed = |name: &str, subject: &str, issuer: &str| {
        openssl(
            scratch,
            &format!("req -new -subj /CN={subject} -key {name}.key -out request.csr"),
        );
        openssl(
            scratch,
            &format!(
                "ca -batch -notext -days 3700 -in request.csr -out {name}.pem -keyfile \
                 {issuer}.key -cert {issuer}.pem -config config -extensions v3_ca"
            ),
        );
    };
    signed(&middle, "intermediate-ca@1700000000", &top);
    let top = read(root, "tls/root-ca.pem");
    let above = [read(root, "tls/intermediate-ca.pem"), top.clone()].concat();
    write(root, "tls/root-ca.crt", top);
    write(root, "tls/intermediate-ca.crt", &above);
    for entry in catalogue.authorities() {
        let key = entry.key.as_ref().unwrap().as_str();
        new_key(root, key, false);
        let stem = key.strip_suffix(".key").unwrap();
        signed(&at(stem), &common_name(entry), &middle);
        let own = read(root, &format!("{stem}.pem"));
        // The program itself takes the first one out for those who can read one alone.
        write(root, entry.nochain.as_ref().unwrap().as_str(), &own);
        write(
            root,
            entry.certificate.as_str(),
            [own, above.clone()].concat(),
        );
    }
}

/// A root as the kubernetes documentation, "PKI certificates and requirements", asks for it.
fn root_authority(root: &Path, entry: &AuthorityEntry) {
    let key = entry.key.as_ref().unwrap().as_str();
    new_key(root, key, true);
    let name = common_name(entry);
    openssl(
        root,
        &format!(
            "req -x509 -new -sha256 -days 3650 -key {key} -out {} -subj /CN={name} -addext \
             keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign -addext \
             subjectAltName=DNS:{name}",
            entry.certificate
        ),
    );
}

/// Makes `leaf.crt` for `leaf.key` in `scratch`.
fn leaf(root: &Path, scratch: &Path, entry: &LeafEntry, authority: &AuthorityEntry, kubeadm: bool) {
    new_key(scratch, "leaf.key", kubeadm);
    let organization = entry.subject.organization();
    let organization = organization.map(|name| format!("/O={name}"));
    openssl(
        scratch,
        &format!(
            "req -new -key leaf.key -out request.csr -subj {}/CN={}",
            organization.unwrap_or_default(),
            entry.subject.common_name()
        ),
    );
    let purposes = [
        (entry.usages.server(), "serverAuth"),
        (entry.usages.client(), "clientAuth"),
    ];
    let purposes: Vec<&str> = purposes
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect();
    let mut extensions = format!(
        "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage={}\n\
         authorityKeyIdentifier=keyid\n",
        purposes.join(",")
    );
    // k3s's leaves have none.
    if kubeadm {
        extensions += "basicConstraints=critical,CA:FALSE\n";
    }
    let names: Vec<String> = entry
        .names
        .iter()
        .map(|name| match name {
            SubjectAltName::Ip(address) => format!("IP:{address}"),
            name => format!("DNS:{name}"),
        })
        .collect();
    if !names.is_empty() {
        extensions += &format!("subjectAltName={}\n", names.join(","));
    }
    write(scratch, "extensions", extensions);
    let at = |path: &str| root.join(path).display().to_string();
    openssl(
        scratch,
        &format!(
            "x509 -req -in request.csr -CA {} -CAkey {} -CAcreateserial -days 365 -sha256 -extfile \
             extensions -out leaf.crt",
            at(authority.certificate.as_str()),
            at(authority.key.as_ref().unwrap().as_str()),
        ),
    );
}

/// A kubeconfig with its certificates in it. The kubelet's is that of a node that joined: the
/// kubelet wrote it, with names of its own (`pkg/kubelet/certificate/bootstrap`).
fn embedding(entry: &KubeconfigEntry, authority: &[u8], leaf: &[u8], key: &[u8]) -> String {
    let base64 = |content| data_encoding::BASE64.encode(content);
    let kubelet = entry.service == "kubelet";
    let frame = &entry.frame;
    let (cluster, context, namespace, name) = if kubelet {
        let namespace = "    namespace: default\n";
        (
            "default-cluster",
            "default-context",
            namespace,
            "default-auth",
        )
    } else {
        (
            frame.cluster.as_str(),
            frame.context.as_str(),
            "",
            frame.user.as_str(),
        )
    };
    let user = if kubelet {
        format!("client-certificate: {KUBELET}\n    client-key: {KUBELET}")
    } else {
        format!(
            "client-certificate-data: {}\n    client-key-data: {}",
            base64(leaf),
            base64(key)
        )
    };
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: \
         {}\n  name: {cluster}\ncontexts:\n- context:\n    cluster: {cluster}\n{namespace}    \
         user: {name}\n  name: {context}\ncurrent-context: {context}\nkind: Config\npreferences: \
         {{}}\nusers:\n- name: {name}\n  user:\n    {user}\n",
        base64(authority),
        frame.server
    )
}

fn written_by_openssl(root: &Path, catalogue: &Catalogue, kubeadm: bool) {
    let scratch = tempfile::tempdir().unwrap();
    let scratch = scratch.path();
    if kubeadm {
        for entry in catalogue.authorities() {
            root_authority(root, entry);
        }
    } else {
        custom_authorities(root, scratch, catalogue);
    }
    for entry in catalogue.leaves() {
        let authority = catalogue.authority(&entry.issuer).unwrap();
        leaf(root, scratch, entry, authority, kubeadm);
        let (own, key) = (read(scratch, "leaf.crt"), read(scratch, "leaf.key"));
        let trust = read(root, authority.certificate.as_str());
        match &entry.place {
            Place::Kubeconfig(path) => {
                let frame = catalogue.kubeconfig_at(path).unwrap();
                let text = embedding(frame, &trust, &own, &key);
                write(root, path.as_str(), text);
            }
            Place::Pair {
                certificate,
                key: path,
            } => {
                write(root, path.as_str(), key);
                // k3s and RKE2 write the authority's whole file behind it.
                let behind = if kubeadm { Vec::new() } else { trust };
                write(root, certificate.as_str(), [own, behind].concat());
            }
            place => panic!("{place:?}"),
        }
    }
    for (private, other) in key_sets(catalogue) {
        new_key(root, private, other.is_some());
        match other {
            Some(other) if other.ends_with(".key") => {
                let key = read(root, private);
                write(root, other, &key);
                // The script appends the key that was there before: here an empty line.
                write(root, private, [&key[..], b"\n"].concat());
            }
            Some(other) => {
                openssl(root, &format!("rsa -in {private} -pubout -out {other}"));
            }
            None => {}
        }
    }
    for (path, text) in texts(catalogue) {
        write(root, path, text);
    }
    closed(root);
}

/// Takes away from others what is secret, as each program creates it.
fn closed(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            closed(&entry.path());
            continue;
        }
        let name = entry.file_name().into_string().unwrap();
        let public = [".crt", ".pem", ".pub", ".srl"];
        if !public.iter().any(|suffix| name.ends_with(suffix)) {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(entry.path(), mode).unwrap();
        }
    }
}

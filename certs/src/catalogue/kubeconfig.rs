//! Kubeconfigs: written in the forms of k3s and kubeadm, read in any.
//!
//! k3s and RKE2 name certificates by file (k3s `pkg/daemons/control/deps/deps.go`); kubeadm
//! embeds them (`cmd/kubeadm/app/util/kubeconfig`, written by client-go's `clientcmd`).

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Credentials, KubeconfigEntry};
use crate::error::Error;

/// The largest kubeconfig that is read.
const MOST_BYTES: usize = 1 << 20;

/// The field of a private key as data.
const KEY_FIELD: &str = "client-key-data:";

/// What stands for the key while the rest is read as YAML.
const KEY_MARK: &str = "KEY";

/// The server a kubeconfig names, and the names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The URL of the API server.
    pub server: String,
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the context, which is the current one.
    pub context: String,
    /// The name of the user.
    pub user: String,
    /// The namespace of the context.
    pub namespace: Option<String>,
}

/// The certificates that an embedding kubeconfig holds, each as its PEM file.
pub(crate) struct User<'a> {
    pub(crate) authority: &'a [u8],
    pub(crate) leaf: Leaf<'a>,
}

/// The user's leaf and key in an embedding kubeconfig.
pub(crate) enum Leaf<'a> {
    /// Each as its PEM file.
    Data {
        certificate: &'a [u8],
        key: &'a [u8],
    },
    /// By the files that hold them: the kubelet's, which it renews itself.
    Files { certificate: &'a str, key: &'a str },
}

/// A kubeconfig as read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) frame: Frame,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) certificate: Option<Vec<u8>>,
    key: Option<Key>,
    files: Files,
}

/// A private key's PEM file, of which `Debug` shows nothing.
struct Key(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// The certificates it names by file.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    authority: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Frame {
    /// A frame as k3s and RKE2 write all of theirs.
    pub(super) fn local(server: String) -> Self {
        Self {
            server,
            cluster: "local".into(),
            context: "Default".into(),
            user: "user".into(),
            namespace: Some("default".into()),
        }
    }
}

impl KubeconfigEntry {
    /// The whole text; `user` is asked for where the certificates are embedded.
    pub(crate) fn render(&self, user: Option<&User<'_>>) -> Result<Zeroizing<String>, Error> {
        let frame = &self.frame;
        let namespace = frame
            .namespace
            .as_ref()
            .map(|namespace| format!("    namespace: {}\n", scalar(namespace)))
            .unwrap_or_default();
        let embedded = user.map_or(0, |user| {
            let leaf = match user.leaf {
                Leaf::Data { certificate, key } => {
                    Base64::encoded_len(certificate) + Base64::encoded_len(key)
                }
                Leaf::Files { certificate, key } => certificate.len() + key.len(),
            };
            Base64::encoded_len(user.authority) + leaf
        });
        // One allocation of the final size: a growing one leaves copies that are not wiped.
        let mut text = Zeroizing::new(String::with_capacity(4096 + embedded));
        text.push_str("apiVersion: v1\nclusters:\n- cluster:\n");
        let server = format!("    server: {}\n", scalar(&frame.server));
        match (&self.credentials, user) {
            (Credentials::Files { authority, .. }, _) => {
                text.push_str(&server);
                text.push_str("    certificate-authority: ");
                text.push_str(&scalar(authority));
                text.push('\n');
            }
            (Credentials::Embedded, Some(user)) => {
                data(&mut text, "certificate-authority-data", user.authority)?;
                text.push_str(&server);
            }
            (Credentials::Embedded, None) => {
                return Err(Error::Encode {
                    subject: self.path.to_string(),
                    why: "the certificates to embed are missing".into(),
                });
            }
        }
        text.push_str(&format!(
            "  name: {cluster}\ncontexts:\n- context:\n    cluster: {cluster}\n{namespace}    \
             user: {user}\n  name: {context}\ncurrent-context: {context}\nkind: Config\n\
             preferences: {{}}\nusers:\n- name: {user}\n  user:\n",
            cluster = scalar(&frame.cluster),
            context = scalar(&frame.context),
            user = scalar(&frame.user),
        ));
        let (certificate, key) = match (&self.credentials, user.map(|user| &user.leaf)) {
            (
                Credentials::Files {
                    certificate, key, ..
                },
                _,
            ) => (certificate.as_str(), key.as_str()),
            (Credentials::Embedded, Some(Leaf::Files { certificate, key })) => (*certificate, *key),
            (Credentials::Embedded, Some(Leaf::Data { certificate, key })) => {
                data(&mut text, "client-certificate-data", certificate)?;
                data(&mut text, "client-key-data", key)?;
                return Ok(text);
            }
            (Credentials::Embedded, None) => return Ok(text),
        };
        text.push_str(&format!(
            "    client-certificate: {}\n    client-key: {}\n",
            scalar(certificate),
            scalar(key)
        ));
        Ok(text)
    }

    /// Whether the user renews its leaf itself: the kubelet, whose kubeconfig then names the file
    /// it keeps it in. Where it joined by a bootstrap token, it wrote the whole kubeconfig, with
    /// names of its own (Kubernetes `pkg/kubelet/certificate/bootstrap`).
    fn is_its_users(&self, found: &Found) -> bool {
        self.optional && found.by_files_alone()
    }

    /// The whole text for such a user, whose names and files stay; none for another.
    pub(crate) fn render_around(
        &self,
        found: &Found,
        authority: &[u8],
    ) -> Option<Result<Zeroizing<String>, Error>> {
        let (Some(certificate), Some(key)) = (&found.files.certificate, &found.files.key) else {
            return None;
        };
        self.is_its_users(found).then(|| {
            let frame = Frame {
                server: self.frame.server.clone(),
                ..found.frame.clone()
            };
            let entry = Self {
                frame,
                ..self.clone()
            };
            entry.render(Some(&User {
                authority,
                leaf: Leaf::Files { certificate, key },
            }))
        })
    }

    /// What differs between a kubeconfig that was read and this one, the certificates aside.
    pub(crate) fn differences(&self, found: &Found) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, found: &str, wanted: &str| {
            if found != wanted {
                differences.push(format!(
                    "{what} is {found:?}, the catalogue asks for {wanted:?}"
                ));
            }
        };
        let (is, wanted) = (&found.frame, &self.frame);
        compare("its server", &is.server, &wanted.server);
        if !self.is_its_users(found) {
            compare("the name of its cluster", &is.cluster, &wanted.cluster);
            compare("the name of its context", &is.context, &wanted.context);
            compare("the name of its user", &is.user, &wanted.user);
            let namespace = |frame: &Frame| frame.namespace.clone().unwrap_or_default();
            compare("its namespace", &namespace(is), &namespace(wanted));
        }
        let data = [&found.authority, &found.certificate];
        match &self.credentials {
            Credentials::Files {
                authority,
                certificate,
                key,
            } => {
                let or_none = |file: &Option<String>| file.clone().unwrap_or_default();
                let files = &found.files;
                compare(
                    "its authority's file",
                    &or_none(&files.authority),
                    authority,
                );
                compare(
                    "its client's file",
                    &or_none(&files.certificate),
                    certificate,
                );
                compare("its key's file", &or_none(&files.key), key);
                if data.iter().any(|data| data.is_some()) || found.key.is_some() {
                    differences.push("it embeds certificates, which overrule the files".into());
                }
            }
            Credentials::Embedded => {
                if found.files != Files::NONE && !self.is_its_users(found) {
                    differences.push("it names certificates by file, besides its data".into());
                }
            }
        }
        differences
    }
}

impl Files {
    const NONE: Self = Self {
        authority: None,
        certificate: None,
        key: None,
    };
}

impl Found {
    /// Reads a kubeconfig of one cluster, one context and one user.
    ///
    /// The key is taken out of the text before the YAML reader sees it, whose buffers nobody
    /// wipes.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, String> {
        if file.len() > MOST_BYTES {
            return Err(format!("has more than the {MOST_BYTES} bytes taken"));
        }
        let text = str::from_utf8(file).map_err(|_| "is not UTF-8")?;
        let (rest, key) = without_key(text)?;
        let config: Config =
            serde_yaml_ng::from_str(&rest).map_err(|error| format!("is no kubeconfig: {error}"))?;
        let one = |what: &str, count: usize| match count {
            1 => Ok(()),
            _ => Err(format!("holds {count} {what}, one is expected")),
        };
        one("clusters", config.clusters.len())?;
        one("contexts", config.contexts.len())?;
        one("users", config.users.len())?;
        let (Some(cluster), Some(context), Some(user)) = (
            config.clusters.into_iter().next(),
            config.contexts.into_iter().next(),
            config.users.into_iter().next(),
        ) else {
            return Err("holds no cluster, context or user".into());
        };
        if config.current_context != context.name
            || context.context.cluster != cluster.name
            || context.context.user != user.name
        {
            return Err("has a context whose cluster or user is not there".into());
        }
        if key.is_some() != (user.user.client_key_data.as_deref() == Some(KEY_MARK)) {
            return Err("has a client-key-data that is not the user's".into());
        }
        let pem = |what: &str, data: Option<String>| {
            data.map(|data| {
                decode(&data)
                    .map(|mut pem| std::mem::take(&mut *pem))
                    .ok_or_else(|| format!("has a {what} that is not base64"))
            })
            .transpose()
        };
        Ok(Self {
            frame: Frame {
                server: cluster.cluster.server,
                cluster: cluster.name,
                context: context.name,
                user: user.name,
                namespace: context.context.namespace,
            },
            authority: pem(
                "certificate-authority-data",
                cluster.cluster.certificate_authority_data,
            )?,
            certificate: pem("client-certificate-data", user.user.client_certificate_data)?,
            key,
            files: Files {
                authority: cluster.cluster.certificate_authority,
                certificate: user.user.client_certificate,
                key: user.user.client_key,
            },
        })
    }

    /// Whether the user's leaf and key are named by file, and not embedded.
    pub(crate) fn by_files_alone(&self) -> bool {
        self.files.certificate.is_some()
            && self.files.key.is_some()
            && self.certificate.is_none()
            && self.key.is_none()
    }

    /// The user's key as a PEM file.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.as_ref().map(|key| key.0.as_slice())
    }
}

/// The text with a mark in place of the key, and the key.
fn without_key(text: &str) -> Result<(String, Option<Key>), String> {
    let Some((before, after)) = text.split_once(KEY_FIELD) else {
        return Ok((text.to_owned(), None));
    };
    let (value, rest) = after.split_once('\n').unwrap_or((after, ""));
    if rest.contains(KEY_FIELD) {
        return Err("holds several keys, one is expected".into());
    }
    let value = value.trim();
    let value = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    let key = decode(value).ok_or("has a client-key-data that is not base64 in its line")?;
    Ok((
        format!("{before}{KEY_FIELD} {KEY_MARK}\n{rest}"),
        Some(Key(key)),
    ))
}

/// Decoded in one block of memory, in constant time, so that no other copy is left.
fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(text.as_bytes().to_vec());
    let length = Base64::decode_in_place(&mut content).ok()?.len();
    content.truncate(length);
    Some(content)
}

/// `NAME: BASE64`, encoded in constant time.
fn data(text: &mut String, name: &str, content: &[u8]) -> Result<(), Error> {
    let mut buffer = Zeroizing::new(vec![0; Base64::encoded_len(content)]);
    let encoded = Base64::encode(content, &mut buffer).map_err(|_| Error::Encode {
        subject: name.to_owned(),
        why: "it is too long".into(),
    })?;
    for part in ["    ", name, ": ", encoded, "\n"] {
        text.push_str(part);
    }
    Ok(())
}

/// A text as YAML: plain where it can be, quoted by JSON's rules, which YAML takes, otherwise.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/.-_:@[]".contains(c))
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
        );
    if plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(rename = "current-context", default)]
    current_context: String,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: ClusterData,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterData {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: ContextData,
}

#[derive(Deserialize)]
struct ContextData {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: UserData,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserData {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EntryPath;

    fn entry(credentials: Credentials) -> KubeconfigEntry {
        KubeconfigEntry {
            name: "admin.conf".into(),
            service: "admin".into(),
            path: EntryPath::new("admin.conf").unwrap(),
            authority: "ca".into(),
            leaf: "admin".into(),
            frame: Frame {
                server: "https://[2001:db8::1]:6443".into(),
                cluster: "kubernetes".into(),
                context: "kubernetes-admin@kubernetes".into(),
                user: "kubernetes-admin".into(),
                namespace: None,
            },
            credentials,
            optional: false,
        }
    }

    const LEAF: Leaf<'_> = Leaf::Data {
        certificate: b"leaf\n",
        key: b"key\n",
    };

    /// As client-go's `clientcmd` writes one (kubeadm's `admin.conf`).
    #[test]
    fn embedded_in_the_form_of_kubeadm_and_read_again() {
        let entry = entry(Credentials::Embedded);
        let user = User {
            authority: b"CA\n",
            leaf: LEAF,
        };
        let text = entry.render(Some(&user)).unwrap();
        assert_eq!(
            text.as_str(),
            "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0EK
    server: https://[2001:db8::1]:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: bGVhZgo=
    client-key-data: a2V5Cg==
"
        );
        let found = Found::parse(text.as_bytes()).unwrap();
        assert_eq!(found.key(), Some(&b"key\n"[..]));
        assert_eq!(found.certificate.as_deref(), Some(&b"leaf\n"[..]));
        assert_eq!(found.authority.as_deref(), Some(&b"CA\n"[..]));
        assert_eq!(entry.differences(&found), [""; 0]);
        assert!(!format!("{found:?}").contains("107"), "{found:?}");
        assert!(entry.render(None).is_err());
    }

    #[test]
    fn what_differs_is_named() {
        let wanted = entry(Credentials::Embedded);
        let user = User {
            authority: b"CA\n",
            leaf: LEAF,
        };
        let text = wanted.render(Some(&user)).unwrap();
        for (from, to, reason) in [
            ("https://[2001:db8::1]:6443", "https://evil:6443", "server"),
            ("kubernetes-admin", "other", "user"),
            ("    user: ", "    namespace: x\n    user: ", "namespace"),
            (
                "    client-key-data",
                "    client-key: x\n    client-key-data",
                "by file",
            ),
        ] {
            let changed = text.replace(from, to);
            let found = Found::parse(changed.as_bytes()).unwrap();
            let told = wanted.differences(&found).join("; ");
            assert!(told.contains(reason), "{reason}: {told}");
        }
    }

    #[test]
    fn what_is_no_kubeconfig_of_one_user_is_refused_in_words() {
        let entry = entry(Credentials::Embedded);
        let user = User {
            authority: b"CA\n",
            leaf: LEAF,
        };
        let good = entry.render(Some(&user)).unwrap();
        let two = good.replace("users:\n", "users:\n- name: more\n  user: {}\n");
        let lost = good.replace("current-context: ", "current-context: x");
        let key = "    client-key-data: a2V5Cg==\n";
        let elsewhere = good.replace(key, "") + key.trim_start();
        let torn = good.replace("a2V5Cg==", "a2V5C");
        let twice = format!("{}client-key-data: AA==\n", good.as_str());
        for (text, word) in [
            ("", "clusters"),
            ("server: elsewhere", "clusters"),
            ("- a\n- b\n", "no kubeconfig"),
            (&two, "2 users"),
            (&lost, "not there"),
            (&elsewhere, "not the user's"),
            (&torn, "not base64"),
            (&twice, "several keys"),
        ] {
            let told = Found::parse(text.as_bytes()).unwrap_err();
            assert!(told.contains(word), "{word}: {told}");
            assert!(!told.contains("a2V5"), "{told}");
        }
        assert!(Found::parse(&[0xff]).is_err());
    }

    #[test]
    fn names_that_yaml_would_read_otherwise_are_quoted() {
        for (text, written) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("/var/lib/rancher", "/var/lib/rancher"),
            ("/a b", "\"/a b\""),
            ("a#b", "\"a#b\""),
            ("true", "\"true\""),
            ("x: y", "\"x: y\""),
            ("12", "\"12\""),
            ("é\n", "\"é\\n\""),
        ] {
            assert_eq!(scalar(text), written);
            let read: String = serde_yaml_ng::from_str(&scalar(text)).unwrap();
            assert_eq!(read, text);
        }
    }
}

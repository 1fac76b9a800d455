//! Kubeconfigs, in the form k3s and RKE2 write: certificates by file path.

use serde::Serialize;

use crate::error::Error;

/// The files and the server a kubeconfig names.
pub(super) struct Kubeconfig<'a> {
    pub(super) server: String,
    pub(super) authority: &'a str,
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    api_version: &'static str,
    clusters: [Named<'a>; 1],
    contexts: [Named<'a>; 1],
    #[serde(rename = "current-context")]
    current_context: &'static str,
    kind: &'static str,
    preferences: Preferences,
    users: [Named<'a>; 1],
}

#[derive(Serialize)]
struct Preferences {}

#[derive(Serialize)]
#[serde(untagged)]
enum Named<'a> {
    Cluster {
        cluster: Cluster<'a>,
        name: &'static str,
    },
    Context {
        context: Context,
        name: &'static str,
    },
    User {
        name: &'static str,
        user: User<'a>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster<'a> {
    server: &'a str,
    certificate_authority: &'a str,
}

#[derive(Serialize)]
struct Context {
    cluster: &'static str,
    namespace: &'static str,
    user: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct User<'a> {
    client_certificate: &'a str,
    client_key: &'a str,
}

impl Kubeconfig<'_> {
    pub(super) fn to_yaml(&self) -> Result<String, Error> {
        let config = Config {
            api_version: "v1",
            clusters: [Named::Cluster {
                cluster: Cluster {
                    server: &self.server,
                    certificate_authority: self.authority,
                },
                name: "local",
            }],
            contexts: [Named::Context {
                context: Context {
                    cluster: "local",
                    namespace: "default",
                    user: "user",
                },
                name: "Default",
            }],
            current_context: "Default",
            kind: "Config",
            preferences: Preferences {},
            users: [Named::User {
                name: "user",
                user: User {
                    client_certificate: self.certificate,
                    client_key: self.key,
                },
            }],
        };
        serde_yaml_ng::to_string(&config).map_err(|error| Error::Encode {
            subject: "a kubeconfig".into(),
            why: error.to_string(),
        })
    }
}

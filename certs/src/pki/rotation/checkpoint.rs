//! What is out of this program's reach in a rotation, as data: by the part an authority plays,
//! and by phase.
//!
//! The order is the one that keeps every connection: who verifies learns of the new authority
//! before anybody shows a leaf of it, and forgets the old one after everybody stopped.

use serde::Serialize;

use super::Phase;

/// Something a person, or a tool of theirs, does and then confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Its name, such as `restart-etcd`.
    pub id: &'static str,
    /// What is to be done.
    pub what: &'static str,
}

/// The part an authority, or a set of keys, plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// Signs the clients of the API server and of kubelets.
    Client,
    /// Signs clients and servers alike, as kubeadm's does.
    ClientAndServer,
    /// Signs etcd's members towards each other.
    EtcdPeer,
    /// Signs etcd's members towards clients, and those.
    EtcdServer,
    /// Signs something of the user's.
    Other,
    /// Signs the API server towards aggregated ones.
    RequestHeader,
    /// Signs the API server and kubelets as servers.
    Server,
    /// Signs service-account tokens.
    ServiceAccounts,
}

/// The parts of the authorities of RKE2, k3s and kubeadm, by their names in the catalogue. A name
/// of a user's own catalogue that is none of them plays a part of its own.
const ROLES: &[(&str, Role)] = &[
    ("ca", Role::ClientAndServer),
    ("client-ca", Role::Client),
    ("etcd/ca", Role::EtcdServer),
    ("etcd/peer-ca", Role::EtcdPeer),
    ("etcd/server-ca", Role::EtcdServer),
    ("front-proxy-ca", Role::RequestHeader),
    ("request-header-ca", Role::RequestHeader),
    ("server-ca", Role::Server),
];

impl Role {
    /// The part of the authority called `name`.
    pub fn of_authority(name: &str) -> Self {
        let found = ROLES.iter().find(|(known, _)| *known == name);
        found.map_or(Self::Other, |(_, role)| *role)
    }

    /// What `next` waits for once `phase` was entered, in the order it is to be done.
    pub fn checkpoints(self, phase: Phase) -> &'static [Checkpoint] {
        let found = TABLE
            .iter()
            .find(|(role, of, _)| *role == self && *of == phase);
        found.map_or(&[], |(_, _, checkpoints)| checkpoints)
    }
}

const AGGREGATED: Checkpoint = Checkpoint {
    id: "aggregated",
    what: "aggregated API servers and webhooks: what they verify by (ConfigMap \
           extension-apiserver-authentication in kube-system), and each caBundle that holds this \
           authority, is as its file is now; restart those that read it at their start alone. \
           The API server only adds to that ConfigMap: when an authority is retired, delete it, \
           and it is written anew",
};
const APISERVER: Checkpoint = Checkpoint {
    id: "restart-apiserver",
    what: "restart kube-apiserver, one at a time and each only when /readyz of the others is ok: \
           it reads client-ca-file, kubelet-certificate-authority and the like anew",
};
const CLUSTER_INFO: Checkpoint = Checkpoint {
    id: "cluster-info",
    what: "ConfigMap cluster-info in kube-public holds the authority's file as it is now",
};
const CONTROLLER_MANAGER: Checkpoint = Checkpoint {
    id: "restart-controller-manager",
    what: "restart kube-controller-manager, one at a time: it reads its kubeconfig, root-ca-file \
           and the pairs it signs requests with anew. A certificate file it signs with may hold \
           one certificate and no more (kubeadm names ca.crt itself): until the old one is \
           retired, have --cluster-signing-cert-file name a file with the first one alone",
};
const ETCD: Checkpoint = Checkpoint {
    id: "restart-etcd",
    what: "restart the members of etcd one at a time, each only when `etcdctl endpoint health \
           --cluster` says that all are: etcd does not read a trusted-CA file again",
};
const ETCD_CLIENTS: Checkpoint = Checkpoint {
    id: "restart-etcd-clients",
    what: "restart kube-apiserver and every other client of etcd, one at a time: they read the CA \
           of etcd at their start",
};
const JOIN_TOKENS: Checkpoint = Checkpoint {
    id: "join-tokens",
    what: "issue join tokens anew (`fipsctl pki token reissue`): a token pins the hash of the CA; the old \
           ones stay valid beside them until nodes join with the new ones",
};
const KUBECONFIGS: Checkpoint = Checkpoint {
    id: "kubeconfigs",
    what: "kubeconfigs outside of this folder (of people, nodes and pipelines) are handed out anew",
};
const KUBELETS: Checkpoint = Checkpoint {
    id: "restart-kubelets",
    what: "restart kubelets and kube-proxies node by node: they read what they verify by anew, and \
           get leaves of the authority that signs now",
};
const LEAVES: Checkpoint = Checkpoint {
    id: "leaves",
    what: "every leaf of this authority that is not in this folder is issued anew (on another \
           server `fipsctl pki renew` does it: its leaves have drifted), and the serial that is \
           served is the one on disk",
};
const LEGACY_TOKENS: Checkpoint = Checkpoint {
    id: "tokens-without-end",
    what: "Secrets of type kubernetes.io/service-account-token hold tokens that never expire and \
           end with the old key: `kubectl get secrets -A --field-selector \
           type=kubernetes.io/service-account-token`; delete them, so that they are made anew",
};
const SCHEDULER: Checkpoint = Checkpoint {
    id: "restart-scheduler",
    what: "restart kube-scheduler and the cloud controller manager, one at a time: they read the \
           authority that their kubeconfig names, and what it holds as data, at their start alone",
};
const SERVERS: Checkpoint = Checkpoint {
    id: "servers",
    what: "bring the files this step wrote to the same folder of every other server; a private key \
           over a channel that keeps it secret",
};
const SERVICE_ACCOUNT_CA: Checkpoint = Checkpoint {
    id: "service-account-ca",
    what: "the CA data of service accounts is as the authority's file is now: ConfigMap \
           kube-root-ca.crt in every namespace, and ca.crt in each Secret of type \
           kubernetes.io/service-account-token",
};
const VERIFIERS: Checkpoint = Checkpoint {
    id: "verifiers",
    what: "everything that verifies by this authority has read its file anew; restart what reads \
           it at its start alone",
};
const WORKLOADS: Checkpoint = Checkpoint {
    id: "workloads",
    what: "restart the workloads that read the CA of their service account at their start alone",
};

/// Who verifies the API server, and what they verify by, first to last.
const SERVER_TRUST: &[Checkpoint] = &[
    SERVERS,
    CONTROLLER_MANAGER,
    SCHEDULER,
    SERVICE_ACCOUNT_CA,
    WORKLOADS,
    APISERVER,
    KUBECONFIGS,
    AGGREGATED,
    KUBELETS,
    JOIN_TOKENS,
];
const SERVER_ISSUE: &[Checkpoint] = &[SERVERS, CONTROLLER_MANAGER, KUBELETS, LEAVES, CLUSTER_INFO];
const SERVER_RETIRE: &[Checkpoint] = &[
    SERVERS,
    CONTROLLER_MANAGER,
    SCHEDULER,
    SERVICE_ACCOUNT_CA,
    WORKLOADS,
    APISERVER,
    KUBECONFIGS,
    AGGREGATED,
    KUBELETS,
    JOIN_TOKENS,
    CLUSTER_INFO,
];
const BOTH_ISSUE: &[Checkpoint] = &[
    SERVERS,
    CONTROLLER_MANAGER,
    SCHEDULER,
    KUBECONFIGS,
    KUBELETS,
    LEAVES,
    CLUSTER_INFO,
];
const CLIENT_TRUST: &[Checkpoint] = &[SERVERS, APISERVER, AGGREGATED, KUBELETS];
const CLIENT_ISSUE: &[Checkpoint] = &[SERVERS, CONTROLLER_MANAGER, KUBECONFIGS, KUBELETS, LEAVES];
const HEADER_TRUST: &[Checkpoint] = &[SERVERS, APISERVER, AGGREGATED];
const HEADER_ISSUE: &[Checkpoint] = &[SERVERS, LEAVES, APISERVER];
const ETCD_TRUST: &[Checkpoint] = &[SERVERS, ETCD, ETCD_CLIENTS];
const PEER_TRUST: &[Checkpoint] = &[SERVERS, ETCD];
const ETCD_ISSUE: &[Checkpoint] = &[SERVERS, LEAVES];
const OTHER_TRUST: &[Checkpoint] = &[SERVERS, VERIFIERS];
const OTHER_ISSUE: &[Checkpoint] = &[SERVERS, LEAVES];
const TOKENS_TRUST: &[Checkpoint] = &[SERVERS, APISERVER];
const TOKENS_ISSUE: &[Checkpoint] = &[SERVERS, CONTROLLER_MANAGER, APISERVER, LEGACY_TOKENS];
const TOKENS_RETIRE: &[Checkpoint] = &[SERVERS, APISERVER];

/// Preparing is seen by nobody and waits for nothing.
const TABLE: &[(Role, Phase, &[Checkpoint])] = &[
    (Role::Client, Phase::TrustBoth, CLIENT_TRUST),
    (Role::Client, Phase::IssueFromNew, CLIENT_ISSUE),
    (Role::Client, Phase::Retire, CLIENT_TRUST),
    (Role::ClientAndServer, Phase::TrustBoth, SERVER_TRUST),
    (Role::ClientAndServer, Phase::IssueFromNew, BOTH_ISSUE),
    (Role::ClientAndServer, Phase::Retire, SERVER_RETIRE),
    (Role::EtcdPeer, Phase::TrustBoth, PEER_TRUST),
    (Role::EtcdPeer, Phase::IssueFromNew, ETCD_ISSUE),
    (Role::EtcdPeer, Phase::Retire, PEER_TRUST),
    (Role::EtcdServer, Phase::TrustBoth, ETCD_TRUST),
    (Role::EtcdServer, Phase::IssueFromNew, ETCD_ISSUE),
    (Role::EtcdServer, Phase::Retire, ETCD_TRUST),
    (Role::Other, Phase::TrustBoth, OTHER_TRUST),
    (Role::Other, Phase::IssueFromNew, OTHER_ISSUE),
    (Role::Other, Phase::Retire, OTHER_TRUST),
    (Role::RequestHeader, Phase::TrustBoth, HEADER_TRUST),
    (Role::RequestHeader, Phase::IssueFromNew, HEADER_ISSUE),
    (Role::RequestHeader, Phase::Retire, HEADER_TRUST),
    (Role::Server, Phase::TrustBoth, SERVER_TRUST),
    (Role::Server, Phase::IssueFromNew, SERVER_ISSUE),
    (Role::Server, Phase::Retire, SERVER_RETIRE),
    (Role::ServiceAccounts, Phase::TrustBoth, TOKENS_TRUST),
    (Role::ServiceAccounts, Phase::IssueFromNew, TOKENS_ISSUE),
    (Role::ServiceAccounts, Phase::Retire, TOKENS_RETIRE),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_part_waits_in_every_phase_but_the_first_and_for_nothing_twice() {
        let mut roles: Vec<Role> = ROLES.iter().map(|(_, role)| *role).collect();
        roles.extend([Role::Other, Role::ServiceAccounts]);
        for role in roles {
            for phase in Phase::ALL {
                let checkpoints = role.checkpoints(phase);
                assert_eq!(checkpoints.is_empty(), phase == Phase::Prepare, "{role:?}");
                let ids: BTreeSet<_> = checkpoints.iter().map(|one| one.id).collect();
                assert_eq!(ids.len(), checkpoints.len(), "{role:?} {phase}");
            }
        }
        let rows: BTreeSet<String> = TABLE
            .iter()
            .map(|(role, phase, _)| format!("{role:?} {phase}"))
            .collect();
        assert_eq!(rows.len(), TABLE.len());
    }

    #[test]
    fn the_order_is_the_one_that_keeps_connections() {
        let order = |role: Role, phase| {
            let ids = role.checkpoints(phase).iter().map(|one| one.id);
            ids.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            order(Role::of_authority("server-ca"), Phase::TrustBoth),
            "servers restart-controller-manager restart-scheduler service-account-ca workloads \
             restart-apiserver kubeconfigs aggregated restart-kubelets join-tokens"
        );
        // etcd's trust is read at its start: restarted before and after, not between.
        for name in ["etcd/server-ca", "etcd/peer-ca", "etcd/ca"] {
            let role = Role::of_authority(name);
            assert!(order(role, Phase::TrustBoth).contains("restart-etcd"));
            assert!(!order(role, Phase::IssueFromNew).contains("restart"));
            assert!(order(role, Phase::Retire).contains("restart-etcd"));
        }
        // Consumers first, the proxy's own leaf last.
        let proxy = Role::of_authority("front-proxy-ca");
        assert_eq!(
            order(proxy, Phase::TrustBoth),
            "servers restart-apiserver aggregated"
        );
        assert_eq!(
            order(proxy, Phase::IssueFromNew),
            "servers leaves restart-apiserver"
        );
        assert_eq!(Role::of_authority("mine"), Role::Other);
    }
}

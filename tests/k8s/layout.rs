//! What differs between the two trees.

/// One tree, and how its components are started.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    /// The tree's root, below the run's folder.
    pub(crate) root: &'static str,
    /// Flags by component, one a line; `{root}`, `{run}`, `{node}` and ports stand in braces.
    pub(crate) flags: [(&'static str, &'static str); 4],
    /// Who may what.
    pub(crate) identities: &'static str,
    /// The kubeconfig that may do everything from the first start on.
    pub(crate) first_admin: &'static str,
    /// The administrator's.
    pub(crate) admin: &'static str,
    pub(crate) kubelet: &'static str,
    /// The authority the API server's clients are judged by.
    pub(crate) client_ca: &'static str,
    /// The authority of the API server's leaf.
    pub(crate) server_ca: &'static str,
    /// What API server and etcd show, without the ending.
    pub(crate) api_serving: &'static str,
    pub(crate) etcd_serving: &'static str,
    /// A client of etcd's.
    pub(crate) etcd_ca: &'static str,
    pub(crate) etcd_client: &'static str,
    /// The leaf that speaks for others, and its authority.
    pub(crate) proxy_client: &'static str,
    pub(crate) proxy_ca: &'static str,
    /// What the API server shows to kubelets: an administrator, as a pair of files.
    pub(crate) api_client: &'static str,
    /// Every authority by its name in the catalogue, in the order they are rotated.
    pub(crate) authorities: &'static [&'static str],
}

const RKE2: Layout = Layout {
    name: "rke2",
    root: "rke2/server",
    flags: [
        ("etcd", include_str!("rke2/etcd")),
        ("kube-apiserver", include_str!("rke2/kube-apiserver")),
        (
            "kube-controller-manager",
            include_str!("rke2/kube-controller-manager"),
        ),
        ("kube-scheduler", include_str!("rke2/kube-scheduler")),
    ],
    identities: include_str!("rke2/identities"),
    first_admin: "cred/admin.kubeconfig",
    admin: "cred/admin.kubeconfig",
    kubelet: "../agent/kubelet.kubeconfig",
    client_ca: "tls/client-ca",
    server_ca: "tls/server-ca",
    api_serving: "tls/serving-kube-apiserver",
    etcd_serving: "tls/etcd/server-client",
    etcd_ca: "tls/etcd/server-ca",
    etcd_client: "tls/etcd/client",
    proxy_client: "tls/client-auth-proxy",
    proxy_ca: "tls/request-header-ca",
    api_client: "tls/client-kube-apiserver",
    authorities: &[
        "etcd/peer-ca",
        "etcd/server-ca",
        "request-header-ca",
        "client-ca",
        "server-ca",
    ],
};

const KUBEADM: Layout = Layout {
    name: "kubeadm",
    root: "kubernetes",
    flags: [
        ("etcd", include_str!("kubeadm/etcd")),
        ("kube-apiserver", include_str!("kubeadm/kube-apiserver")),
        (
            "kube-controller-manager",
            include_str!("kubeadm/kube-controller-manager"),
        ),
        ("kube-scheduler", include_str!("kubeadm/kube-scheduler")),
    ],
    identities: include_str!("kubeadm/identities"),
    first_admin: "super-admin.conf",
    admin: "admin.conf",
    kubelet: "kubelet.conf",
    client_ca: "pki/ca",
    server_ca: "pki/ca",
    api_serving: "pki/apiserver",
    etcd_serving: "pki/etcd/server",
    etcd_ca: "pki/etcd/ca",
    etcd_client: "pki/etcd/healthcheck-client",
    proxy_client: "pki/front-proxy-client",
    proxy_ca: "pki/front-proxy-ca",
    api_client: "pki/apiserver-kubelet-client",
    authorities: &["etcd/ca", "front-proxy-ca", "ca"],
};

impl Layout {
    pub(crate) fn all() -> Vec<Self> {
        vec![RKE2, KUBEADM]
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|layout| layout.name == name)
    }
}

//! The command line as data.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fips_boundary::certs::key;

use crate::agent::AgentCommand;
use crate::pki::adopt::AdoptArgs;
use crate::pki::export_csr::ExportCsrArgs;
use crate::pki::import::ImportArgs;
use crate::pki::issue::IssueArgs;
use crate::pki::layout::LayoutArgs;
use crate::pki::node::NodeArgs;
use crate::pki::recover::RecoverArgs;
use crate::pki::rotate::RotateArgs;
use crate::pki::rotate_ca::RotateCaCommand;
use crate::pki::rotate_sa::RotateSaCommand;
use crate::pki::sign::SignArgs;
use crate::pki::{AuditCommand, TokenCommand};
use crate::pki::{KeyCommand, UnlockArgs};
use crate::sealing;

const AFTER: &str = "\
Exit codes: 0 done, 1 findings, 2 usage, 3 refused by the boundary, 4 failed.
NO_COLOR is honoured. Results go to stdout, everything else to stderr.";

/// The boundary's status, a control plane's PKI, mutual TLS: through one FIPS module or not at all.
#[derive(Debug, Parser)]
#[command(name = "fipsctl", version, after_help = AFTER, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// More about what happens, to stderr; twice for debugging.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep a PKI fresh while it runs, and show how fresh it is.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Seal and open a cluster's bootstrap data; import what k3s stored.
    #[command(subcommand)]
    Bootstrap(sealing::BootstrapCommand),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  fipsctl completions bash > /etc/bash_completion.d/fipsctl")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Connect by mutual TLS, send a line, print the echo and what was negotiated.
    Connect(ConnectArgs),
    /// Open a sealed stream: a file appears only once all of it is authentic.
    Open(sealing::OpenArgs),
    /// Make, check and renew a control plane's PKI.
    #[command(subcommand)]
    Pki(Box<PkiCommand>),
    /// Seal a stream of any length for storage, under a passphrase or a key file.
    Seal(sealing::SealArgs),
    /// Run the module's own tests now: its integrity and every known answer. Needs no open gate.
    SelfTest(SelfTestArgs),
    /// Serve a mutual-TLS echo, printing what each connection negotiated; follows its files.
    Serve(ServeArgs),
    /// Show every check of the boundary, what was found and how to mend it; exit 3 when it refuses.
    Status(StatusArgs),
    /// Make and rotate the keys by which servers of a fleet resume each other's TLS sessions.
    #[command(subcommand)]
    Tickets(crate::tickets::TicketsCommand),
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Indented JSON.
    Json,
    /// A drawn table.
    Table,
    /// Plain columns.
    Text,
    /// YAML.
    Yaml,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fipsctl status\n  fipsctl status --output json | jq .sentence"
)]
pub(crate) struct StatusArgs {
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fipsctl self-test\n  fipsctl self-test --output json | jq '.tests[].micros'"
)]
pub(crate) struct SelfTestArgs {
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Take over a tree that another program made: write the record that says what is in it.
    Adopt(AdoptArgs),
    /// Look into the audit log: what was done, and whether the log is whole.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Judge every certificate of a PKI; exit 1 when one wants attention. Needs no open gate.
    Check(CheckArgs),
    /// Issue, show and judge revocation lists.
    #[command(subcommand)]
    Crl(crate::pki::CrlCommand),
    /// Write the request for an authority's certificate, for one elsewhere to sign.
    ExportCsr(ExportCsrArgs),
    /// Judge and take what was signed elsewhere: an authority's certificate, or a leaf.
    Import(ImportArgs),
    /// Make a new PKI: authorities, leaves, kubeconfigs, keys and secrets of a whole layout.
    Init(InitArgs),
    /// Issue one leaf by the command line, outside of the catalogue.
    Issue(IssueArgs),
    /// Make an authority's key on a token; seal and unseal one in its file.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Judge certificates by RFC 5280 and the house rules; exit 1 on findings. Needs no open gate.
    Lint(crate::pki::LintArgs),
    /// Make the certificates of a node of RKE2 or k3s, signed by the server's authorities.
    Node(NodeArgs),
    /// Make good from disk what has expired, is torn or was interrupted.
    Recover(RecoverArgs),
    /// Renew the leaves that are due, drifted or torn.
    Renew(RenewArgs),
    /// Revoke certificates, and issue the lists that say so.
    Revoke(crate::pki::RevokeArgs),
    /// Issue leaves anew now: by name, by component, or all.
    Rotate(RotateArgs),
    /// Replace an authority without losing a connection.
    #[command(subcommand)]
    RotateCa(RotateCaCommand),
    /// Replace the key that service-account tokens are signed with.
    #[command(subcommand)]
    RotateSa(RotateSaCommand),
    /// Show a certificate in words, or a PKI as a tree. Needs no open gate.
    Show(crate::pki::ShowPkiArgs),
    /// Sign a certificate request, as far as a rule allows it.
    Sign(SignArgs),
    /// Make, judge, list and revoke join tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Validate every path, name, pair and list of a PKI; exit 1 when one fails. Needs no open gate.
    Verify(crate::pki::VerifyTreeArgs),
}

/// Kind and size of new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
    P384,
    /// RSA, 2048 bits
    Rsa2048,
    /// RSA, 3072 bits
    Rsa3072,
    /// RSA, 4096 bits
    Rsa4096,
}

impl From<KeyType> for key::KeyType {
    fn from(key_type: KeyType) -> Self {
        match key_type {
            KeyType::P256 => Self::P256,
            KeyType::P384 => Self::P384,
            KeyType::Rsa2048 => Self::Rsa2048,
            KeyType::Rsa3072 => Self::Rsa3072,
            KeyType::Rsa4096 => Self::Rsa4096,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki init /var/lib/rancher/rke2/server
  fipsctl pki init ./server --node-name cp1 --node-ip 10.0.0.11 --san api.example.com --key-type p384
  fipsctl pki init ./server --seal-ca-keys --passphrase-fd 3 3<passphrase
  fipsctl pki init ./server --pin-fd 3 3<pin \\
      --ca-key 'client-ca=pkcs11:token=cp;object=client-ca?module-path=/usr/lib/hsm/p11.so&x-cmvp=4567'
  fipsctl pki init /etc/kubernetes --layout kubeadm --node-ip 10.0.0.11 --endpoint api.example.com:6443
  fipsctl pki init ./pki --catalogue own.toml
  fipsctl pki init ./server --dry-run

Without --layout or --catalogue it is RKE2's.")]
pub(crate) struct InitArgs {
    /// The folder to make it in: `server` of the data directory, or /etc/kubernetes; must not hold
    /// a PKI yet.
    pub(crate) dir: PathBuf,
    /// Where an authority's key lies, on a token and made already; may be given several times.
    #[arg(long, value_name = "AUTHORITY=URI")]
    pub(crate) ca_key: Vec<String>,
    /// Seal the authorities' keys in their files, under the passphrase or key file.
    #[arg(long)]
    pub(crate) seal_ca_keys: bool,
    #[command(flatten)]
    pub(crate) unlock: UnlockArgs,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Say what would be made, and make nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki check /var/lib/rancher/rke2/server
  fipsctl pki check ./server --output table
  fipsctl pki check ./server --output json | jq '.[] | select(.status != \"OK\")'
  fipsctl pki check /etc/kubernetes --layout kubeadm --node-ip 10.0.0.11")]
pub(crate) struct CheckArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A leaf is due when less than the smaller of 90 days and a third of its life is left, unless
--within-days or --within-fraction say otherwise; also when it drifted or is torn.

Examples:
  fipsctl pki renew /var/lib/rancher/rke2/server --dry-run
  fipsctl pki renew ./server
  fipsctl pki renew ./server --all
  fipsctl pki renew ./server --passphrase-credential ca-keys
  fipsctl pki renew ./server --all --service etcd
  fipsctl pki renew ./server --name etcd/server-client --name etcd/client")]
pub(crate) struct RenewArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    /// Renew every leaf, due or not; with --service, every one of those.
    #[arg(long, conflicts_with = "name")]
    pub(crate) all: bool,
    /// Renew this leaf, due or not; may be given several times.
    #[arg(long)]
    pub(crate) name: Vec<String>,
    /// Look at the leaves and kubeconfigs of this component alone, such as etcd; may be given several times.
    #[arg(long)]
    pub(crate) service: Vec<String>,
    /// Due with less than this many days left, whatever the life.
    #[arg(long)]
    pub(crate) within_days: Option<u32>,
    /// Due with less than this part of the life left, 0 to 1; with --within-days, the shorter of the two.
    #[arg(long, value_parser = fraction)]
    pub(crate) within_fraction: Option<f64>,
    /// Keep the keys, make new certificates alone.
    #[arg(long)]
    pub(crate) keep_keys: bool,
    #[command(flatten)]
    pub(crate) unlock: UnlockArgs,
    /// Say what would be renewed and why, and renew nothing. Needs no open gate.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("a time such as 30s or 1h is expected ({error})"))
}

fn fraction(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|fraction| (0.0..=1.0).contains(fraction))
        .ok_or_else(|| "a number from 0 to 1 is expected".to_owned())
}

/// What both ends of a connection need.
#[derive(Debug, Args)]
pub(crate) struct TlsArgs {
    /// Certificate file (PEM): the leaf, then its chain.
    #[arg(long)]
    pub(crate) cert: PathBuf,
    /// Private key file (PEM), mode 0600.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// Certificates of the authorities the peer is judged by (PEM).
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// Revocation lists of these authorities (PEM, or DER of one); then each authority of the
    /// peer's chain needs one. May be given again.
    #[arg(long, value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// Rules about who may be at the other end, of those the authorities vouch for (TOML, see
    /// docs/authorization.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// TLS policy: cnsa1, sp800_52r2 or tls13.
    #[arg(long, default_value = "sp800_52r2")]
    pub(crate) profile: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl serve --listen 127.0.0.1:8443 --cert tls/serving-kube-apiserver.crt \\
      --key tls/serving-kube-apiserver.key --ca tls/client-ca.crt
  fipsctl serve --self-test-every 1h --cert server.crt --key server.key --ca ca.crt
  fipsctl serve --cert tls/etcd/server-client.crt --key tls/etcd/server-client.key \\
      --ca tls/etcd/server-ca.crt --crl fips/crl/etcd/server-ca.crl")]
pub(crate) struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:8443")]
    pub(crate) listen: std::net::SocketAddr,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// Stop after this many connections [default: serve until interrupted].
    #[arg(long)]
    pub(crate) connections: Option<u32>,
    /// Have the module test itself again this often, such as 30s or 1h; at least 1s. Serving
    /// ends with exit 3 when a test fails.
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) self_test_every: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fipsctl connect localhost:8443 --cert tls/client-admin.crt --key tls/client-admin.key \\
      --ca tls/server-ca.crt")]
pub(crate) struct ConnectArgs {
    /// Host name or address, and port.
    pub(crate) address: String,
    /// Name the server's certificate must hold [default: the host of ADDRESS].
    #[arg(long)]
    pub(crate) server_name: Option<String>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    /// The line to send.
    #[arg(long, default_value = "hello")]
    pub(crate) message: String,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

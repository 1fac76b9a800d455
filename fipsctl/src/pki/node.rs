//! `fipsctl pki node`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fips_boundary::certs::catalogue::{Catalogue, Definition, NodeOptions, Program};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};

use super::UnlockArgs;
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output};

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Args)]
#[command(after_help = "\
Makes the folder `agent` of a node: the kubelet's, kube-proxy's and the controller's certificates
and kubeconfigs, signed by the authorities of DIR, whose keys stay there. Run again, it renews all
of them. `fipsctl pki check AGENT_DIR` then judges the folder.

Example:
  fipsctl pki node /var/lib/rancher/rke2/server worker-1 --node-ip 10.0.0.21 --out ./worker-1/agent")]
pub(crate) struct NodeArgs {
    /// The folder of the server's PKI: RKE2's or k3s's.
    pub(crate) dir: PathBuf,
    /// The name of the node.
    pub(crate) node: String,
    /// The folder to make it in, `agent` of the node's data directory.
    #[arg(long, value_name = "AGENT_DIR")]
    pub(crate) out: PathBuf,
    /// Address of the node; may be given several times.
    #[arg(long)]
    pub(crate) node_ip: Vec<IpAddr>,
    /// Life of the leaves, in days [default: as the server's].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: Option<u32>,
    #[command(flatten)]
    pub(crate) unlock: UnlockArgs,
    /// Say what would be made, and make nothing. Needs no open gate.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

pub(super) fn run(args: &NodeArgs) -> Result<u8, Failure> {
    if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        let catalogue = catalogue(args, &Pki::open(&store)?)?;
        super::init::print_planned(&catalogue, &args.out, args.output)?;
        return Ok(exit::DONE);
    }
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let catalogue = catalogue(args, &pki)?;
    let out = DirStore::create_or_open(&args.out)?;
    super::tell_recovery(&args.out, &out);
    let report = {
        let _spinner = output::spinner("making keys and certificates");
        pki.make_node(&boundary, &out, &catalogue, &SystemClock)?
    };
    super::print_report(&report, args.output)?;
    Ok(exit::DONE)
}

fn catalogue(args: &NodeArgs, pki: &Pki<'_>) -> Result<Catalogue, Failure> {
    let options = match pki.catalogue().definition() {
        Definition::BuiltIn(options) if options.program != Program::Kubeadm => options,
        _ => {
            return Err(Failure::Usage(format!(
                "{} is no server's folder of RKE2 or k3s; only their nodes have such a tree",
                args.dir.display()
            )));
        }
    };
    let mut node = NodeOptions::new(options, args.node.as_str());
    node.node_ips.clone_from(&args.node_ip);
    if let Some(days) = args.days {
        node.leaf_lifetime = DAY * days;
    }
    Catalogue::node(node).map_err(|error| Failure::Usage(error.to_string()))
}

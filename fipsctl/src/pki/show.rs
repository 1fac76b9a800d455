//! `fipsctl pki show`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use fips_boundary::certs::pki::{Kind, Row, Thresholds};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Certificate, Clock, Description, Error, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{output, table};

/// The most bytes taken from standard input.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
#[command(after_help = "\
Without NAME, a folder is drawn as a tree: the authorities, their leaves and lists, the
kubeconfigs, each with its status and its end.

Examples:
  fipsctl pki show /var/lib/rancher/rke2/server
  fipsctl pki show ./server serving-kube-apiserver
  fipsctl pki show ./server/tls/client-ca.crt
  openssl s_client -connect localhost:6443 </dev/null 2>/dev/null | openssl x509 | fipsctl pki show -")]
pub(crate) struct ShowPkiArgs {
    /// The folder of a PKI, a PEM file of certificates, a kubeconfig, or `-` for one on
    /// standard input.
    pub(crate) path: PathBuf,
    /// An entry of the PKI's catalogue: its certificates in words.
    pub(crate) name: Option<String>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

/// A node of the tree.
#[derive(Serialize)]
struct Node<'r> {
    #[serde(flatten)]
    row: &'r Row,
    below: Vec<Node<'r>>,
}

pub(super) fn run(args: &ShowPkiArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    if !args.path.is_dir() {
        if args.name.is_some() {
            return Err(Failure::Usage(
                "a NAME is an entry of a PKI: name its folder before it".to_owned(),
            ));
        }
        return describe(&diagnostic, &read(&args.path)?, args.output);
    }
    let store = DirStore::open_read_only(&args.path)?;
    super::tell_recovery(&args.path, &store);
    let pki = Pki::open(&store)?;
    if let Some(name) = &args.name {
        return describe(&diagnostic, &pki.certificates(name)?, args.output);
    }
    let rows = pki.check(&diagnostic, SystemClock.now(), Thresholds::default())?;
    let tree = tree(&pki, &rows);
    match args.output {
        Format::Json => output::print(&output::json(&tree)?)?,
        Format::Yaml => output::print(&output::yaml(&tree)?)?,
        Format::Table | Format::Text => {
            let mut text = format!("{}\n", args.path.display());
            draw(&tree, "", &mut text);
            output::print(&text)?;
        }
    }
    Ok(exit::DONE)
}

fn read(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let failed = |source| Failure::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut content = Vec::new();
    if path == Path::new("-") {
        let mut input = std::io::stdin().lock().take(MOST_BYTES);
        input.read_to_end(&mut content).map_err(failed)?;
    } else {
        content = std::fs::read(path).map_err(failed)?;
    }
    // A kubeconfig is YAML, or JSON, and embeds its certificates.
    let kubeconfig = content.windows(10).any(|part| part == b"apiVersion");
    Ok(if kubeconfig {
        Certificate::from_kubeconfig(&content)?
    } else {
        Certificate::from_pem(&content)?
    })
}

fn describe(
    diagnostic: &Diagnostic,
    certificates: &[Certificate],
    format: Format,
) -> Result<u8, Failure> {
    let described = certificates
        .iter()
        .map(|certificate| certificate.describe(diagnostic))
        .collect::<Result<Vec<Description>, Error>>()?;
    match format {
        Format::Json => output::print(&output::json(&described)?)?,
        Format::Yaml => output::print(&output::yaml(&described)?)?,
        Format::Table | Format::Text => {
            let texts: Vec<String> = described.iter().map(ToString::to_string).collect();
            output::print(&texts.join("\n"))?;
        }
    }
    Ok(exit::DONE)
}

/// Authorities with what is below them; beside them what belongs to none.
fn tree<'r>(pki: &Pki<'_>, rows: &'r [Row]) -> Vec<Node<'r>> {
    let catalogue = pki.catalogue();
    let mut below: BTreeMap<&str, Vec<Node<'r>>> = BTreeMap::new();
    let mut top = Vec::new();
    for row in rows.iter().filter(|row| row.position == 0) {
        let name = row.entry.as_deref().unwrap_or_default();
        let above = match row.kind {
            Kind::Authority => catalogue
                .authority(name)
                .and_then(|entry| entry.issuer.as_deref()),
            Kind::Kubeconfig => catalogue
                .kubeconfigs()
                .iter()
                .find(|entry| entry.name == name)
                .map(|entry| entry.leaf.as_str()),
            Kind::Leaf => catalogue.leaf(name).map(|entry| entry.issuer.as_str()),
            Kind::RevocationList => row.entry.as_deref(),
            Kind::Nochain => continue,
            _ => None,
        };
        let node = Node {
            row,
            below: Vec::new(),
        };
        match above {
            Some(above) => below.entry(above).or_default().push(node),
            None => top.push(node),
        }
    }
    for node in &mut top {
        adopt(node, &mut below);
    }
    // What names an authority or a leaf that is not there stands by itself.
    top.extend(below.into_values().flatten());
    top
}

fn adopt<'r>(node: &mut Node<'r>, below: &mut BTreeMap<&str, Vec<Node<'r>>>) {
    let name = node.row.entry.as_deref().unwrap_or_default();
    if matches!(node.row.kind, Kind::Authority | Kind::Leaf)
        && let Some(children) = below.remove(name)
    {
        node.below = children;
    }
    for child in &mut node.below {
        adopt(child, below);
    }
}

fn draw(nodes: &[Node<'_>], before: &str, text: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        let last = at + 1 == nodes.len();
        let (branch, trunk) = if last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let row = node.row;
        let name = match (&row.entry, row.kind) {
            // An authority that rotates has two.
            (None, _) | (_, Kind::RevocationList) => &row.file,
            (Some(entry), _) => entry,
        };
        let mut line = format!("{before}{branch}{name}");
        if let Some(subject) = &row.subject {
            line += &format!("  {subject}");
        }
        line += &format!("  {}", row.status);
        if let (Some(expires), Some(residual)) = (row.expires, &row.residual) {
            line += &format!("  {} ({residual})", table::date(expires));
        }
        text.push_str(&line);
        text.push('\n');
        draw(&node.below, &format!("{before}{trunk}"), text);
    }
}

//! `fipsctl pki sign`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fips_boundary::certs::csr::{
    CertificateRequest, Grant, ProvenRequest, SigningRule, SigningRules,
};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Error, Pki, SubjectAltName, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use super::UnlockArgs;
use super::written::{self, NewFiles};
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Args)]
#[command(after_help = "\
A request says who it is for; the rule says what it may get. What the rule does not name is
refused, with the list of it. A rule of a file (TOML; an unknown field is an error):

  [[rule]]
  name = \"web\"
  authorities = [\"server-ca\"]
  common-names = [\"web-*\"]            # a star: a-z, 0-9, - and . alone
  organization = \"acme\"               # exactly this one; left out: none
  dns = [\"*.web.example.org\"]         # a star: one label
  wildcards = [\"*.apps.example.org\"]  # this very wildcard
  ip = [\"192.0.2.0/24\"]
  uri = [\"spiffe://cluster/web/*\"]    # a star: the last segment
  usages = \"server\"                   # client, server or server-and-client
  key-types = [\"p256\", \"p384\"]        # left out: each that is issued for
  max-days = 90                       # left out: 365

Two rules need no file: kubelet-client and kubelet-serving, as Kubernetes' signers of those names
define them, for the node named by --node.

Examples:
  fipsctl pki sign ./server web.csr --ca server-ca --rules rules.toml --rule web --out web.crt
  fipsctl pki sign ./server kubelet.csr --ca client-ca --rule kubelet-client --node node-1 \\
      --out kubelet.crt
  fipsctl pki sign ./server serving.csr --ca server-ca --rule kubelet-serving --node node-1 \\
      --node-name 192.0.2.10 --out serving.crt --dry-run")]
pub(crate) struct SignArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The certificate request (PKCS#10 in PEM).
    csr: PathBuf,
    /// The authority that signs, by its name in the catalogue.
    #[arg(long, value_name = "NAME")]
    ca: String,
    /// The file of rules (TOML).
    #[arg(long, value_name = "FILE", required_unless_present = "rule")]
    rules: Option<PathBuf>,
    /// The rule: one of the file, or kubelet-client or kubelet-serving [default: the file's only one].
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// The node a kubelet's request must be for.
    #[arg(long, value_name = "NAME", conflicts_with = "rules", requires = "rule")]
    node: Option<String>,
    /// DNS name or address that node has besides its name; may be given several times.
    #[arg(long, value_name = "NAME", requires = "node")]
    node_name: Vec<String>,
    /// Life of the leaf, in days, within the rule [default: the rule's most].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: Option<u32>,
    /// Where the leaf and its chain are written (PEM); must not be there yet.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Say what would be signed or why not, and sign nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Serialize)]
struct Signed {
    rule: String,
    subject: String,
    names: Vec<String>,
    usages: &'static str,
    key: String,
    days: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    written: Vec<PathBuf>,
}

pub(super) fn run(args: &SignArgs) -> Result<u8, Failure> {
    let rule = rule(args)?;
    if let Some(out) = &args.out {
        written::free(out)?;
    }
    let file = written::read(&args.csr)?;
    let diagnostic = Diagnostic::new()?;
    let lifetime = args.days.map(|days| DAY * days);
    if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pki = Pki::open(&store)?;
        if pki.catalogue().authority(&args.ca).is_none() {
            return Err(Failure::Usage(format!(
                "no authority is called {:?}",
                args.ca
            )));
        }
        let request = proven(&file, &diagnostic)?;
        let grant = rule.authorise(&request, &args.ca, lifetime)?;
        print(&signed(&grant, &request), args.output)?;
        output::note("dry run: nothing was signed");
        return Ok(exit::DONE);
    }
    let Some(out) = &args.out else {
        return Err(Failure::Usage("--out is missing".into()));
    };
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let request = match proven(&file, &diagnostic) {
        Ok(request) => request,
        Err(refused) => {
            pki.log_refusal(&boundary, &args.ca, &refused, SystemClock.now())?;
            return Err(refused.into());
        }
    };
    let (leaf, grant) = pki.sign(&boundary, &args.ca, &request, &rule, lifetime, &SystemClock)?;
    let mut files = NewFiles::default();
    files.public(out, leaf.to_pem().as_bytes())?;
    files.keep()?;
    let signed = Signed {
        serial: Some(leaf.certificate.serial()),
        expires: Some(table::date(leaf.certificate.not_after())),
        written: vec![out.clone()],
        ..signed(&grant, &request)
    };
    print(&signed, args.output)?;
    Ok(exit::DONE)
}

fn proven(file: &[u8], diagnostic: &Diagnostic) -> Result<ProvenRequest, Error> {
    CertificateRequest::from_pem(file)?.prove(diagnostic)
}

fn rule(args: &SignArgs) -> Result<SigningRule, Failure> {
    let usage = |error: Error| Failure::Usage(error.to_string());
    if let Some(path) = &args.rules {
        let text = String::from_utf8(written::read(path)?)
            .map_err(|_| Failure::Usage(format!("{} is not UTF-8", path.display())))?;
        let named = |error: Error| Failure::Usage(format!("{}: {error}", path.display()));
        let rules = SigningRules::from_toml(&text).map_err(named)?;
        let rule = match &args.rule {
            Some(name) => rules.rule(name),
            None => rules.only(),
        };
        return rule.cloned().map_err(named);
    }
    let node = |name: &str| {
        let missing = || Failure::Usage(format!("--rule {name} needs --node NAME"));
        args.node.as_deref().ok_or_else(missing)
    };
    match args.rule.as_deref() {
        Some(name @ "kubelet-client") => SigningRule::kubelet_client(node(name)?).map_err(usage),
        Some(name @ "kubelet-serving") => {
            let names: Vec<SubjectAltName> = args
                .node_name
                .iter()
                .map(|name| name.parse())
                .collect::<Result<_, _>>()
                .map_err(|error| Failure::Usage(format!("--node-name: {error}")))?;
            SigningRule::kubelet_serving(node(name)?, &names).map_err(usage)
        }
        Some(name) => Err(Failure::Usage(format!(
            "no rule is called {name:?} without a file: kubelet-client, kubelet-serving, or name \
             the file with --rules"
        ))),
        None => Err(Failure::Usage("--rules or --rule is missing".into())),
    }
}

fn signed(grant: &Grant, request: &ProvenRequest) -> Signed {
    use fips_boundary::certs::Usages;
    Signed {
        rule: grant.rule().to_owned(),
        subject: grant.subject().to_string(),
        names: grant.names().iter().map(ToString::to_string).collect(),
        usages: match grant.usages() {
            Usages::Client => "ClientAuth",
            Usages::Server => "ServerAuth",
            Usages::ServerAndClient => "ServerAuth,ClientAuth",
        },
        key: request.request().key().to_owned(),
        days: grant.lifetime().as_secs() / DAY.as_secs(),
        serial: None,
        expires: None,
        written: Vec::new(),
    }
}

fn print(signed: &Signed, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => return output::print(&output::json(signed)?),
        Format::Yaml => return output::print(&output::yaml(signed)?),
        Format::Table | Format::Text => {}
    }
    let header = [
        "RULE", "SUBJECT", "NAMES", "USAGES", "KEY", "DAYS", "SERIAL", "EXPIRES",
    ];
    let row = vec![
        signed.rule.clone(),
        signed.subject.clone(),
        signed.names.join(","),
        signed.usages.to_owned(),
        signed.key.clone(),
        signed.days.to_string(),
        signed.serial.clone().unwrap_or_default(),
        signed.expires.clone().unwrap_or_default(),
    ];
    output::print(&table::draw(&header, [row], format))?;
    super::print_written(&signed.written)
}

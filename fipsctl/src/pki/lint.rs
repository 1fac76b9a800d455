//! `fipsctl pki lint`.

use std::path::{Path, PathBuf};

use clap::Args;
use fips_boundary::certs::Certificate;
use fips_boundary::certs::lint::{self, Linted, RULES, Rule, Severity};
use fips_boundary::certs::store::{DirStore, Store};
use serde::Serialize;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
A folder is searched for files that end in .crt or .pem, and for kubeconfigs (.conf, .kubeconfig)
that embed certificates. Notices are printed and are no findings.
Exit code 1 when a rule with the severity warning or error is broken, or a file cannot be read.

Examples:
  fipsctl pki lint /etc/kubernetes/pki
  fipsctl pki lint leaf.crt ca.crt --output json
  fipsctl pki lint --explain key-usage-ec-encipherment
  fipsctl pki lint --explain all")]
pub(crate) struct LintArgs {
    /// PEM files of certificates, or folders of them.
    #[arg(required_unless_present = "explain")]
    pub(crate) paths: Vec<PathBuf>,
    /// Say what a rule asks for and where it is written; `all` lists every rule.
    #[arg(long, value_name = "RULE", conflicts_with = "paths")]
    pub(crate) explain: Option<String>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

/// One file.
#[derive(Serialize)]
struct File {
    file: String,
    /// Why it cannot be judged.
    unreadable: Option<String>,
    certificates: Vec<Linted>,
}

pub(super) fn run(args: &LintArgs) -> Result<u8, Failure> {
    if let Some(id) = &args.explain {
        return explain(id, args.output);
    }
    let mut files = Vec::new();
    for path in &args.paths {
        if path.is_dir() {
            of_folder(path, &mut files)?;
        } else {
            let content = std::fs::read(path).map_err(|source| Failure::File {
                action: "read",
                path: path.clone(),
                source,
            })?;
            files.push(judge(path.display().to_string(), &content));
        }
    }
    match args.output {
        Format::Json => output::print(&output::json(&files)?)?,
        Format::Yaml => output::print(&output::yaml(&files)?)?,
        Format::Table | Format::Text => print(&files, args.output)?,
    }
    let broken = files.iter().any(|file| {
        file.unreadable.is_some()
            || findings(file).any(|(_, finding)| finding.rule.severity > Severity::Notice)
    });
    Ok(if broken { exit::FINDINGS } else { exit::DONE })
}

fn of_folder(path: &Path, files: &mut Vec<File>) -> Result<(), Failure> {
    let store = DirStore::open_read_only(path)?;
    for entry in store.list()? {
        let name = entry.as_str();
        let is_kubeconfig = name.ends_with(".conf") || name.ends_with(".kubeconfig");
        let is_certificate =
            name.ends_with(".crt") || name.ends_with(".pem") && !name.ends_with(".crl.pem");
        if !(is_certificate || is_kubeconfig) {
            continue;
        }
        let file = path.join(name).display().to_string();
        match store.read(&entry) {
            // One that names its certificates by file has none of its own to judge.
            Ok(Some(content)) if is_kubeconfig => {
                if let Ok(found) = Certificate::from_kubeconfig(&content) {
                    let pem: String = found.iter().map(Certificate::to_pem).collect();
                    files.push(judge(file, pem.as_bytes()));
                }
            }
            Ok(Some(content)) => files.push(judge(file, &content)),
            Ok(None) => {}
            Err(error) => files.push(File {
                file,
                unreadable: Some(error.to_string()),
                certificates: Vec::new(),
            }),
        }
    }
    Ok(())
}

fn judge(file: String, content: &[u8]) -> File {
    match lint::file(content) {
        Ok(certificates) => File {
            file,
            unreadable: None,
            certificates,
        },
        Err(error) => File {
            file,
            unreadable: Some(error.to_string()),
            certificates: Vec::new(),
        },
    }
}

fn findings(file: &File) -> impl Iterator<Item = (&Linted, &lint::Finding)> {
    file.certificates
        .iter()
        .flat_map(|linted| linted.findings.iter().map(move |finding| (linted, finding)))
}

fn print(files: &[File], format: Format) -> Result<(), Failure> {
    let certificates: usize = files.iter().map(|file| file.certificates.len()).sum();
    let rows: Vec<Vec<String>> = files
        .iter()
        .flat_map(|file| {
            let unreadable = file.unreadable.iter().map(|why| {
                vec![
                    file.file.clone(),
                    String::new(),
                    String::new(),
                    "error".to_owned(),
                    String::new(),
                    why.clone(),
                ]
            });
            let broken = findings(file).map(|(linted, finding)| {
                vec![
                    file.file.clone(),
                    linted.position.to_string(),
                    finding.rule.id.to_owned(),
                    finding.rule.severity.to_string(),
                    finding.rule.section.to_owned(),
                    finding.found.clone(),
                ]
            });
            unreadable.chain(broken).collect::<Vec<_>>()
        })
        .collect();
    let count = rows.len();
    if count > 0 {
        let header = [
            "FILENAME", "POSITION", "RULE", "SEVERITY", "SECTION", "FOUND",
        ];
        output::print(&table::draw(&header, rows, format))?;
    }
    output::print(&format!("{certificates} certificates, {count} findings\n"))
}

fn explain(id: &str, format: Format) -> Result<u8, Failure> {
    let rules: Vec<&Rule> = match id {
        "all" => RULES.iter().collect(),
        id => vec![lint::rule(id).ok_or_else(|| {
            Failure::Usage(format!(
                "--explain: there is no rule {id:?}; `--explain all` lists them"
            ))
        })?],
    };
    match format {
        Format::Json => output::print(&output::json(&rules)?)?,
        Format::Yaml => output::print(&output::yaml(&rules)?)?,
        Format::Table | Format::Text => {
            let rows = rules.iter().map(|rule| {
                vec![
                    rule.id.to_owned(),
                    rule.severity.to_string(),
                    rule.section.to_owned(),
                    rule.text.to_owned(),
                ]
            });
            let header = ["RULE", "SEVERITY", "SECTION", "ASKS FOR"];
            output::print(&table::draw(&header, rows, format))?;
        }
    }
    Ok(exit::DONE)
}

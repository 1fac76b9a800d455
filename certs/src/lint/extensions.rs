//! The checks of extensions, and of the names and keys they speak of.

use std::collections::BTreeSet;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension};
use x509_parser::public_key::PublicKey;

use super::Findings;
use crate::names::SubjectAltName;

/// What later checks need.
pub(super) struct Facts {
    pub(super) authority: bool,
    pub(super) authority_key_id: Option<Vec<u8>>,
}

/// The extensions that are judged, as found.
#[derive(Default)]
struct Found<'x> {
    basic: Option<(bool, Option<u32>, bool)>,
    extended: Option<&'x ExtendedKeyUsage<'x>>,
    names: Option<(&'x [GeneralName<'x>], bool)>,
    subject_key_id: bool,
    authority_key_id: Option<Option<Vec<u8>>>,
    usage: Option<(&'x KeyUsage, bool)>,
}

pub(super) fn run(x509: &X509Certificate<'_>, findings: &mut Findings) -> Facts {
    let found = read(x509, findings);
    let authority = found.basic.is_some_and(|(ca, ..)| ca);
    let self_issued = x509.subject().as_raw() == x509.issuer().as_raw();
    basic_constraints(&found, authority, findings);
    key_usage(x509, &found, authority, findings);
    if authority {
        if x509.subject().iter_attributes().next().is_none() {
            findings.add("subject-empty", "no attribute");
        }
    } else {
        leaf(x509, &found, findings);
        if self_issued {
            findings.add("self-issued-leaf", "subject and issuer are the same");
        }
    }
    alternative_names(x509, &found, findings);
    if found.extended.is_some_and(|usage| usage.any) {
        findings.add("eku-any", "2.5.29.37.0");
    }
    if !found.subject_key_id {
        findings.add(
            "ski-missing",
            if authority { "an authority" } else { "a leaf" },
        );
    }
    let key_named = matches!(found.authority_key_id, Some(Some(_)));
    if !self_issued && !key_named {
        findings.add("aki-missing", "no key identifier of the issuer");
    }
    Facts {
        authority,
        authority_key_id: found.authority_key_id.flatten(),
    }
}

fn read<'x>(x509: &'x X509Certificate<'_>, findings: &mut Findings) -> Found<'x> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for extension in x509.extensions() {
        let oid = extension.oid.to_id_string();
        if !seen.insert(oid.clone()) {
            findings.add("extension-duplicate", oid);
            continue;
        }
        let critical = extension.critical;
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                let id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                found.authority_key_id = Some(id);
                if critical {
                    findings.add("aki-critical", oid);
                }
            }
            ParsedExtension::BasicConstraints(basic) => {
                found.basic = Some((basic.ca, basic.path_len_constraint, critical));
            }
            ParsedExtension::ExtendedKeyUsage(usage) => found.extended = Some(usage),
            ParsedExtension::KeyUsage(usage) => found.usage = Some((usage, critical)),
            ParsedExtension::ParseError { .. } => findings.add("extension-form", oid),
            ParsedExtension::SubjectAlternativeName(names) => {
                found.names = Some((&names.general_names, critical));
            }
            ParsedExtension::SubjectKeyIdentifier(_) => {
                found.subject_key_id = true;
                if critical {
                    findings.add("ski-critical", oid);
                }
            }
            ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::Unparsed
                if critical =>
            {
                findings.add("extension-unknown-critical", oid);
            }
            _ => {}
        }
    }
    found
}

fn basic_constraints(found: &Found<'_>, authority: bool, findings: &mut Findings) {
    let Some((_, path_length, critical)) = found.basic else {
        return findings.add("basic-constraints-missing", "no such extension");
    };
    if authority && !critical {
        findings.add("basic-constraints-critical", "an authority's, not critical");
    }
    if authority && path_length.is_none() {
        findings.add("path-length-missing", "any number may follow below it");
    }
    if !authority && let Some(length) = path_length {
        findings.add("path-length-leaf", length.to_string());
    }
}

fn key_usage(
    x509: &X509Certificate<'_>,
    found: &Found<'_>,
    authority: bool,
    findings: &mut Findings,
) {
    let Some((usage, critical)) = found.usage else {
        return findings.add(
            if authority {
                "key-usage-authority"
            } else {
                "key-usage-missing"
            },
            "no such extension",
        );
    };
    if !critical {
        findings.add("key-usage-critical", "not critical");
    }
    if authority && !usage.key_cert_sign() {
        findings.add("key-usage-authority", usage.to_string());
    }
    if authority && !usage.crl_sign() {
        findings.add("key-usage-crl-sign", usage.to_string());
    }
    if !authority && usage.key_cert_sign() {
        findings.add("key-usage-leaf-cert-sign", usage.to_string());
    }
    if !authority && !usage.digital_signature() {
        findings.add("key-usage-no-signature", usage.to_string());
    }
    let elliptic = matches!(x509.public_key().parsed(), Ok(PublicKey::EC(_)));
    if elliptic && (usage.key_encipherment() || usage.data_encipherment()) {
        findings.add("key-usage-ec-encipherment", usage.to_string());
    }
}

fn leaf(x509: &X509Certificate<'_>, found: &Found<'_>, findings: &mut Findings) {
    let Some(extended) = found.extended else {
        findings.add("eku-missing", "no such extension");
        return kubelet(x509, false, findings);
    };
    if extended.server_auth && found.names.is_none_or(|(names, _)| names.is_empty()) {
        findings.add("san-missing", "a server's leaf without names");
    }
    kubelet(x509, extended.client_auth, findings);
}

/// The form that Kubernetes' node authorizer takes for a kubelet. A kubelet's serving leaf has
/// the same names when it comes from the CSR API (kubernetes.io/kubelet-serving).
fn kubelet(x509: &X509Certificate<'_>, client: bool, findings: &mut Findings) {
    let subject = x509.subject();
    let names: Vec<&str> = subject
        .iter_common_name()
        .filter_map(|name| name.as_str().ok())
        .collect();
    let groups: Vec<&str> = subject
        .iter_organization()
        .filter_map(|group| group.as_str().ok())
        .collect();
    let named = names.iter().any(|name| {
        name.strip_prefix("system:node:")
            .is_some_and(|node| !node.is_empty())
    });
    let prefixed = names.iter().any(|name| name.starts_with("system:node:"));
    let grouped = groups.contains(&"system:nodes");
    let server = x509
        .extended_key_usage()
        .ok()
        .flatten()
        .is_some_and(|usage| usage.value.server_auth);
    if prefixed || grouped {
        let form = named && groups == ["system:nodes"] && names.len() == 1;
        if !form || !(client || server) {
            findings.add(
                "kubelet-name",
                format!("CN {}, O {}", names.join(" "), groups.join(" ")),
            );
        }
    }
}

fn alternative_names(x509: &X509Certificate<'_>, found: &Found<'_>, findings: &mut Findings) {
    let empty = x509.subject().iter_attributes().next().is_none();
    let Some((names, critical)) = found.names else {
        if empty {
            findings.add("san-critical", "neither subject nor alternative names");
        }
        return;
    };
    if critical != empty {
        findings.add(
            "san-critical",
            if critical {
                "critical beside a subject"
            } else {
                "not critical, no subject"
            },
        );
    }
    if names.is_empty() {
        findings.add("san-form", "no name at all");
    }
    for name in names {
        let good = match name {
            GeneralName::DNSName(name) => SubjectAltName::dns(*name).is_ok(),
            GeneralName::IPAddress(bytes) => matches!(bytes.len(), 4 | 16),
            GeneralName::URI(name) => SubjectAltName::uri(*name).is_ok(),
            GeneralName::Invalid(..) => false,
            _ => true,
        };
        if !good {
            findings.add("san-form", name.to_string().escape_debug().to_string());
        }
    }
}

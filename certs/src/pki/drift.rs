//! What differs between a certificate and its row of the catalogue.
//!
//! The kind of a leaf's key is part of the row. That of an authority's key is told as a
//! reservation, and only where the authorities were made here: a renewal makes no authority, and
//! one that its owner brought along has the key the owner chose.

use std::collections::BTreeSet;

use fips_core::Diagnostic;

use super::bundle::Bundle;
use crate::catalogue::{Credentials, Found, KubeconfigEntry, LeafEntry};
use crate::certificate::{Certificate, FoundName};
use crate::key::KeyType;
use crate::names::SubjectAltName;

/// Each way in which an authority's certificate cannot do its work.
pub(super) fn of_authority(certificate: &Certificate) -> Vec<String> {
    let mut found = of_trust(certificate);
    if certificate.subject_key_id().is_none() {
        found.push("it has no subject key identifier".to_owned());
    }
    found
}

/// Each way in which a certificate cannot stand above an authority, or beside it as trust.
pub(super) fn of_trust(certificate: &Certificate) -> Vec<String> {
    let facts = certificate.facts();
    let mut found = Vec::new();
    if !facts.is_authority {
        found.push("it is no CA by its basic constraints".to_owned());
    }
    if facts.key_usages.is_some_and(|bits| !bits.key_cert_sign) {
        found.push("its key usage lacks keyCertSign".to_owned());
    }
    found.extend(weak_key(certificate));
    found
}

/// Each difference between `certificate` and what `entry` asks for.
pub(super) fn of_leaf(
    certificate: &Certificate,
    entry: &LeafEntry,
    issuer: Option<&Certificate>,
    diagnostic: &Diagnostic,
) -> Vec<String> {
    let facts = certificate.facts();
    let mut found = Vec::new();
    if facts.common_names != [entry.subject.common_name()] {
        found.push(format!(
            "common name is {:?}, the catalogue asks for {:?}",
            facts.common_names.join(", "),
            entry.subject.common_name()
        ));
    }
    let organizations: Vec<&str> = facts.organizations.iter().map(String::as_str).collect();
    if organizations != entry.subject.organization().as_slice() {
        found.push(format!(
            "organization is {:?}, the catalogue asks for {:?}",
            organizations.join(", "),
            entry.subject.organization().unwrap_or_default()
        ));
    }
    found.extend(names(&facts.names, &entry.names));
    let usages: BTreeSet<&str> = facts.extended_usages.iter().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = entry.usages.names().iter().copied().collect();
    if usages != wanted {
        found.push(format!(
            "usages are {}, the catalogue asks for {}",
            list(&usages),
            list(&wanted)
        ));
    }
    if facts.is_authority {
        found.push("it is a CA by its basic constraints, a leaf was asked for".to_owned());
    }
    if facts.key_usages.is_some_and(|bits| !bits.digital_signature) {
        found.push("its key usage lacks digitalSignature".to_owned());
    }
    found.extend(weak_key(certificate).or_else(|| of_key(certificate, entry.key_type)));
    match issuer {
        None => found.push(format!("its CA {} cannot be read", entry.issuer)),
        Some(issuer) => {
            if facts.authority_key_id.is_none() && issuer.subject_key_id().is_some() {
                found.push("it has no authority key identifier".to_owned());
            }
            if let Err(why) = certificate.verify_issued_by(diagnostic, issuer) {
                found.push(why.to_string());
            }
            if certificate.not_after() > issuer.not_after() {
                found.push("it ends after its CA".to_owned());
            }
        }
    }
    found
}

/// A key of another kind than the catalogue asks for.
pub(super) fn of_key(certificate: &Certificate, wanted: KeyType) -> Option<String> {
    let (found, wanted) = (&certificate.facts().key_name, wanted.algorithm().name());
    (found != wanted).then(|| format!("its key is {found}, the catalogue asks for {wanted}"))
}

/// The certificates that follow a leaf against its authority's: a renewal writes the chain. The
/// programs themselves write the authority's whole file, so added trust may follow it. A leaf
/// that another program made may stand alone where its authority is a root: every peer has that.
pub(super) fn of_chain(after: &[Certificate], issuer: &Bundle, foreign: bool) -> Option<String> {
    let chain = issuer.chain();
    // In a rotation others' signatures on the authority come first.
    let crosses = after
        .iter()
        .take_while(|one| issuer.crosses().any(|cross| cross == *one));
    let after = &after[crosses.count()..];
    if after.is_empty() && foreign && chain.len() == 1 {
        return None;
    }
    let Some(more) = after.strip_prefix(chain) else {
        let missing = chain.iter().filter(|one| !after.contains(one)).count();
        return Some(if missing > 0 {
            format!(
                "of its CA's chain, {missing} of {} certificates are missing after the leaf",
                chain.len()
            )
        } else {
            "the certificates after the leaf are not its CA's chain in order".to_owned()
        });
    };
    let stranger = more.iter().find(|one| !issuer.added().contains(one))?;
    Some(format!(
        "after the leaf stands `{}`, which is none of its CA's certificates",
        stranger.subject()
    ))
}

/// Each difference between a kubeconfig and what `entry` asks for, its leaf and key aside.
pub(super) fn of_kubeconfig(
    file: &[u8],
    entry: &KubeconfigEntry,
    authority: Option<&Bundle>,
) -> Vec<String> {
    let found = match Found::parse(file) {
        Ok(found) => found,
        Err(why) => return vec![format!("{} {why}", entry.path)],
    };
    let mut differences = entry.differences(&found);
    if entry.credentials == Credentials::Embedded {
        differences.extend(of_embedded(found.authority.as_deref(), authority));
    }
    differences
}

/// The authority's certificates that a kubeconfig embeds against those of its file.
fn of_embedded(data: Option<&[u8]>, authority: Option<&Bundle>) -> Option<String> {
    let Some(data) = data else {
        return Some("it has no certificate-authority-data".to_owned());
    };
    let found = match Certificate::from_pem(data) {
        Ok(found) => found,
        Err(why) => return Some(format!("its certificate-authority-data: {why}")),
    };
    let authority = authority?;
    let wanted: Vec<_> = authority.chain().iter().chain(authority.added()).collect();
    let missing = wanted.iter().filter(|one| !found.contains(one)).count();
    if missing > 0 {
        return Some(format!(
            "of its authority's file, {missing} of {} certificates are missing in its \
             certificate-authority-data",
            wanted.len()
        ));
    }
    let stranger = found.iter().find(|one| !wanted.contains(one))?;
    Some(format!(
        "its certificate-authority-data holds `{}`, which is none of its authority's file",
        stranger.subject()
    ))
}

fn weak_key(certificate: &Certificate) -> Option<String> {
    let facts = certificate.facts();
    (!facts.key_allowed).then(|| {
        format!(
            "its key is {}, the policy takes ECDSA on P-256, P-384, P-521 and RSA from 2048 bits",
            facts.key_name
        )
    })
}

fn names(found: &[FoundName], wanted: &[SubjectAltName]) -> Option<String> {
    let found: BTreeSet<FoundName> = found.iter().cloned().collect();
    let wanted: BTreeSet<FoundName> = wanted.iter().cloned().map(FoundName::Known).collect();
    let missing = list(wanted.difference(&found));
    let extra = list(found.difference(&wanted));
    match (missing.as_str(), extra.as_str()) {
        ("none", "none") => None,
        (_, "none") => Some(format!("alternative names lack {missing}")),
        ("none", _) => Some(format!("alternative names nobody asked for: {extra}")),
        _ => Some(format!(
            "alternative names lack {missing}, and hold unasked {extra}"
        )),
    }
}

fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        "none".into()
    } else {
        items.join(", ")
    }
}

//! DER to facts: the frame by a walk of its own, what stands in it by x509-parser.

use std::collections::BTreeSet;

use x509_parser::asn1_rs::{FromDer, Oid};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{KeyUsage, ParsedExtension, X509Extension};
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use super::Facts;
use crate::certificate::name::{distinguished_name, text};
use crate::certificate::parse::{algorithm_of_key, judge_key, name, purposes};
use crate::der::{self, BIT_STRING, Element, SEQUENCE, SET};

/// `extensionRequest` (RFC 2985 §5.4.2).
const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";

/// Version 1, the only one (RFC 2986 §4.1).
const VERSION: [u8; 3] = [0x02, 0x01, 0x00];

/// The context tag of the attributes.
const ATTRIBUTES: u8 = 0xa0;

pub(super) fn facts(der: &[u8]) -> Result<Facts, String> {
    der::bounded(der).map_err(|why| why.to_string())?;
    let odd = "DER is not that of a request (RFC 2986 §4)";
    let outer = der::one(der, SEQUENCE).ok_or(odd)?;
    let [signed, algorithm, signature] = tagged(outer, [SEQUENCE, SEQUENCE, BIT_STRING])?;
    let info = der::elements(signed.content).ok_or(odd)?;
    let [version, subject, key, attributes] = info[..] else {
        return Err(odd.into());
    };
    if version.whole != VERSION {
        return Err("is of another version than 1 (RFC 2986 §4.1)".into());
    }
    if [subject.tag, key.tag, attributes.tag] != [SEQUENCE, SEQUENCE, ATTRIBUTES] {
        return Err(odd.into());
    }
    // An OBJECT IDENTIFIER, and parameters or none (RFC 5280 §4.1.1.2).
    let parts = der::elements(algorithm.content).unwrap_or_default();
    if !matches!(&parts[..], [oid] | [oid, _] if oid.tag == der::OBJECT_IDENTIFIER) {
        return Err(odd.into());
    }
    let bits = match signature.content {
        // No bit of the last byte unused: signatures are whole bytes.
        [0, bits @ ..] => bits,
        _ => return Err("its signature is no string of whole bytes".into()),
    };

    let (_, subject) =
        X509Name::from_der(subject.whole).map_err(|_| "its subject cannot be read")?;
    let (_, key) =
        SubjectPublicKeyInfo::from_der(key.whole).map_err(|_| "its public key cannot be read")?;
    if key.subject_public_key.unused_bits != 0 {
        return Err("its public key is no string of whole bytes".into());
    }
    let (key_name, key_allowed) = judge_key(&key);
    let mut facts = Facts {
        subject: distinguished_name(&subject)?,
        attributes: subject
            .iter_attributes()
            .map(|attribute| (attribute.attr_type().to_id_string(), text(attribute)))
            .collect(),
        names: Vec::new(),
        purposes: None,
        key_usages: None,
        authority: false,
        unknown_attributes: Vec::new(),
        unknown_extensions: Vec::new(),
        key_name,
        key_allowed,
        key_algorithm: algorithm_of_key(&key).ok_or("its public key cannot be read")?,
        public_key: key.subject_public_key.data.to_vec(),
        signed: signed.whole.to_vec(),
        signature_algorithm: algorithm.content.to_vec(),
        signature: bits.to_vec(),
    };
    facts.take_attributes(attributes)?;
    // What an attribute or an algorithm holds beyond the walk above: a request that a common
    // reader cannot read is none, whatever is made of it here.
    match X509CertificationRequest::from_der(der) {
        Ok(([], _)) => Ok(facts),
        _ => Err(odd.into()),
    }
}

impl Facts {
    /// RFC 2986 §4.1: a SET of attributes, each a type and a SET of values.
    fn take_attributes(&mut self, attributes: Element<'_>) -> Result<(), String> {
        let odd = "an attribute of it cannot be read (RFC 2986 §4.1)";
        let mut seen = BTreeSet::new();
        for attribute in der::elements(attributes.content).ok_or(odd)? {
            if attribute.tag != SEQUENCE {
                return Err(odd.into());
            }
            let [oid, values] = tagged(attribute, [der::OBJECT_IDENTIFIER, SET])?;
            let (_, oid) = Oid::from_der(oid.whole).map_err(|_| odd)?;
            let oid = oid.to_id_string();
            if !seen.insert(oid.clone()) {
                return Err(format!("holds the attribute {oid} twice"));
            }
            if oid == EXTENSION_REQUEST {
                let [extensions] = tagged(values, [SEQUENCE])?;
                self.take_extensions(extensions)?;
            } else {
                self.unknown_attributes.push(oid);
            }
        }
        Ok(())
    }

    fn take_extensions(&mut self, extensions: Element<'_>) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for element in der::elements(extensions.content).ok_or("an extension cannot be read")? {
            let (rest, extension) = X509Extension::from_der(element.whole)
                .map_err(|_| "an extension it asks for cannot be read")?;
            let oid = extension.oid.to_id_string();
            if !seen.insert(oid.clone()) {
                return Err(format!("asks for the extension {oid} twice"));
            }
            let parts = der::elements(element.content).map_or(0, |parts| parts.len());
            let one = der::elements(extension.value).is_some_and(|found| found.len() == 1);
            let whole = rest.is_empty() && one && parts == 2 + usize::from(extension.critical);
            if !whole || extension.parsed_extension().error().is_some() {
                return Err(format!("the extension {oid} it asks for cannot be read"));
            }
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(basic) => {
                    self.authority = basic.ca || basic.path_len_constraint.is_some();
                }
                ParsedExtension::ExtendedKeyUsage(usage) => self.purposes = Some(purposes(usage)),
                ParsedExtension::KeyUsage(usage) => self.key_usages = Some(key_usages(*usage)),
                ParsedExtension::SubjectAlternativeName(names) => {
                    self.names = names.general_names.iter().map(name).collect();
                }
                // Computed here, whatever a request says.
                ParsedExtension::SubjectKeyIdentifier(_) => {}
                _ => self.unknown_extensions.push(oid),
            }
        }
        Ok(())
    }
}

/// The elements of `outer`, which are of these tags and no more.
fn tagged<const N: usize>(outer: Element<'_>, tags: [u8; N]) -> Result<[Element<'_>; N], String> {
    let found = der::elements(outer.content).unwrap_or_default();
    let found: [Element<'_>; N] = found
        .try_into()
        .map_err(|_| "DER is not that of a request (RFC 2986 §4)")?;
    if found.map(|element| element.tag) != tags {
        return Err("DER is not that of a request (RFC 2986 §4)".into());
    }
    Ok(found)
}

fn key_usages(usage: KeyUsage) -> Vec<&'static str> {
    [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .map(|(_, name)| name)
    .collect()
}

//! DER to facts: the frames walked here, the fields read by x509-parser.

use std::collections::BTreeMap;

use x509_parser::asn1_rs::{FromDer, Oid, oid};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_CRL_NUMBER,
    OID_X509_EXT_DELTA_CRL_INDICATOR, OID_X509_EXT_INVALIDITY_DATE,
    OID_X509_EXT_ISSUER_DISTRIBUTION_POINT, OID_X509_EXT_REASON_CODE,
};
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};
use x509_parser::x509::X509Version;

use super::der::{self, BIT_STRING, CONTEXT_0, GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME};
use super::list::{Facts, ListedRevocation, Partial, Scope};
use super::reason::RevocationReason;
use super::register::is_serial;
use crate::certificate::{distinguished_name, hexadecimal};

/// `certificateIssuer` (RFC 5280 §5.3.3): an entry of an indirect list.
const CERTIFICATE_ISSUER: Oid<'static> = oid!(2.5.29.29);

pub(super) fn facts(bytes: &[u8]) -> Result<Facts, String> {
    let frame = Frame::new(bytes).ok_or("is no DER of a revocation list (RFC 5280 §5.1)")?;
    let (rest, list) = CertificateRevocationList::from_der(bytes)
        .map_err(|error| format!("DER does not parse: {error}"))?;
    if !rest.is_empty() || list.signature_value.unused_bits != 0 {
        return Err("what stands around the signed bytes is not DER (RFC 5280 §5.1.1)".into());
    }
    let tbs = &list.tbs_cert_list;
    if frame.inner_algorithm != frame.algorithm {
        return Err("names two signature algorithms (RFC 5280 §5.1.1.2)".into());
    }
    if tbs.revoked_certificates.len() != frame.entries || tbs.extensions().len() != frame.extensions
    {
        return Err("holds entries or extensions that cannot be read".into());
    }
    let entry_extensions = tbs
        .revoked_certificates
        .iter()
        .any(|entry| !entry.extensions().is_empty());
    let second = tbs.version == Some(X509Version::V2);
    if tbs.version.is_some() != second || (frame.extensions > 0 || entry_extensions) && !second {
        return Err("is not of version 2 (RFC 5280 §5.1.2.1)".into());
    }

    let mut facts = Facts {
        issuer: distinguished_name(&tbs.issuer)?,
        issuer_der: tbs.issuer.as_raw().to_vec(),
        this_update: tbs.this_update.to_datetime(),
        next_update: tbs.next_update.map(|time| time.to_datetime()),
        number: None,
        authority_key_id: None,
        delta: false,
        scope: Scope::All,
        partial: None,
        unknown_critical: None,
        entries: BTreeMap::new(),
        tbs: frame.tbs.to_vec(),
        signature_algorithm: frame.algorithm.to_vec(),
        signature: list.signature_value.data.to_vec(),
    };
    tbs.extensions_map()
        .map_err(|_| "an extension is there twice (RFC 5280 §4.2)")?;
    for extension in tbs.extensions() {
        read_extension(&mut facts, extension)?;
    }
    for entry in &tbs.revoked_certificates {
        let found = read_entry(&mut facts, entry)?;
        let serial = found.serial.clone();
        if facts.entries.insert(serial.clone(), found).is_some() {
            return Err(format!("lists the serial number {serial} twice"));
        }
    }
    Ok(facts)
}

/// The parts of a list by their frames, each of the tag it must have, and nothing beside them.
struct Frame<'d> {
    /// The signed bytes.
    tbs: &'d [u8],
    /// The content of the algorithm beside them, and of the one within.
    algorithm: &'d [u8],
    inner_algorithm: &'d [u8],
    entries: usize,
    extensions: usize,
}

impl<'d> Frame<'d> {
    fn new(bytes: &'d [u8]) -> Option<Self> {
        let outer = der::elements(der::sequence(bytes)?)?;
        let [tbs, algorithm, signature] = &outer[..] else {
            return None;
        };
        if [tbs.tag, algorithm.tag, signature.tag] != [SEQUENCE, SEQUENCE, BIT_STRING] {
            return None;
        }
        let within = der::elements(tbs.any.data)?;
        let mut rest = &within[..];
        let mut take = |wanted: &[u8]| {
            let (first, after) = rest.split_first()?;
            wanted.contains(&first.tag).then(|| rest = after)?;
            Some(first.any.data)
        };
        let time = [UTC_TIME, GENERALIZED_TIME];
        take(&[INTEGER]);
        let inner_algorithm = take(&[SEQUENCE])?;
        take(&[SEQUENCE])?;
        take(&time)?;
        take(&time);
        let entries = take(&[SEQUENCE]);
        let extensions = take(&[CONTEXT_0]);
        if !rest.is_empty() {
            return None;
        }
        let count = |content: &[u8]| der::elements(content).map(|found| found.len());
        Some(Self {
            tbs: tbs.bytes,
            algorithm: algorithm.any.data,
            inner_algorithm,
            // RFC 5280 §5.1.2.6, §5.1.2.7: none is left out, not empty.
            entries: entries
                .map_or(Some(0), |content| count(content).filter(|count| *count > 0))?,
            extensions: extensions.map_or(Some(0), |content| {
                count(der::sequence(content)?).filter(|count| *count > 0)
            })?,
        })
    }
}

fn read_extension(facts: &mut Facts, extension: &X509Extension<'_>) -> Result<(), String> {
    let oid = &extension.oid;
    let parsed = extension.parsed_extension();
    let broken = || format!("extension {oid} does not parse");
    if parsed.error().is_some() {
        return Err(broken());
    }
    if *oid == OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER {
        let ParsedExtension::AuthorityKeyIdentifier(id) = parsed else {
            return Err(broken());
        };
        facts.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
    } else if *oid == OID_X509_EXT_CRL_NUMBER {
        let elements = der::elements(extension.value).ok_or_else(broken)?;
        let [number] = &elements[..] else {
            return Err(broken());
        };
        // RFC 5280 §5.2.3: at most 20 octets, and no negative number.
        let content = number.any.data;
        if number.tag != INTEGER
            || content.is_empty()
            || content.len() > 21
            || content[0] & 0x80 != 0
        {
            return Err(broken());
        }
        let number = hexadecimal(content);
        facts.number = Some(match u128::from_str_radix(&number, 16) {
            Ok(small) => small.to_string(),
            Err(_) => format!("0x{number}"),
        });
    } else if *oid == OID_X509_EXT_DELTA_CRL_INDICATOR {
        facts.delta = true;
    } else if *oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT {
        (facts.scope, facts.partial) = scope(extension.value).ok_or_else(broken)?;
    } else if extension.critical {
        note_unknown(facts, oid);
    }
    Ok(())
}

fn note_unknown(facts: &mut Facts, oid: &Oid<'_>) {
    facts
        .unknown_critical
        .get_or_insert_with(|| oid.to_id_string());
}

/// The issuing distribution point (RFC 5280 §5.2.5), strictly: a field that is not understood
/// must not be passed over, since each narrows what the list speaks of.
fn scope(value: &[u8]) -> Option<(Scope, Option<Partial>)> {
    let (mut scope, mut partial) = (Scope::All, None);
    let mut last = None;
    for field in der::elements(der::sequence(value)?)? {
        let number = field.context()?;
        if last.is_some_and(|last| number <= last) {
            return None;
        }
        last = Some(number);
        // DER writes a BOOLEAN that is true as FF, and leaves out its default.
        let set = field.any.data == [0xff];
        match number {
            0 => {}
            1 if set => scope = Scope::Leaves,
            2 if set && scope == Scope::All => scope = Scope::Authorities,
            3 => partial = Some(Partial::Reasons),
            4 if set => partial = Some(Partial::Indirect),
            5 if set => partial = Some(Partial::Attribute),
            _ => return None,
        }
    }
    Some((scope, partial))
}

fn read_entry(
    facts: &mut Facts,
    entry: &RevokedCertificate<'_>,
) -> Result<ListedRevocation, String> {
    let serial = hexadecimal(entry.raw_serial());
    // A register that took it over would not be read again.
    if !is_serial(&serial) {
        return Err(format!(
            "lists {serial}, which is no serial number (RFC 5280 §4.1.2.2)"
        ));
    }
    let mut found = ListedRevocation {
        revoked_at: entry.revocation_date.to_datetime(),
        reason: RevocationReason::Unspecified,
        serial,
    };
    entry
        .extensions_map()
        .map_err(|_| format!("the entry of {} has an extension twice", found.serial))?;
    for extension in entry.extensions() {
        let oid = &extension.oid;
        if extension.parsed_extension().error().is_some() {
            return Err(format!(
                "extension {oid} of the entry of {} does not parse",
                found.serial
            ));
        }
        if *oid == OID_X509_EXT_REASON_CODE {
            if let ParsedExtension::ReasonCode(code) = extension.parsed_extension() {
                // removeFromCRL has its place in deltas alone (RFC 5280 §5.3.1).
                if code.0 == 8 {
                    facts.delta = true;
                }
                found.reason = RevocationReason::of_code(code.0).unwrap_or_default();
            }
        } else if *oid == CERTIFICATE_ISSUER {
            facts.partial = Some(Partial::Indirect);
        } else if *oid != OID_X509_EXT_INVALIDITY_DATE && extension.critical {
            note_unknown(facts, oid);
        }
    }
    Ok(found)
}

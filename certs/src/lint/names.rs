//! The checks of subject and issuer.

use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_X509_COMMON_NAME, OID_X509_COUNTRY_NAME, OID_X509_ORGANIZATION_NAME,
};
use x509_parser::x509::X509Name;

use super::Findings;

pub(super) fn run(x509: &X509Certificate<'_>, findings: &mut Findings) {
    if x509.issuer().iter_attributes().next().is_none() {
        findings.add("issuer-empty", "no attribute");
    }
    for (whose, name) in [("subject", x509.subject()), ("issuer", x509.issuer())] {
        attributes(whose, name, findings);
    }
}

fn attributes(whose: &str, name: &X509Name<'_>, findings: &mut Findings) {
    for attribute in name.iter_attributes() {
        let (oid, value) = (attribute.attr_type(), attribute.attr_value());
        let what = || format!("{} of the {whose}", oid.to_id_string());
        match value.tag() {
            Tag::BmpString | Tag::T61String | Tag::UniversalString => {
                findings.add("dn-encoding", format!("{}: {:?}", what(), value.tag()));
            }
            Tag::PrintableString if !value.data.iter().all(|byte| is_printable(*byte)) => {
                findings.add("dn-printable", what());
            }
            _ => {}
        }
        if value.data.is_empty() {
            findings.add("dn-empty-value", what());
        }
        let bounded = *oid == OID_X509_COMMON_NAME || *oid == OID_X509_ORGANIZATION_NAME;
        let characters = String::from_utf8_lossy(value.data).chars().count();
        if bounded && characters > 64 {
            findings.add("dn-length", format!("{}: {characters} characters", what()));
        }
        if *oid == OID_X509_COUNTRY_NAME
            && (value.tag() != Tag::PrintableString || value.data.len() != 2)
        {
            findings.add("dn-country", what());
        }
    }
}

/// X.680 §41.4, table 10.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

//! The checks of a certificate's fields; its names and extensions are judged beside.

use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use super::{Findings, extensions, names};
use crate::certificate::{
    Certificate, content_of_algorithm, hexadecimal, is_signature_algorithm, judge_key, outer,
};

pub(super) fn run(der: &[u8], issuer: Option<&Certificate>, findings: &mut Findings) {
    let x509 = match X509Certificate::from_der(der) {
        Ok((&[], x509)) => x509,
        Ok((rest, _)) => {
            return findings.add("der", format!("{} bytes follow it", rest.len()));
        }
        Err(error) => return findings.add("der", error.to_string()),
    };
    if x509.version() != X509Version::V3 {
        findings.add(
            "version",
            format!("version {}", x509.version().0.wrapping_add(1)),
        );
    }
    serial(x509.raw_serial(), findings);
    algorithms(&x509, der, findings);
    let (name, allowed) = judge_key(x509.public_key());
    if !allowed {
        findings.add("key-policy", name);
    }
    names::run(&x509, findings);
    let facts = extensions::run(&x509, findings);
    validity(&x509, facts.authority, findings);
    if let Some(issuer) = issuer {
        between(&x509, issuer, &facts, findings);
    }
}

fn serial(raw: &[u8], findings: &mut Findings) {
    let negative = raw.first().is_some_and(|byte| byte & 0x80 != 0);
    if negative || raw.iter().all(|byte| *byte == 0) {
        findings.add("serial-positive", hexadecimal(raw));
    }
    if raw.len() > 20 {
        findings.add("serial-length", format!("{} octets", raw.len()));
    }
    let significant = raw.iter().skip_while(|byte| **byte == 0).count();
    if significant < 8 {
        findings.add("serial-entropy", format!("{significant} bytes"));
    }
}

fn algorithms(x509: &X509Certificate<'_>, der: &[u8], findings: &mut Findings) {
    let algorithm = &x509.signature_algorithm.algorithm;
    let Some((_, outer)) = outer(der) else {
        return findings.add("der", "its frames do not parse");
    };
    if !is_signature_algorithm(outer) {
        findings.add("signature-algorithm", algorithm.to_id_string());
    }
    if content_of_algorithm(x509, der) != Some(outer) {
        findings.add("signature-mismatch", algorithm.to_id_string());
    }
}

fn validity(x509: &X509Certificate<'_>, authority: bool, findings: &mut Findings) {
    let (begin, end) = (x509.validity().not_before, x509.validity().not_after);
    for time in [begin, end] {
        let late = time.to_datetime().year() >= 2050;
        if late != time.is_generalizedtime() {
            let form = |time: &ASN1Time| match time.is_generalizedtime() {
                true => "GeneralizedTime",
                false => "UTCTime",
            };
            findings.add("validity-encoding", format!("{time} as {}", form(&time)));
        }
    }
    let life = end.to_datetime() - begin.to_datetime();
    if life.is_negative() {
        findings.add("validity-order", format!("{begin} to {end}"));
    }
    // A minute more for what was dated back for clocks that are behind.
    let (most, what) = match authority {
        true => (time::Duration::days(20 * 366), "an authority"),
        false => (time::Duration::days(826), "a leaf"),
    };
    if life > most {
        findings.add("lifetime", format!("{what} of {} days", life.whole_days()));
    }
}

/// What holds between a certificate and its issuer's.
fn between(
    x509: &X509Certificate<'_>,
    issuer: &Certificate,
    facts: &extensions::Facts,
    findings: &mut Findings,
) {
    let (begin, end) = (x509.validity().not_before, x509.validity().not_after);
    if end.to_datetime() > issuer.not_after() || begin.to_datetime() < issuer.not_before() {
        findings.add(
            "issuer-clamp",
            format!(
                "{begin} to {end}, its issuer {} to {}",
                ASN1Time::new(issuer.not_before()),
                ASN1Time::new(issuer.not_after())
            ),
        );
    }
    if let (Some(named), Some(found)) = (&facts.authority_key_id, issuer.subject_key_id())
        && named != found
    {
        let named = data_encoding::HEXUPPER.encode(named);
        findings.add(
            "aki-mismatch",
            format!(
                "{named}, its issuer has {}",
                data_encoding::HEXUPPER.encode(found)
            ),
        );
    }
}

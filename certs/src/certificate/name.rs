//! Distinguished names as a parser understood them: whether it understood all of one.

use fips_core::rfc4514::{self, Attribute};
use x509_parser::asn1_rs::ToDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::der;

/// A name of which the parser read a part: it stops without a word at the first attribute it
/// does not understand, and another program may read another name.
pub(crate) const PARTLY_PARSED: &str =
    "holds a name of which only a part can be read (RFC 5280 §4.1.2.4)";

/// Whether `name` holds every attribute of its encoding.
pub(crate) fn is_whole(name: &X509Name<'_>) -> bool {
    all_parsed(name).unwrap_or(false)
}

/// Walks a name's encoding: a sequence of sets of sequences of a type and a value.
fn all_parsed(name: &X509Name<'_>) -> Option<bool> {
    let relatives = der::elements(der::one(name.as_raw(), der::SEQUENCE)?.content)?;
    let read: Vec<_> = name.iter_rdn().collect();
    let mut whole = relatives.len() == read.len();
    for (relative, read) in relatives.iter().zip(read) {
        let attributes = der::elements(relative.content)?;
        whole &= relative.tag == der::SET && attributes.len() == read.iter().count();
        for attribute in &attributes {
            let pair = der::elements(attribute.content)?;
            whole &= attribute.tag == der::SEQUENCE
                && pair.len() == 2
                && pair[0].tag == der::OBJECT_IDENTIFIER;
        }
    }
    Some(whole)
}

/// The name by RFC 4514; a value that is no text is shown as the hexadecimal of its DER (§2.4).
pub(crate) fn distinguished_name(name: &X509Name<'_>) -> Result<String, String> {
    if !is_whole(name) {
        return Err(PARTLY_PARSED.to_owned());
    }
    let owned: Vec<Vec<_>> = name
        .iter_rdn()
        .map(|relative| {
            relative
                .iter()
                .map(|attribute| {
                    let der = attribute.attr_value().to_der_vec();
                    let der = der.map_err(|_| "a value of a name cannot be written again")?;
                    Ok((
                        attribute.attr_type().to_id_string(),
                        attribute.as_str().ok(),
                        der,
                    ))
                })
                .collect()
        })
        .collect::<Result<_, &str>>()?;
    let names: Vec<Vec<Attribute<'_>>> = owned
        .iter()
        .map(|relative| {
            let attributes = relative.iter().map(|(oid, text, bytes)| Attribute {
                oid,
                text: *text,
                bytes,
            });
            attributes.collect()
        })
        .collect();
    Ok(rfc4514::distinguished_name(&names))
}

/// An attribute's value as text.
pub(crate) fn text(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::asn1_rs::FromDer;

    use super::*;

    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    const UTF8: u8 = 0x0c;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 0x80);
        [&[tag, length][..], content].concat()
    }

    fn attribute(oid: &[u8], rest: &[u8]) -> Vec<u8> {
        tlv(0x30, &[tlv(0x06, oid), rest.to_vec()].concat())
    }

    #[test]
    fn a_name_of_which_a_part_does_not_parse_is_not_whole() {
        let user = attribute(COMMON_NAME, &tlv(UTF8, b"user"));
        let unit = attribute(&[0x55, 0x04, 0x0b], &tlv(UTF8, b"unit"));
        for good in [
            vec![],
            tlv(0x31, &user),
            [tlv(0x31, &user), tlv(0x31, &unit)].concat(),
            tlv(0x31, &[user.clone(), unit].concat()),
        ] {
            let der = tlv(0x30, &good);
            assert!(is_whole(&X509Name::from_der(&der).unwrap().1));
        }
        for odd in [
            // A value that ends after its name, no value, no type, something after the value.
            attribute(COMMON_NAME, &[UTF8, 9, b'x']),
            attribute(COMMON_NAME, &[]),
            tlv(0x04, b"x"),
            attribute(COMMON_NAME, &[tlv(UTF8, b"a"), tlv(UTF8, b"b")].concat()),
        ] {
            let beside = tlv(0x30, &tlv(0x31, &[user.clone(), odd.clone()].concat()));
            let after = tlv(0x30, &[tlv(0x31, &user), tlv(0x31, &odd)].concat());
            let before = tlv(0x30, &[tlv(0x31, &odd), tlv(0x31, &user)].concat());
            for der in [beside, after, before] {
                // The parser's own refusal is as good.
                if let Ok((_, parsed)) = X509Name::from_der(&der) {
                    assert!(!is_whole(&parsed), "{der:02x?}");
                    assert_eq!(distinguished_name(&parsed).unwrap_err(), PARTLY_PARSED);
                }
            }
        }
    }
}

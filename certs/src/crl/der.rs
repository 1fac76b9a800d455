//! The frames of DER, where the parser is laxer than the standard.

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// The elements that fill `content`, each with its bytes.
pub(super) fn elements(content: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let (after, any) = Any::from_der(rest).ok()?;
        found.push(Element {
            bytes: &rest[..rest.len() - after.len()],
            tag: *rest.first()?,
            any,
        });
        rest = after;
    }
    Some(found)
}

/// The content of the one SEQUENCE that fills `der`.
pub(super) fn sequence(der: &[u8]) -> Option<&[u8]> {
    match &elements(der)?[..] {
        [one] if one.tag == SEQUENCE => Some(one.any.data),
        _ => None,
    }
}

pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;

/// One element.
pub(super) struct Element<'d> {
    /// All of it.
    pub(super) bytes: &'d [u8],
    /// Its first byte.
    pub(super) tag: u8,
    /// It, as parsed.
    pub(super) any: Any<'d>,
}

impl Element<'_> {
    /// The number of a context-specific tag.
    pub(super) fn context(&self) -> Option<u32> {
        let Tag(number) = self.any.tag();
        (self.any.class() == Class::ContextSpecific).then_some(number)
    }
}

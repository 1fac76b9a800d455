//! DER (X.690) before any parser sees it: its size, its depth, and that every length is written
//! in the one way there is.

use std::fmt;

/// The most bytes of one certificate or request: hundreds of names fit, and no way to fill the
/// memory.
pub(crate) const MOST_BYTES: usize = 64 * 1024;

/// The deepest nesting taken. A certificate's own is 7: a value in an attribute of a relative
/// name of a name of a distribution point stands in an OCTET STRING, which begins anew.
const MOST_LEVELS: usize = 16;

/// Why bytes are not looked at any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbounded {
    Deep,
    Huge { found: usize },
    NotDer { at: usize },
    Trailing { count: usize },
}

impl fmt::Display for Unbounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deep => write!(f, "its DER is nested deeper than {MOST_LEVELS} levels"),
            Self::Huge { found } => {
                write!(f, "has {found} bytes, more than the {MOST_BYTES} taken")
            }
            Self::NotDer { at } => write!(
                f,
                "is not DER at byte {at}: a length is missing, too long, indefinite or not in its \
                 shortest form (X.690 §10.1)"
            ),
            Self::Trailing { count } => write!(f, "{count} bytes follow it"),
        }
    }
}

/// Looks that `der` is one element, no larger and no deeper than taken, each element of which
/// fits into the one around it.
pub(crate) fn bounded(der: &[u8]) -> Result<(), Unbounded> {
    if der.len() > MOST_BYTES {
        return Err(Unbounded::Huge { found: der.len() });
    }
    // Where the elements end that stand around the present one: no recursion to exhaust.
    let mut ends = vec![der.len()];
    let mut at = 0;
    while let Some(&end) = ends.last() {
        if at == end && at > 0 {
            ends.pop();
            continue;
        }
        let wrong = Unbounded::NotDer { at };
        let header = Header::read(&der[at..end]).ok_or(wrong)?;
        let begin = at + header.len;
        let stop = begin + header.content;
        if ends.len() == 1 && stop < der.len() {
            return Err(Unbounded::Trailing {
                count: der.len() - stop,
            });
        }
        if header.constructed {
            if ends.len() > MOST_LEVELS {
                return Err(Unbounded::Deep);
            }
            ends.push(stop);
            at = begin;
        } else {
            at = stop;
        }
    }
    Ok(())
}

/// The first bytes of an element.
struct Header {
    constructed: bool,
    /// Of itself.
    len: usize,
    /// Of the content, which is there.
    content: usize,
}

impl Header {
    fn read(from: &[u8]) -> Option<Self> {
        let mut bytes = from.iter().copied().enumerate();
        let (_, tag) = bytes.next()?;
        if tag & 0x1f == 0x1f {
            // A tag of more bytes goes on while the top bit is set; nothing here has a long one.
            bytes.by_ref().take(4).find(|(_, byte)| byte & 0x80 == 0)?;
        }
        let (at, first) = bytes.next()?;
        let (len, content) = if first < 0x80 {
            (at + 1, usize::from(first))
        } else {
            let count = usize::from(first & 0x7f);
            let digits = from.get(at + 1..at + 1 + count)?;
            let content = digits.iter().try_fold(0_usize, |sum, digit| {
                sum.checked_mul(256)?.checked_add(usize::from(*digit))
            })?;
            let shortest = content >= 0x80 && digits.first() != Some(&0);
            (at + 1 + count, shortest.then_some(content)?)
        };
        (content <= from.len().checked_sub(len)?).then_some(Self {
            constructed: tag & 0x20 != 0,
            len,
            content,
        })
    }
}

/// The elements that fill `content`, each with its tag and its whole encoding.
pub(crate) fn elements(content: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    let mut rest = content;
    while let Some(tag) = rest.first() {
        let header = Header::read(rest)?;
        let (whole, after) = rest.split_at(header.len + header.content);
        found.push(Element {
            tag: *tag,
            content: &whole[header.len..],
            whole,
        });
        rest = after;
    }
    Some(found)
}

/// The one element that fills `der`, when it has this tag.
pub(crate) fn one(der: &[u8], tag: u8) -> Option<Element<'_>> {
    match &elements(der)?[..] {
        [element] if element.tag == tag => Some(*element),
        _ => None,
    }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'d> {
    /// Its first byte.
    pub(crate) tag: u8,
    pub(crate) content: &'d [u8],
    pub(crate) whole: &'d [u8],
}

pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(levels: usize) -> Vec<u8> {
        let mut der = vec![0x05, 0x00];
        for _ in 0..levels {
            let mut outer = vec![SEQUENCE];
            match u8::try_from(der.len()) {
                Ok(len @ 0..0x80) => outer.push(len),
                Ok(len) => outer.extend([0x81, len]),
                Err(_) => {
                    outer.push(0x82);
                    outer.extend(u16::try_from(der.len()).unwrap().to_be_bytes());
                }
            }
            outer.append(&mut der);
            der = outer;
        }
        der
    }

    #[test]
    fn size_and_depth_are_bounded() {
        for levels in [0, 1, MOST_LEVELS] {
            assert_eq!(bounded(&nested(levels)), Ok(()), "{levels}");
        }
        assert_eq!(bounded(&nested(MOST_LEVELS + 1)), Err(Unbounded::Deep));
        assert_eq!(bounded(&nested(4000)), Err(Unbounded::Deep));
        let huge = vec![0; MOST_BYTES + 1];
        let found = huge.len();
        assert_eq!(bounded(&huge), Err(Unbounded::Huge { found }));
    }

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(bounded(&[0x30, 0x02, 0x05, 0x00]), Ok(()));
        for odd in [
            // Nothing, no length, indefinite, long for short, a zero before, too long, and an
            // element that reaches out of its own.
            &[][..],
            &[0x30],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x30, 0x81, 0x02, 0x05, 0x00],
            &[0x30, 0x82, 0x00, 0x02, 0x05, 0x00],
            &[0x30, 0x05, 0x05, 0x00],
            &[0x30, 0x02, 0x04, 0x05],
            &[0x30, 0xff, 0x01],
            &[0x3f, 0x81, 0x81, 0x81, 0x81, 0x81, 0x01, 0x00],
        ] {
            assert!(
                matches!(bounded(odd), Err(Unbounded::NotDer { .. })),
                "{odd:02x?}"
            );
        }
        let more = [0x05, 0x00, 0x05, 0x00];
        assert_eq!(bounded(&more), Err(Unbounded::Trailing { count: 2 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // What holds is one element, whose own reading ends where the bytes do.
            if bounded(&bytes).is_ok() {
                prop_assert_eq!(elements(&bytes).unwrap().len(), 1);
            }
        }
    }
}

//! PEM text (RFC 7468): its frames, judged before anything is read out of them, and what they
//! hold, decoded and encoded in constant time and wiped when dropped.
//!
//! PEM readers take what they do not understand for explanatory text. A file that was cut off
//! in the middle of a frame would so lose its last certificate without a word; and a chain that
//! silently lost a part, or a bundle that lost an authority, is worse than an error.

use std::fmt;

use base64ct::{Base64, Encoding};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use zeroize::Zeroizing;

/// Characters of a line (RFC 7468 §2).
const LINE_CHARS: usize = 64;
/// The same as bytes before encoding.
const LINE_BYTES: usize = 48;

/// One section of a PEM text, not yet decoded.
#[derive(Clone, Copy)]
pub struct Section<'t> {
    label: &'t [u8],
    /// The line of its `BEGIN`, counted from 1.
    line: usize,
    encoded: &'t [u8],
}

/// The sections of `text`, in its order. Every line of dashes must belong to a complete frame:
/// `BEGIN`, then `END` of the same label, one after another, none of them indented: other readers
/// take an indented one for text. Lines end with LF, CR LF or CR. Text around the frames is
/// passed over.
///
/// # Errors
///
/// What is wrong, and in which line, counted from 1; nothing of the text itself.
pub fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, String> {
    let mut found = Vec::new();
    let mut open: Option<Section<'_>> = None;
    // Where the open section's content begins, and where the line does.
    let (mut content, mut at) = (0, 0);
    let mut ended_lines = 0;
    for whole in text.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        let number = ended_lines + 1;
        ended_lines += usize::from(whole.ends_with(b"\n"));
        let start = at;
        at += whole.len();
        let line = whole.trim_ascii_end();
        if !line.trim_ascii_start().starts_with(b"-----") {
            continue;
        }
        let label = |word: &[u8]| line.strip_prefix(word)?.strip_suffix(b"-----");
        open = match (open, label(b"-----BEGIN "), label(b"-----END ")) {
            (None, Some(label), _) => {
                content = at;
                Some(Section {
                    label,
                    line: number,
                    encoded: &[],
                })
            }
            (Some(section), _, Some(ended)) if section.label == ended => {
                found.push(Section {
                    encoded: &text[content..start],
                    ..section
                });
                None
            }
            (Some(section), _, _) => {
                return Err(format!(
                    "line {number} breaks into the section that begins in line {}",
                    section.line
                ));
            }
            (None, None, _) => {
                return Err(format!(
                    "line {number} is neither a whole BEGIN nor an END, from its first column on"
                ));
            }
        };
    }
    match open {
        Some(section) => Err(format!(
            "the section that begins in line {} has no end: the file was cut off",
            section.line
        )),
        None => Ok(found),
    }
}

impl Section<'_> {
    /// The label, such as `CERTIFICATE`.
    pub fn label(&self) -> &[u8] {
        self.label
    }

    /// The content, wiped when dropped. It is decoded in one block of memory, in constant time,
    /// so that no other copy is left.
    ///
    /// # Errors
    ///
    /// For what is not base64 with its padding (RFC 4648 §4), white space aside.
    pub fn decode(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let mut content = Zeroizing::new(Vec::with_capacity(self.encoded.len()));
        content.extend(self.encoded.iter().filter(|byte| !is_space(**byte)));
        let decoded = Base64::decode_in_place(&mut content).map(<[u8]>::len);
        let len = decoded.map_err(|_| {
            format!(
                "the section that begins in line {} is not base64 (RFC 4648 §4)",
                self.line
            )
        })?;
        content.truncate(len);
        Ok(content)
    }

    /// The unencrypted private key in it, wiped when dropped: PKCS#8 (`PRIVATE KEY`), SEC 1
    /// (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`); `None` under any other label.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn private_key(&self) -> Result<Option<Zeroizing<PrivateKeyDer<'static>>>, String> {
        let form: fn(Vec<u8>) -> PrivateKeyDer<'static> = match self.label {
            b"EC PRIVATE KEY" => |der| PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
            b"PRIVATE KEY" => |der| PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
            b"RSA PRIVATE KEY" => |der| PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
            _ => return Ok(None),
        };
        let mut der = self.decode()?;
        Ok(Some(Zeroizing::new(form(std::mem::take(&mut *der)))))
    }
}

/// The label alone: what follows can be a private key.
impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section")
            .field("label", &self.label.escape_ascii().to_string())
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// Writes one section. No copy of `der` stays behind in memory but the answer, which is wiped
/// when dropped.
pub fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let lines = der.len().div_ceil(LINE_BYTES);
    let frame = 2 * label.len() + "-----BEGIN -----\n-----END -----\n".len();
    let mut text = Zeroizing::new(String::with_capacity(lines * (LINE_CHARS + 1) + frame));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut line = Zeroizing::new([0; LINE_CHARS]);
    for bytes in der.chunks(LINE_BYTES) {
        // A line is as long as its buffer at most, so this cannot fail.
        if let Ok(encoded) = Base64::encode(bytes, &mut line[..]) {
            text.push_str(encoded);
        }
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// What may stand between the characters of base64 (RFC 7468 §3).
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "words\n-----BEGIN A-----\nAAAA\n-----END A-----\n\
                       -----BEGIN B-----\r\nAA AA\r\n\tAAA=\r\n-----END B-----";

    #[test]
    fn whole_frames_pass_with_text_around_them() {
        for text in ["", "words\n"] {
            assert!(sections(text.as_bytes()).unwrap().is_empty());
        }
        let lf = TWO.replace('\r', "");
        let cr = TWO.replace("\r\n", "\r").replace('\n', "\r");
        for text in [TWO, &lf, &cr] {
            let found = sections(text.as_bytes()).unwrap();
            let read: Vec<_> = found
                .iter()
                .map(|section| (section.label(), section.decode().unwrap().to_vec()))
                .collect();
            assert_eq!(read, [(&b"A"[..], vec![0; 3]), (b"B", vec![0; 5])]);
        }
    }

    #[test]
    fn every_cut_inside_a_frame_is_seen() {
        let between = [
            TWO.find("-----BEGIN A").unwrap(),
            TWO.find("-----BEGIN B").unwrap(),
        ];
        for cut in 0..TWO.len() {
            let whole = sections(&TWO.as_bytes()[..cut]).is_ok();
            // Up to four dashes are text like any other.
            let outside = cut <= between[0] + 4 || (between[1] - 1..=between[1] + 4).contains(&cut);
            assert_eq!(whole, outside, "{:?}", &TWO[..cut]);
        }
    }

    #[test]
    fn mixed_frames_are_refused() {
        for text in [
            "-----BEGIN A-----\n-----END B-----\n",
            "-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n",
            "-----END A-----\n",
            "-----\n",
            // Other readers end lines at a lone CR too, and take what is indented for text.
            "words\r-----BEGIN A-----\rAAAA\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
            "  -----BEGIN A-----\n  AAAA\n  -----END A-----\n",
            "-----BEGIN A-----\nAAAA\n -----END A-----\n-----END A-----\n",
        ] {
            assert!(sections(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_base64_is_refused_without_showing_it() {
        for content in [
            "A", "AA", "AAA", "A===", "AAAA=", "AA=A", "AAAA!AAA", "Proc: 4", "AAAÄ",
        ] {
            let text = format!("-----BEGIN A-----\n{content}\n-----END A-----\n");
            let error = sections(text.as_bytes()).unwrap()[0].decode().unwrap_err();
            assert!(
                !error.contains(content) && error.contains("line 1"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 2, 47, 48, 49, 96, 1000] {
            let der: Vec<u8> = (0..length).map(|byte| (byte * 7) as u8).collect();
            let text = encode("CERTIFICATE", &der);
            assert!(text.lines().all(|line| line.len() <= LINE_CHARS));
            // Never grown: a growing text leaves copies behind.
            let lines = der.len().div_ceil(LINE_BYTES);
            assert_eq!(text.capacity(), lines * 65 + 2 * 11 + 32);
            let found = sections(text.as_bytes()).unwrap();
            assert_eq!((found.len(), found[0].label()), (1, &b"CERTIFICATE"[..]));
            assert_eq!(*found[0].decode().unwrap(), der);
        }
    }

    #[test]
    fn keys_are_known_by_their_labels() {
        for (label, key) in [
            ("CERTIFICATE", false),
            ("EC PARAMETERS", false),
            ("EC PRIVATE KEY", true),
            ("ENCRYPTED PRIVATE KEY", false),
            ("PRIVATE KEY", true),
            ("RSA PRIVATE KEY", true),
        ] {
            let text = encode(label, b"der");
            let found = sections(text.as_bytes()).unwrap()[0].private_key().unwrap();
            assert_eq!(found.is_some(), key, "{label}");
            if let Some(der) = found {
                assert_eq!(der.secret_der(), b"der");
            }
        }
    }
}

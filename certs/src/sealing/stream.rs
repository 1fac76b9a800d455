//! Streams of any length, sealed in chunks whose order and end are authenticated.
//!
//! The construction is STREAM's (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015) with the
//! position in the additional data instead of the nonce, since an approved nonce is the module's
//! own.

use std::io::{self, Read, Write};

use fips_core::Boundary;
use fips_core::seal::{BUDGET, OVERHEAD};
use zeroize::Zeroizing;

use super::header::{Form, Header, Keyed, opening, reading, sealing};
use super::{Binding, SealingFault, Secret};
use crate::error::Error;

/// Bytes of data in every chunk but the last, which has fewer.
pub const CHUNK: usize = 256 * 1024;

/// Number, and length with the mark of the end in its highest bit.
const FRAME_LEN: usize = 12;
const LAST: u32 = 1 << 31;
/// Sets chunks apart from the header's own proof under the same key.
const LABEL: &[u8; 5] = b"chunk";

/// How much was sealed or opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Bytes of the data itself.
    pub plain: u64,
    /// Bytes of its sealed form.
    pub sealed: u64,
}

/// Seals what `input` gives until its end, in constant memory.
///
/// # Errors
///
/// [`Error::Stream`]; [`Error::Crypto`]. What has been written by then is no whole stream, and
/// does not open.
pub fn seal(
    boundary: &Boundary,
    binding: &Binding,
    secret: &Secret,
    mut input: impl Read,
    mut output: impl Write,
) -> Result<Totals, Error> {
    let Keyed { key, bytes, hash } = Header::create(boundary, Form::Stream, binding, secret)?;
    output.write_all(&bytes).map_err(writing)?;
    let mut totals = Totals {
        plain: 0,
        sealed: bytes.len() as u64,
    };
    let mut plain = Zeroizing::new(vec![0; CHUNK]);
    for number in 0.. {
        let length = fill(&mut input, &mut plain)?;
        // A full chunk is never the last one, so that no look ahead is needed.
        let last = length < CHUNK;
        let frame = Frame {
            number,
            length,
            last,
        }
        .encode();
        let sealed = key
            .seal(&additional(hash.as_ref(), &frame), &plain[..length])
            .map_err(sealing)?;
        output.write_all(&frame).map_err(writing)?;
        output.write_all(&sealed).map_err(writing)?;
        totals.plain += length as u64;
        totals.sealed += (frame.len() + sealed.len()) as u64;
        if last {
            break;
        }
    }
    output.flush().map_err(writing)?;
    Ok(totals)
}

/// Opens what [`seal()`] made for the same binding, in constant memory. Each chunk is written
/// once it is authenticated.
///
/// # Errors
///
/// [`SealingFault`]s, each of them after the chunks before it have been written;
/// [`Error::Gate`]; [`Error::Stream`]; [`Error::Crypto`].
///
/// # Security
///
/// Before this returns, `output` holds a genuine beginning at most: use none of it after an
/// error. [`NewFile`](super::NewFile) keeps it from view until then.
pub fn open(
    boundary: &Boundary,
    binding: &Binding,
    secret: &Secret,
    mut input: impl Read,
    mut output: impl Write,
) -> Result<Totals, Error> {
    let Keyed { key, bytes, hash } =
        Header::open(boundary, Form::Stream, binding, secret, &mut input)?;
    let mut totals = Totals {
        plain: 0,
        sealed: bytes.len() as u64,
    };
    let mut sealed = vec![0; CHUNK + OVERHEAD];
    for number in 0..BUDGET {
        let truncated = SealingFault::Truncated { after: number };
        let mut frame = [0; FRAME_LEN];
        if fill(&mut input, &mut frame)? < FRAME_LEN {
            return Err(truncated.into());
        }
        let Frame { length, last, .. } = Frame::decode(&frame, number)?;
        let sealed = &mut sealed[..length + OVERHEAD];
        if fill(&mut input, sealed)? < sealed.len() {
            return Err(truncated.into());
        }
        let plain = match key.open(&additional(hash.as_ref(), &frame), sealed) {
            Ok(plain) => plain,
            Err(fips_core::Error::Module { .. }) => {
                return Err(SealingFault::Changed { chunk: number }.into());
            }
            Err(source) => return Err(opening(source)),
        };
        if last && fill(&mut input, &mut [0])? != 0 {
            return Err(SealingFault::Appended.into());
        }
        output.write_all(&plain).map_err(writing)?;
        totals.plain += length as u64;
        totals.sealed += (FRAME_LEN + sealed.len()) as u64;
        if last {
            output.flush().map_err(writing)?;
            return Ok(totals);
        }
    }
    // No key seals so many (SP 800-38D §8.3).
    Err(SealingFault::Header {
        why: "more chunks follow than one key may seal",
    }
    .into())
}

/// What stands before each chunk.
struct Frame {
    number: u64,
    length: usize,
    last: bool,
}

impl Frame {
    fn encode(&self) -> [u8; FRAME_LEN] {
        // A chunk is far shorter than the mark is high.
        let length = u32::try_from(self.length).unwrap_or_default();
        let mut bytes = [0; FRAME_LEN];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        let length = if self.last { length | LAST } else { length };
        bytes[8..].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    /// Reads the frame that belongs at place `expected`. It is not authenticated yet, so it
    /// decides about nothing but what is read next.
    fn decode(bytes: &[u8; FRAME_LEN], expected: u64) -> Result<Self, SealingFault> {
        let [n0, n1, n2, n3, n4, n5, n6, n7, l0, l1, l2, l3] = *bytes;
        let number = u64::from_be_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        let marked = u32::from_be_bytes([l0, l1, l2, l3]);
        let last = marked & LAST != 0;
        if number != expected {
            return Err(SealingFault::Order {
                expected,
                found: number,
            });
        }
        match usize::try_from(marked & !LAST) {
            Ok(length) if length < CHUNK && last || length == CHUNK && !last => Ok(Self {
                number,
                length,
                last,
            }),
            _ => Err(SealingFault::Changed { chunk: number }),
        }
    }
}

/// What a chunk is bound to: its file's header, its place, whether it is the last.
fn additional(hash: &[u8], frame: &[u8; FRAME_LEN]) -> Vec<u8> {
    [LABEL, hash, frame].concat()
}

/// Reads until `bytes` is full or the input ends; how much was read.
pub(super) fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reading(error)),
        }
    }
    Ok(filled)
}

fn writing(source: io::Error) -> Error {
    Error::Stream {
        action: "write the output",
        source,
    }
}

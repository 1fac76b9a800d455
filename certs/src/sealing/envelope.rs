//! Small things sealed as text: bootstrap data, private keys.
//!
//! An envelope is one PEM section (RFC 7468), so it survives being copied, and what was cut off
//! is seen. Inside: a header as a stream's, then one sealed message bound to it.

use fips_core::seal::OVERHEAD;
use fips_core::{Boundary, pem};
use zeroize::Zeroizing;

use super::header::{Form, Header, Keyed, opening, sealing};
use super::{Binding, SealingFault, Secret};
use crate::error::Error;

/// The label of bootstrap data.
pub const BOOTSTRAP_LABEL: &str = "FIPS SEALED BOOTSTRAP DATA";

/// The most bytes in an envelope: as text they still fit into one request to etcd (1.5 MiB).
pub const MOST_BYTES: usize = 1 << 20;

/// The most bytes of its text, with some words around it.
const MOST_TEXT: usize = 3 << 19;

/// Sets the content apart from the header's own proof under the same key.
const CONTENT: &[u8; 8] = b"envelope";

/// Seals bootstrap data (or anything small) for `binding`.
///
/// # Errors
///
/// [`SealingFault::TooLarge`] over [`MOST_BYTES`]; [`Error::Crypto`].
pub fn seal(
    boundary: &Boundary,
    binding: &Binding,
    secret: &Secret,
    content: &[u8],
) -> Result<String, Error> {
    seal_as(BOOTSTRAP_LABEL, boundary, binding, secret, content)
}

/// Opens what [`seal()`] made for the same binding.
///
/// # Errors
///
/// [`SealingFault`]s; [`Error::Gate`]; [`Error::Crypto`].
pub fn open(
    boundary: &Boundary,
    binding: &Binding,
    secret: &Secret,
    text: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    open_as(BOOTSTRAP_LABEL, boundary, binding, secret, text)
}

/// The header of an envelope in its text. Needs no key and no open gate.
///
/// # Errors
///
/// [`SealingFault::Pem`], and those of [`Header::inspect`].
pub fn inspect(text: &[u8]) -> Result<Header, Error> {
    inspect_as(BOOTSTRAP_LABEL, text)
}

pub(crate) fn inspect_as(label: &'static str, text: &[u8]) -> Result<Header, Error> {
    Header::inspect(&section(label, text)?[..])
}

pub(crate) fn seal_as(
    label: &'static str,
    boundary: &Boundary,
    binding: &Binding,
    secret: &Secret,
    content: &[u8],
) -> Result<String, Error> {
    if content.len() > MOST_BYTES {
        return Err(SealingFault::TooLarge {
            found: content.len(),
            most: MOST_BYTES,
        }
        .into());
    }
    let Keyed { key, bytes, hash } = Header::create(boundary, Form::Envelope, binding, secret)?;
    let sealed = key
        .seal(&additional(hash.as_ref()), content)
        .map_err(sealing)?;
    let mut text = pem::encode(label, &[bytes, sealed].concat());
    Ok(std::mem::take(&mut *text))
}

pub(crate) fn open_as(
    label: &'static str,
    boundary: &Boundary,
    binding: &Binding,
    secret: &Secret,
    text: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = section(label, text)?;
    let mut rest = &bytes[..];
    let Keyed { key, hash, .. } =
        Header::open(boundary, Form::Envelope, binding, secret, &mut rest)?;
    if rest.len() < OVERHEAD {
        return Err(SealingFault::Truncated { after: 0 }.into());
    }
    match key.open(&additional(hash.as_ref()), rest) {
        Ok(content) => Ok(content),
        Err(fips_core::Error::Module { .. }) => Err(SealingFault::Changed { chunk: 0 }.into()),
        Err(source) => Err(opening(source)),
    }
}

/// The content of the one section of a text.
fn section(label: &'static str, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fault = |why: String| SealingFault::Pem { label, why };
    if text.len() > MOST_TEXT {
        return Err(fault(format!("it has more than {MOST_TEXT} bytes")).into());
    }
    let sections = pem::sections(text).map_err(fault)?;
    match &sections[..] {
        [one] if one.label() == label.as_bytes() => Ok(one.decode().map_err(fault)?),
        [one] => {
            // Another's text: as much as a label may be long.
            let label = one.label().escape_ascii().to_string();
            Err(fault(format!("it holds {label:.80}")).into())
        }
        others => Err(fault(format!("it holds {} sections", others.len())).into()),
    }
}

fn additional(hash: &[u8]) -> Vec<u8> {
    [CONTENT, hash].concat()
}

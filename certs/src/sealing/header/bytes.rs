//! A header as it is stored: `docs/sealing.md` lays it out.

use std::io::Read;

use super::super::passphrase::check_iterations;
use super::super::stream::fill;
use super::super::{Binding, SealingFault};
use super::{Form, Header, Protection, VERSION};
use crate::error::Error;

impl Protection {
    const FILE_KEY: u8 = 2;
    const PASSPHRASE: u8 = 1;
}

impl Header {
    /// The header but its proof.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.form.magic().to_vec();
        bytes.extend(VERSION.to_be_bytes());
        bytes.push(u8::from(self.evaluation));
        bytes.push(match self.protection {
            Protection::FileKey { .. } => Protection::FILE_KEY,
            Protection::Passphrase { .. } => Protection::PASSPHRASE,
        });
        for name in [
            self.binding.purpose(),
            self.binding.cluster().unwrap_or_default(),
        ] {
            // A name has 255 bytes at most.
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend(name.as_bytes());
        }
        match &self.protection {
            Protection::FileKey { wrapped } => bytes.extend(wrapped),
            Protection::Passphrase { salt, iterations } => {
                bytes.extend(salt);
                bytes.extend(iterations.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads a header of one of `forms` but its proof; also as it stands.
    pub(super) fn read(mut input: impl Read, forms: &[Form]) -> Result<(Self, Vec<u8>), Error> {
        let mut magic = [0; 8];
        let found = fill(&mut input, &mut magic)?;
        let form = forms
            .iter()
            .find(|form| form.magic()[..found] == magic[..found] && found != 0)
            .copied()
            .ok_or(SealingFault::NotSealed {
                expected: match forms {
                    [form] => form.name(),
                    _ => "a sealed stream or an envelope of fips-boundary",
                },
            })?;
        if found < magic.len() {
            return Err(SealingFault::TruncatedHeader.into());
        }
        let mut bytes = magic.to_vec();
        let version = u16::from_be_bytes(take(&mut input, &mut bytes)?);
        if version != VERSION {
            return Err(SealingFault::Version { found: version }.into());
        }
        let [gate, source] = take(&mut input, &mut bytes)?;
        let evaluation = match gate {
            0 => false,
            1 => true,
            _ => return Err(header_fault("the kind of gate is unknown")),
        };
        let names = [name(&mut input, &mut bytes)?, name(&mut input, &mut bytes)?];
        let [purpose, cluster] = names;
        let mut binding =
            Binding::new(purpose).map_err(|_| header_fault("its purpose is no name"))?;
        if !cluster.is_empty() {
            binding = binding
                .with_cluster(cluster)
                .map_err(|_| header_fault("its cluster is no name"))?;
        }
        let protection = match source {
            Protection::FILE_KEY => Protection::FileKey {
                wrapped: take(&mut input, &mut bytes)?,
            },
            Protection::PASSPHRASE => {
                let salt = take(&mut input, &mut bytes)?;
                let iterations = u32::from_be_bytes(take(&mut input, &mut bytes)?);
                check_iterations(iterations)?;
                Protection::Passphrase { salt, iterations }
            }
            _ => return Err(header_fault("the source of its key is unknown")),
        };
        let header = Self {
            binding,
            evaluation,
            form,
            protection,
        };
        Ok((header, bytes))
    }
}

/// The next `N` bytes, which also go to `seen`.
fn take<const N: usize>(input: &mut impl Read, seen: &mut Vec<u8>) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    exactly(input, &mut bytes)?;
    seen.extend(bytes);
    Ok(bytes)
}

/// A name with its length before it.
fn name(input: &mut impl Read, seen: &mut Vec<u8>) -> Result<String, Error> {
    let [length] = take(input, seen)?;
    let mut bytes = vec![0; usize::from(length)];
    exactly(input, &mut bytes)?;
    seen.extend(&bytes);
    String::from_utf8(bytes).map_err(|_| header_fault("a name in it is not ASCII"))
}

pub(super) fn exactly(input: &mut impl Read, bytes: &mut [u8]) -> Result<(), Error> {
    if fill(input, bytes)? == bytes.len() {
        Ok(())
    } else {
        Err(SealingFault::TruncatedHeader.into())
    }
}

fn header_fault(why: &'static str) -> Error {
    SealingFault::Header { why }.into()
}

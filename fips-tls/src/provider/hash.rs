use fips_core::digest::{self, Algorithm};
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};

use super::fail_closed::fail_closed;

pub(super) static SHA256: Sha2 = Sha2(Algorithm::Sha256);
pub(super) static SHA384: Sha2 = Sha2(Algorithm::Sha384);

/// A hash of the suites (FIPS 180-4).
pub(super) struct Sha2(Algorithm);

impl Hash for Sha2 {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Transcript(digest::Context::new(self.0)))
    }

    fn hash(&self, data: &[u8]) -> Output {
        output(digest::digest(self.0, data))
    }

    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        match self.0 {
            Algorithm::Sha256 => HashAlgorithm::SHA256,
            Algorithm::Sha384 => HashAlgorithm::SHA384,
            Algorithm::Sha512 => HashAlgorithm::SHA512,
        }
    }

    fn fips(&self) -> bool {
        true
    }
}

struct Transcript(digest::Context);

impl Context for Transcript {
    fn fork_finish(&self) -> Output {
        output(self.0.clone().finish())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        output(self.0.finish())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

fn output(digest: Result<digest::Digest, fips_core::Error>) -> Output {
    match digest {
        Ok(digest) => Output::new(digest.as_ref()),
        Err(error) => fail_closed(&error),
    }
}

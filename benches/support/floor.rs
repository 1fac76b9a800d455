use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::core::agreement::{Curve, EphemeralKey};
use fips_boundary::core::kem::{self, DecapsulationKey, ParameterSet};
use fips_boundary::core::signing::{PrivateKey, Scheme};
use fips_boundary::core::{Boundary, verification};
use fips_boundary::tls::Group;

/// The public-key primitives that a handshake performs, both sides together.
pub(crate) struct Floor {
    exchange: Group,
    /// Who signs: each side that shows a certificate.
    shown: u32,
    key: PrivateKey,
    scheme: Scheme,
    signature: Vec<u8>,
}

impl Floor {
    /// `shown`: how many of the two sides show a certificate, none in a resumed handshake.
    pub(crate) fn new(boundary: &Boundary, exchange: Group, key_type: KeyType, shown: u32) -> Self {
        let key = key::generate(boundary, key_type).expect("a key");
        let scheme = key.algorithm().schemes()[0];
        Self {
            exchange,
            shown,
            signature: key.sign(scheme, b"transcript").expect("a signature"),
            key,
            scheme,
        }
    }

    pub(crate) fn run(&self) {
        match self.exchange {
            Group::MlKem768 => ml_kem(ParameterSet::MlKem768),
            Group::P256 => ecdh(Curve::P256),
            Group::SecP256r1MlKem768 => {
                ecdh(Curve::P256);
                ml_kem(ParameterSet::MlKem768);
            }
            other => panic!("no floor for {other}"),
        }
        // Each side that shows a certificate signs once, and the other verifies that signature;
        // those of a chain that was seen before are remembered.
        for _ in 0..self.shown {
            self.key
                .sign(self.scheme, b"transcript")
                .expect("a signature");
            verification::verify(
                self.scheme,
                self.key.public_key(),
                b"transcript",
                &self.signature,
            )
            .expect("it verifies");
        }
    }
}

fn ecdh(curve: Curve) {
    let client = EphemeralKey::generate(curve).expect("a key");
    let server = EphemeralKey::generate(curve).expect("a key");
    let share = client.public_key().to_vec();
    let answer = server.public_key().to_vec();
    server.agree(&share).expect("a secret");
    client.agree(&answer).expect("a secret");
}

fn ml_kem(parameters: ParameterSet) {
    let client = DecapsulationKey::generate(parameters).expect("a key");
    let (ciphertext, _) =
        kem::encapsulate(parameters, client.encapsulation_key()).expect("a secret");
    client.decapsulate(&ciphertext).expect("a secret");
}

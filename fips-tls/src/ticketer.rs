use std::sync::Arc;

use fips_core::seal::SealingKey;
use rustls::TicketRotator;
use rustls::crypto::GetRandomFailed;
use rustls::server::ProducesTickets;

use crate::error::Error;
use crate::provider;

/// Seconds a key seals new tickets. It opens them for as long again.
const ROTATION: u32 = 30 * 60;

/// The longest life of a ticket, in seconds: one hour.
pub(crate) const MAX_LIFETIME: u32 = 2 * ROTATION;

/// Session tickets (RFC 8446 §4.6.1, RFC 5077) sealed with AES-256-GCM, the nonce made inside
/// the module, under keys nobody else learns and that go with the configuration.
pub(crate) fn ticketer() -> Result<Arc<dyn ProducesTickets>, Error> {
    match TicketRotator::new(ROTATION, sealed_tickets) {
        Ok(rotator) => Ok(Arc::new(rotator)),
        Err(_) => Err(Error::Module {
            what: "session tickets",
            source: fips_core::Error::Module {
                service: fips_core::indicator::Service::SealedSeal,
            },
        }),
    }
}

fn sealed_tickets() -> Result<Box<dyn ProducesTickets>, GetRandomFailed> {
    let boundary = provider::boundary().ok_or(GetRandomFailed)?;
    SealingKey::generate(boundary)
        .map(|key| Box::new(SealedTickets(key)) as Box<dyn ProducesTickets>)
        .map_err(|_| GetRandomFailed)
}

/// What a ticket is bound to beside its key.
const AAD: &[u8] = b"fips-tls session ticket";

#[derive(Debug)]
struct SealedTickets(SealingKey);

impl ProducesTickets for SealedTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        MAX_LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.seal(AAD, plain).ok()
    }

    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open(AAD, sealed).ok().map(|plain| plain.to_vec())
    }
}

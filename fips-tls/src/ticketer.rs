use std::sync::Arc;

use fips_core::seal::SealingKey;
use rustls::TicketRotator;
use rustls::crypto::GetRandomFailed;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;
use zeroize::Zeroizing;

use crate::counters;
use crate::error::Error;
use crate::provider;

/// Seconds a key seals new tickets. It opens them for as long again, and on an idle server until
/// the next ticket comes: so the age of a ticket is judged by what is sealed in it.
pub(crate) const ROTATION: u32 = 30 * 60;

/// The longest life of a ticket, in seconds: one hour.
pub(crate) const MAX_LIFETIME: u32 = 2 * ROTATION;

/// Whether what began at `since` may be used at `now`, both in seconds: not from the future, and
/// not older than the longest life.
pub(crate) fn is_within_lifetime(since: u64, now: u64) -> bool {
    now.checked_sub(since)
        .is_some_and(|age| age <= u64::from(MAX_LIFETIME))
}

/// Session tickets (RFC 8446 §4.6.1, RFC 5077) sealed with AES-256-GCM, the nonce made inside
/// the module, under keys nobody else learns and that go with the configuration; opened for one
/// hour by `clock`.
pub(crate) fn ticketer(clock: Arc<dyn TimeProvider>) -> Result<Arc<dyn ProducesTickets>, Error> {
    match TicketRotator::new(ROTATION, sealed_tickets) {
        Ok(rotator) => Ok(Arc::new(DatedTickets { rotator, clock })),
        Err(_) => Err(Error::Module {
            what: "session tickets",
            source: fips_core::Error::Module {
                service: fips_core::indicator::Service::SealedSeal,
            },
        }),
    }
}

/// Seals the second of issue with each ticket.
#[derive(Debug)]
struct DatedTickets {
    rotator: TicketRotator,
    clock: Arc<dyn TimeProvider>,
}

impl DatedTickets {
    fn now(&self) -> Option<u64> {
        self.clock.current_time().map(|now| now.as_secs())
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let dated = Zeroizing::new(self.rotator.decrypt(sealed)?);
        let (issued, plain) = dated.split_first_chunk()?;
        is_within_lifetime(u64::from_be_bytes(*issued), self.now()?).then(|| plain.to_vec())
    }
}

impl ProducesTickets for DatedTickets {
    fn enabled(&self) -> bool {
        self.rotator.enabled()
    }

    fn lifetime(&self) -> u32 {
        MAX_LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let sealed = self.now().and_then(|issued| {
            let dated = Zeroizing::new([&issued.to_be_bytes(), plain].concat());
            self.rotator.encrypt(&dated)
        });
        counters::ticket_sealed(sealed.is_some());
        sealed
    }

    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let opened = self.open(sealed);
        counters::ticket_opened(opened.is_some());
        opened
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_to_the_second_and_nothing_from_the_future() {
        assert!(is_within_lifetime(1000, 1000));
        assert!(is_within_lifetime(1000, 4600));
        assert!(!is_within_lifetime(1000, 4601));
        assert!(!is_within_lifetime(1000, 999));
        assert!(!is_within_lifetime(0, u64::MAX));
    }
}

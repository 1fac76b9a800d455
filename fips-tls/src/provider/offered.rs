use std::sync::{Mutex, PoisonError};

use rustls::crypto::{KeyProvider, WebPkiSupportedAlgorithms};

use super::signing::Keys;
use super::verification;
use crate::policy::{KeyRule, Profile, Row, Scheme};

/// What rustls takes by `'static` reference alone though the profile decides it.
#[derive(Clone, Copy)]
pub(super) struct Offered {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) keys: &'static dyn KeyProvider,
}

struct Made {
    schemes: Vec<Row<Scheme>>,
    key_rules: Vec<Row<KeyRule>>,
    offered: Offered,
}

/// Made once for each set of rules, and never freed: profiles narrow a few fixed lists, so
/// that there are few.
static MADE: Mutex<Vec<Made>> = Mutex::new(Vec::new());

pub(super) fn offered(profile: &Profile) -> Offered {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let known = made
        .iter()
        .find(|made| made.schemes == profile.schemes() && made.key_rules == profile.key_rules());
    if let Some(known) = known {
        return known.offered;
    }
    let offered = Offered {
        algorithms: verification::algorithms(profile),
        keys: Box::leak(Box::new(Keys::new(profile))),
    };
    made.push(Made {
        schemes: profile.schemes().to_vec(),
        key_rules: profile.key_rules().to_vec(),
        offered,
    });
    offered
}

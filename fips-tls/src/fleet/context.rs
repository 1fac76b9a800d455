//! What a server believes and stands for, in one digest: tickets go with it.

use fips_core::digest::{Algorithm, Context};

use super::module;
use crate::authorization::Authorization;
use crate::error::Error;
use crate::identity::Identity;
use crate::policy::Profile;
use crate::trust::Trust;

/// A digest of all that decides whether a server may take up another's session.
///
/// The names of its certificate are part of it: else a client that was led astray to a server of
/// another name would resume there what it began with the right one, unasked who that is.
pub(crate) fn context(
    profile: &Profile,
    identities: &[&Identity],
    clients: Option<&Trust>,
    authorization: Option<&Authorization>,
) -> Result<[u8; 32], Error> {
    let mut digest = Digest(Context::new(Algorithm::Sha256));
    digest.list("profile", &profile_pieces(profile));
    let mut names: Vec<String> = identities.iter().flat_map(|one| names(one)).collect();
    names.sort();
    names.dedup();
    digest.list("names", &names);
    match clients {
        Some(trust) => {
            digest.take(b"clients of");
            digest.take(&trust.fingerprint()?);
        }
        None => digest.take(b"anybody"),
    }
    match authorization {
        Some(rules) => digest.list("rules", &rules.pieces()),
        None => digest.take(b"no rules"),
    }
    let bytes = digest.0.finish().map_err(module)?;
    let mut context = [0; 32];
    context.copy_from_slice(bytes.as_ref());
    Ok(context)
}

struct Digest(Context);

impl Digest {
    /// With its length, so that no two lists of pieces are alike.
    fn take(&mut self, piece: &[u8]) {
        self.0.update(&(piece.len() as u64).to_be_bytes());
        self.0.update(piece);
    }

    fn list(&mut self, what: &str, pieces: &[String]) {
        self.take(what.as_bytes());
        self.0.update(&(pieces.len() as u64).to_be_bytes());
        pieces.iter().for_each(|piece| self.take(piece.as_bytes()));
    }
}

/// What a profile names, in its order.
fn profile_pieces(profile: &Profile) -> Vec<String> {
    let mut pieces = vec![profile.name().to_owned()];
    let mut all = |what: &str, values: Vec<String>| {
        pieces.push(format!("{what}, {}", values.len()));
        pieces.extend(values);
    };
    let rows = |values: &mut dyn Iterator<Item = String>| values.collect();
    all(
        "versions",
        rows(&mut profile.versions().iter().map(|row| row.value.to_string())),
    );
    all(
        "suites",
        rows(&mut profile.suites().iter().map(|row| row.value.to_string())),
    );
    all(
        "groups",
        rows(&mut profile.groups().iter().map(|row| row.value.to_string())),
    );
    all(
        "schemes",
        rows(&mut profile.schemes().iter().map(|row| row.value.to_string())),
    );
    all(
        "keys",
        rows(&mut profile.key_rules().iter().map(|row| row.value.to_string())),
    );
    pieces
}

/// The names a client can connect by, and the one of a workload.
fn names(identity: &Identity) -> Vec<String> {
    let leaf = identity.leaf();
    let dns = leaf
        .dns_names()
        .iter()
        .map(|name| format!("DNS {}", name.to_ascii_lowercase()));
    let addresses = leaf
        .ip_addresses()
        .iter()
        .map(|address| format!("IP {address}"));
    let uris = leaf.uris().iter().map(|uri| format!("URI {uri}"));
    dns.chain(addresses).chain(uris).collect()
}

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::{Error, IdentityFault};
use crate::identity::Identity;
use crate::name;
use crate::policy::{Profile, PublicKey};
use crate::server_name::{Name, NameMap};

/// What a server shows, by the name its client asks for (server name indication, RFC 6066 §3).
///
/// A name is looked up as it is, then with a wildcard for its first label: two looks, however many
/// there are. Of several identities of one name the first is shown whose signature the client can
/// verify. For an unknown name, and for a client that sends none, such as one that connects to an
/// IP address, there are the [defaults](Self::with_default).
///
/// ```no_run
/// # fn identities(boundary: &fips_core::Boundary) -> Result<(), fips_tls::Error> {
/// use fips_tls::{Identities, Identity};
///
/// let node = Identity::from_files(boundary, "node.crt", "node.key")?;
/// let api = Identity::from_files(boundary, "api.crt", "api.key")?;
/// let identities = Identities::new().with(api)?.with_default(node)?;
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// Without a default, an unknown name is refused: with the alert access_denied, since rustls sends
/// no other here (RFC 6066 §3 has unrecognized_name for it).
#[derive(Clone, Default)]
pub struct Identities {
    all: Vec<Identity>,
    places: Places,
}

/// Where in the list the identities of each name are.
#[derive(Clone, Default)]
struct Places {
    by_name: NameMap<Vec<usize>>,
    defaults: Vec<usize>,
}

impl Identities {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity under each DNS name of its certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Identity`]: the certificate has no DNS name, or another identity with a key of
    /// the same kind has one of them.
    pub fn with(self, identity: Identity) -> Result<Self, Error> {
        let names: Vec<String> = identity
            .leaf()
            .dns_names()
            .iter()
            .filter(|name| Name::parse(name).is_some())
            .cloned()
            .collect();
        if names.is_empty() {
            let subject = name::in_error(identity.leaf().subject());
            return Err(IdentityFault::NoDnsName { subject }.into());
        }
        self.with_names(names, identity)
    }

    /// Adds an identity under these names, of those its certificate covers; `*.` before one is a
    /// wildcard for one label.
    ///
    /// # Errors
    ///
    /// [`Error::Identity`]: a name that is no DNS name, or that the certificate does not cover, or
    /// that another identity with a key of the same kind has.
    pub fn with_names<N: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = N>,
        identity: Identity,
    ) -> Result<Self, Error> {
        let place = self.all.len();
        for name in names {
            let name = name.as_ref();
            let shown = || name::one_line(name, 256);
            let parsed =
                Name::parse(name).ok_or_else(|| IdentityFault::NotADnsName { name: shown() })?;
            if !covers(&identity, &parsed) {
                return Err(IdentityFault::NameNotCovered {
                    name: shown(),
                    subject: name::in_error(identity.leaf().subject()),
                }
                .into());
            }
            let places = self.places.by_name.entry(parsed).or_default();
            add(places, &self.all, place, &identity, name)?;
        }
        self.all.push(identity);
        Ok(self)
    }

    /// Adds what is shown to whoever asks for no name, or for an unknown one; one for each kind of
    /// key.
    ///
    /// # Errors
    ///
    /// [`Error::Identity`] when there is one with a key of the same kind.
    pub fn with_default(mut self, identity: Identity) -> Result<Self, Error> {
        let place = self.all.len();
        let defaults = &mut self.places.defaults;
        add(defaults, &self.all, place, &identity, "the default")?;
        self.all.push(identity);
        Ok(self)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none, of which no configuration can be built.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn all(&self) -> &[Identity] {
        &self.all
    }

    /// Keys that sign with the profile's schemes alone.
    pub(crate) fn resolver(self, profile: &Profile) -> Arc<dyn ResolvesServerCert> {
        let keys = self.all.into_iter();
        Arc::new(ByName {
            keys: keys
                .map(|identity| Arc::new(identity.certified(profile)))
                .collect(),
            places: self.places,
        })
    }
}

/// An identity beside those of the same name: none has a key of its kind.
fn add(
    places: &mut Vec<usize>,
    all: &[Identity],
    place: usize,
    identity: &Identity,
    name: &str,
) -> Result<(), Error> {
    let kind = |identity: &Identity| PublicKey::from(identity.algorithm());
    // A certificate can have a name twice.
    if places.last() == Some(&place) {
        return Ok(());
    }
    let same = places
        .iter()
        .filter_map(|place| all.get(*place))
        .find(|other| kind(other) == kind(identity));
    if let Some(other) = same {
        let who = |identity: &Identity| {
            let leaf = identity.leaf();
            format!(
                "{}, serial {}",
                name::in_error(leaf.subject()),
                leaf.serial()
            )
        };
        return Err(IdentityFault::NameTwice {
            name: name::one_line(name, 256),
            one: who(other),
            other: who(identity),
        }
        .into());
    }
    places.push(place);
    Ok(())
}

/// Whether the certificate is for the name (RFC 9525 §6.3).
fn covers(identity: &Identity, name: &Name) -> bool {
    match name {
        Name::Exact(name) => {
            let Some(leaf) = identity.chain().first() else {
                return false;
            };
            let name = ServerName::try_from(&**name);
            webpki::EndEntityCert::try_from(leaf).is_ok_and(|leaf| {
                name.is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok())
            })
        }
        Name::Wildcard(_) => {
            let own = identity.leaf().dns_names().iter();
            own.filter_map(|own| Name::parse(own))
                .any(|own| own == *name)
        }
    }
}

// A configuration's debug form is looked through when it is checked: a thousand chains would be
// in the way.
impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities")
            .field("len", &self.all.len())
            .finish_non_exhaustive()
    }
}

struct ByName {
    keys: Vec<Arc<CertifiedKey>>,
    places: Places,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let fitting = |places: &[usize]| {
            let mut keys = places.iter().filter_map(|place| self.keys.get(*place));
            keys.find(|key| key.key.choose_scheme(schemes).is_some())
        };
        let Places { by_name, defaults } = &self.places;
        let named = hello.server_name().into_iter();
        let mut named = named.flat_map(|name| by_name.find(name)).peekable();
        let found = if named.peek().is_none() {
            fitting(defaults)
        } else {
            named.find_map(|places| fitting(places))
        };
        found.cloned()
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName")
            .field("len", &self.keys.len())
            .finish_non_exhaustive()
    }
}

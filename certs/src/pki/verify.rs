//! The whole tree as its peers judge it: each path, name, pair and list.

use std::collections::BTreeMap;
use std::time::Duration;

use fips_core::{Diagnostic, verification};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Serialize;
use time::OffsetDateTime;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
    anchor_from_trusted_cert,
};

use super::Pki;
use super::bundle::Bundle;
use super::files::{self, Pair};
use super::revocation::Revoked;
use super::row::Status;
use crate::catalogue::{AuthorityEntry, KubeconfigEntry, LeafEntry};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::names::SubjectAltName;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The file, below the store's root.
    pub file: String,
    /// The name in the catalogue.
    pub entry: String,
    /// What was looked at.
    pub question: Question,
    /// For which name, where the question has one.
    pub name: Option<String>,
    /// Why it does not hold; none when it does.
    pub failed: Option<String>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Question {
    /// An authority's chain up to its root.
    Chain,
    /// The path of a client's leaf (RFC 5280 §6).
    Client,
    /// The server that a kubeconfig names, by the authority in it.
    Kubeconfig,
    /// An authority's revocation list.
    List,
    /// Whether a name or address is one the leaf holds for.
    Name,
    /// Whether key and certificate fit, and no other certificate has the same key.
    Pair,
    /// The path of a server's leaf (RFC 5280 §6).
    Server,
}

impl Question {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Client => "client",
            Self::Kubeconfig => "kubeconfig",
            Self::List => "list",
            Self::Name => "name",
            Self::Pair => "pair",
            Self::Server => "server",
        }
    }
}

/// An authority's file, and what it revoked.
struct Trust {
    bundle: Option<Bundle>,
    revoked: Revoked,
}

struct Verifier<'a> {
    pki: &'a Pki<'a>,
    diagnostic: &'a Diagnostic,
    now: OffsetDateTime,
    trust: BTreeMap<&'a str, Trust>,
    /// Where a public key was seen first.
    keys: BTreeMap<Vec<u8>, String>,
    verdicts: Vec<Verdict>,
}

impl Pki<'_> {
    /// Looks at the whole tree as peers do: each path by webpki with the module's algorithms,
    /// for its usages and its names, with the revocation lists; pairs of keys and
    /// certificates; the servers that kubeconfigs name. Unlike [`check`](Self::check), it does
    /// not ask whether a certificate ends soon or is what the catalogue says, but whether it
    /// works now.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for an authority whose name can be no file's.
    pub fn verify(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Vec<Verdict>, Error> {
        let mut verifier = Verifier {
            pki: self,
            diagnostic,
            now,
            trust: BTreeMap::new(),
            keys: BTreeMap::new(),
            verdicts: Vec::new(),
        };
        for entry in self.catalogue.authorities() {
            verifier.authority(entry)?;
        }
        let mut leaves = Vec::new();
        for entry in self.catalogue.leaves() {
            if let Some(leaf) = verifier.leaf(entry) {
                leaves.push((entry, leaf));
            }
        }
        for entry in self.catalogue.kubeconfigs() {
            verifier.kubeconfig(entry, &leaves);
        }
        Ok(verifier.verdicts)
    }
}

impl<'a> Verifier<'a> {
    fn say(
        &mut self,
        (file, entry): (impl ToString, &str),
        question: Question,
        name: Option<String>,
        result: Result<(), String>,
    ) {
        self.verdicts.push(Verdict {
            file: file.to_string(),
            entry: entry.to_owned(),
            question,
            name,
            failed: result.err(),
        });
    }

    fn authority(&mut self, entry: &'a AuthorityEntry) -> Result<(), Error> {
        let pair = Pair::of_authority(self.pki.store, entry);
        let place = (&entry.certificate, entry.name.as_str());
        let fits = self.pair(&pair, &entry.name);
        self.say(place, Question::Pair, None, fits);
        let revoked = self
            .pki
            .revoked(self.diagnostic, entry, pair.first(), self.now)?;
        let bundle = pair.certificates.as_ref().ok().map(|found| {
            let bundle = Bundle::new(found.clone(), self.diagnostic);
            let first = found.first().into_iter();
            let own = first.filter_map(|first| self.dates(first)).next();
            let flaws = bundle.flaws(self.now);
            let worst = flaws
                .into_iter()
                .find(|(status, _)| *status > Status::Warning);
            let result = own.or(worst.map(|(_, why)| why)).map_or(Ok(()), Err);
            self.say(place, Question::Chain, None, result);
            bundle
        });
        for row in &revoked.rows {
            let result = match row.status {
                Status::Ok | Status::Warning => Ok(()),
                _ => Err(row.reasons.join("; ")),
            };
            self.say((&row.file, &entry.name), Question::List, None, result);
        }
        self.trust.insert(&entry.name, Trust { bundle, revoked });
        Ok(())
    }

    fn dates(&self, certificate: &Certificate) -> Option<String> {
        if certificate.not_after() < self.now {
            return Some("it has ended".to_owned());
        }
        (certificate.not_before() > self.now).then(|| "it begins later".to_owned())
    }

    /// Whether a pair fits, and its key is nobody else's.
    fn pair(&mut self, pair: &Pair, name: &str) -> Result<(), String> {
        if let Some(why) = pair.torn() {
            return Err(why);
        }
        let Some(first) = pair.first() else {
            return Ok(());
        };
        match self.keys.entry(first.public_key().to_vec()) {
            std::collections::btree_map::Entry::Occupied(other) => {
                Err(format!("{} has the same key", other.get()))
            }
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(name.to_owned());
                Ok(())
            }
        }
    }

    fn leaf(&mut self, entry: &'a LeafEntry) -> Option<Certificate> {
        let place = (entry.file(), entry.name.as_str());
        let pair = match Pair::of_leaf(self.pki.store, entry) {
            Some(pair) => pair,
            None if entry.optional => return None,
            None => Pair::missing(entry),
        };
        let fits = self.pair(&pair, &entry.name);
        self.say(place, Question::Pair, None, fits);
        let certificates = pair.certificates.ok()?;
        let (leaf, after) = certificates.split_first()?;
        for (wanted, question, usage) in [
            (
                entry.usages.client(),
                Question::Client,
                KeyUsage::client_auth(),
            ),
            (
                entry.usages.server(),
                Question::Server,
                KeyUsage::server_auth(),
            ),
        ] {
            if wanted {
                let result = self.path(&entry.issuer, leaf, after, usage);
                self.say(place, question, None, result);
            }
        }
        for name in &entry.names {
            let result = holds_for(leaf, name);
            self.say(place, Question::Name, Some(name.to_string()), result);
        }
        Some(leaf.clone())
    }

    /// The path from `leaf` over `after` to the trust of the authority called `issuer`.
    fn path(
        &self,
        issuer: &str,
        leaf: &Certificate,
        after: &[Certificate],
        usage: KeyUsage,
    ) -> Result<(), String> {
        let trust = self.trust.get(issuer);
        let bundle = trust
            .and_then(|trust| trust.bundle.as_ref())
            .ok_or_else(|| format!("its authority {issuer} cannot be read"))?;
        let anchors: Vec<&Certificate> = bundle.chain().iter().chain(bundle.added()).collect();
        let list = trust.and_then(|trust| trust.revoked.list_for(leaf, self.diagnostic));
        let lists = list
            .map(|list| OwnedCertRevocationList::from_der(list.der()))
            .transpose()
            .map_err(|error| format!("its authority's list: {error}"))?
            .map(CertRevocationList::from);
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
        let revocation = revocation(&lists);
        verify_path(leaf, after, &anchors, self.now, usage, revocation)?;
        // What the register alone says is not in a list yet.
        match trust.and_then(|trust| trust.revoked.reason(leaf)) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn kubeconfig(&mut self, entry: &KubeconfigEntry, leaves: &[(&LeafEntry, Certificate)]) {
        let place = (&entry.path, entry.name.as_str());
        let found = match files::kubeconfig(self.pki.store, &entry.path) {
            Ok(None) if entry.optional => return,
            Ok(None) => Err(format!("{} is missing", entry.path)),
            Ok(Some(found)) => Ok(found),
            Err(why) => Err(why),
        };
        let found = match found {
            Ok(found) => found,
            Err(why) => return self.say(place, Question::Kubeconfig, None, Err(why)),
        };
        let server = found.frame.server.clone();
        let result = self.server(entry, &server, found.authority.as_deref(), leaves);
        self.say(place, Question::Kubeconfig, Some(server), result);
    }

    /// Whether a server's leaf of the authority holds for the host of `url`, by the trust that
    /// the kubeconfig embeds, or else by the authority's file.
    fn server(
        &self,
        entry: &KubeconfigEntry,
        url: &str,
        embedded: Option<&[u8]>,
        leaves: &[(&LeafEntry, Certificate)],
    ) -> Result<(), String> {
        let host = host(url).ok_or_else(|| format!("{url} names no host"))?;
        let trusted = match embedded {
            Some(pem) => Certificate::from_pem(pem).map_err(|error| error.to_string())?,
            None => {
                let bundle = self.trust.get(entry.authority.as_str());
                let bundle = bundle.and_then(|trust| trust.bundle.as_ref());
                let bundle = bundle.ok_or_else(|| format!("{} cannot be read", entry.authority))?;
                bundle
                    .chain()
                    .iter()
                    .chain(bundle.added())
                    .cloned()
                    .collect()
            }
        };
        let anchors: Vec<&Certificate> = trusted.iter().collect();
        let mut last = format!("no server's leaf of {} holds for {host}", entry.authority);
        for (leaf, certificate) in leaves {
            if !leaf.usages.server()
                || leaf.issuer != entry.authority
                || holds_for(certificate, &host).is_err()
            {
                continue;
            }
            match verify_path(
                certificate,
                &[],
                &anchors,
                self.now,
                KeyUsage::server_auth(),
                None,
            ) {
                Ok(()) => return Ok(()),
                Err(why) => last = format!("{}: {why}", leaf.name),
            }
        }
        Err(last)
    }
}

fn revocation<'l>(lists: &'l [&'l CertRevocationList<'l>]) -> Option<RevocationOptions<'l>> {
    let builder = RevocationOptionsBuilder::new(lists).ok()?;
    Some(
        builder
            .with_depth(RevocationCheckDepth::EndEntity)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build(),
    )
}

fn verify_path(
    leaf: &Certificate,
    after: &[Certificate],
    anchors: &[&Certificate],
    now: OffsetDateTime,
    usage: KeyUsage,
    revocation: Option<RevocationOptions<'_>>,
) -> Result<(), String> {
    let wrong = |error: webpki::Error| format!("the path does not verify: {error}");
    let anchors = anchors
        .iter()
        .map(|anchor| anchor_from_trusted_cert(anchor.der()).map_err(wrong))
        .collect::<Result<Vec<_>, _>>()?;
    let between: Vec<CertificateDer<'_>> = after.iter().map(|one| one.der().clone()).collect();
    let end = EndEntityCert::try_from(leaf.der()).map_err(wrong)?;
    end.verify_for_usage(
        verification::ALL,
        &anchors,
        &between,
        unix_time(now)?,
        usage,
        revocation,
        None,
    )
    .map(|_| ())
    .map_err(wrong)
}

/// Whether the leaf holds for a name, as TLS peers look (RFC 9525 §6).
fn holds_for(leaf: &Certificate, name: &SubjectAltName) -> Result<(), String> {
    let wrong = |error: webpki::Error| format!("it does not hold for it: {error}");
    let server = match name {
        SubjectAltName::Ip(address) => ServerName::IpAddress((*address).into()),
        // A wildcard is looked for by a name below it.
        SubjectAltName::Dns(name) => ServerName::try_from(match name.strip_prefix("*.") {
            Some(domain) => format!("any.{domain}"),
            None => name.clone(),
        })
        .map_err(|error| error.to_string())?,
        SubjectAltName::Uri(_) => {
            let found = leaf.facts().names.iter();
            let known = crate::certificate::FoundName::Known(name.clone());
            return found
                .into_iter()
                .any(|found| *found == known)
                .then_some(())
                .ok_or_else(|| "it does not hold for it".to_owned());
        }
    };
    let end = EndEntityCert::try_from(leaf.der()).map_err(wrong)?;
    end.verify_is_valid_for_subject_name(&server).map_err(wrong)
}

/// The host of an `https` URL.
fn host(url: &str) -> Option<SubjectAltName> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split('/').next()?;
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split_once(']')?.0,
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    };
    host.parse().ok()
}

/// A moment as webpki takes it.
fn unix_time(now: OffsetDateTime) -> Result<UnixTime, String> {
    let seconds = u64::try_from(now.unix_timestamp()).map_err(|_| "the clock is before 1970")?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

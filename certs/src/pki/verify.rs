//! The whole tree as its peers judge it: each path, name, pair and list.

use std::collections::{BTreeMap, btree_map};
use std::time::Duration;

use fips_core::digest::{Algorithm, digest};
use fips_core::{Diagnostic, verification};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde::Serialize;
use time::OffsetDateTime;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
    anchor_from_trusted_cert,
};

use super::bundle::Bundle;
use super::files::{self, Pair};
use super::revocation::Revoked;
use super::row::Status;
use super::{Pki, parallel};
use crate::catalogue::{AuthorityEntry, KubeconfigEntry, LeafEntry};
use crate::certificate::Certificate;
use crate::crl::RevocationList;
use crate::error::Error;
use crate::names::SubjectAltName;
use crate::store::EntryPath;

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
    /// The list of each key, read once as webpki has it: one for each leaf would be all of a long
    /// list for each.
    lists: Vec<Option<Result<CertRevocationList<'static>, String>>>,
}

/// What was seen of an entry with a key.
struct Seen<'a> {
    entry: &'a str,
    /// The first is the pair's.
    verdicts: Vec<Verdict>,
    /// The digest of the public key, of a pair that fits.
    key: Option<[u8; 32]>,
    /// The first certificate, of a server's leaf.
    server: Option<Certificate>,
}

/// Whose public keys were seen, by their digests: as short for RSA as for curves.
#[derive(Default)]
struct Keys<'a>(BTreeMap<[u8; 32], &'a str>);

/// A server that kubeconfigs name.
struct Server<'a> {
    /// The authority whose leaf it has.
    authority: &'a str,
    host: SubjectAltName,
    trusted: Vec<Certificate>,
    /// Whether a leaf was found that holds for it.
    answer: Result<(), String>,
}

/// The servers that kubeconfigs name: each is looked for once, however many name it.
#[derive(Default)]
struct Servers<'a> {
    all: Vec<Server<'a>>,
    /// Where each is, by its authority, its host and the trust that is embedded.
    places: BTreeMap<(&'a str, String, Option<Vec<u8>>), usize>,
}

/// What a kubeconfig asks for.
struct Asked<'a> {
    entry: &'a KubeconfigEntry,
    url: Option<String>,
    /// Where among the servers it is.
    server: Result<usize, String>,
}

struct Verifier<'a> {
    pki: &'a Pki<'a>,
    diagnostic: &'a Diagnostic,
    now: OffsetDateTime,
    trust: BTreeMap<&'a str, Trust>,
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
        let mut verdicts = Vec::new();
        self.verify_each(diagnostic, now, |verdict| {
            verdicts.push(verdict);
            Ok::<_, Error>(())
        })?;
        Ok(verdicts)
    }

    /// As [`verify`](Self::verify), and gives `sink` each verdict as it is found, until it fails:
    /// what is in memory does not grow with what is looked at, but for the catalogue, the
    /// register and the lists of each authority, a digest of each key, and what each kubeconfig
    /// asks for.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify); what `sink` answers.
    pub fn verify_each<E: From<Error>>(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        mut sink: impl FnMut(Verdict) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut verifier = Verifier {
            pki: self,
            diagnostic,
            now,
            trust: BTreeMap::new(),
        };
        let mut keys = Keys::default();
        for entry in self.catalogue.authorities() {
            let mut seen = verifier.authority(entry)?;
            keys.compare(&mut seen);
            seen.verdicts.into_iter().try_for_each(&mut sink)?;
        }
        // Before the leaves, so that none of them needs to be kept.
        let mut servers = Servers::default();
        let kubeconfigs = self.catalogue.kubeconfigs().iter();
        let asked: Vec<Asked<'_>> = kubeconfigs
            .filter_map(|entry| verifier.kubeconfig(entry, &mut servers))
            .collect();
        parallel::in_order(
            self.catalogue.leaves(),
            |entry| Some((entry, verifier.leaf(entry)?)),
            |seen| {
                let Some((entry, mut seen)) = seen else {
                    return Ok(());
                };
                keys.compare(&mut seen);
                if let Some(certificate) = &seen.server {
                    servers.answer(entry, certificate, now);
                }
                seen.verdicts.into_iter().try_for_each(&mut sink)
            },
        )?;
        for Asked { entry, url, server } in asked {
            let result = server.and_then(|at| servers.all[at].answer.clone());
            let place = (&entry.path, entry.name.as_str());
            sink(verdict(place, Question::Kubeconfig, url, result))?;
        }
        Ok(())
    }
}

fn verdict(
    (file, entry): (impl ToString, &str),
    question: Question,
    name: Option<String>,
    result: Result<(), String>,
) -> Verdict {
    Verdict {
        file: file.to_string(),
        entry: entry.to_owned(),
        question,
        name,
        failed: result.err(),
    }
}

impl<'a> Keys<'a> {
    /// The pair does not hold when somebody has its key already.
    fn compare(&mut self, seen: &mut Seen<'a>) {
        let Some(key) = seen.key else {
            return;
        };
        match self.0.entry(key) {
            btree_map::Entry::Occupied(other) => {
                if let Some(pair) = seen.verdicts.first_mut() {
                    pair.failed = Some(format!("{} has the same key", other.get()));
                }
            }
            btree_map::Entry::Vacant(place) => {
                place.insert(seen.entry);
            }
        }
    }
}

impl<'a> Servers<'a> {
    /// Where the server at `url` is, judged by the trust that the kubeconfig embeds, or else by
    /// its authority's file.
    fn place(
        &mut self,
        entry: &'a KubeconfigEntry,
        url: &str,
        embedded: Option<&[u8]>,
        trust: Option<&Trust>,
    ) -> Result<usize, String> {
        let host = host(url).ok_or_else(|| format!("{url} names no host"))?;
        let authority = entry.authority.as_str();
        let key = (authority, host.to_string(), embedded.map(<[u8]>::to_vec));
        if let Some(at) = self.places.get(&key) {
            return Ok(*at);
        }
        let trusted = match embedded {
            Some(pem) => Certificate::from_pem(pem).map_err(|error| error.to_string())?,
            None => {
                let bundle = trust.and_then(|trust| trust.bundle.as_ref());
                let bundle = bundle.ok_or_else(|| format!("{authority} cannot be read"))?;
                let certificates = bundle.chain().iter().chain(bundle.added());
                certificates.cloned().collect()
            }
        };
        let at = self.all.len();
        self.places.insert(key, at);
        self.all.push(Server {
            answer: Err(format!("no server's leaf of {authority} holds for {host}")),
            authority,
            host,
            trusted,
        });
        Ok(at)
    }

    /// Takes the leaf of a server: whether it holds for those that none was found for yet.
    fn answer(&mut self, entry: &LeafEntry, leaf: &Certificate, now: OffsetDateTime) {
        for server in &mut self.all {
            if server.answer.is_ok()
                || server.authority != entry.issuer
                || holds_for(leaf, &server.host).is_err()
            {
                continue;
            }
            let anchors: Vec<&Certificate> = server.trusted.iter().collect();
            let usage = KeyUsage::server_auth();
            server.answer = verify_path(leaf, &[], &anchors, now, usage, None)
                .map_err(|why| format!("{}: {why}", entry.name));
        }
    }
}

impl<'a> Verifier<'a> {
    fn authority(&mut self, entry: &'a AuthorityEntry) -> Result<Seen<'a>, Error> {
        let pair = Pair::of_authority(self.pki.store, entry);
        let place = (&entry.certificate, entry.name.as_str());
        let mut seen = self.pair(&pair, place);
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
            seen.verdicts
                .push(verdict(place, Question::Chain, None, result));
            bundle
        });
        for row in &revoked.rows {
            let result = match row.status {
                Status::Ok | Status::Warning => Ok(()),
                _ => Err(row.reasons.join("; ")),
            };
            let place = (&row.file, entry.name.as_str());
            seen.verdicts
                .push(verdict(place, Question::List, None, result));
        }
        let read = |list: &RevocationList| {
            OwnedCertRevocationList::from_der(list.der())
                .map(CertRevocationList::from)
                .map_err(|error| format!("its authority's list: {error}"))
        };
        let trust = Trust {
            bundle,
            lists: revoked.lists().map(|list| list.map(read)).collect(),
            revoked,
        };
        self.trust.insert(&entry.name, trust);
        Ok(seen)
    }

    fn dates(&self, certificate: &Certificate) -> Option<String> {
        if certificate.not_after() < self.now {
            return Some("it has ended".to_owned());
        }
        (certificate.not_before() > self.now).then(|| "it begins later".to_owned())
    }

    /// Whether a pair fits. Whether its key is nobody else's is for those who know the others.
    fn pair(&self, pair: &Pair, (file, entry): (&EntryPath, &'a str)) -> Seen<'a> {
        let (mut key, mut fits) = (None, pair.torn().map_or(Ok(()), Err));
        if let (Ok(()), Some(first)) = (&fits, pair.first()) {
            match digest(Algorithm::Sha256, first.public_key()) {
                Ok(digest) => key = <[u8; 32]>::try_from(digest.as_ref()).ok(),
                Err(error) => fits = Err(format!("its key cannot be compared: {error}")),
            }
        }
        Seen {
            entry,
            verdicts: vec![verdict((file, entry), Question::Pair, None, fits)],
            key,
            server: None,
        }
    }

    /// The verdicts on a leaf; none for one that may be missing, and is.
    fn leaf(&self, entry: &'a LeafEntry) -> Option<Seen<'a>> {
        let place = (entry.file(), entry.name.as_str());
        let pair = match Pair::of_leaf(self.pki.store, entry) {
            Some(pair) => pair,
            None if entry.optional => return None,
            None => Pair::missing(entry),
        };
        let mut seen = self.pair(&pair, place);
        let certificates = pair.certificates.unwrap_or_default();
        let Some((leaf, after)) = certificates.split_first() else {
            return Some(seen);
        };
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
                seen.verdicts.push(verdict(place, question, None, result));
            }
        }
        for name in &entry.names {
            let result = holds_for(leaf, name);
            let name = Some(name.to_string());
            seen.verdicts
                .push(verdict(place, Question::Name, name, result));
        }
        if entry.usages.server() {
            seen.server = certificates.into_iter().next();
        }
        Some(seen)
    }

    /// The path from `leaf` over `after` to the trust of the authority called `issuer`.
    fn path(
        &self,
        issuer: &str,
        leaf: &Certificate,
        after: &[Certificate],
        usage: KeyUsage,
    ) -> Result<(), String> {
        let unread = || format!("its authority {issuer} cannot be read");
        let trust = self.trust.get(issuer).ok_or_else(unread)?;
        let bundle = trust.bundle.as_ref().ok_or_else(unread)?;
        let anchors: Vec<&Certificate> = bundle.chain().iter().chain(bundle.added()).collect();
        let signer = trust.revoked.signer_of(leaf, self.diagnostic);
        let list = signer.and_then(|at| trust.lists.get(at)?.as_ref());
        let list = list.map(Result::as_ref).transpose()?;
        let lists: Vec<&CertRevocationList<'_>> = list.into_iter().collect();
        let revocation = revocation(&lists);
        verify_path(leaf, after, &anchors, self.now, usage, revocation)?;
        // What the register alone says is not in a list yet.
        match trust.revoked.reason(leaf) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// What a kubeconfig asks for; nothing for one that may be missing, and is.
    fn kubeconfig(
        &self,
        entry: &'a KubeconfigEntry,
        servers: &mut Servers<'a>,
    ) -> Option<Asked<'a>> {
        let found = match files::kubeconfig(self.pki.store, &entry.path) {
            Ok(None) if entry.optional => return None,
            Ok(None) => Err(format!("{} is missing", entry.path)),
            Ok(Some(found)) => Ok(found),
            Err(why) => Err(why),
        };
        Some(match found {
            Ok(found) => {
                let url = found.frame.server.clone();
                let trust = self.trust.get(entry.authority.as_str());
                let server = servers.place(entry, &url, found.authority.as_deref(), trust);
                Asked {
                    entry,
                    url: Some(url),
                    server,
                }
            }
            Err(why) => Asked {
                entry,
                url: None,
                server: Err(why),
            },
        })
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

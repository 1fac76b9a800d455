//! Trust anchors and revocation lists in files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::file::{Content, Watch};
use super::part::{Changes, Settling, note_refusal, system};
use super::status::{AnchorStatus, ListStatus, PartStatus, Refused, TrustStatus};
use crate::error::{Error, RevocationFault, TrustFault};
use crate::name;
use crate::peer::PeerIdentity;
use crate::revocation::{self, Revocation};
use crate::trust::{self, Trust};
use crate::{certificate, links};

/// The files of a trust: anchors, and lists of what they have revoked.
#[derive(Clone, Debug)]
pub struct TrustFiles {
    anchors: PathBuf,
    lists: Vec<PathBuf>,
    unlisted_pass: bool,
}

impl TrustFiles {
    /// The anchors, each certificate of a PEM file.
    pub fn new(anchors: impl Into<PathBuf>) -> Self {
        Self {
            anchors: anchors.into(),
            lists: Vec::new(),
            unlisted_pass: false,
        }
    }

    /// Files of revocation lists, as [`Revocation::from_files`] takes them.
    #[must_use]
    pub fn with_revocation_lists<P: Into<PathBuf>>(
        mut self,
        lists: impl IntoIterator<Item = P>,
    ) -> Self {
        self.lists.extend(lists.into_iter().map(Into::into));
        self
    }

    /// As [`Revocation::allowing_unlisted_issuers`].
    #[must_use]
    pub fn allowing_unlisted_issuers(mut self) -> Self {
        self.unlisted_pass = true;
        self
    }
}

/// One file, and the last good of it.
struct Piece<V> {
    file: Watch,
    value: V,
    digest: [u8; 32],
    /// What was last judged and refused.
    tried: Option<[u8; 32]>,
    refused: Option<Refused>,
}

/// What a swap exchanges: the pieces' values and digests.
type Values = (Arc<Trust>, (Trust, [u8; 32]), Vec<(Revocation, [u8; 32])>);

pub(super) struct TrustPart {
    settling: Settling,
    unlisted_pass: bool,
    value: Arc<ArcSwap<Trust>>,
    /// Without lists.
    anchors: Piece<Trust>,
    lists: Vec<Piece<Revocation>>,
    before: Option<Values>,
    /// Of the pieces together.
    refused: Option<Refused>,
}

impl TrustPart {
    pub(super) fn load(
        files: TrustFiles,
        settling: Settling,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let anchors = Piece::load(
            files.anchors,
            trust::MOST_BYTES,
            settling,
            |path, content| judge_anchors(path, content, now),
        )?;
        let lists = files
            .lists
            .into_iter()
            .map(|path| {
                Piece::load(path, revocation::MOST_BYTES, settling, |path, content| {
                    judge_lists(path, content, &anchors.value, now)
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let trust = together(&anchors, &lists, files.unlisted_pass)?;
        Ok(Self {
            settling,
            unlisted_pass: files.unlisted_pass,
            value: Arc::new(ArcSwap::from_pointee(trust)),
            anchors,
            lists,
            before: None,
            refused: None,
        })
    }

    pub(super) fn value(&self) -> Arc<ArcSwap<Trust>> {
        Arc::clone(&self.value)
    }

    fn name(&self) -> String {
        self.anchors.file.path().display().to_string()
    }

    fn values(&self) -> Values {
        (
            self.value.load_full(),
            (self.anchors.value.clone(), self.anchors.digest),
            self.lists
                .iter()
                .map(|piece| (piece.value.clone(), piece.digest))
                .collect(),
        )
    }

    fn set_values(&mut self, (trust, anchors, lists): Values) {
        self.value.store(trust);
        (self.anchors.value, self.anchors.digest) = anchors;
        for (piece, list) in self.lists.iter_mut().zip(lists) {
            (piece.value, piece.digest) = list;
        }
    }
}

impl Changes for TrustPart {
    fn files(&self) -> Vec<PathBuf> {
        let lists = self.lists.iter().map(|piece| &piece.file);
        std::iter::once(&self.anchors.file)
            .chain(lists)
            .map(|file| file.path().to_owned())
            .collect()
    }

    fn look(&mut self, now: UnixTime) -> bool {
        let before = self.values();
        let mut changed = self.anchors.look(self.settling, now, |path, content, _| {
            judge_anchors(path, content, now)
        });
        let trust = &self.anchors.value;
        for piece in &mut self.lists {
            changed |= piece.look(self.settling, now, |path, content, served| {
                let fresh = judge_lists(path, content, trust, now)?;
                judge_succession(path, served, &fresh, self.unlisted_pass)?;
                Ok(fresh)
            });
        }
        if !changed {
            return false;
        }
        match together(&self.anchors, &self.lists, self.unlisted_pass) {
            Ok(trust) => {
                self.value.store(Arc::new(trust));
                self.before = Some(before);
                true
            }
            Err(error) => {
                self.set_values(before);
                let name = self.name();
                note_refusal(&mut self.refused, &name, error.to_string(), now);
                false
            }
        }
    }

    fn swap(&mut self) {
        if let Some(before) = self.before.take() {
            self.before = Some(self.values());
            self.set_values(before);
        }
    }

    fn refuse(&mut self, why: &str, now: UnixTime) {
        let name = self.name();
        note_refusal(&mut self.refused, &name, why.to_owned(), now);
    }

    fn published(&mut self, generation: u64) {
        self.refused = None;
        tracing::info!(
            generation,
            part = self.name(),
            anchors = self.anchors.value.certificates().len(),
            lists = self
                .lists
                .iter()
                .map(|piece| piece.value.lists().count())
                .sum::<usize>(),
            "a new trust is in force: tickets and sessions of the one before are void"
        );
    }

    fn status(&self) -> PartStatus {
        let path = |piece: &Watch| piece.path().to_owned();
        let pieces = self
            .lists
            .iter()
            .map(|piece| (path(&piece.file), piece.refused.clone()));
        let refused = std::iter::once((path(&self.anchors.file), self.anchors.refused.clone()))
            .chain(pieces)
            .chain([(path(&self.anchors.file), self.refused.clone())])
            .filter_map(|(path, refused)| Some((path, refused?)))
            .collect();
        PartStatus::Trust(TrustStatus {
            file: path(&self.anchors.file),
            anchors: self
                .anchors
                .value
                .certificates()
                .iter()
                .filter_map(AnchorStatus::new)
                .collect(),
            lists: self
                .lists
                .iter()
                .flat_map(|piece| {
                    piece
                        .value
                        .lists()
                        .map(|list| ListStatus::new(piece.file.path(), list))
                })
                .collect(),
            refused,
        })
    }
}

impl<V> Piece<V> {
    fn load(
        path: PathBuf,
        most: u64,
        settling: Settling,
        judge: impl FnOnce(&Path, &Content) -> Result<V, Error>,
    ) -> Result<Self, Error> {
        let mut file = Watch::new(path, most);
        let content = settled(settling, &mut file)?;
        let value = judge(file.path(), &content)?;
        Ok(Self {
            file,
            value,
            digest: content.digest,
            tried: None,
            refused: None,
        })
    }

    /// Takes up what is in the file, when it is another and good.
    fn look(
        &mut self,
        settling: Settling,
        now: UnixTime,
        judge: impl FnOnce(&Path, &Content, &V) -> Result<V, Error>,
    ) -> bool {
        let content = match self.file.look() {
            // As at the last look: with it, its refusal stays.
            Ok(None) => return false,
            Ok(Some(content)) if content.digest == self.digest => {
                self.tried = None;
                self.refused = None;
                return false;
            }
            Ok(Some(content)) if self.tried == Some(content.digest) => Ok(content),
            Ok(Some(_)) => settled(settling, &mut self.file),
            Err(error) if self.refused.is_some() && self.tried.is_none() => Err(error),
            Err(_) => settled(settling, &mut self.file),
        };
        let name = self.file.path().display().to_string();
        let judged = content.and_then(|content| {
            self.tried = Some(content.digest);
            if content.digest == self.digest {
                return Ok(None);
            }
            judge(self.file.path(), &content, &self.value)
                .map(|value| Some((value, content.digest)))
        });
        match judged {
            Ok(fresh) => {
                self.tried = None;
                self.refused = None;
                match fresh {
                    None => false,
                    Some((value, digest)) => {
                        (self.value, self.digest) = (value, digest);
                        true
                    }
                }
            }
            Err(error) => {
                if matches!(error, Error::File { .. }) {
                    self.tried = None;
                }
                note_refusal(&mut self.refused, &name, error.to_string(), now);
                false
            }
        }
    }
}

fn settled(settling: Settling, file: &mut Watch) -> Result<Content, Error> {
    settling.read(
        || file.read(),
        |one, other| one.digest == other.digest,
        Content::age,
    )
}

/// Anchors of which one is valid, at least.
fn judge_anchors(path: &Path, content: &Content, now: UnixTime) -> Result<Trust, Error> {
    let judged = Trust::from_pem(&content.bytes).and_then(|trust| {
        let anchors = trust.certificates();
        if !anchors.iter().any(|anchor| links::is_valid_at(anchor, now)) {
            return Err(TrustFault::NoneValid.into());
        }
        Ok(trust)
    });
    judged.map_err(|error| error.in_file(path))
}

/// Lists that speak now, signed by whom they name where that is an anchor.
fn judge_lists(
    path: &Path,
    content: &Content,
    trust: &Trust,
    now: UnixTime,
) -> Result<Revocation, Error> {
    let judged = Revocation::from_content(&content.bytes).and_then(|lists| {
        for list in lists.lists() {
            if !list.is_current_at(system(now)) {
                return Err(RevocationFault::NotCurrent {
                    issuer: name::in_error(list.issuer()),
                    next_update: humantime::format_rfc3339_seconds(list.next_update()).to_string(),
                }
                .into());
            }
        }
        trust.clone().with_revocation(lists.clone())?;
        Ok(lists)
    });
    judged.map_err(|error| error.in_file(path))
}

/// No list brings back what was revoked: none is older than the served, and where issuers without
/// a list pass, none is gone.
fn judge_succession(
    path: &Path,
    served: &Revocation,
    fresh: &Revocation,
    unlisted_pass: bool,
) -> Result<(), Error> {
    let fault = |fault: RevocationFault| Err(Error::from(fault).in_file(path));
    for list in fresh.lists() {
        if let Some(newer) = served.lists().find(|served| list.is_older_than(served)) {
            return fault(RevocationFault::Older {
                issuer: name::in_error(list.issuer()),
                number: list.number().unwrap_or_default(),
                served: newer.number().unwrap_or_default(),
            });
        }
    }
    let gone = served
        .lists()
        .find(|served| !fresh.lists().any(|list| list.issuer() == served.issuer()));
    match gone {
        Some(list) if unlisted_pass => fault(RevocationFault::Gone {
            issuer: name::in_error(list.issuer()),
        }),
        _ => Ok(()),
    }
}

fn together(
    anchors: &Piece<Trust>,
    lists: &[Piece<Revocation>],
    unlisted_pass: bool,
) -> Result<Trust, Error> {
    let trust = anchors.value.clone();
    if lists.is_empty() {
        return Ok(trust);
    }
    let mut all = Revocation::of_all(lists.iter().map(|piece| &piece.value));
    if unlisted_pass {
        all = all.allowing_unlisted_issuers();
    }
    trust.with_revocation(all)
}

impl AnchorStatus {
    fn new(der: &CertificateDer<'_>) -> Option<Self> {
        certificate::parse(der).ok()?;
        let read = PeerIdentity::from_certificate(der).ok()?;
        Some(Self {
            subject: read.subject().to_owned(),
            serial: read.serial().to_owned(),
            not_after: read.not_after(),
        })
    }
}

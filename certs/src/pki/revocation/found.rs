//! What an authority revoked, as found in the store: its register and its list.

use std::collections::BTreeMap;

use fips_core::Diagnostic;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::catalogue::{AuthorityEntry, STATE};
use crate::certificate::Certificate;
use crate::crl::{Register, RevocationList, RevocationReason, key_id};
use crate::error::Error;
use crate::pki::Pki;
use crate::pki::row::{Kind, Row, Status, in_words};
use crate::store::EntryPath;

/// Which of the keys of an authority that are trusted: a rotation has two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pki) enum Side {
    /// The one that signs.
    Active,
    /// The one that will.
    New,
    /// The one that did.
    Old,
}

/// Whether the key of `authority` can sign a list now; one that was made elsewhere may not.
pub(in crate::pki) fn signs_lists(authority: &Certificate, now: OffsetDateTime) -> bool {
    let usages = authority.facts().key_usages;
    usages.is_none_or(|bits| bits.crl_sign)
        && authority.not_before() <= now
        && now < authority.not_after()
}

/// The register of an authority: one for all its keys, each revocation with the key's identifier.
pub(super) fn register_path(authority: &str) -> Result<EntryPath, Error> {
    EntryPath::new(format!("{STATE}revoked/{authority}.json"))
}

/// The places of the list of one key of an authority.
pub(super) struct Places {
    /// The list in DER (RFC 2585 §3).
    pub(super) der: EntryPath,
    /// The list in PEM.
    pub(super) pem: EntryPath,
}

impl Places {
    /// Names of authorities do not end in what marks another key, see the catalogue.
    pub(super) fn new(authority: &str, side: Side) -> Result<Self, Error> {
        let mark = match side {
            Side::Active => "",
            Side::New => ".new",
            Side::Old => ".old",
        };
        Ok(Self {
            der: EntryPath::new(format!("{STATE}crl/{authority}{mark}.crl"))?,
            pem: EntryPath::new(format!("{STATE}crl/{authority}{mark}.crl.pem"))?,
        })
    }
}

/// One key of an authority, and its list.
pub(super) struct KeyList {
    pub(super) side: Side,
    /// The certificate of the key, where it can be read.
    pub(super) certificate: Option<Certificate>,
    /// The list, when that key signed it, whatever its dates.
    pub(super) list: Option<RevocationList>,
    /// Whether the next list is due, and can be issued.
    pub(super) due: bool,
}

/// An authority's revocations.
#[derive(Default)]
pub(in crate::pki) struct Revoked {
    pub(super) register: Option<Register>,
    pub(super) keys: Vec<KeyList>,
    /// What became of the register and of each list; none where there is neither.
    pub(in crate::pki) rows: Vec<Row>,
    /// Since when and why, by the issuer's key and the serial number.
    serials: BTreeMap<(String, String), (OffsetDateTime, RevocationReason)>,
}

impl Revoked {
    /// Why `certificate` of this authority is no longer good: the register or the list says so.
    pub(in crate::pki) fn reason(&self, certificate: &Certificate) -> Option<String> {
        let issuer = match certificate.authority_key_id() {
            Some(id) => data_encoding::HEXUPPER.encode(id),
            // One that does not say which key signed it is of the key that signs.
            None => key_id(self.keys.first()?.certificate.as_ref()?),
        };
        let (since, reason) = self.serials.get(&(issuer, certificate.serial()))?;
        let since = since.format(&Rfc3339).unwrap_or_default();
        Some(format!("it was revoked at {since} ({reason})"))
    }

    /// Which of the keys signed `certificate`: two may be under one name.
    pub(in crate::pki) fn signer_of(
        &self,
        certificate: &Certificate,
        diagnostic: &Diagnostic,
    ) -> Option<usize> {
        self.keys.iter().position(|key| {
            let issuer = key.certificate.as_ref();
            issuer.is_some_and(|one| certificate.verify_issued_by(diagnostic, one).is_ok())
        })
    }

    /// The list of each of the keys.
    pub(in crate::pki) fn lists(&self) -> impl Iterator<Item = Option<&RevocationList>> {
        self.keys.iter().map(|key| key.list.as_ref())
    }
}

impl Pki<'_> {
    /// Reads what `entry`, whose certificate is `authority`, revoked.
    pub(in crate::pki) fn revoked(
        &self,
        diagnostic: &Diagnostic,
        entry: &AuthorityEntry,
        authority: Option<&Certificate>,
        now: OffsetDateTime,
    ) -> Result<Revoked, Error> {
        let path = register_path(&entry.name)?;
        let mut found = Revoked::default();
        let mut spoilt = None;
        match self.store.read(&path) {
            Err(error) => spoilt = Some(error.to_string()),
            Ok(None) => {}
            Ok(Some(json)) => match Register::from_json(&entry.name, &json) {
                Ok(register) => found.register = Some(register),
                Err(why) => spoilt = Some(format!("{path}: {why}")),
            },
        }
        let active = (Side::Active, authority.cloned(), true);
        // What is wrong with a journal is said where rotations are looked at.
        let beside = self.rotation(&entry.name)?.beside().ok().flatten();
        let beside = beside.map(|one| {
            let issuable = one.key.is_some() && signs_lists(&one.certificate, now);
            (one.side, Some(one.certificate), issuable)
        });
        for (side, certificate, issuable) in std::iter::once(active).chain(beside) {
            let places = Places::new(&entry.name, side)?;
            let mut row = Row::new(&places.der, Kind::RevocationList).entry(&entry.name);
            if let (Side::Active, Some(why)) = (side, &spoilt) {
                row.worsen(Status::Torn, why.clone());
            }
            let register = found.register.as_ref();
            let known = certificate.as_ref();
            let list = self.key_list(&mut row, diagnostic, register, &places, known, now);
            let kept = list.is_some() || row.status != Status::Ok;
            let list = list.flatten();
            let half = list.as_ref().is_some_and(|list| due(list, now));
            let due = issuable && (half || row.status != Status::Ok);
            // Of a key that is gone there is what it left, or nothing.
            if kept && (issuable || list.is_some()) {
                found.rows.push(row);
            }
            found.keys.push(KeyList {
                side,
                certificate,
                list,
                due,
            });
        }
        for entry in found
            .register
            .iter()
            .flat_map(|register| &register.revocations)
        {
            let place = (entry.issuer_key_id.clone(), entry.serial.clone());
            found
                .serials
                .insert(place, (entry.revoked_at, entry.reason));
        }
        for key in &found.keys {
            let id = key.certificate.as_ref().map(key_id).unwrap_or_default();
            for entry in key.list.iter().flat_map(RevocationList::entries) {
                let place = (id.clone(), entry.serial.clone());
                let said = (entry.revoked_at, entry.reason);
                found.serials.entry(place).or_insert(said);
            }
        }
        Ok(found)
    }

    /// Reads the list of one key into `row`; none where there is neither register nor list.
    fn key_list(
        &self,
        row: &mut Row,
        diagnostic: &Diagnostic,
        register: Option<&Register>,
        places: &Places,
        certificate: Option<&Certificate>,
        now: OffsetDateTime,
    ) -> Option<Option<RevocationList>> {
        let (der, pem) = (self.store.read(&places.der), self.store.read(&places.pem));
        if matches!((&der, &pem), (Ok(None), Ok(None))) && register.is_none() {
            return None;
        }
        let mut believed = None;
        match &der {
            Err(error) => row.worsen(Status::Torn, error.to_string()),
            Ok(None) => row.worsen(Status::Torn, format!("{} is missing", places.der)),
            Ok(Some(bytes)) => match RevocationList::from_der(bytes) {
                Err(error) => row.worsen(Status::Torn, error.to_string()),
                Ok(list) => {
                    judge(row, &list, now);
                    believed = self.believed(row, diagnostic, certificate, list, now);
                }
            },
        }
        if let (Some(list), Ok(pem)) = (&believed, &pem)
            && pem.as_deref().map(Vec::as_slice) != Some(list.to_pem().as_bytes())
        {
            row.worsen(
                Status::Drifted,
                format!("{} is not the same list", places.pem),
            );
        }
        let id = certificate.map(key_id).unwrap_or_default();
        if let Some(list) = &believed {
            compare(row, register, list, &id);
        }
        Some(believed)
    }

    /// The list, when `authority` signed it.
    fn believed(
        &self,
        row: &mut Row,
        diagnostic: &Diagnostic,
        authority: Option<&Certificate>,
        list: RevocationList,
        now: OffsetDateTime,
    ) -> Option<RevocationList> {
        let Some(authority) = authority else {
            row.worsen(
                Status::Torn,
                "the certificate of its authority cannot be read",
            );
            return None;
        };
        if let Err(why) = list.verify_issued_by(diagnostic, authority) {
            row.worsen(Status::Torn, why.to_string());
            return None;
        }
        if let Err(why) = list.verify(diagnostic, authority, now)
            && row.status < Status::NotYetValid
        {
            row.worsen(Status::Drifted, why.to_string());
        }
        Some(list)
    }
}

/// Fills in what the list says, and judges its dates.
fn judge(row: &mut Row, list: &RevocationList, now: OffsetDateTime) {
    row.issuer = Some(list.issuer().to_owned());
    row.serial = list.number().map(str::to_owned);
    row.not_before = Some(list.this_update());
    let Some(next) = list.next_update() else {
        return;
    };
    let left = next - now;
    row.expires = Some(next);
    row.residual_seconds = Some(left.whole_seconds());
    row.residual = Some(in_words(left));
    if left.is_negative() {
        let why = format!(
            "it ended {} ago: peers take it no more",
            in_words(left.abs())
        );
        row.worsen(Status::Expired, why);
    } else if list.this_update() > now {
        let wait = in_words(list.this_update() - now);
        row.worsen(
            Status::NotYetValid,
            format!("it begins in {wait}; see the clock"),
        );
    } else if due(list, now) {
        let why = format!("it ends in {}; the next one is due", in_words(left));
        row.worsen(Status::Warning, why);
    }
}

/// Whether the next list is due: less than half of this one's time is left.
fn due(list: &RevocationList, now: OffsetDateTime) -> bool {
    list.next_update()
        .is_none_or(|next| next - now < (next - list.this_update()) / 2)
}

/// What differs between the register and the list.
fn compare(row: &mut Row, register: Option<&Register>, list: &RevocationList, id: &str) {
    let Some(register) = register else {
        let why = "its register is missing; the next list takes over what this one says";
        return row.worsen(Status::Drifted, why);
    };
    let unlisted = register
        .revocations
        .iter()
        .filter(|entry| entry.issuer_key_id == id && entry.not_after >= list.this_update())
        .filter(|entry| list.entry(&entry.serial).is_none())
        .count();
    if unlisted > 0 {
        let why = format!("it lacks {unlisted} revocations of the register; issue the next one");
        row.worsen(Status::Drifted, why);
    }
    let unknown = list
        .entries()
        .filter(|entry| !register.has(&entry.serial))
        .count();
    if unknown > 0 {
        let why = format!(
            "the register lacks {unknown} of its revocations; the next list takes them over"
        );
        row.worsen(Status::Drifted, why);
    }
}

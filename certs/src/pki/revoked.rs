//! What an authority revoked, as found in the store: its register and its list.

use std::collections::BTreeMap;

use fips_core::Diagnostic;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Pki;
use super::row::{Kind, Row, Status, in_words};
use crate::catalogue::{AuthorityEntry, STATE};
use crate::certificate::Certificate;
use crate::crl::{Register, RevocationList, RevocationReason, key_id};
use crate::error::Error;
use crate::store::EntryPath;

/// The places of an authority's register and list.
pub(super) struct Places {
    pub(super) register: EntryPath,
    /// The list in DER (RFC 2585 §3).
    pub(super) der: EntryPath,
    /// The list in PEM.
    pub(super) pem: EntryPath,
}

impl Places {
    pub(super) fn new(authority: &str) -> Result<Self, Error> {
        Ok(Self {
            register: EntryPath::new(format!("{STATE}revoked/{authority}.json"))?,
            der: EntryPath::new(format!("{STATE}crl/{authority}.crl"))?,
            pem: EntryPath::new(format!("{STATE}crl/{authority}.crl.pem"))?,
        })
    }
}

/// An authority's revocations.
#[derive(Default)]
pub(super) struct Revoked {
    pub(super) register: Option<Register>,
    /// The list, when the authority signed it, whatever its dates.
    pub(super) list: Option<RevocationList>,
    /// What became of register and list; none where there is neither.
    pub(super) row: Option<Row>,
    /// Since when and why, by the serial numbers of this authority's key.
    serials: BTreeMap<String, (OffsetDateTime, RevocationReason)>,
}

impl Revoked {
    /// Why `certificate` of this authority is no longer good: the register or the list says so.
    pub(super) fn reason(&self, certificate: &Certificate) -> Option<String> {
        let (since, reason) = self.serials.get(&certificate.serial())?;
        let since = since.format(&Rfc3339).unwrap_or_default();
        Some(format!("it was revoked at {since} ({reason})"))
    }
}

impl Pki<'_> {
    /// Reads what `entry`, whose certificate is `authority`, revoked.
    pub(super) fn revoked(
        &self,
        diagnostic: &Diagnostic,
        entry: &AuthorityEntry,
        authority: Option<&Certificate>,
        now: OffsetDateTime,
    ) -> Result<Revoked, Error> {
        let places = Places::new(&entry.name)?;
        let mut found = Revoked::default();
        let read = |path: &EntryPath| self.store.read(path);
        let mut row = Row::new(&places.der, Kind::RevocationList);
        match read(&places.register) {
            Err(error) => row.worsen(Status::Torn, error.to_string()),
            Ok(None) => {}
            Ok(Some(json)) => match Register::from_json(&entry.name, &json) {
                Ok(register) => found.register = Some(register),
                Err(why) => row.worsen(Status::Torn, format!("{}: {why}", places.register)),
            },
        }
        let (der, pem) = (read(&places.der), read(&places.pem));
        if matches!((&der, &pem), (Ok(None), Ok(None))) && found.register.is_none() {
            found.row = (row.status != Status::Ok).then_some(row);
            return Ok(found);
        }
        match &der {
            Err(error) => row.worsen(Status::Torn, error.to_string()),
            Ok(None) => row.worsen(Status::Torn, format!("{} is missing", places.der)),
            Ok(Some(bytes)) => match RevocationList::from_der(bytes) {
                Err(error) => row.worsen(Status::Torn, error.to_string()),
                Ok(list) => {
                    judge(&mut row, &list, now);
                    found.list = self.believed(&mut row, diagnostic, authority, list, now);
                }
            },
        }
        if let (Some(list), Ok(pem)) = (&found.list, &pem)
            && pem.as_deref().map(Vec::as_slice) != Some(list.to_pem().as_bytes())
        {
            row.worsen(
                Status::Drifted,
                format!("{} is not the same list", places.pem),
            );
        }
        let id = authority.map(key_id).unwrap_or_default();
        compare(&mut row, &found, &id);
        for entry in found
            .register
            .iter()
            .flat_map(|register| &register.revocations)
        {
            if entry.issuer_key_id == id {
                let said = (entry.revoked_at, entry.reason);
                found.serials.insert(entry.serial.clone(), said);
            }
        }
        for entry in found.list.iter().flat_map(RevocationList::entries) {
            let said = (entry.revoked_at, entry.reason);
            found.serials.entry(entry.serial.clone()).or_insert(said);
        }
        found.row = Some(row);
        Ok(found)
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
pub(super) fn due(list: &RevocationList, now: OffsetDateTime) -> bool {
    list.next_update()
        .is_none_or(|next| next - now < (next - list.this_update()) / 2)
}

/// What differs between the register and the list.
fn compare(row: &mut Row, found: &Revoked, id: &str) {
    let Some(list) = &found.list else {
        return;
    };
    let Some(register) = &found.register else {
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
        .filter(|entry| register.find(id, &entry.serial).is_none())
        .count();
    if unknown > 0 {
        let why = format!(
            "the register lacks {unknown} of its revocations; the next list takes them over"
        );
        row.worsen(Status::Drifted, why);
    }
}

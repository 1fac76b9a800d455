//! A snapshot as Prometheus reads it.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use fips_certs::pki::Kind;

use crate::snapshot::Snapshot;

/// The content type of [`render`]'s answer.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCertificate {
    file: String,
    entry: String,
    position: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WithStatus {
    file: String,
    entry: String,
    position: u64,
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfBoundary {
    opening: String,
    waived: String,
    statement: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfHook {
    hook: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pending {
    hook: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRotation {
    name: String,
    phase: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfList {
    authority: String,
    file: String,
}

type Number = Gauge<i64, AtomicI64>;
type Count = Counter<u64, AtomicU64>;

/// The text of every metric. `open` is whether the gate still is.
pub(crate) fn render(snapshot: &Snapshot, open: bool) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("fips");
    certificates(&mut registry, snapshot);
    let boundary = Family::<OfBoundary, Number>::default();
    boundary
        .get_or_create(&OfBoundary {
            opening: snapshot.opening.to_owned(),
            waived: snapshot.waived.join(", "),
            statement: snapshot.statement.clone(),
        })
        .set(i64::from(open));
    registry.register(
        "boundary_open",
        "Whether the gate is open, and how it was opened",
        boundary,
    );
    hooks(&mut registry, snapshot);
    let rotations = Family::<OfRotation, Number>::default();
    for (name, phase) in &snapshot.rotations {
        let (name, phase) = (name.clone(), *phase);
        rotations.get_or_create(&OfRotation { name, phase }).set(1);
    }
    registry.register(
        "rotation_phase",
        "The phase of each rotation that has begun; 1 for what it is",
        rotations,
    );
    let number = |registry: &mut Registry, name: &str, help: &str, value: i64| {
        let gauge = Number::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    let seconds =
        |time: Option<time::OffsetDateTime>| time.map_or(0, time::OffsetDateTime::unix_timestamp);
    for (name, help, value) in [
        (
            "agent_start_timestamp_seconds",
            "When the agent started",
            snapshot.started.unix_timestamp(),
        ),
        (
            "last_look_timestamp_seconds",
            "When the agent last looked with success; 0: never",
            seconds(snapshot.looked),
        ),
        (
            "next_look_timestamp_seconds",
            "When the agent will look again; 0: unknown",
            seconds(snapshot.next),
        ),
        (
            "renewals_blocked",
            "How many certificates should be renewed and cannot",
            i64::try_from(snapshot.blocked.len()).unwrap_or(i64::MAX),
        ),
        (
            "renewals_held",
            "Whether renewals wait for a steady clock",
            i64::from(snapshot.held.is_some()),
        ),
        (
            "failures_in_a_row",
            "How many looks have failed in a row",
            snapshot.failures_in_a_row.into(),
        ),
    ] {
        number(&mut registry, name, help, value);
    }
    if let Some(current) = snapshot.endpoint_current {
        number(
            &mut registry,
            "endpoint_certificate_current",
            "Whether the endpoint serves the certificate on disk",
            current.into(),
        );
    }
    for (name, help, value) in [
        (
            "renewals",
            "Certificates renewed since the agent started",
            snapshot.renewed,
        ),
        (
            "failures",
            "Looks that failed since the agent started",
            snapshot.failures,
        ),
    ] {
        let counter = Count::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn certificates(registry: &mut Registry, snapshot: &Snapshot) {
    let expiry = Family::<OfCertificate, Number>::default();
    let begin = Family::<OfCertificate, Number>::default();
    let status = Family::<WithStatus, Number>::default();
    let next_update = Family::<OfList, Number>::default();
    for row in &*snapshot.rows {
        if let (Kind::RevocationList, Some(ends)) = (row.kind, row.expires) {
            // Two of one authority while it rotates.
            let of = OfList {
                authority: row.entry.clone().unwrap_or_default(),
                file: row.file.clone(),
            };
            next_update.get_or_create(&of).set(ends.unix_timestamp());
        }
        let of = OfCertificate {
            file: row.file.clone(),
            entry: row.entry.clone().unwrap_or_default(),
            position: row.position as u64,
        };
        if let Some(expires) = row.expires {
            expiry.get_or_create(&of).set(expires.unix_timestamp());
        }
        if let Some(begins) = row.not_before {
            begin.get_or_create(&of).set(begins.unix_timestamp());
        }
        let OfCertificate {
            file,
            entry,
            position,
        } = of;
        status
            .get_or_create(&WithStatus {
                file,
                entry,
                position,
                status: row.status.name().to_owned(),
            })
            .set(1);
    }
    registry.register(
        "certificate_expiry_timestamp_seconds",
        "The last second of each certificate's validity",
        expiry,
    );
    registry.register(
        "certificate_begin_timestamp_seconds",
        "The first second of each certificate's validity",
        begin,
    );
    registry.register(
        "crl_next_update_timestamp_seconds",
        "By when the next revocation list of each authority is issued",
        next_update,
    );
    registry.register(
        "certificate_status",
        "What each certificate comes to; 1 for what it is",
        status,
    );
}

fn hooks(registry: &mut Registry, snapshot: &Snapshot) {
    let runs = Family::<OfHook, Count>::default();
    let pending = Family::<Pending, Number>::default();
    for (name, hook) in &snapshot.hooks {
        for (outcome, count) in [("done", hook.done), ("failed", hook.failed)] {
            let of = OfHook {
                hook: name.clone(),
                outcome,
            };
            runs.get_or_create(&of).inc_by(count);
        }
        let of = Pending { hook: name.clone() };
        pending.get_or_create(&of).set(hook.pending.into());
    }
    registry.register("hook_runs", "How often each hook ran", runs);
    registry.register("hook_pending", "Whether a hook is owed a run", pending);
}

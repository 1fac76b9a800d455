use std::fmt::{Display, Error};

use prometheus_client::collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use super::{Outcomes, snapshot};

/// The counters of this process, for a registry of prometheus-client: read on each scrape.
///
/// ```
/// use prometheus_client::{encoding::text::encode, registry::Registry};
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(fips_tls::counters::Collector::new()));
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("fips_tls_reloads"));
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Collector;

impl Collector {
    /// The one there is.
    pub const fn new() -> Self {
        Self
    }
}

type Row<'a> = (Vec<(&'static str, &'a str)>, u64);

impl collector::Collector for Collector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let counted = snapshot();
        let handshakes: Vec<_> = counted
            .handshakes
            .iter()
            .map(|row| {
                let labels = [
                    ("side", row.side.name().to_owned()),
                    ("version", row.version.to_string()),
                    ("suite", row.suite.to_string()),
                    ("group", named(row.group)),
                    ("resumed", row.resumed.to_string()),
                ];
                (labels, row.count)
            })
            .collect();
        family(
            &mut encoder,
            "fips_tls_handshakes",
            "Finished handshakes whose peer was taken",
            handshakes.iter().map(|(labels, count)| {
                let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
                (labels.collect(), *count)
            }),
        )?;
        family(
            &mut encoder,
            "fips_tls_handshake_failures",
            "Handshakes that failed, by reason",
            counted.failures.iter().map(|row| {
                let labels = vec![("side", row.side.name()), ("reason", row.reason.name())];
                (labels, row.count)
            }),
        )?;
        for (name, help, [good, bad], outcomes) in [
            (
                "fips_tls_tickets_opened",
                "Tickets that clients offered",
                ["opened", "not-taken"],
                counted.tickets_opened,
            ),
            (
                "fips_tls_tickets_sealed",
                "Tickets made for clients",
                ["sealed", "failed"],
                counted.tickets_sealed,
            ),
            (
                "fips_tls_chain_cache",
                "Peers' chains, found among those judged before or not",
                ["hit", "miss"],
                counted.chain_cache,
            ),
            (
                "fips_tls_reloads",
                "Reloads of identities, trust and revocation lists",
                ["taken", "refused"],
                counted.reloads,
            ),
        ] {
            let Outcomes {
                good: of_good,
                bad: of_bad,
            } = outcomes;
            let rows = [(good, of_good), (bad, of_bad)];
            let rows = rows.map(|(result, count)| (vec![("result", result)], count));
            family(&mut encoder, name, help, rows.into_iter())?;
        }
        let services: Vec<_> = counted
            .indicator
            .iter()
            .map(|row| (row.service.to_string(), row.count))
            .collect();
        family(
            &mut encoder,
            "fips_module_calls",
            "Calls of the module by service and the indicator's answer",
            services.iter().flat_map(|(service, count)| {
                let answers = [
                    ("approved", count.approved),
                    ("dropped", count.dropped),
                    ("excepted", count.excepted),
                    ("failed", count.failed),
                ];
                answers.map(|(answer, count)| {
                    (
                        vec![("service", service.as_str()), ("answer", answer)],
                        count,
                    )
                })
            }),
        )
    }
}

fn named(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn family<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl Iterator<Item = Row<'a>>,
) -> Result<(), Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in rows {
        ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

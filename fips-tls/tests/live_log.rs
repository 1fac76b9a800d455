//! What a configuration that follows its files writes to the log: in a process of its own, since
//! its thread writes, too.

#[allow(dead_code, unreachable_pub, reason = "one test takes what it needs")]
#[path = "live/files.rs"]
mod files;
mod support;

use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use files::{Node, replace, serial};

/// What is written to the log of one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("fips_tls::live")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = (*event.metadata().level(), text.0);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

#[test]
fn log_and_counters_have_each_change_and_each_reason_once() {
    let node = Node::new();
    let live = node.still();
    let log = Log::default();
    let next = node.ca.leaf();
    // For the thread that looks by itself, too.
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    for _ in 0..3 {
        live.reload();
    }
    replace(&node.path("node.crt"), &next.chain);
    for _ in 0..3 {
        live.reload();
    }
    replace(&node.path("node.crt"), "");
    for _ in 0..3 {
        live.reload();
    }
    node.write(&next);
    for _ in 0..3 {
        live.reload();
    }
    let mut lines = log.0.lock().unwrap();
    // Of parts: not that there are no events.
    lines.retain(|(_, line)| line.contains("part="));
    let [torn, empty, taken] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(torn.0, Level::WARN);
    assert!(torn.1.contains("does not belong to the certificate"));
    assert_eq!(empty.0, Level::WARN);
    assert!(empty.1.contains("no certificate in it"));
    assert_eq!(taken.0, Level::INFO);
    assert!(taken.1.contains(&serial(&next)) && taken.1.contains("generation=2"));

    let counted = fips_tls::counters::snapshot().reloads;
    assert_eq!((counted.good, counted.bad), (1, 2));
}

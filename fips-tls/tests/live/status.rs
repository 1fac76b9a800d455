//! What is said about it all.

use std::path::Path;

use fips_tls::live::TrustFiles;
use serde_json::Value;

use crate::files::{NEVER, Node, replace, serial};

#[test]
fn in_words_and_in_json() {
    let node = Node::new();
    let files = node.watched().with_interval(NEVER).without_events();
    let trust = TrustFiles::new(node.path("ca.crt")).with_revocation_lists([node.path("ca.crl")]);
    let live = node.mutual(files, trust).unwrap();
    let next = node.ca.leaf();
    replace(&node.path("node.crt"), &next.chain);
    replace(&node.path("ca.crl"), "nothing");
    let status = live.reload();

    let json: Value = serde_json::to_value(&status).unwrap();
    assert_eq!(json["generation"], 1);
    let identity = &json["parts"][0];
    assert_eq!(identity["part"], "identity");
    assert_eq!(identity["served"]["serial"], *serial(&node.first));
    assert_eq!(identity["on_disk"], *serial(&next));
    assert_eq!(identity["differs"], true);
    let time = identity["served"]["not_after"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    let trust = &json["parts"][1];
    assert_eq!(trust["part"], "trust");
    assert_eq!(trust["anchors"][0]["subject"], "CN=live CA");
    assert_eq!(trust["lists"][0]["number"], "01");
    let refused = &trust["refused"][0];
    assert_eq!(Path::new(refused[0].as_str().unwrap()), node.path("ca.crl"));

    let text = status.to_string();
    for part in [
        "generation 1, loaded 20",
        &format!("  served  {}  until 20", serial(&node.first)),
        &format!("  on disk {}\n", serial(&next)),
        "  refused since 20",
        "does not belong to the certificate",
        "  list    number 01  until 20",
        "CN=live CA",
        "no revocation list in it",
        "changes are found by looking alone",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    // No key, nor a part of one.
    let shown = format!("{text}{json}{live:?}");
    for line in node.first.key.lines().chain(next.key.lines()) {
        assert!(line.starts_with("-----") || !shown.contains(line));
    }
}

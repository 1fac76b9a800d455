//! What lies outside of RKE2's tree, in the folder `agent` of each node.

use crate::Outcome;
use crate::run::{NODE, Run};

/// Makes the folder, or brings it up to what the tree is now; nothing for kubeadm, whose tree has
/// it all.
pub(crate) fn make(run: &Run) -> Outcome {
    if run.layout.name != "rke2" {
        return Ok(());
    }
    // `server` and `agent` are neighbours in the data directory.
    let folder = run.root.with_file_name("agent");
    let folder = folder.to_string_lossy();
    let words = [
        "pki",
        "node",
        run.root_text(),
        NODE,
        "--node-ip",
        "127.0.0.1",
    ];
    run.fipsctl(&[&words[..], &["--out", &folder]].concat())
        .map(drop)
}

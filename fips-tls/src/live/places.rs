//! Which directories a change of a file can be seen in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Links followed, as many as Linux does.
const MOST_LINKS: usize = 40;

/// The directory of the file and, where the way to it leads over symbolic links, the directory of
/// each link and of its target: a link is changed in the directory it stands in, as Kubernetes
/// changes `..data`.
pub(super) fn of(path: &Path) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::new();
    let mut pending = vec![std::path::absolute(path).unwrap_or_else(|_| path.to_owned())];
    let mut links = 0;
    while let Some(path) = pending.pop() {
        if let Some(parent) = path.parent() {
            places.insert(existing(parent));
        }
        for part in path.ancestors() {
            let (Ok(target), Some(parent)) = (fs::read_link(part), part.parent()) else {
                continue;
            };
            places.insert(existing(parent));
            links += 1;
            if links <= MOST_LINKS {
                pending.push(parent.join(target));
            }
        }
    }
    places
}

/// The directory, or the nearest above it that is there.
fn existing(directory: &Path) -> PathBuf {
    let mut all = directory.ancestors();
    let found = all.find(|directory| directory.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn of_each_link_and_each_target() {
        let folder = tempfile::tempdir().unwrap();
        // A temporary directory can stand behind a link itself.
        let root = folder.path().canonicalize().unwrap();
        for directory in ["mount/..1", "other", "way"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::write(root.join("mount/..1/tls.crt"), "").unwrap();
        symlink("..1", root.join("mount/..data")).unwrap();
        symlink("..data/tls.crt", root.join("mount/tls.crt")).unwrap();
        symlink("../mount", root.join("way/in")).unwrap();

        let found = of(&root.join("way/in/tls.crt"));
        // The link `in`, the links in `mount`, and where `..data` leads.
        for place in ["way", "mount", "mount/..data"] {
            let place = root.join(place).canonicalize().unwrap();
            assert!(
                found
                    .iter()
                    .any(|found| found.canonicalize().unwrap() == place),
                "{place:?}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_awaited_above_and_a_loop_ends() {
        let folder = tempfile::tempdir().unwrap();
        let found = of(&folder.path().join("not/yet/tls.crt"));
        assert!(found.contains(folder.path()), "{found:?}");

        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(of(&folder.path().join("a")).contains(folder.path()));
    }
}

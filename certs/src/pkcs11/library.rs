//! The libraries of tokens in this process: each loaded and initialized once, for its life.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Answer, RvError};

use super::fault;

/// Never finalized: another part of the process may use the same library.
static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The library at `path`, which is code that this process will run.
pub(super) fn load(path: &Path) -> Result<Pkcs11, String> {
    let path = path
        .canonicalize()
        .map_err(|error| format!("its library cannot be found: {error}"))?;
    // Held throughout: C_Initialize may be called by one thread alone.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = loaded.get(&path) {
        return Ok(library.clone());
    }
    trusted(&path)?;
    let library = Pkcs11::new(&path).map_err(|answer| fault::words(&answer))?;
    let locks = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    match library.initialize(locks) {
        Ok(()) | Err(Answer::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(answer) => return Err(fault::words(&answer)),
    }
    loaded.insert(path, library.clone());
    Ok(library)
}

/// Whether nobody but root and this user can change the file, or put another in its place.
fn trusted(path: &Path) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    for place in path.ancestors() {
        let status = place
            .metadata()
            .map_err(|error| format!("{}: {error}", place.display()))?;
        let mode = status.mode();
        // In a sticky directory others cannot move what is not theirs.
        let writable = mode & 0o022 != 0 && !(status.is_dir() && mode & 0o1000 != 0);
        if writable || (status.uid() != 0 && status.uid() != user) {
            return Err(format!(
                "its library is not loaded: {} has mode {:04o} and belongs to user {}, so others \
                 can change what would run here; install it where only root writes",
                place.display(),
                mode & 0o7777,
                status.uid()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_library_that_others_can_change_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token.so");
        fs::write(&file, "no library").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        for (file_mode, folder_mode) in [(0o664, 0o700), (0o646, 0o700), (0o644, 0o770)] {
            set(&file, file_mode);
            set(folder.path(), folder_mode);
            let why = load(&file).unwrap_err();
            assert!(why.contains("not loaded"), "{why}");
        }
        set(&file, 0o644);
        set(folder.path(), 0o755);
        let why = load(&file).unwrap_err();
        assert!(!why.contains("not loaded"), "it is tried: {why}");
        let why = load(&folder.path().join("missing.so")).unwrap_err();
        assert!(why.contains("cannot be found"), "{why}");
    }

    #[test]
    fn a_library_that_is_none_of_a_token_is_refused() {
        let why = load(Path::new("/proc/self/exe")).unwrap_err();
        assert!(!why.is_empty());
    }
}

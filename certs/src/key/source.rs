//! Where an authority's key lies.

use serde::{Deserialize, Serialize};

use super::Pkcs11Uri;

/// Where an authority's key lies, and in which form. Part of a PKI's record; holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeySource {
    /// Out of this program's reach: its certificates are made where it is.
    External,
    /// In a file, as it is.
    #[default]
    File,
    /// On a PKCS#11 token.
    Pkcs11(Pkcs11Uri),
    /// In a file, sealed under a passphrase or a key file
    /// ([`SEALED_LABEL`](super::SEALED_LABEL)).
    SealedFile,
}

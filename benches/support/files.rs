//! The certificates of both ends, as PEM.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::{
    Authority, AuthorityParams, LeafParams, Subject, SubjectAltName, SystemClock, Usages,
};
use fips_boundary::core::Boundary;
use fips_boundary::tls::{Identity, Trust};
use zeroize::Zeroizing;

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate below the authority, and its key.
pub(crate) struct Shown {
    certificate: String,
    key: Zeroizing<String>,
}

/// An authority and one certificate for each end.
pub(crate) struct Files {
    authority: String,
    pub(crate) client: Shown,
    pub(crate) server: Shown,
}

impl Files {
    pub(crate) fn new(boundary: &Boundary, key_type: KeyType) -> Self {
        Self::below(boundary, &authority(boundary, key_type), key_type)
    }

    pub(crate) fn below(boundary: &Boundary, ca: &Authority, key_type: KeyType) -> Self {
        Self {
            client: shown(boundary, ca, key_type, Usages::Client),
            server: shown(boundary, ca, key_type, Usages::Server),
            authority: ca.certificate().to_pem(),
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(&self.authority).expect("an authority that may be trusted")
    }

    pub(crate) fn identity(&self, boundary: &Boundary, shown: &Shown) -> Identity {
        Identity::from_pem(boundary, &shown.certificate, shown.key.as_bytes()).expect("an identity")
    }

    /// `ca.pem`, `client.pem`, `client.key`, `server.pem`, `server.key`.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("ca.pem"), &self.authority)?;
        for (name, shown) in [("client", &self.client), ("server", &self.server)] {
            fs::write(folder.join(name).with_extension("pem"), &shown.certificate)?;
            fs::write(folder.join(name).with_extension("key"), &*shown.key)?;
        }
        Ok(())
    }

    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let shown = |name: &str| {
            Ok::<_, io::Error>(Shown {
                certificate: fs::read_to_string(folder.join(name).with_extension("pem"))?,
                key: fs::read_to_string(folder.join(name).with_extension("key"))?.into(),
            })
        };
        Ok(Self {
            authority: fs::read_to_string(folder.join("ca.pem"))?,
            client: shown("client")?,
            server: shown("server")?,
        })
    }
}

pub(crate) fn authority(boundary: &Boundary, key_type: KeyType) -> Authority {
    let subject = Subject::new("bench authority").expect("a subject");
    let key = key::generate(boundary, key_type).expect("a key");
    AuthorityParams::new(subject, 30 * DAY)
        .self_signed(key, &SystemClock)
        .expect("an authority")
}

fn shown(boundary: &Boundary, ca: &Authority, key_type: KeyType, usages: Usages) -> Shown {
    let key = key::generate(boundary, key_type).expect("a key");
    let certificate = LeafParams::new(Subject::new("peer").expect("a subject"), usages, DAY)
        .with_names([SubjectAltName::dns("localhost").expect("a name")])
        .signed_by(&key, ca, &SystemClock)
        .expect("a certificate");
    Shown {
        certificate: certificate.to_pem(),
        key: key::to_pem(&key).expect("PEM"),
    }
}

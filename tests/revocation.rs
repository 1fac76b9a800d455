//! What this project's PKI revokes, this project's TLS refuses: with the lists as they lie on the
//! disk, through every phase of a rotation of the authority.
#![cfg(feature = "evaluation")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::crl::{RevocationListParams, RevocationReason};
use fips_boundary::certs::pki::rotation::{Advance, Phase};
use fips_boundary::certs::pki::{RenewalPolicy, Target};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::{Boundary, Diagnostic, Requirements};
use fips_boundary::tls::{
    ClientConfig, Identity, Profile, RefusalReason, Revocation, ServerConfig, Trust, last_refusal,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

const NAME: &str = "etcd/server-ca";

fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

struct Tree {
    work: tempfile::TempDir,
    store: DirStore,
}

impl Tree {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let store = DirStore::create_or_open(work.path().join("server")).unwrap();
        let mut options = Options::new(Program::Rke2, "localhost");
        // An RSA key takes its time.
        options.service_account_key = fips_boundary::certs::key::KeyType::P256;
        let catalogue = Catalogue::new(options).unwrap();
        Pki::init(&boundary(), &store, catalogue, &SystemClock).unwrap();
        Self { work, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join("server").join(name)
    }

    /// A leaf as it lies there now.
    fn identity(&self, name: &str) -> Identity {
        let file = |end: &str| self.path(&format!("tls/etcd/{name}.{end}"));
        Identity::from_files(&boundary(), file("crt"), file("key")).unwrap()
    }

    /// The authority's file, with every list that lies there.
    fn trust(&self) -> Trust {
        let lists = ["server-ca.crl", "server-ca.new.crl", "server-ca.old.crl"]
            .map(|list| self.path(&format!("fips/crl/etcd/{list}")));
        let lists = lists.iter().filter(|list| list.exists());
        Trust::from_file(self.path("tls/etcd/server-ca.crt"))
            .unwrap()
            .with_revocation(Revocation::from_files(lists).unwrap())
            .unwrap()
    }

    fn revoke(&self, name: &str) {
        let pki = Pki::open(&self.store).unwrap();
        let target = Target::Entry(name.into());
        let reason = RevocationReason::KeyCompromise;
        let diagnostic = Diagnostic::new().unwrap();
        let plan = pki
            .revocations(&diagnostic, SystemClock.now(), &[target], reason)
            .unwrap();
        let params = RevocationListParams::default();
        pki.revoke(&boundary(), &plan, &params, &SystemClock)
            .unwrap();
    }

    /// What is revoked is due.
    fn renew(&self) {
        let pki = Pki::open(&self.store).unwrap();
        let policy = RenewalPolicy::default();
        let plan = pki
            .renewals(&Diagnostic::new().unwrap(), SystemClock.now(), &policy)
            .unwrap();
        pki.renew(&boundary(), &plan, &SystemClock).unwrap();
    }

    fn next(&self) -> Option<Phase> {
        let pki = Pki::open(&self.store).unwrap();
        let rotation = pki.rotation(NAME).unwrap();
        let mut advance = Advance::default();
        advance.force = true;
        let report = rotation.next(&boundary(), &advance, &SystemClock);
        report.unwrap().phase
    }
}

/// Whether a server that trusts by these files takes the client.
fn takes(tree: &Tree, client: &Identity) -> Result<(), RefusalReason> {
    let server = ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(tree.identity("server-client"))
        .with_client_trust(tree.trust())
        .build()
        .unwrap();
    let config = ClientConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_trust(tree.trust())
        .with_identity(client.clone())
        .build()
        .unwrap();
    last_refusal();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(config.rustls(), name.clone()).unwrap();
    let mut server_end = ServerConnection::new(server.rustls()).unwrap();
    client.writer().write_all(b"hello").unwrap();
    while client.wants_write() || server_end.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = &wire[..];
        while !wire.is_empty() {
            server_end.read_tls(&mut wire).unwrap();
            if server_end.process_new_packets().is_err() {
                return Err(last_refusal().unwrap().reason);
            }
        }
        let mut wire = Vec::new();
        while server_end.wants_write() {
            server_end.write_tls(&mut wire).unwrap();
        }
        let mut wire = &wire[..];
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    let mut said = [0; 5];
    server_end.reader().read_exact(&mut said).unwrap();
    assert!(server.session(&server_end).unwrap().peer.is_some());
    assert!(config.session(&name, &client).unwrap().peer.is_some());
    Ok(())
}

fn lists(path: &Path) -> usize {
    fs::read_dir(path)
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            let name = name.to_str().unwrap().to_owned();
            name.starts_with("server-ca") && name.ends_with(".crl")
        })
        .count()
}

#[test]
fn who_was_revoked_stays_out_through_every_phase_of_a_rotation() {
    let tree = Tree::new();
    let stolen = tree.identity("client");
    tree.revoke("etcd/client");
    assert_eq!(takes(&tree, &stolen), Err(RefusalReason::Revoked));
    tree.renew();
    let good = tree.identity("client");
    assert_eq!(takes(&tree, &good), Ok(()));

    let pki = Pki::open(&tree.store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    rotation.start(&boundary(), &SystemClock).unwrap();
    let check = |known: usize, clients: &[(&Identity, Result<(), RefusalReason>)]| {
        assert_eq!(lists(&tree.path("fips/crl/etcd")), known);
        for (position, (client, expected)) in clients.iter().enumerate() {
            assert_eq!(takes(&tree, client), *expected, "{position}");
        }
    };
    let revoked = Err(RefusalReason::Revoked);
    check(1, &[(&stolen, revoked), (&good, Ok(()))]);
    assert_eq!(tree.next(), Some(Phase::TrustBoth));
    check(2, &[(&stolen, revoked), (&good, Ok(()))]);
    assert_eq!(tree.next(), Some(Phase::IssueFromNew));
    let new = tree.identity("client");
    check(2, &[(&stolen, revoked), (&good, Ok(())), (&new, Ok(()))]);
    // By the new key too.
    tree.revoke("etcd/client");
    check(2, &[(&stolen, revoked), (&good, Ok(())), (&new, revoked)]);
    assert_eq!(tree.next(), Some(Phase::Retire));
    let unknown = Err(RefusalReason::UnknownIssuer);
    check(1, &[(&stolen, unknown), (&good, unknown), (&new, revoked)]);
}

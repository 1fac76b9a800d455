//! From the sealed file of a fleet's ticket keys to servers that resume each other's sessions.
#![cfg(feature = "evaluation")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::sealing::{FileKey, SealingFault, Secret, ticket_keys};
use fips_boundary::certs::{
    self, Authority, AuthorityParams, LeafParams, Subject, SubjectAltName, SystemClock, Usages,
};
use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{
    ClientConfig, FleetKeys, Identity, Profile, ServerConfig, Trust, Version,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

mod wire;

fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

/// What a machine does with the two files it was given.
fn load(folder: &Path) -> Result<FleetKeys, certs::Error> {
    let secret: Secret = FileKey::read(&folder.join("tickets.key"))?.into();
    let text = fs::read(folder.join("api.tickets")).unwrap();
    let keys = ticket_keys::open(&boundary(), "api", &secret, &text)?;
    Ok(FleetKeys::from_bytes(&boundary(), &keys).unwrap())
}

fn store(folder: &Path, keys: &FleetKeys) {
    let secret: Secret = FileKey::read(&folder.join("tickets.key")).unwrap().into();
    let text = ticket_keys::seal(&boundary(), "api", &secret, &keys.to_bytes()).unwrap();
    fs::write(folder.join("api.tickets"), text).unwrap();
}

#[test]
fn servers_with_the_file_resume_each_others_sessions() {
    let work = tempfile::tempdir().unwrap();
    FileKey::generate(&boundary())
        .unwrap()
        .write_new(&work.path().join("tickets.key"))
        .unwrap();
    store(work.path(), &FleetKeys::generate(&boundary()).unwrap());

    let day = Duration::from_secs(86_400);
    let new_key = || key::generate(&boundary(), KeyType::P256).unwrap();
    let authority: Authority = AuthorityParams::new(Subject::new("fleet").unwrap(), 9 * day)
        .self_signed(new_key(), &SystemClock)
        .unwrap();
    // Each server has a leaf and a key of its own, for the one name.
    let identity = |name: &str| {
        let key = new_key();
        let leaf = LeafParams::new(Subject::new(name).unwrap(), Usages::ServerAndClient, day)
            .with_names([SubjectAltName::dns("localhost").unwrap()])
            .signed_by(&key, &authority, &SystemClock)
            .unwrap();
        Identity::from_pem(&boundary(), leaf.to_pem(), key::to_pem(&key).unwrap()).unwrap()
    };
    let trust = || Trust::from_pem(authority.certificate().to_pem()).unwrap();
    let server = |name: &str, keys: FleetKeys| {
        ServerConfig::builder(&boundary(), Profile::sp800_52r2())
            .with_identity(identity(name))
            .with_client_trust(trust())
            .with_fleet_keys(keys)
            .build()
            .unwrap()
    };
    let client = |version| {
        let profile = Profile::sp800_52r2().narrowed_to(version).unwrap();
        ClientConfig::builder(&boundary(), profile)
            .with_trust(trust())
            .with_identity(identity("client"))
            .build()
            .unwrap()
    };
    let resumes = |client: &ClientConfig, server: &ServerConfig| {
        let name = ServerName::try_from("localhost").unwrap();
        let mut from = ClientConnection::new(client.rustls(), name).unwrap();
        let mut to = ServerConnection::new(server.rustls()).unwrap();
        for _ in 0..4 {
            wire::carry(&mut from, &mut to);
        }
        server.session(&to).unwrap().resumed
    };

    let one = server("one", load(work.path()).unwrap());
    let two = server("two", load(work.path()).unwrap());
    // One machine has the next generation already.
    store(work.path(), &load(work.path()).unwrap().rotated().unwrap());
    let three = server("three", load(work.path()).unwrap());
    for version in [Version::Tls13, Version::Tls12] {
        let client = client(version);
        assert!(!resumes(&client, &one));
        for server in [&two, &three, &one, &three] {
            assert!(resumes(&client, server), "{version}");
        }
    }
}

#[test]
fn another_key_another_fleet_and_a_torn_file_open_nothing() {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    let new_key = |name: &str| {
        let key = FileKey::generate(&boundary()).unwrap();
        key.write_new(&path(name)).unwrap();
    };
    new_key("tickets.key");
    store(work.path(), &FleetKeys::generate(&boundary()).unwrap());
    let text = fs::read(path("api.tickets")).unwrap();
    let secret: Secret = FileKey::read(&path("tickets.key")).unwrap().into();
    let fault =
        |fleet: &str, text: &[u8]| match ticket_keys::open(&boundary(), fleet, &secret, text)
            .unwrap_err()
        {
            certs::Error::Sealing(fault) => fault,
            other => panic!("{other}"),
        };
    assert!(matches!(fault("web", &text), SealingFault::Cluster { .. }));
    for length in 0..text.len() - 1 {
        fault("api", &text[..length]);
    }
    // Bootstrap data of the same name is no keys of a fleet.
    let binding = certs::sealing::Binding::bootstrap("api").unwrap();
    let other = certs::sealing::envelope::seal(&boundary(), &binding, &secret, b"x").unwrap();
    assert!(matches!(
        fault("api", other.as_bytes()),
        SealingFault::Pem { .. }
    ));
    let relabelled = other.replace(
        certs::sealing::envelope::BOOTSTRAP_LABEL,
        ticket_keys::LABEL,
    );
    assert!(matches!(
        fault("api", relabelled.as_bytes()),
        SealingFault::Purpose { .. }
    ));

    fs::remove_file(path("tickets.key")).unwrap();
    new_key("tickets.key");
    assert!(matches!(
        load(work.path()).unwrap_err(),
        certs::Error::Sealing(SealingFault::WrongKey)
    ));
}

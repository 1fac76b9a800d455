//! What configurations, connections and their files show.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fips_boundary::certs::{
    Authority, AuthorityParams, LeafParams, Subject, SubjectAltName, SystemClock, Usages,
};
use fips_boundary::core::Boundary;
use fips_boundary::tls::adapter::hyper::HttpsConnector;
use fips_boundary::tls::adapter::tokio::{Acceptor, Connector};
use fips_boundary::tls::live::{PartStatus, TrustFiles, Watched};
use fips_boundary::tls::{
    self, ClientConfig, FleetKeys, Identities, Identity, Profile, ServerConfig, Session, Trust,
    Version,
};
use rustls::{ClientConnection, KeyLog, ServerConnection};
use rustls_pki_types::ServerName;

use crate::values::{Values, broken};
use crate::wire::carry;

/// Secrets of connections, as rustls tells them.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<Vec<u8>>>);

impl KeyLog for Heard {
    fn log(&self, _: &str, _: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push(secret.to_vec());
    }
}

struct Pair {
    chain: String,
    key: String,
}

pub(crate) fn of_tls(values: &mut Values, boundary: &Boundary, work: &Path) {
    let day = std::time::Duration::from_secs(86_400);
    let (key, ..) = values.key(boundary);
    let authority: Authority = AuthorityParams::new(Subject::new("shown").unwrap(), 9 * day)
        .self_signed(key, &SystemClock)
        .unwrap();
    let mut pair = || {
        let (key, _, text) = values.key(boundary);
        let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::ServerAndClient, day)
            .with_names([SubjectAltName::dns("localhost").unwrap()])
            .signed_by(&key, &authority, &SystemClock)
            .unwrap();
        Pair {
            chain: leaf.to_pem(),
            key: text,
        }
    };
    let (pair, other) = (pair(), pair());
    values.debug("fips_certs::issue::authority::Authority", &authority);
    let trust = || Trust::from_pem(authority.certificate().to_pem()).unwrap();
    let identity = || Identity::from_pem(boundary, &pair.chain, &pair.key).unwrap();
    values.debug("fips_tls::identity::Identity", &identity());
    let identities = Identities::new().with_default(identity()).unwrap();
    values.debug("fips_tls::identities::Identities", &identities);
    of_live(
        values,
        boundary,
        work,
        &pair,
        &authority.certificate().to_pem(),
    );

    for version in [Version::Tls12, Version::Tls13] {
        let profile = || Profile::sp800_52r2().narrowed_to(version).unwrap();
        let builder = ClientConfig::builder(boundary, profile())
            .with_trust(trust())
            .with_identity(identity());
        values.debug("fips_tls::client::ClientBuilder", &builder);
        values.debug("fips_tls::client::ClientReady", &builder);
        let client = builder.build().unwrap();
        let builder = ServerConfig::builder(boundary, profile()).with_identity(identity());
        values.debug("fips_tls::server::WantsClientAuthentication", &builder);
        let builder = builder.with_client_trust(trust());
        values.debug("fips_tls::server::ServerBuilder", &builder);
        values.debug("fips_tls::server::ServerReady", &builder);
        let server = builder.build().unwrap();

        let heard = Arc::new(Heard::default());
        let mut listening = (*client.rustls()).clone();
        listening.key_log = Arc::clone(&heard) as Arc<dyn KeyLog>;
        let listening = Arc::new(listening);
        for resumed in [false, true] {
            let name = ServerName::try_from("localhost").unwrap();
            let mut from = ClientConnection::new(Arc::clone(&listening), name).unwrap();
            let mut to = ServerConnection::new(server.rustls()).unwrap();
            while from.is_handshaking() || to.is_handshaking() {
                carry(&mut from, &mut to);
            }
            carry(&mut from, &mut to);
            let session = Session::of(&from).unwrap();
            assert_eq!(session.resumed, resumed);
            values.debug("fips_tls::session::Session", &session);
        }
        // They hold sessions and the keys of tickets by now.
        values.debug("fips_tls::client::ClientConfig", &client);
        values.debug("fips_tls::server::ServerConfig", &server);
        let connector = Connector::new(client.clone());
        values.debug("fips_tls::adapter::tokio::connector::Connector", &connector);
        values.debug(
            "fips_tls::adapter::hyper::connector::HttpsConnector",
            &HttpsConnector::new(connector),
        );
        let acceptor = Acceptor::new(server.clone());
        values.debug("fips_tls::adapter::tokio::acceptor::Acceptor", &acceptor);
        values.secrets.append(&mut heard.0.lock().unwrap());
    }

    let keys = FleetKeys::generate(boundary).unwrap().rotated().unwrap();
    let bytes = keys.to_bytes();
    bytes[19..].chunks(32).for_each(|root| values.secret(root));
    values.debug("fips_tls::fleet::FleetKeys", &keys);
    let mut fleet_errors = Vec::new();
    for place in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[place] ^= 1;
        // One that counts alone, or a root, is as good as it was.
        fleet_errors.extend(FleetKeys::from_bytes(boundary, &bent).err());
        fleet_errors.extend(FleetKeys::from_bytes(boundary, &bytes[..place]).err());
    }
    let mut same = bytes.clone();
    same.copy_within(19..51, 51);
    fleet_errors.extend(FleetKeys::from_bytes(boundary, &same).err());

    let file = |name: &str, text: &str, mode| {
        let path: PathBuf = work.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let chain = file("chain", &pair.chain, 0o644);
    let open_key = file("open.key", &pair.key, 0o644);
    let torn_key = file("torn.key", &pair.key[..pair.key.len() - 30], 0o600);
    let mut errors = vec![
        Identity::from_files(boundary, &chain, &open_key).unwrap_err(),
        Identity::from_files(boundary, &chain, &torn_key).unwrap_err(),
        Identity::from_pem(boundary, &pair.chain, &other.key).unwrap_err(),
        Identity::from_pem(boundary, &pair.key, &pair.key).unwrap_err(),
        Identity::from_pem(
            boundary,
            pair.key.replace("PRIVATE KEY", "CERTIFICATE"),
            &pair.key,
        )
        .unwrap_err(),
        Trust::from_pem(&pair.key).unwrap_err(),
        Trust::from_file(&torn_key).unwrap_err(),
    ];
    for key in broken(&pair.key) {
        // A broken public half or version is one that the module may pass over.
        errors.extend(Identity::from_pem(boundary, &pair.chain, &key).err());
        errors.extend(Trust::from_pem(&key).err());
    }
    errors.append(&mut fleet_errors);
    for error in errors {
        values.error("fips_tls::error::Error", &error);
        match error {
            tls::Error::Identity(fault) => values.error("fips_tls::error::IdentityFault", &fault),
            tls::Error::Pem { fault, .. } => values.error("fips_tls::error::PemFault", &fault),
            _ => {}
        }
    }
}

/// Files with a key that is torn, where a list should be and where an anchor should be.
fn of_live(values: &mut Values, boundary: &Boundary, work: &Path, pair: &Pair, ca: &str) {
    let file = |name: &str, text: &str| {
        let path: PathBuf = work.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let (chain, key) = (file("live", &pair.chain), file("live.key", &pair.key));
    let anchors = file("live.ca", ca);
    let mut files = Watched::new(boundary).with_settling(std::time::Duration::ZERO);
    let node = files.identity(chain, key).unwrap();
    files.trust(TrustFiles::new(anchors)).unwrap();
    values.debug("fips_tls::live::part::Part", &node);
    values.debug("fips_tls::live::config::Watched", &files);
    let boundary = *boundary;
    let live = files
        .start(move || {
            ServerConfig::builder(&boundary, Profile::default())
                .with_identity(node.current())
                .without_client_authentication()
                .build()
        })
        .unwrap();
    file("live.key", &pair.key[..pair.key.len() - 30]);
    file("live.ca", &pair.key);
    let status = live.reload();
    values.debug("fips_tls::live::config::Live", &live);
    values.error("fips_tls::live::status::Status", &status);
    values.data("fips_tls::live::status::Status", &status);
    for part in &status.parts {
        values.data("fips_tls::live::status::PartStatus", part);
        let refused = match part {
            PartStatus::Identity(part) => {
                values.error("fips_tls::live::status::IdentityStatus", part);
                values.data("fips_tls::live::status::IdentityStatus", part);
                values.data("fips_tls::live::status::ServedLeaf", &part.served);
                part.refused.clone().unwrap()
            }
            PartStatus::Trust(part) => {
                values.error("fips_tls::live::status::TrustStatus", part);
                values.data("fips_tls::live::status::TrustStatus", part);
                part.refused[0].1.clone()
            }
            part => panic!("{part:?}"),
        };
        values.error("fips_tls::live::status::Refused", &refused);
        values.data("fips_tls::live::status::Refused", &refused);
    }
}

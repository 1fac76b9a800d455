//! Handshakes with each peer over single bytes, ours in records of 64.

use std::net::SocketAddr;
use std::sync::Arc;

use fips_tls::{Group, Suite};

use crate::curl::Curl;
use crate::gnutls::GnuTls;
use crate::go::Go;
use crate::loopback::Loopback;
use crate::matrix::{Account, Case, Peer, Role, Service, policy};
use crate::nss::Nss;
use crate::openssl::OpenSsl;
use crate::ours::{self, Acceptor};
use crate::relay;
use crate::run::Material;
use crate::support::pki::Ca;
use crate::support::program::Program;
use crate::support::{client, server};

/// 5 bytes of header, 59 of a message: of the handshake's none but the shortest fit, and the
/// request does, which some servers would print in parts.
const RECORD: usize = 64;

struct Relayed {
    service: Box<dyn Service>,
    address: SocketAddr,
}

impl Service for Relayed {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn answer(&mut self) -> Result<(), String> {
        self.service.answer()
    }

    fn account(&mut self) -> Result<Account, String> {
        self.service.account()
    }

    fn program(&mut self) -> &mut Program {
        self.service.program()
    }
}

/// With client certificates: the longest flights both ways.
fn case(role: Role, suite: Suite) -> Case {
    Case {
        role,
        suite,
        group: Group::P256,
        mutual: true,
    }
}

/// Both handshakes of each version and role that the peer has; how many cases were done.
fn run(peer: &dyn Peer) -> usize {
    let material = Material::new();
    let mut done = 0;
    for suite in [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128GcmSha256] {
        for case in [case(Role::Client, suite), case(Role::Server, suite)] {
            let mut limits = peer.limits().iter();
            if limits.any(|limit| (limit.applies)(&case, false)) {
                continue;
            }
            let (files, [identity, shown]) = &material.keys[&case.key()];
            let profile = policy().narrow_suites(&[suite]).unwrap();
            let trust = Ca::test().trust();
            match case.role {
                Role::Client => {
                    let profile = profile.narrow_groups(&[case.group]).unwrap();
                    let config = server(profile, identity.clone(), Some(trust));
                    let mut config = (*config.rustls()).clone();
                    config.max_fragment_size = Some(RECORD);
                    let acceptor = Acceptor::start(Arc::new(config));
                    peer.connect(&case, files, relay::to(acceptor.address()))
                        .unwrap_or_else(|error| panic!("{case}: {error}"));
                    let sessions = acceptor.finish().unwrap();
                    assert_eq!(sessions.len(), 2, "{case}");
                }
                Role::Server => {
                    let config = client(profile, trust, Some(shown.clone()));
                    let mut config = (*config.rustls()).clone();
                    config.max_fragment_size = Some(RECORD);
                    let config = Arc::new(config);
                    let service = peer.serve(&case, files).unwrap();
                    let address = relay::to(service.address());
                    let mut service = Relayed { service, address };
                    for resumed in [false, true] {
                        let (session, _) = ours::connect(Arc::clone(&config), &mut service)
                            .unwrap_or_else(|error| panic!("{case}: {error}"));
                        assert_eq!(session.resumed, resumed, "{case}");
                        service.account().unwrap();
                    }
                }
            }
            done += 1;
        }
    }
    done
}

#[test]
fn curl() {
    assert_eq!(run(&Curl), 2);
}

#[test]
fn gnutls() {
    assert_eq!(run(&GnuTls(Loopback::new())), 4);
}

#[test]
fn go_current() {
    assert_eq!(run(&Go::current()), 4);
}

#[test]
fn go_of_the_distribution() {
    assert_eq!(run(&Go::of_the_distribution()), 2);
}

#[test]
fn nss() {
    assert_eq!(run(&Nss::new(Loopback::new())), 4);
}

#[test]
fn openssl() {
    assert_eq!(run(&OpenSsl), 4);
}

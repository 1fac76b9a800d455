//! Servers that resume each other's sessions, and those that must not.

mod support;

use std::sync::Arc;

use fips_tls::{
    Authorization, ClientConfig, ConfigFault, Error, FleetKeys, Group, Identity, PeerRule, Profile,
    ServerConfig, Suite, Trust, Version,
};
use rcgen::SanType;
use rustls::pki_types::ServerName;
use time::Duration;

use support::memory::Pair;
use support::tree::{Authority, Clock};
use support::{NAME, boundary};

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];

/// What a server of a fleet is built from.
#[derive(Clone)]
struct Plan {
    profile: Profile,
    identity: Identity,
    clients: Option<Trust>,
    rules: Option<Authorization>,
    keys: FleetKeys,
    clock: Arc<Clock>,
}

impl Plan {
    fn build(&self) -> ServerConfig {
        let builder = ServerConfig::builder(&boundary(), self.profile.clone())
            .with_identity(self.identity.clone());
        let builder = match &self.clients {
            Some(trust) => builder.with_client_trust(trust.clone()),
            None => builder.without_client_authentication(),
        };
        let builder = match &self.rules {
            Some(rules) => builder.with_authorization(rules.clone()),
            None => builder,
        };
        builder
            .with_fleet_keys(self.keys.clone())
            .with_time_provider(self.clock.provider())
            .build()
            .unwrap()
    }
}

struct Fleet {
    root: Authority,
    plan: Plan,
    client: Identity,
}

impl Fleet {
    fn new() -> Self {
        let root = Authority::root("root");
        Self {
            plan: Plan {
                profile: Profile::sp800_52r2(),
                identity: root.leaf_with("one", |_| {}).identity(),
                clients: Some(root.trust_without(&[])),
                rules: Some(rules(&["admin", "other"])),
                keys: FleetKeys::generate(&boundary()).unwrap(),
                clock: Clock::new(),
            },
            client: root.leaf_with("admin", |_| {}).identity(),
            root,
        }
    }

    fn client(&self, version: Version) -> ClientConfig {
        ClientConfig::builder(
            &boundary(),
            Profile::sp800_52r2().narrowed_to(version).unwrap(),
        )
        .with_trust(self.root.trust())
        .with_identity(self.client.clone())
        .with_time_provider(self.plan.clock.provider())
        .build()
        .unwrap()
    }
}

fn rules(names: &[&str]) -> Authorization {
    let rules = names
        .iter()
        .map(|name| PeerRule::new().with_common_name(*name));
    Authorization::any_of(rules).unwrap()
}

/// Whether a client resumes a session, as both sides see it, judged once more on both.
fn resumes(client: &ClientConfig, server: &ServerConfig) -> bool {
    let mut pair = Pair::new(client, server);
    pair.finish();
    let name = ServerName::try_from(NAME).unwrap();
    let resumed = server.session(&pair.server).unwrap().resumed;
    assert_eq!(
        client.session(&name, &pair.client).unwrap().resumed,
        resumed
    );
    resumed
}

#[test]
fn two_servers_resume_each_others_sessions() {
    let fleet = Fleet::new();
    let one = fleet.plan.build();
    // Another process, with a certificate of its own, for the same names.
    let two = Plan {
        identity: fleet.root.leaf_with("two", |_| {}).identity(),
        keys: FleetKeys::from_bytes(&boundary(), &fleet.plan.keys.to_bytes()).unwrap(),
        ..fleet.plan.clone()
    }
    .build();
    for version in VERSIONS {
        let client = fleet.client(version);
        assert!(!resumes(&client, &one), "{version}");
        for server in [&two, &one, &two, &two] {
            assert!(resumes(&client, server), "{version}");
        }
    }
}

#[test]
fn without_the_keys_a_server_resumes_its_own_alone() {
    let fleet = Fleet::new();
    let one = fleet.plan.build();
    let alone = ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(fleet.plan.identity.clone())
        .with_client_trust(fleet.root.trust())
        .build()
        .unwrap();
    for version in VERSIONS {
        let client = fleet.client(version);
        for (server, expected) in [
            (&one, false),
            (&alone, false),
            (&one, false),
            (&one, true),
            (&alone, false),
            (&alone, true),
        ] {
            assert_eq!(resumes(&client, server), expected, "{version}");
        }
    }
}

#[test]
fn whoever_believes_or_stands_for_something_else_begins_anew() {
    let fleet = Fleet::new();
    let plan = &fleet.plan;
    let one = plan.build();
    let other = Authority::root("other");
    let named = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        fleet
            .root
            .leaf_with("one", |params| change(params))
            .identity()
    };
    let changed: Vec<(&str, Plan)> = vec![
        (
            "other keys",
            Plan {
                keys: FleetKeys::generate(&boundary()).unwrap(),
                ..plan.clone()
            },
        ),
        (
            "narrower suites",
            Plan {
                profile: Profile::sp800_52r2()
                    .narrow_suites(&[
                        Suite::Aes128GcmSha256,
                        Suite::Aes256GcmSha384,
                        Suite::EcdheEcdsaAes128GcmSha256,
                        Suite::EcdheEcdsaAes256GcmSha384,
                    ])
                    .unwrap(),
                ..plan.clone()
            },
        ),
        (
            "narrower groups",
            Plan {
                profile: Profile::sp800_52r2().narrow_groups(&[Group::P256]).unwrap(),
                ..plan.clone()
            },
        ),
        (
            "another order",
            Plan {
                profile: Profile::sp800_52r2().prefer_256(),
                ..plan.clone()
            },
        ),
        (
            "no lists",
            Plan {
                clients: Some(fleet.root.trust()),
                ..plan.clone()
            },
        ),
        (
            "a newer list",
            Plan {
                clients: Some(fleet.root.trust_without(&[&other.serial])),
                ..plan.clone()
            },
        ),
        (
            "another anchor beside",
            Plan {
                clients: Some(Trust::from_pem(fleet.root.pem.clone() + &other.pem).unwrap()),
                ..plan.clone()
            },
        ),
        (
            "a narrower rule",
            Plan {
                rules: Some(rules(&["admin"])),
                ..plan.clone()
            },
        ),
        (
            "no rules",
            Plan {
                rules: None,
                ..plan.clone()
            },
        ),
        (
            "anybody",
            Plan {
                clients: None,
                rules: None,
                ..plan.clone()
            },
        ),
        (
            "a name more",
            Plan {
                identity: named(&|params| {
                    params
                        .subject_alt_names
                        .push(SanType::DnsName("more.test".try_into().unwrap()));
                }),
                ..plan.clone()
            },
        ),
        (
            "an address more",
            Plan {
                identity: named(&|params| {
                    params
                        .subject_alt_names
                        .push(SanType::IpAddress([10, 0, 0, 1].into()));
                }),
                ..plan.clone()
            },
        ),
    ];
    for version in VERSIONS {
        for (what, plan) in &changed {
            let (client, two) = (fleet.client(version), plan.build());
            assert!(!resumes(&client, &one));
            assert!(resumes(&client, &one));
            assert!(!resumes(&client, &two), "{what}, {version}");
            assert!(resumes(&client, &two), "{what}, {version}");
            // Nor the other way round.
            assert!(!resumes(&client, &one), "{what}, {version}");
        }
    }
}

#[test]
fn an_honest_server_of_another_name_takes_up_nothing() {
    // A client that is led astray offers its session for the right name to the wrong server,
    // which trusts and allows the same, by the same keys.
    let fleet = Fleet::new();
    let one = fleet.plan.build();
    let wrong = Plan {
        identity: fleet
            .root
            .leaf_with("wrong", |params| {
                params.subject_alt_names = vec![SanType::DnsName("wrong.test".try_into().unwrap())];
            })
            .identity(),
        ..fleet.plan.clone()
    }
    .build();
    for version in VERSIONS {
        let client = fleet.client(version);
        assert!(!resumes(&client, &one));
        let outcome = Pair::new(&client, &wrong).run();
        assert!(
            matches!(
                outcome.client,
                Some(rustls::Error::InvalidCertificate(
                    rustls::CertificateError::NotValidForNameContext { .. }
                ))
            ),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_session_goes_on_over_a_half_hour_and_a_rotation() {
    let fleet = Fleet::new();
    let second = Plan {
        keys: fleet.plan.keys.rotated().unwrap(),
        ..fleet.plan.clone()
    };
    let third = Plan {
        keys: second.keys.rotated().unwrap(),
        ..fleet.plan.clone()
    };
    for version in VERSIONS {
        let client = fleet.client(version);
        let servers = [&fleet.plan, &second, &third].map(Plan::build);
        assert!(!resumes(&client, &servers[0]), "{version}");
        // One by one, each way.
        for server in [
            &servers[1],
            &servers[0],
            &servers[1],
            &servers[2],
            &servers[1],
        ] {
            assert!(resumes(&client, server), "{version}");
        }
        // Two generations apart.
        assert!(resumes(&client, &servers[0]));
        assert!(!resumes(&client, &servers[2]), "{version}");

        let client = fleet.client(version);
        assert!(!resumes(&client, &servers[0]));
        // A key opens for its own half hour and the next.
        fleet.plan.clock.advance(Duration::minutes(29));
        assert!(resumes(&client, &servers[1]), "{version}");
        fleet.plan.clock.advance(Duration::minutes(61));
        assert!(!resumes(&client, &servers[1]), "{version}");
    }
}

#[test]
fn revocation_and_expiry_hold_across_the_fleet() {
    let fleet = Fleet::new();
    let one = fleet.plan.build();
    let thief = fleet.root.leaf_with("admin", |_| {});
    let revoking = Plan {
        clients: Some(fleet.root.trust_without(&[&thief.serial])),
        ..fleet.plan.clone()
    }
    .build();
    for version in VERSIONS {
        let client = ClientConfig::builder(
            &boundary(),
            Profile::sp800_52r2().narrowed_to(version).unwrap(),
        )
        .with_trust(fleet.root.trust())
        .with_identity(thief.identity())
        .build()
        .unwrap();
        assert!(!resumes(&client, &one));
        assert!(resumes(&client, &one));
        let outcome = Pair::new(&client, &revoking).run();
        assert_eq!(
            outcome.server,
            Some(rustls::Error::InvalidCertificate(
                rustls::CertificateError::Revoked
            )),
            "{version}"
        );
    }
}

#[test]
fn the_look_at_a_configuration_takes_its_own_ticketer_and_no_other() {
    let fleet = Fleet::new();
    let (one, two) = (fleet.plan.build(), fleet.plan.build());
    one.check(&one.rustls()).unwrap();
    // Not even that of another server of the fleet.
    for other in [two.rustls().ticketer.clone(), one_of_its_own(&fleet)] {
        let mut config = (*one.rustls()).clone();
        config.ticketer = other;
        let error = one.check(&config).unwrap_err();
        let Error::Config { faults, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(faults, [ConfigFault::Ticketer]);
    }
}

fn one_of_its_own(fleet: &Fleet) -> Arc<dyn rustls::server::ProducesTickets> {
    ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(fleet.plan.identity.clone())
        .with_client_trust(fleet.root.trust())
        .build()
        .unwrap()
        .rustls()
        .ticketer
        .clone()
}

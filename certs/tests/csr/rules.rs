//! What rules let be issued.

use fips_certs::csr::{CertificateRequest, Denied, ProvenRequest, SigningRule, SigningRules};
use fips_certs::key::{self, KeyType};
use fips_certs::{Error, IntoSigner, Subject, SubjectAltName, Usages};
use proptest::prelude::*;

use super::common::{boundary, diagnostic, openssl};
use super::{names, prove, write_serving};

fn denied(rule: &SigningRule, request: &ProvenRequest, authority: &str) -> Vec<Denied> {
    match rule.authorise(request, authority, None) {
        Err(Error::NotAuthorised { reasons, .. }) => reasons,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_outside_of_the_rule_are_refused_with_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, "ecparam -name prime256v1 -genkey -noout -out k.key");
    write_serving(
        folder,
        "k.key",
        "basicConstraints=CA:TRUE\nkeyUsage=keyCertSign\nextendedKeyUsage=serverAuth,codeSigning\n",
    );
    let request = prove(folder, "request.csr").unwrap();
    let rule = SigningRule::kubelet_client("node-2").unwrap();
    let denied = denied(&rule, &request, "etcd/server-ca");
    let said = denied
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for expected in [
        "not for the authority \"etcd/server-ca\" but for client-ca, ca",
        "asks to be an authority",
        "common name is \"system:node:node-1\"",
        "names outside of the rule: node-1, 192.0.2.10, 2001:db8::10",
        "usages outside of the rule: keyCertSign, none with digitalSignature, ServerAuth, CodeSigning",
    ] {
        let expected = expected.replace("common name is \"system:node:node-1\"", "its common name");
        assert!(said.contains(&expected), "{expected}: {said}");
    }
    assert_eq!(denied.len(), 5, "{said}");
}

#[test]
fn the_kubelets_rules_are_those_of_kubernetes_signers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, "ecparam -name prime256v1 -genkey -noout -out k.key");
    let with = |subject: &str, ext: &str| {
        let config = format!(
            "[req]\nprompt=no\ndistinguished_name=dn\nreq_extensions=ext\n[dn]\n{subject}\n\
             [ext]\nkeyUsage=digitalSignature,keyEncipherment\n{ext}"
        );
        std::fs::write(folder.join("req.cnf"), config).unwrap();
        openssl(
            folder,
            "req -new -config req.cnf -key k.key -out request.csr",
        );
        prove(folder, "request.csr").unwrap()
    };
    let node = "O=system:nodes\nCN=system:node:node-1";
    let client = SigningRule::kubelet_client("node-1").unwrap();
    let serving = SigningRule::kubelet_serving("node-1", &names()).unwrap();
    let usage = "extendedKeyUsage=clientAuth\n";
    let server = "extendedKeyUsage=serverAuth\nsubjectAltName=";
    assert!(
        client
            .authorise(&with(node, usage), "client-ca", None)
            .is_ok()
    );
    let good = with(node, &format!("{server}DNS:node-1"));
    let grant = serving.authorise(&good, "server-ca", None).unwrap();
    // Of what the rule allows, the grant holds what was asked for.
    assert_eq!(grant.names(), &names()[..1]);

    for (rule, subject, ext, expected) in [
        (&client, "CN=system:node:node-1", usage, "organization"),
        (
            &client,
            "O=system:masters\nCN=system:node:node-1",
            usage,
            "organization",
        ),
        (
            &client,
            "0.O=system:nodes\n1.O=system:masters\nCN=system:node:node-1",
            usage,
            "organization",
        ),
        (
            &client,
            "O=system:nodes\nCN=system:node:node-10",
            usage,
            "common name",
        ),
        (
            &client,
            "O=system:nodes\nCN=system:admin",
            usage,
            "common name",
        ),
        (
            &client,
            "O=system:nodes\n0.CN=system:node:node-1\n1.CN=system:admin",
            usage,
            "common name",
        ),
        (
            &client,
            "O=system:nodes\nOU=x\nCN=system:node:node-1",
            usage,
            "2.5.4.11",
        ),
        (&client, node, "extendedKeyUsage=serverAuth\n", "ServerAuth"),
        (
            &client,
            node,
            "subjectAltName=DNS:node-1\n",
            "outside of the rule: node-1",
        ),
        (
            &serving,
            node,
            "extendedKeyUsage=serverAuth\n",
            "must hold a name",
        ),
        (
            &serving,
            node,
            &format!("{server}DNS:node-1,URI:spiffe://a/b"),
            "outside of the rule: spiffe://a/b",
        ),
        (
            &serving,
            node,
            &format!("{server}DNS:node-1,email:a@b"),
            "outside of the rule: ",
        ),
        (
            &serving,
            node,
            &format!("{server}DNS:*.node-1"),
            "outside of the rule: *.node-1",
        ),
        (
            &serving,
            node,
            &format!("{server}IP:192.0.2.11"),
            "outside of the rule: 192.0.2.11",
        ),
        (
            &serving,
            node,
            &format!("{server}DNS:kubernetes"),
            "outside of the rule: kubernetes",
        ),
    ] {
        let request = with(subject, ext);
        let authority = rule.authorities()[0].clone();
        let said = rule
            .authorise(&request, &authority, None)
            .unwrap_err()
            .to_string();
        assert!(said.contains(expected), "{subject} {ext}: {said}");
    }
    for node in [
        "",
        "Node",
        "*",
        "*.a",
        "a b",
        "10.0.0.1",
        "node-1,O=system:masters",
    ] {
        assert!(SigningRule::kubelet_client(node).is_err(), "{node}");
    }
}

#[test]
fn rules_that_cannot_be_meant_are_errors() {
    let good = "[[rule]]\nname = \"web\"\nauthorities = [\"server-ca\"]\n\
                common-names = [\"web-*\"]\nusages = \"server\"\n";
    let rules = SigningRules::from_toml(good).unwrap();
    assert_eq!(rules.only().unwrap().name(), "web");
    assert!(
        rules
            .rule("other")
            .unwrap_err()
            .to_string()
            .contains("there are: web")
    );
    for (more, expected) in [
        ("unknown = 1\n", "unknown field"),
        ("dns = [\"*\"]\n", "no DNS name"),
        ("dns = [\"a.*.b\"]\n", "no DNS name"),
        ("ip = [\"10.0.0.1/8\"]\n", "behind its prefix"),
        ("wildcards = [\"a.b\"]\n", "put it into `dns`"),
        ("key-types = []\n", "key-types"),
        ("key-types = [\"p521\"]\n", "p521"),
        ("max-days = 0\n", "max-days"),
        ("max-days = -1\n", "max-days"),
        ("organization = \"system:masters\"\n", "may do everything"),
        (good, "two rules"),
    ] {
        let said = SigningRules::from_toml(&format!("{good}{more}"))
            .unwrap_err()
            .to_string();
        assert!(said.contains(expected), "{more}: {said}");
    }
    for text in [
        "",
        "[[rule]]\n",
        "rule = 1\n",
        "[[rule]]\nname = \"x\"\n",
        "x",
    ] {
        assert!(SigningRules::from_toml(text).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever names a request asks for, a grant holds none that the rule does not allow.
    #[test]
    fn a_grant_holds_only_what_the_rule_allows(
        hosts in proptest::collection::vec("[a-c]{1,2}(\\.web|\\.web\\.example\\.org|)", 1..4),
        addresses in proptest::collection::vec(any::<u32>(), 0..3),
    ) {
        let signer = key::generate(&boundary(), KeyType::P256).unwrap().into_signer().unwrap();
        let mut names: Vec<SubjectAltName> =
            hosts.iter().map(|host| SubjectAltName::dns(host.as_str()).unwrap()).collect();
        names.extend(addresses.iter().map(|bits| {
            SubjectAltName::Ip(std::net::Ipv4Addr::from(*bits).into())
        }));
        let subject = Subject::new("web-1").unwrap();
        let made = CertificateRequest::new(&*signer, &subject, &names, Usages::Server).unwrap();
        let proven = made.prove(&diagnostic()).unwrap();
        let rules = SigningRules::from_toml(
            "[[rule]]\nname = \"web\"\nauthorities = [\"server-ca\"]\ncommon-names = [\"web-*\"]\n\
             dns = [\"*.web.example.org\"]\nip = [\"10.0.0.0/8\"]\nusages = \"server\"\n",
        ).unwrap();
        let allowed = |name: &SubjectAltName| match name {
            SubjectAltName::Dns(name) => name.strip_suffix(".web.example.org")
                .is_some_and(|label| !label.contains('.')),
            SubjectAltName::Ip(std::net::IpAddr::V4(address)) => address.octets()[0] == 10,
            _ => false,
        };
        match rules.only().unwrap().authorise(&proven, "server-ca", None) {
            Ok(grant) => {
                prop_assert!(names.iter().all(allowed));
                prop_assert_eq!(grant.names(), &names[..]);
            }
            Err(_) => prop_assert!(!names.iter().all(allowed)),
        }
    }
}

//! No public type of the libraries shows a secret: by `Debug`, `Display` or `Serialize`, of
//! itself or of an error about it. And none that holds one can be compared but in constant time.
//!
//! The types are read from the sources, so that a new one fails here until it has its place.

mod connections;
mod finder;
mod tokens;
mod types;
mod values;
#[path = "../wire/mod.rs"]
mod wire;

use std::collections::BTreeSet;

use finder::Finder;

/// What holds a secret. `values` makes one of each of a known secret.
const HOLDS: &[&str] = &[
    "fips_certs::issue::authority::Authority",
    "fips_certs::key::unlock::KeySecrets",
    "fips_certs::sealing::file_key::FileKey",
    "fips_certs::sealing::passphrase::Passphrase",
    "fips_certs::sealing::secret::Secret",
    "fips_certs::store::change::Action",
    "fips_certs::store::change::Change",
    "fips_certs::token::issued::Created",
    "fips_certs::token::node::NodePassword",
    "fips_certs::token::wire::Credentials",
    "fips_certs::token::wire::JoinToken",
    "fips_core::agreement::EphemeralKey",
    "fips_core::agreement::SharedSecret",
    "fips_core::digest::Context",
    "fips_core::hkdf::Prk",
    "fips_core::hmac::Key",
    "fips_core::hmac::Tag",
    "fips_core::kem::DecapsulationKey",
    "fips_core::key_wrap::KeyEncryptionKey",
    "fips_core::pem::Section",
    "fips_core::record::Opener",
    "fips_core::record::Sealer",
    "fips_core::seal::SealingKey",
    "fips_core::signing::PrivateKey",
    "fips_tls::adapter::hyper::connector::HttpsConnector",
    "fips_tls::adapter::tokio::acceptor::Acceptor",
    "fips_tls::adapter::tokio::connector::Connector",
    "fips_tls::client::ClientBuilder",
    "fips_tls::client::ClientConfig",
    "fips_tls::client::ClientReady",
    "fips_tls::identities::Identities",
    "fips_tls::fleet::FleetKeys",
    "fips_tls::identity::Identity",
    "fips_tls::live::config::Live",
    "fips_tls::live::config::Watched",
    "fips_tls::live::part::Part",
    "fips_tls::server::ServerBuilder",
    "fips_tls::server::ServerConfig",
    "fips_tls::server::ServerReady",
    "fips_tls::server::WantsClientAuthentication",
];

/// What is made where secrets are read, and must hold none: `values` makes them there.
const NEAR: &[&str] = &[
    "fips_certs::audit::entry::Entry",
    "fips_certs::error::Error",
    "fips_certs::pki::Pki",
    "fips_certs::pki::plan::Blocked",
    "fips_certs::pki::plan::Plan",
    "fips_certs::pki::plan::Renewal",
    "fips_certs::pki::record::Record",
    "fips_certs::pki::record::WaiverRecord",
    "fips_certs::pki::recover::Broken",
    "fips_certs::pki::recover::Diagnosis",
    "fips_certs::pki::recover::Recovered",
    "fips_certs::pki::recover::Remedy",
    "fips_certs::pki::report::Issued",
    "fips_certs::pki::report::Report",
    "fips_certs::pki::rotation::Rotation",
    "fips_certs::pki::rotation::journal::Authorities",
    "fips_certs::pki::rotation::journal::Identity",
    "fips_certs::pki::rotation::journal::Journal",
    "fips_certs::pki::rotation::journal::Keys",
    "fips_certs::pki::rotation::journal::Passed",
    "fips_certs::pki::rotation::journal::Rotated",
    "fips_certs::pki::rotation::keys::KeyRotation",
    "fips_certs::pki::rotation::outline::Outline",
    "fips_certs::pki::rotation::status::Status",
    "fips_certs::pki::rotation::step::Step",
    "fips_certs::pki::revocation::BlockedList",
    "fips_certs::pki::revocation::IssuedList",
    "fips_certs::pki::revocation::ListsRefreshed",
    "fips_certs::pki::revocation::PlannedRevocation",
    "fips_certs::pki::revocation::RevocationPlan",
    "fips_certs::pki::revocation::RevocationReport",
    "fips_certs::pki::row::Row",
    "fips_certs::sealing::fault::SealingFault",
    "fips_certs::pki::verify::Verdict",
    "fips_certs::store::dir::DirStore",
    "fips_certs::token::TokenRefused",
    "fips_certs::token::issued::TokenInfo",
    "fips_certs::token::issued::Tokens",
    "fips_certs::token::node::NodePasswords",
    "fips_core::error::Error",
    "fips_core::error::Guard",
    "fips_tls::error::Error",
    "fips_tls::error::IdentityFault",
    "fips_tls::error::PemFault",
    "fips_tls::live::status::IdentityStatus",
    "fips_tls::live::status::PartStatus",
    "fips_tls::live::status::Refused",
    "fips_tls::live::status::ServedLeaf",
    "fips_tls::live::status::Status",
    "fips_tls::live::status::TrustStatus",
    "fips_tls::session::Session",
];

/// What meets no secret, and why.
const NONE: &[(&str, &[&str])] = &[
    (
        "a connection, or what makes them: examples/adapters/tests/observed.rs shows one whose \
         secrets it knows",
        &[
            "fips_tls::adapter::hyper::stream::HttpsStream",
            "fips_tls::adapter::tokio::listener::TlsListener",
            "fips_tls::adapter::tokio::stream::TlsStream",
            "fips_tls::adapter::tonic::Incoming",
        ],
    ),
    (
        "its form is written by hand, and shows nothing",
        &["fips_tls::adapter::reqwest::LiveClient"],
    ),
    (
        "names and the public parts of certificates",
        &[
            "fips_certs::certificate::Certificate",
            "fips_certs::certificate::description::Description",
            "fips_certs::certificate::signature::NotIssued",
            "fips_certs::pki::rotation::live::LiveLeaf",
            "fips_certs::crl::issue::RevocationListParams",
            "fips_certs::crl::list::ListedRevocation",
            "fips_certs::crl::list::RevocationList",
            "fips_certs::crl::register::Register",
            "fips_certs::crl::register::Revocation",
            "fips_certs::crl::verify::ListRefused",
            "fips_certs::csr::CertificateRequest",
            "fips_certs::csr::ProvenRequest",
            "fips_certs::csr::rule::Denied",
            "fips_certs::csr::rule::Grant",
            "fips_certs::import::Judgement",
            "fips_certs::import::chain::Chain",
            "fips_certs::import::reason::Reason",
            "fips_certs::key::public::PublicKey",
            "fips_certs::pki::import::Imported",
            "fips_certs::pki::issue::IssuedLeaf",
            "fips_certs::pki::requests::Requested",
            "fips_certs::issue::authority::AuthorityParams",
            "fips_certs::issue::leaf::LeafParams",
            "fips_certs::lint::Finding",
            "fips_certs::lint::Linted",
            "fips_certs::names::Subject",
            "fips_certs::names::SubjectAltName",
            "fips_core::rfc4514::Attribute",
            "fips_tls::adapter::tokio::stream::Peer",
            "fips_tls::authorization::Authorization",
            "fips_tls::authorization::PeerRule",
            "fips_tls::authorization::fault::AuthorizationFault",
            "fips_tls::authorization::fault::NotAuthorized",
            "fips_tls::authorization::fault::NotAuthorizedReason",
            "fips_tls::authorization::fault::RuleFault",
            "fips_tls::authorization::spiffe::SpiffeId",
            "fips_tls::authorization::spiffe::TrustDomain",
            "fips_tls::certificate::CertificateReason",
            "fips_tls::certificate::CertificateRefused",
            "fips_tls::certificate::SignatureName",
            "fips_core::verification::ParsedPublicKey",
            "fips_tls::error::RevocationFault",
            "fips_tls::error::TrustFault",
            "fips_tls::live::status::AnchorStatus",
            "fips_tls::live::status::ListStatus",
            "fips_tls::live::trust::TrustFiles",
            "fips_tls::peer::PeerIdentity",
            "fips_tls::policy::key::PublicKey",
            "fips_tls::policy::profile::file::ProfileFileError",
            "fips_tls::refusal::PeerRefusal",
            "fips_tls::revocation::Revocation",
            "fips_tls::revocation::list::RevocationList",
            "fips_tls::trust::Trust",
        ],
    ),
    (
        "what was done, in words and hashes, as it goes into the log or was found there",
        &[
            "fips_certs::audit::entry::GateRecord",
            "fips_certs::audit::event::Event",
            "fips_certs::audit::head::Head",
            "fips_certs::audit::head::Noted",
            "fips_certs::audit::report::Finding",
            "fips_certs::audit::report::Report",
        ],
    ),
    (
        "the SHA-256 of a CA's certificate, and what a token shall be",
        &[
            "fips_certs::token::issued::TokenParams",
            "fips_certs::token::pin::Pin",
        ],
    ),
    (
        "counts of calls, and how long the module's tests took",
        &[
            "fips_core::indicator::scope::Ledger",
            "fips_core::indicator::scope::Scopes",
            "fips_core::self_test::SelfTestRun",
            "fips_core::self_test::SelfTests",
        ],
    ),
    (
        "the future of another is not shown",
        &["fips_core::indicator::scope::Recorded"],
    ),
    (
        "the answer of a digest; what is digested does not show",
        &["fips_core::digest::Digest"],
    ),
    (
        "what was found of kernel, module and build, before there is a key",
        &[
            "fips_core::boundary::Status",
            "fips_core::boundary::Waiver",
            "fips_core::check::Check",
            "fips_core::evidence::Evidence",
            "fips_core::kernel::KernelDetector",
            "fips_core::kernel::KernelFips",
            "fips_core::kernel::NotGenuine",
            "fips_core::refusal::Refusal",
            "fips_core::statement::Statement",
        ],
    ),
    (
        "what an operator asks for: names, paths, limits",
        &[
            "fips_certs::catalogue::Catalogue",
            "fips_certs::catalogue::Entry",
            "fips_certs::catalogue::definition::Definition",
            "fips_certs::catalogue::entry::AuthorityEntry",
            "fips_certs::catalogue::entry::Content",
            "fips_certs::catalogue::entry::Credentials",
            "fips_certs::catalogue::entry::FileEntry",
            "fips_certs::catalogue::entry::KeySetEntry",
            "fips_certs::catalogue::entry::KubeconfigEntry",
            "fips_certs::catalogue::entry::LeafEntry",
            "fips_certs::catalogue::entry::PasswdUser",
            "fips_certs::catalogue::entry::Place",
            "fips_certs::catalogue::kubeconfig::Frame",
            "fips_certs::catalogue::node::NodeOptions",
            "fips_certs::catalogue::options::Options",
            "fips_certs::clock::FixedClock",
            "fips_certs::key::pkcs11_uri::Pkcs11Uri",
            "fips_certs::key::source::KeySource",
            "fips_certs::csr::rule::SigningRule",
            "fips_certs::csr::rules::SigningRules",
            "fips_certs::pki::plan::RenewalPolicy",
            "fips_certs::pki::rotation::start::Start",
            "fips_certs::pki::rotation::step::Advance",
            "fips_certs::sealing::binding::Binding",
            "fips_certs::secret_source::SecretSource",
            "fips_certs::pki::revocation::JudgedList",
            "fips_certs::pki::revocation::Target",
            "fips_certs::store::path::EntryPath",
            "fips_tls::policy::profile::Profile",
            "fips_tls::policy::profile::Row",
            "fips_tls::policy::profile::UnknownProfile",
        ],
    ),
    (
        "a key on a token: certs/tests/pkcs11 has one, and looks for its PIN",
        &["fips_certs::pkcs11::signer::Pkcs11Signer"],
    ),
    (
        "what stands before sealed data in the clear",
        &["fips_certs::sealing::header::Header"],
    ),
    (
        "where a file will be; what is written to it does not stay in it",
        &["fips_certs::sealing::new_file::NewFile"],
    ),
    (
        "paths, addresses, reasons and names in messages",
        &[
            "fips_certs::store::recovery::Recovery",
            "fips_tls::adapter::etcd::EtcdError",
            "fips_tls::adapter::hyper::error::ConnectError",
            "fips_tls::adapter::kube::KubeError",
            "fips_tls::adapter::tokio::error::HandshakeError",
            "fips_tls::adapter::tokio::error::HandshakeFailure",
            "fips_tls::check::fault::ConfigFault",
            "fips_tls::explain::Explanation",
            "fips_tls::provider::process_default::ProcessDefaultTaken",
        ],
    ),
];

#[test]
fn every_public_type_that_could_hold_a_secret_has_its_place() {
    let types = types::all();
    let found: BTreeSet<_> = types
        .iter()
        .filter(|(path, found)| found.public && !types::is_plain(&types, path))
        .map(|(path, _)| path.as_str())
        .collect();
    let mut placed = BTreeSet::new();
    let all = NONE.iter().map(|(_, paths)| *paths).chain([HOLDS, NEAR]);
    for path in all.flatten() {
        assert!(placed.insert(*path), "{path} stands twice");
    }
    let new: Vec<_> = found.difference(&placed).collect();
    assert!(
        new.is_empty(),
        "new, and able to hold a secret: put each into HOLDS or NEAR with a value in values.rs, \
         or into NONE with the reason: {new:#?}"
    );
    let gone: Vec<_> = placed.difference(&found).collect();
    assert!(gone.is_empty(), "no such type, or a plain one: {gone:#?}");
}

#[test]
fn no_type_shows_a_secret() {
    let types = types::all();
    let values = values::all();
    let made: BTreeSet<_> = values.shown.keys().copied().collect();
    let named: BTreeSet<_> = HOLDS.iter().chain(NEAR).copied().collect();
    assert_eq!(made, named, "a value of each, and of no other");

    let finder = Finder::new(values.secrets.iter().map(Vec::as_slice));
    for (path, shown) in &values.shown {
        for of in ["Debug", "Display", "Serialize"] {
            assert_eq!(
                types[*path].traits.contains(of),
                shown.traits.contains(of),
                "{path} is asked by each way it can answer: {of}"
            );
        }
        for text in &shown.texts {
            assert_eq!(finder.find(text), None, "{path} shows a secret: {text}");
        }
    }
}

#[test]
fn what_holds_a_secret_cannot_be_compared_in_variable_time() {
    let types = types::all();
    for path in types::holders(&types, HOLDS) {
        for of in ["Eq", "Hash", "Ord", "PartialEq", "PartialOrd"] {
            assert!(
                !types[&path].traits.contains(of),
                "{path} holds a secret and is {of}: compare with \
                 fips_core::constant_time::equal and drop the trait"
            );
        }
    }
}

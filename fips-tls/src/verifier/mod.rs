//! Judges of a peer's chain: the policy first, then path validation (RFC 5280 §6) by webpki,
//! then revocation, then who may come in; what was found of a chain is remembered for as long as it holds.
//!
//! The policy's own refusals reach the peer as alert `certificate_unknown`, "some other issue"
//! (RFC 8446 §6.2), the one rustls gives reasons it does not know; all others have their own.

mod believed;
mod cache;
mod error;
mod judge;

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::authorization::Authorization;
use crate::check::next_number;
use crate::policy::Profile;
use crate::trust::Trust;

use judge::{Judge, Purpose};

/// Judges servers for a client.
pub(crate) struct PolicyServerVerifier {
    judge: Judge,
    number: u64,
}

/// Judges clients for a server: one must show a certificate.
pub(crate) struct PolicyClientVerifier {
    judge: Judge,
    /// Sent to clients (RFC 8446 §4.2.4).
    authorities: Vec<DistinguishedName>,
    number: u64,
}

impl PolicyServerVerifier {
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        profile: &Profile,
        trust: &Trust,
        authorization: Option<&Authorization>,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self {
            judge: Judge::new(profile, trust, authorization, algorithms, Purpose::Server),
            number: next_number(),
        }
    }

    /// Judges the chain of a server again, as its handshake did.
    pub(crate) fn believe(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let (end_entity, intermediates) =
            chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        self.judge
            .believe(end_entity, intermediates, Some(name), now)
    }
}

impl PolicyClientVerifier {
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        profile: &Profile,
        trust: &Trust,
        authorization: Option<&Authorization>,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self {
            judge: Judge::new(profile, trust, authorization, algorithms, Purpose::Client),
            authorities: trust.roots().subjects(),
            number: next_number(),
        }
    }

    /// Judges the chain of a client again, as its handshake did.
    pub(crate) fn believe(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let (end_entity, intermediates) =
            chain.split_first().ok_or(Error::NoCertificatesPresented)?;
        self.judge.believe(end_entity, intermediates, None, now)
    }
}

impl ServerCertVerifier for PolicyServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        // Nobody here signs or fetches one: revocation is by lists.
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge
            .believe(end_entity, intermediates, Some(server_name), now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.schemes()
    }
}

impl ClientCertVerifier for PolicyClientVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.authorities
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge.believe(end_entity, intermediates, None, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.schemes()
    }
}

// The number tells one verifier from another where nothing but its debug form can be seen
// (see `check`).
impl fmt::Debug for PolicyServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PolicyServerVerifier({}, #{})",
            self.judge.profile().name(),
            self.number
        )
    }
}

impl fmt::Debug for PolicyClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PolicyClientVerifier({}, #{})",
            self.judge.profile().name(),
            self.number
        )
    }
}

//! Judges of a peer's chain: the policy first, then path validation (RFC 5280 §6) by webpki.
//!
//! The policy's own refusals reach the peer as alert `certificate_unknown`, "some other issue"
//! (RFC 8446 §6.2), the one rustls gives reasons it does not know; all others have their own.

use std::fmt;
use std::iter;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use crate::certificate;
use crate::check::next_number;
use crate::error::TrustFault;
use crate::policy::Profile;
use crate::trust::Trust;

/// Judges servers for a client.
pub(crate) struct PolicyServerVerifier {
    inner: Arc<WebPkiServerVerifier>,
    profile: Profile,
    number: u64,
}

/// Judges clients for a server: one must show a certificate.
pub(crate) struct PolicyClientVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    profile: Profile,
    number: u64,
}

impl PolicyServerVerifier {
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        profile: &Profile,
        trust: &Trust,
    ) -> Result<Self, TrustFault> {
        let inner = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(trust.roots()),
            Arc::clone(provider),
        )
        .build()
        .map_err(unusable)?;
        Ok(Self {
            inner,
            profile: profile.clone(),
            number: next_number(),
        })
    }
}

impl PolicyClientVerifier {
    pub(crate) fn new(
        provider: &Arc<CryptoProvider>,
        profile: &Profile,
        trust: &Trust,
    ) -> Result<Self, TrustFault> {
        let inner = WebPkiClientVerifier::builder_with_provider(
            Arc::clone(trust.roots()),
            Arc::clone(provider),
        )
        .build()
        .map_err(unusable)?;
        Ok(Self {
            inner,
            profile: profile.clone(),
            number: next_number(),
        })
    }
}

impl ServerCertVerifier for PolicyServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        judge(&self.profile, end_entity, intermediates)?;
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
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
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        judge(&self.profile, end_entity, intermediates)?;
        self.inner
            .verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

// The number tells one verifier from another where nothing but its debug form can be seen
// (see `check`).
impl fmt::Debug for PolicyServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PolicyServerVerifier({}, #{})",
            self.profile.name(),
            self.number
        )
    }
}

impl fmt::Debug for PolicyClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PolicyClientVerifier({}, #{})",
            self.profile.name(),
            self.number
        )
    }
}

fn judge(
    profile: &Profile,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<(), Error> {
    certificate::judge_chain(profile, iter::once(end_entity).chain(intermediates)).map_err(
        |refused| Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused)))),
    )
}

fn unusable(error: rustls::client::VerifierBuilderError) -> TrustFault {
    TrustFault::Unusable {
        position: 0,
        subject: String::new(),
        reason: error.to_string(),
    }
}

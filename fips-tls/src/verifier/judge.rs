use std::cell::Cell;
use std::iter;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use webpki::{Cert, EndEntityCert, KeyUsage, VerifiedPath};

use super::believed::{Believed, Window};
use super::cache::{ChainCache, Key};
use super::error::of_path;
use crate::authorization::Authorization;
use crate::certificate;
use crate::counters;
use crate::peer::PeerIdentity;
use crate::policy::Profile;
use crate::refusal::{self, PeerRefusal};
use crate::revocation::{IssuerFacts, Role};
use crate::trust::Trust;

/// What a leaf is judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Client,
    Server,
}

/// Judges chains under one profile, one trust, for one purpose.
#[derive(Debug)]
pub(super) struct Judge {
    profile: Profile,
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    purpose: Purpose,
    authorization: Option<Authorization>,
    cache: ChainCache,
}

impl Judge {
    pub(super) fn new(
        profile: &Profile,
        trust: &Trust,
        authorization: Option<&Authorization>,
        algorithms: WebPkiSupportedAlgorithms,
        purpose: Purpose,
    ) -> Self {
        Self {
            profile: profile.clone(),
            trust: trust.clone(),
            algorithms,
            purpose,
            authorization: authorization.cloned(),
            cache: ChainCache::default(),
        }
    }

    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(super) fn schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    /// Judges a chain, of a server for the name it was connected to by.
    pub(super) fn believe(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let key = Key::new(end_entity, intermediates, name);
        let found = key.is_some_and(|key| self.cache.find(key, now).is_some());
        counters::chain_cache(found);
        if found {
            return Ok(());
        }
        let window = self
            .verify(end_entity, intermediates, name, now)
            .inspect_err(|error| refusal::note(PeerRefusal::new(end_entity, error)))?;
        self.admit(end_entity)?;
        if let (Some(key), Some(believed)) = (key, Believed::new(end_entity, window)) {
            self.cache.keep(key, &Arc::new(believed));
        }
        Ok(())
    }

    /// Whether the owner of a verified leaf may come in: else the peer is told `access_denied`
    /// (RFC 8446 §6.2).
    fn admit(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        let Some(authorization) = &self.authorization else {
            return Ok(());
        };
        let peer = PeerIdentity::from_certificate(end_entity)
            .map_err(|_| Error::from(CertificateError::BadEncoding))
            .inspect_err(|error| refusal::note(PeerRefusal::new(end_entity, error)))?;
        authorization.judge(&peer).map_err(|refused| {
            refusal::note(PeerRefusal::not_authorized(&peer, &refused));
            CertificateError::ApplicationVerificationFailure.into()
        })
    }

    /// The policy, then path validation (RFC 5280 §6), revocation, and the name.
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<Window, Error> {
        let chain = iter::once(end_entity).chain(intermediates);
        certificate::judge_chain(&self.profile, chain).map_err(|refused| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
        })?;
        let leaf = EndEntityCert::try_from(end_entity).map_err(of_path)?;
        let usage = match self.purpose {
            Purpose::Client => KeyUsage::client_auth(),
            Purpose::Server => KeyUsage::server_auth(),
        };
        let window = Cell::new(Window::ALWAYS);
        leaf.verify_for_usage(
            self.algorithms.all,
            &self.trust.roots().roots,
            intermediates,
            now,
            usage,
            None,
            Some(&|path: &VerifiedPath<'_>| {
                window.set(self.judge_path(path, now)?);
                Ok(())
            }),
        )
        .map_err(|error| match error {
            webpki::Error::InvalidSignatureForPublicKey
                if self.is_of_another_key(end_entity, intermediates) =>
            {
                CertificateError::UnknownIssuer.into()
            }
            error => of_path(error),
        })?;
        if let Some(name) = name {
            leaf.verify_is_valid_for_subject_name(name)
                .map_err(of_path)?;
        }
        Ok(window.get())
    }

    /// Whether a chain that does not verify says itself that no anchor signed it: it names one
    /// and the identifier of another key (RFC 5280 §4.2.1.1), as after a rotation. An unknown
    /// issuer then, not a wrong signature.
    fn is_of_another_key(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> bool {
        iter::once(end_entity).chain(intermediates).all(|der| {
            certificate::parse(der)
                .is_ok_and(|certificate| !self.trust.may_have_signed(&certificate))
        })
    }

    /// What webpki leaves to others: the anchor's own validity, and revocation. Says how long
    /// the answer holds.
    fn judge_path(&self, path: &VerifiedPath<'_>, now: UnixTime) -> Result<Window, webpki::Error> {
        let anchor = self
            .trust
            .anchor(path.anchor())
            .ok_or(webpki::Error::UnknownIssuer)?;
        if now < anchor.not_before {
            return Err(webpki::Error::CertNotValidYet {
                time: now,
                not_before: anchor.not_before,
            });
        }
        if now > anchor.not_after {
            return Err(webpki::Error::CertExpired {
                time: now,
                not_after: anchor.not_after,
            });
        }
        let mut window = Window::ALWAYS.and(anchor.not_before, anchor.not_after);

        // From the leaf upwards: each is asked about with the lists of the next.
        let leaf: &Cert<'_> = path.end_entity();
        let mut below = (leaf, Role::Leaf);
        for authority in path.intermediate_certificates() {
            let der = authority.der();
            let parsed = certificate::parse(&der).map_err(|()| webpki::Error::BadDer)?;
            let issuer = IssuerFacts::new(authority.subject(), &parsed);
            window = self.judge_one(below, &issuer, window, now)?;
            below = (authority, Role::Authority);
        }
        self.judge_one(below, &anchor.facts, window, now)
    }

    fn judge_one(
        &self,
        (certificate, role): (&Cert<'_>, Role),
        issuer: &IssuerFacts,
        window: Window,
        now: UnixTime,
    ) -> Result<Window, webpki::Error> {
        let der = certificate.der();
        let parsed = certificate::parse(&der).map_err(|()| webpki::Error::BadDer)?;
        let (from, to) = certificate::validity(&parsed);
        let window = window.and(from, to);
        let Some(revocation) = self.trust.revocation() else {
            return Ok(window);
        };
        let until = revocation.judge((certificate, &parsed), role, issuer, now)?;
        Ok(until.map_or(window, |until| window.and_before(until)))
    }

    pub(super) fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // All of a scheme are tried: its code point names the hash alone.
        self.signature(message, leaf, dss, usize::MAX)
            .unwrap_or_else(|| verify_tls12_signature(message, leaf, dss, &self.algorithms))
            .inspect_err(|error| refusal::note(PeerRefusal::new(leaf, error)))
    }

    pub(super) fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = if is_for_tls13(dss.scheme) {
            self.signature(message, leaf, dss, 1)
        } else {
            None
        };
        known
            .unwrap_or_else(|| verify_tls13_signature(message, leaf, dss, &self.algorithms))
            .inspect_err(|error| refusal::note(PeerRefusal::new(leaf, error)))
    }

    /// Verifies with the key of a leaf that was believed before, parsed once, by one of the first
    /// `most` algorithms of the scheme. `None` where that says nothing: then rustls answers.
    fn signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
        most: usize,
    ) -> Option<Result<HandshakeSignatureValid, Error>> {
        let (_, candidates) = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == dss.scheme)?;
        let believed = self.cache.leaf(leaf)?;
        let key = candidates.iter().take(most).find_map(
            |algorithm: &&dyn SignatureVerificationAlgorithm| believed.key_for(*algorithm),
        )?;
        Some(match key.verify(message, dss.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(CertificateError::BadSignature.into()),
        })
    }
}

/// Whether a signature of TLS 1.3 may be of this scheme (RFC 8446 §4.2.3).
fn is_for_tls13(scheme: SignatureScheme) -> bool {
    crate::policy::Scheme::from_code(scheme.into())
        .is_some_and(crate::policy::Scheme::signs_tls13_handshakes)
}

use fips_core::Error;

/// Ends the thread's work where rustls's trait has no way to answer with an error.
///
/// These calls are answered with an error only when a rule was broken (a label no approved
/// service covers, an answer of the indicator other than "approved") or a self-test of the
/// module has failed. Going on would mean keys made of zeros or of nobody's approval, so the handshake, and with it the task,
/// stops here. A peer cannot bring this about: what it sends never reaches such a call as
/// anything but hashed data.
#[cold]
pub(super) fn fail_closed(error: &Error) -> ! {
    tracing::error!(%error, "cryptographic boundary: a TLS connection is given up");
    panic!("cryptographic boundary: {error}")
}

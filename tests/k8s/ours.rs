//! Our own TLS client at the API server. Its Go has no extended master secret in TLS 1.2, which
//! a FIPS client insists on: they meet in TLS 1.3.

use std::time::Duration;

use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{ClientConfig, Explanation, Identity, Profile, Session, Trust};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Outcome;
use crate::run::Run;

/// The longest a step may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the API server for its nodes as an administrator.
pub(crate) fn ask(run: &Run) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let (negotiated, answer) = runtime
        .block_on(request(run))
        .map_err(|error| format!("our own client: {error}"))?;
    if !answer.starts_with("HTTP/1.0 200 OK") || !answer.contains("NodeList") {
        return Err(format!("our own client is not answered: {answer}"));
    }
    if !negotiated.contains("1.3") {
        return Err(format!("our own client negotiated {negotiated}"));
    }
    run.ok(&format!("our own TLS client lists nodes: {negotiated}"));
    Ok(())
}

async fn request(run: &Run) -> Result<(String, String), Box<dyn std::error::Error>> {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict())?;
    let file = |stem: &str, ending: &str| run.file(&format!("{stem}.{ending}"));
    let client = run.layout.api_client;
    let config = ClientConfig::builder(&boundary, Profile::sp800_52r2())
        .with_trust(Trust::from_file(file(run.layout.server_ca, "crt"))?)
        .with_identity(Identity::from_files(
            &boundary,
            file(client, "crt"),
            file(client, "key"),
        )?)
        .build()?;
    let socket = TcpStream::connect(("127.0.0.1", run.ports.api)).await?;
    let name = ServerName::try_from("kubernetes.default.svc")?;
    let connecting = TlsConnector::from(config.rustls()).connect(name, socket);
    let mut stream =
        timeout(PATIENCE, connecting)
            .await?
            .map_err(|error| match Explanation::of_io(&error) {
                Some(explanation) => explanation.to_string(),
                None => error.to_string(),
            })?;
    let session = Session::of(stream.get_ref().1)?;
    let negotiated = format!("{} {}", session.version, session.suite);
    stream
        .write_all(b"GET /api/v1/nodes HTTP/1.0\r\nAccept: application/json\r\n\r\n")
        .await?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
    Ok((negotiated, answer))
}

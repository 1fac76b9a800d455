//! `fipsctl serve` and `fipsctl connect`: a mutual-TLS echo and its client.

use std::net::SocketAddr;
use std::time::Duration;

use fips_boundary::core::Boundary;
use fips_boundary::core::indicator::{Ledger, Summary};
use fips_boundary::tls::adapter::tokio::{Acceptor, Connector, TlsStream};
use fips_boundary::tls::live::{TrustFiles, Watched};
use fips_boundary::tls::{
    Authorization, ClientConfig, Explanation, Identity, Profile, Revocation, ServerConfig, Trust,
    UnknownProfile,
};
use rustls_pki_types::ServerName;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::cli::{ConnectArgs, Format, ServeArgs, TlsArgs};
use crate::exit::{self, Failure};
use crate::session::Described;
use crate::{boundary, output};

/// How long a client may take for its handshake, and between two lines.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest line that is echoed, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;
/// Connections served at once; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 256;

fn profile(args: &TlsArgs) -> Result<Profile, Failure> {
    args.profile
        .parse()
        .map_err(|error: UnknownProfile| Failure::Usage(error.to_string()))
}

fn authorization(args: &TlsArgs) -> Result<Option<Authorization>, Failure> {
    Ok(args
        .allow
        .as_ref()
        .map(Authorization::from_file)
        .transpose()?)
}

fn trust(args: &TlsArgs) -> Result<Trust, Failure> {
    let trust = Trust::from_file(&args.ca)?;
    if args.crl.is_empty() {
        return Ok(trust);
    }
    Ok(trust.with_revocation(Revocation::from_files(&args.crl)?)?)
}

fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::Io {
            action: "start the runtime".to_owned(),
            source,
        })
}

pub(crate) fn serve(args: ServeArgs) -> Result<u8, Failure> {
    let profile = profile(&args.tls)?;
    let boundary = match args.self_test_every {
        Some(interval) => boundary::enter_testing_every(interval)?,
        None => boundary::enter()?,
    };
    let authorization = authorization(&args.tls)?;
    let mut files = Watched::new(&boundary);
    let identity = files.identity(&args.tls.cert, &args.tls.key)?;
    let mut trusted = TrustFiles::new(&args.tls.ca);
    if !args.tls.crl.is_empty() {
        trusted = trusted.with_revocation_lists(&args.tls.crl);
    }
    let trust = files.trust(trusted)?;
    let config = files.start(move || {
        let server = ServerConfig::builder(&boundary, profile.clone())
            .with_identity(identity.current())
            .with_client_trust(trust.current());
        match &authorization {
            Some(rules) => server.with_authorization(rules.clone()),
            None => server,
        }
        .build()
    })?;
    runtime()?.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|source| Failure::Io {
                action: format!("listen on {}", args.listen),
                source,
            })?;
        let address = listener.local_addr().map_err(|source| Failure::Io {
            action: "read the address".to_owned(),
            source,
        })?;
        output::print(&format!("listening on {address}\n"))?;
        let acceptor = Acceptor::new(config).with_handshake_timeout(PATIENCE);
        tokio::select! {
            outcome = accept_all(listener, acceptor, args.connections) => outcome,
            closed = closing(boundary) => Err(closed),
            _ = tokio::signal::ctrl_c() => Ok(exit::DONE),
        }
    })
}

/// Ends when the gate closes: a test of the module has failed, and nothing can be served.
async fn closing(boundary: Boundary) -> Failure {
    loop {
        if let Err(error) = boundary.still_open() {
            return error.into();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Serves until `limit` connections have ended; a client's fault ends its connection alone.
async fn accept_all(
    listener: TcpListener,
    acceptor: Acceptor,
    limit: Option<u32>,
) -> Result<u8, Failure> {
    let mut running = JoinSet::new();
    let mut accepted = 0;
    while limit.is_none_or(|limit| accepted < limit) {
        if running.len() >= MOST_CONNECTIONS {
            running.join_next().await;
        }
        let (tcp, peer) = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                // Out of descriptors, or a client that went away: neither ends the server.
                output::note(&format!("cannot accept a connection: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        accepted += 1;
        let acceptor = acceptor.clone();
        running.spawn(async move {
            if let Err(problem) = serve_one(tcp, peer, &acceptor).await {
                output::note(&format!("{peer}: {problem}"));
            }
        });
        // Finished ones are collected as we go.
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    Ok(exit::DONE)
}

/// Serves one connection; what it asked of the module is printed at its end, however it ends.
async fn serve_one(tcp: TcpStream, peer: SocketAddr, acceptor: &Acceptor) -> Result<(), String> {
    let ledger = Ledger::new();
    let stream = ledger
        .recorded(acceptor.accept(tcp))
        .await
        .map_err(|error| format!("handshake failed: {error}"))?;
    let session = Described::of(stream.session());
    output::print(&format!("{peer}: {session}\n")).map_err(|error| error.to_string())?;
    let ended = ledger.recorded(echo(stream)).await;
    output::print(&format!("{peer}: ledger: {}\n", ledger.summary()))
        .map_err(|error| error.to_string())?;
    ended
}

async fn echo(stream: TlsStream<TcpStream>) -> Result<(), String> {
    let (read, mut write) = tokio::io::split(stream);
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut read).take(LONGEST_LINE);
        let received = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line))
            .await
            .map_err(|_| "silent for too long".to_owned())?
            .map_err(|error| error.to_string())?;
        if received == 0 {
            // Ends the TLS stream properly, so that the client can tell it from a cut.
            return write.shutdown().await.map_err(|error| error.to_string());
        }
        write
            .write_all(&line)
            .await
            .map_err(|error| error.to_string())?;
        write.flush().await.map_err(|error| error.to_string())?;
    }
}

#[derive(Serialize)]
struct Connected {
    address: String,
    session: Described,
    ledger: Summary,
    echo: String,
}

pub(crate) fn connect(args: ConnectArgs) -> Result<u8, Failure> {
    let host = host_of(&args.address)?;
    let name = args.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(|_| {
        Failure::Usage(format!(
            "{name:?} is neither a DNS name nor an IP address: see --server-name"
        ))
    })?;
    if args.message.contains('\n') {
        return Err(Failure::Usage("--message takes one line".to_owned()));
    }
    let profile = profile(&args.tls)?;
    let boundary = boundary::enter()?;
    let config = ClientConfig::builder(&boundary, profile)
        .with_trust(trust(&args.tls)?)
        .with_identity(Identity::from_files(
            &boundary,
            &args.tls.cert,
            &args.tls.key,
        )?);
    let config = match authorization(&args.tls)? {
        Some(rules) => config.with_authorization(rules),
        None => config,
    }
    .build()?;
    let ledger = Ledger::new();
    let work = ledger.recorded(exchange(&args, name, Connector::new(config)));
    let (session, echo) = runtime()?.block_on(async {
        tokio::time::timeout(Duration::from_secs(args.timeout), work)
            .await
            .map_err(|_| Failure::Io {
                action: format!("finish with {} in {} s", args.address, args.timeout),
                source: std::io::ErrorKind::TimedOut.into(),
            })?
    })?;
    let connected = Connected {
        address: args.address,
        session,
        ledger: ledger.summary(),
        echo,
    };
    match args.output {
        Format::Json => output::print(&output::json(&connected)?)?,
        Format::Yaml => output::print(&output::yaml(&connected)?)?,
        Format::Table | Format::Text => output::print(&format!(
            "connected to {}: {}\nledger: {}\necho: {}\n",
            connected.address, connected.session, connected.ledger, connected.echo
        ))?,
    }
    Ok(exit::DONE)
}

async fn exchange(
    args: &ConnectArgs,
    name: ServerName<'static>,
    connector: Connector,
) -> Result<(Described, String), Failure> {
    let failed = |action: &str| {
        let action = format!("{action} {}", args.address);
        move |source| match Explanation::of_io(&source) {
            Some(explanation) => Failure::Handshake {
                action,
                explanation: explanation.to_string(),
            },
            None => Failure::Io { action, source },
        }
    };
    let tcp = TcpStream::connect(&args.address)
        .await
        .map_err(failed("connect to"))?;
    let limit = Duration::from_secs(args.timeout);
    let mut stream = connector
        .with_handshake_timeout(limit)
        .connect(name, tcp)
        .await
        .map_err(|error| Failure::Handshake {
            action: format!("make a TLS connection with {}", args.address),
            explanation: error.to_string(),
        })?;
    let line = format!("{}\n", args.message);
    stream
        .write_all(line.as_bytes())
        .await
        .map_err(failed("send to"))?;
    stream.flush().await.map_err(failed("send to"))?;
    let mut echo = String::new();
    {
        let mut read = BufReader::new(&mut stream).take(LONGEST_LINE);
        // In TLS 1.3 a server's refusal of our certificate arrives with this first read.
        read.read_line(&mut echo)
            .await
            .map_err(failed("read the echo from"))?;
    }
    let session = Described::of(stream.session());
    stream
        .shutdown()
        .await
        .map_err(failed("close the connection with"))?;
    if echo != line {
        return Err(Failure::Io {
            action: format!("get the same line back from {}", args.address),
            source: std::io::Error::other(format!("got {echo:?}")),
        });
    }
    Ok((session, echo.trim_end().to_owned()))
}

/// The host of `HOST:PORT`; an IPv6 address stands in brackets.
fn host_of(address: &str) -> Result<&str, Failure> {
    let usage = || {
        Failure::Usage(format!(
            "{address:?} is not HOST:PORT (an IPv6 address goes in brackets)"
        ))
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(usage)?;
    port.parse::<u16>().map_err(|_| usage())?;
    let host = host
        .strip_prefix('[')
        .map_or(Some(host), |h| h.strip_suffix(']'));
    host.filter(|host| !host.is_empty()).ok_or_else(usage)
}

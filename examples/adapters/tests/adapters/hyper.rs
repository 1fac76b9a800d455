use std::convert::Infallible;
use std::error::Error;

use fips_boundary::tls::adapter::hyper::{ConnectError, HttpsConnector, serve};
use fips_boundary::tls::adapter::tokio::{Acceptor, Connector, Peer, TlsListener};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;

use crate::support::{
    Files, OURS, STRANGERS, assert_failed, assert_printed, curl, listen, nginx, runtime,
};

type HttpsClient = Client<HttpsConnector, Empty<Bytes>>;

fn client(files: &Files, trusted: &Files, alpn: &[&[u8]]) -> HttpsClient {
    let config = files.client_trusting(trusted.trust(), alpn);
    let connector = HttpsConnector::new(Connector::new(config));
    Client::builder(TokioExecutor::new()).build(connector)
}

async fn get(client: &HttpsClient, uri: &str) -> Result<Response<Incoming>, legacy::Error> {
    client.get(uri.parse().unwrap()).await
}

fn refused(error: &legacy::Error) -> &ConnectError {
    error.source().unwrap().downcast_ref().unwrap()
}

#[test]
fn a_client_meets_nginx_over_what_alpn_says() {
    let work = tempfile::tempdir().unwrap();
    let nginx = nginx(
        &OURS,
        work.path(),
        "location / { return 200 $ssl_client_s_dn; }",
    );
    let port = nginx.port;
    runtime().block_on(async {
        for (alpn, version) in [
            (&[b"h2".as_slice(), b"http/1.1"][..], Version::HTTP_2),
            (&[b"http/1.1"], Version::HTTP_11),
            (&[], Version::HTTP_11),
        ] {
            let client = client(&OURS, &OURS, alpn);
            for host in ["localhost", "127.0.0.1"] {
                let answer = get(&client, &format!("https://{host}:{port}/"))
                    .await
                    .unwrap();
                assert_eq!(answer.version(), version);
                let server = answer.extensions().get::<Peer>().unwrap().clone();
                assert!(server.identity().unwrap().subject().contains("etcd-server"));
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, "CN=etcd-client");
            }
        }

        // Another name than the certificate's.
        let connector = HttpsConnector::new(Connector::new(OURS.client(&[])))
            .with_server_name("other.example".try_into().unwrap());
        let other: HttpsClient = Client::builder(TokioExecutor::new()).build(connector);
        let error = get(&other, &format!("https://localhost:{port}/"))
            .await
            .unwrap_err();
        assert!(
            refused(&error).to_string().contains("other.example"),
            "{error:?}"
        );

        // A server whom the client does not trust, and who.
        let error = get(
            &client(&OURS, &STRANGERS, &[]),
            &format!("https://localhost:{port}/"),
        )
        .await
        .unwrap_err();
        let ConnectError::Tls { source, .. } = refused(&error) else {
            panic!("{error:?}");
        };
        assert!(
            source.peer().unwrap().subject.contains("etcd-server"),
            "{source}"
        );
        assert!(source.address().is_some());

        // Nothing goes out in the clear.
        let error = get(
            &client(&OURS, &OURS, &[]),
            &format!("http://localhost:{port}/"),
        )
        .await
        .unwrap_err();
        assert!(
            matches!(refused(&error), ConnectError::NotHttps { .. }),
            "{error:?}"
        );
    });
}

#[test]
fn a_server_meets_curl_over_both_versions_of_http() {
    let runtime = runtime();
    let port = runtime.block_on(async {
        let (listener, address) = listen().await;
        let acceptor = Acceptor::new(OURS.server(&[b"h2", b"http/1.1"]));
        tokio::spawn(serve(TlsListener::new(listener, acceptor), |peer| {
            let subject = peer.identity().unwrap().subject().to_owned();
            service_fn(move |request: Request<Incoming>| {
                let body = format!("{:?} {subject}", request.version());
                async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body)))) }
            })
        }));
        address.port()
    });
    let out = curl(&OURS, port, "/", &["--http1.1"]);
    assert_printed(&out, "HTTP/1.1 CN=etcd-client");
    let out = curl(&OURS, port, "/", &["--http2"]);
    assert_printed(&out, "HTTP/2.0 CN=etcd-client");
    let [_, _, ca] = OURS.of("client");
    let out = curl(&STRANGERS, port, "/", &["--cacert", &ca]);
    assert_failed(&out, "unknown ca");
}

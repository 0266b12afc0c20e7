//! The HTTPS client of the SDK: one pool of connections for all services.
//!
//! The SDK's default client parses the system's 140 root certificates at every cold start and links
//! HTTP/2, which these services do not use. This one has the roots compiled in; it saves a fifth of a
//! cold start. Delete this file when `aws-smithy-http-client` takes parsed roots and can be built
//! without HTTP/2.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::{
    SharedHttpClient,
    http::{HttpRequest, HttpResponse},
};
use aws_smithy_runtime_api::client::{
    connection::{CaptureSmithyConnection, ConnectionMetadata},
    http::{
        HttpConnector as SdkConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    },
    result::ConnectorError,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use lambda_http::http::{Request, Uri};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};

/// Maximum time for the TCP connection. The TLS handshake after it is limited by the time of an
/// attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A pool of connections.
#[derive(Clone, Debug)]
pub(super) struct Https(Client<HttpsConnector<HttpConnector>, SdkBody>);

impl Https {
    /// Trusts the certificates in the PEM file `roots`, or else the ones that Mozilla trusted when
    /// `webpki-roots` was released.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or holds no certificate.
    pub(super) fn new(roots: Option<&Path>) -> Result<Self, pem::Error> {
        let mut trusted = RootCertStore::empty();
        match roots {
            None => trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(file) => {
                let certificates =
                    CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
                // Like other clients, ignore certificates that rustls does not support.
                if trusted.add_parsable_certificates(certificates).0 == 0 {
                    return Err(pem::Error::NoItemsFound);
                }
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of TLS 1.2 and 1.3")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(https);
        Ok(Self(client))
    }

    /// Returns this pool as the SDK's HTTP client.
    pub(super) fn sdk_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Sends a `GET` and reads the whole body, so that the connection returns to the pool.
    pub(super) async fn get(&self, url: Uri) -> Result<(), Box<dyn Error>> {
        let request = Request::get(url).body(SdkBody::empty())?;
        let body = SdkBody::from_body_1_x(self.0.request(request).await?.into_body());
        ByteStream::new(body).collect().await?;
        Ok(())
    }
}

impl SdkConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        // After a transient error the SDK poisons the connection, so that its retry opens another.
        // Same code as in `aws-smithy-http-client`, whose adapter is private.
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || {
                let connection = connection.clone();
                let poison = move || {
                    if let Some(connection) = connection.connection_metadata().as_ref() {
                        connection.poison();
                    }
                };
                let metadata = ConnectionMetadata::builder().proxied(false);
                Some(metadata.poison_fn(poison).build())
            });
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            // The request itself is valid, so every error is the network's, and the SDK may retry.
            let response = response
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        fs,
        io::{BufRead as _, BufReader, Read, Write},
        net::TcpListener,
        sync::{Arc, mpsc},
        thread,
    };

    use aws_sdk_secretsmanager::Client;
    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use rustls::{
        ServerConfig, ServerConnection, StreamOwned,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    };

    use crate::{
        aws::{AwsError, config, config::tests::env},
        env::EnvError,
    };

    /// Reads a request, responds with `status` and an empty object, and returns the request line, or
    /// `None` if the client has closed the connection.
    pub(in crate::aws) fn respond(
        connection: &mut BufReader<impl Read + Write>,
        status: u16,
    ) -> Option<String> {
        let lines = connection.by_ref().lines().map_while(Result::ok);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let line = head.first()?.clone();
        let length = head.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or_default()];
        connection.read_exact(&mut body).unwrap();
        let response = format!("HTTP/1.1 {status} -\r\nContent-Length: 2\r\n\r\n{{}}");
        connection.get_mut().write_all(response.as_bytes()).unwrap();
        Some(line)
    }

    /// Serves one request per connection with the certificate `certified`, and returns the URL.
    fn serve(certified: &CertifiedKey<KeyPair>) -> String {
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap();
        let tls = Arc::new(tls);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for tcp in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let stream = StreamOwned::new(connection, tcp.unwrap());
                // `None` from a client that distrusts the certificate.
                respond(&mut BufReader::new(stream), 200);
            }
        });
        format!("https://localhost:{port}")
    }

    #[tokio::test]
    async fn a_certificate_is_trusted_where_its_root_is() {
        let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        fs::write(&roots, certified.cert.pem()).unwrap();
        let url = serve(&certified);
        let call = async |variables: &[_]| {
            let client = Client::new(&config(&env(variables)).unwrap());
            let outcome = client.get_secret_value().secret_id("key").send().await;
            outcome.map_err(|error| AwsError::new("GetSecretValue", &error))
        };
        let endpoint = ("AWS_ENDPOINT_URL", url.as_str());

        let trusting = call(&[endpoint, ("AWS_CA_BUNDLE", roots.to_str().unwrap())]).await;
        let distrusting = call(&[endpoint]).await;

        trusting.unwrap();
        let AwsError::Unavailable { reason, .. } = distrusting.unwrap_err() else {
            panic!("not unavailable");
        };
        assert!(reason.contains("UnknownIssuer"), "{reason}");
    }

    #[tokio::test]
    async fn a_retry_opens_another_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // The first connection fails every request, the others serve them.
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let sender = sender.clone();
                let mut connection = BufReader::new(connection.unwrap());
                let status = if number == 0 { 500 } else { 200 };
                thread::spawn(move || {
                    while respond(&mut connection, status).is_some() {
                        sender.send((number, status)).unwrap();
                    }
                });
            }
        });
        let client = Client::new(&config(&env(&[("AWS_ENDPOINT_URL", &url)])).unwrap());

        let outcome = client.get_secret_value().secret_id("key").send().await;

        outcome.unwrap();
        let requests = [(); 2].map(|()| requests.recv().unwrap());
        assert_eq!(requests, [(0, 500), (1, 200)]);
    }

    #[test]
    fn a_bundle_holds_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        fs::write(
            &file,
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        for path in [file.to_str().unwrap(), "/nowhere"] {
            let error = config(&env(&[("AWS_CA_BUNDLE", path)])).unwrap_err();

            let name = "AWS_CA_BUNDLE";
            assert!(matches!(error, EnvError::Invalid { name: of, .. } if of == name));
        }
    }
}

//! A proxy made with pingora, as its user guide has it, that does the job of the others in the comparison.
//!
//! `mtls-proxy -c FILE`; the file is pingora's own, with the keys of [`Settings`] besides.

#![forbid(unsafe_code)]

mod access;
mod client;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pingora_boringssl::ssl::{SslFiletype, SslOptions, SslSessionCacheMode, SslVerifyMode};
use pingora_boringssl::x509::X509Name;
use pingora_core::apps::HttpServerOptions;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::server::Server;
use pingora_core::server::configuration::Opt;
use pingora_core::services::background::background_service;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use pingora_proxy::{ProxyHttp, ProxyServiceBuilder, Session};
use serde::Deserialize;

use access::{Access, Flush};
use client::{Client, Tell};

/// What pingora's own settings have no keys for.
#[derive(Deserialize)]
struct Settings {
    listen: String,
    certificate: String,
    key: String,
    /// Who issues the clients' certificates.
    ca: String,
    upstream: SocketAddr,
    access_log: String,
    /// Whether sessions may be resumed.
    resumption: bool,
    /// Seconds for which an idle connection is kept.
    idle: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("pingora {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    // Refused handshakes are not logged by most of the others either.
    env_logger::Builder::new().parse_filters("error,pingora_core::services::listening=off").init();
    let options = Opt::parse_args();
    let file = options.conf.as_ref().ok_or("-c FILE is missing")?;
    let settings: Settings = serde_yaml::from_str(&fs::read_to_string(file)?)?;
    let mut server = Server::new(Some(options))?;
    server.bootstrap();

    let access = Arc::new(Access::open(&settings.access_log)?);
    let proxy = Proxy {
        peer: HttpPeer::new(settings.upstream, false, String::new()),
        idle: settings.idle,
        access: access.clone(),
    };
    let mut http = HttpServerOptions::default();
    http.h2_idle_timeout = Some(Duration::from_secs(settings.idle));
    let mut service =
        ProxyServiceBuilder::new(&server.configuration, proxy).server_options(http).build();
    service.add_tls_with_settings(&settings.listen, None, tls(&settings)?);
    server.add_service(service);
    server.add_service(background_service("access log", Flush(access)));
    server.run_forever()
}

fn tls(settings: &Settings) -> Result<TlsSettings, Box<dyn Error>> {
    let mut tls = TlsSettings::with_callbacks(Box::new(Tell))?;
    tls.set_certificate_chain_file(&settings.certificate)?;
    tls.set_private_key_file(&settings.key, SslFiletype::PEM)?;
    tls.set_ca_file(&settings.ca)?;
    tls.set_client_ca_list(X509Name::load_client_ca_file(&settings.ca)?);
    tls.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    tls.set_curves_list("X25519MLKEM768:X25519:P-256")?;
    // Without one, no session with a client certificate is resumed.
    tls.set_session_id_context(b"clients")?;
    if !settings.resumption {
        tls.set_options(SslOptions::NO_TICKET);
        tls.set_session_cache_mode(SslSessionCacheMode::OFF);
    }
    tls.enable_h2();
    Ok(tls)
}

struct Proxy {
    peer: HttpPeer,
    idle: u64,
    access: Arc<Access>,
}

/// What is known of a request on its way.
pub struct Request {
    id: String,
    began: Instant,
    /// When it went on to the upstream.
    sent: Option<Instant>,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Request;

    fn new_ctx(&self) -> Request {
        Request { id: format!("{:032x}", rand::random::<u128>()), began: Instant::now(), sent: None }
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        _: &mut Request,
    ) -> pingora_core::Result<bool> {
        if !session.req_header().uri.path().starts_with("/hooks/") {
            session.respond_error(404).await?;
            return Ok(true);
        }
        session.set_keepalive(Some(self.idle));
        Ok(false)
    }

    async fn upstream_peer(
        &self,
        _: &mut Session,
        request: &mut Request,
    ) -> pingora_core::Result<Box<HttpPeer>> {
        request.sent = Some(Instant::now());
        Ok(Box::new(self.peer.clone()))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        onward: &mut RequestHeader,
        request: &mut Request,
    ) -> pingora_core::Result<()> {
        onward.insert_header("X-Request-Id", request.id.as_str())?;
        Client::of(session).map_or(Ok(()), |client| client.tell(onward))
    }

    async fn logging(
        &self,
        session: &mut Session,
        _: Option<&pingora_core::Error>,
        request: &mut Request,
    ) {
        self.access.write(session, request, &self.peer);
    }
}

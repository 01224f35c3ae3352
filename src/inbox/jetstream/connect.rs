//! The connection to NATS: TLS, credentials, and going on by itself after a loss.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Auth, AuthError, Client, ConnectOptions, ReconnectToServer, ServerAddr};
use nkeys::{KeyPair, KeyPairType};
use thiserror::Error;
use zeroize::Zeroizing;

use super::connection_log::ConnectionLog;
use crate::inbox::settings::nats::{JetStreamSettings, NatsCredentials};
use crate::inbox::settings::nats_credentials::{
    self as credentials, CredentialError, MAX_CREDENTIALS_FILE,
};
use crate::wording;

/// How often the server is asked whether it is there. After two questions without an answer the connection is closed, and
/// another server tried: a server that hangs costs at most three times as long.
const PING: Duration = Duration::from_secs(3);
/// How long one try to connect may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest wait between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How many messages may wait for a connection that takes no more. Each has a body, which no other limit counts after its sender has got
/// an answer.
const QUEUED: usize = 64;
/// How long the server may take for an answer.
const REQUEST: Duration = Duration::from_secs(5);

/// Why no connection can be tried. The text names the file, and says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectFault {
    /// A file with credentials cannot be read.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// Its content is something else.
    #[error("{} {fault}: {}", path.display(), fault.hint())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: CredentialError,
    },
    /// Its seed has a wrong checksum, or is not a user's.
    #[error("{} has a seed with a mistake in it: copy it again", .0.display())]
    Seed(PathBuf),
    /// The client of NATS does not accept the settings.
    #[error("cannot start: {0}")]
    Client(String),
}

/// Connects in the background, and again whenever the connection is lost; never ends by itself. The files with credentials and
/// certificates are read at each try, so that replaced ones take effect. `log` learns what becomes of the connection.
///
/// # Errors
/// When a file with credentials cannot be used. Not when no server can be reached.
pub(super) async fn connect(
    settings: &JetStreamSettings,
    log: Arc<ConnectionLog>,
) -> Result<Client, ConnectFault> {
    // A mistake is told at once, and not only by the server.
    authenticate(&settings.credentials, &[])?;
    let unusable = |error: &dyn std::fmt::Display| ConnectFault::Client(error.to_string());
    let servers = settings.servers.iter().map(|server| server.to_string().parse());
    let servers: Vec<ServerAddr> =
        servers.collect::<Result<_, _>>().map_err(|e: io::Error| unusable(&e))?;
    options(settings, log).connect(servers).await.map_err(|error| unusable(&error))
}

fn options(settings: &JetStreamSettings, log: Arc<ConnectionLog>) -> ConnectOptions {
    let credentials = settings.credentials.clone();
    let authenticating = Arc::clone(&log);
    let authenticate = move |nonce: Vec<u8>| {
        let auth = authenticate(&credentials, &nonce);
        let auth = auth.map_err(|fault| {
            authenticating.cannot_authenticate(&fault);
            AuthError::new(fault)
        });
        std::future::ready(auth)
    };
    let choosing = Arc::clone(&log);
    let mut options = ConnectOptions::with_auth_callback(authenticate)
        .name("clawgate")
        .retry_on_initial_connect()
        // The sandbox allows the ports that the settings name, and no others.
        .ignore_discovered_servers()
        .require_tls(settings.uses_tls())
        .ping_interval(PING)
        .connection_timeout(CONNECT)
        .client_capacity(QUEUED)
        .request_timeout(Some(REQUEST))
        .reconnect_delay_callback(pause)
        .event_callback(move |event| {
            log.happened(&event);
            std::future::ready(())
        })
        .reconnect_to_server_callback(move |servers, _| {
            choosing.tries_again(&servers);
            let next = choosing.next_server(&servers);
            std::future::ready(next.map(|addr| ReconnectToServer { addr, delay: None }))
        });
    // Their content is read at each connection.
    if let Some(ca) = &settings.ca_file {
        options = options.add_root_certificates(ca.clone());
    }
    if let Some((certificate, key)) = &settings.client_certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    options
}

/// The wait before a try; the first one after a loss is made at once.
fn pause(tries: usize) -> Duration {
    let doubled = u32::try_from(tries.saturating_sub(2)).unwrap_or(u32::MAX).min(16);
    if tries <= 1 { Duration::ZERO } else { MAX_PAUSE.min(Duration::from_millis(20 << doubled)) }
}

/// What is sent to the server, which has sent `nonce`.
fn authenticate(credentials: &NatsCredentials, nonce: &[u8]) -> Result<Auth, ConnectFault> {
    let mut auth = Auth::new();
    let Some(path) = credentials.file() else { return Ok(auth) };
    let content = read(path)?;
    let of_content = |fault| ConnectFault::Content { path: path.to_owned(), fault };
    match credentials {
        NatsCredentials::None => {}
        NatsCredentials::TokenFile(_) => {
            auth.token = Some(credentials::secret(&content).map_err(of_content)?.to_owned());
        }
        NatsCredentials::UserPassword { user, .. } => {
            auth.username = Some(user.clone());
            auth.password = Some(credentials::secret(&content).map_err(of_content)?.to_owned());
        }
        NatsCredentials::NkeyFile(_) => {
            let key = key(path, credentials::seed(&content).map_err(of_content)?)?;
            auth.signature = Some(sign(path, &key, nonce)?);
            auth.nkey = Some(key.public_key());
        }
        NatsCredentials::CredsFile(_) => {
            let (jwt, seed) = credentials::jwt_and_seed(&content).map_err(of_content)?;
            auth.signature = Some(sign(path, &key(path, seed)?, nonce)?);
            auth.jwt = Some(jwt.to_owned());
        }
    }
    Ok(auth)
}

fn key(path: &Path, seed: &str) -> Result<KeyPair, ConnectFault> {
    let key = KeyPair::from_seed(seed).ok().filter(|key| key.key_pair_type() == KeyPairType::User);
    key.ok_or_else(|| ConnectFault::Seed(path.to_owned()))
}

fn sign(path: &Path, key: &KeyPair, nonce: &[u8]) -> Result<Vec<u8>, ConnectFault> {
    key.sign(nonce).map_err(|_| ConnectFault::Seed(path.to_owned()))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, ConnectFault> {
    let file = |what| ConnectFault::File { path: path.to_owned(), what };
    let mut content = Zeroizing::new(Vec::with_capacity(4096));
    let limit = MAX_CREDENTIALS_FILE as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut content));
    read.map_err(|error| file(wording::io(&error)))?;
    if content.len() > MAX_CREDENTIALS_FILE {
        return Err(file(format!("it has more than {MAX_CREDENTIALS_FILE} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SEED: &str = "SUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM";

    #[test]
    fn the_waits_between_two_tries_grow_up_to_two_seconds() {
        let waits = [0, 1, 2, 3, 8, 9, 1000].map(|tries| pause(tries).as_millis());
        assert_eq!(waits, [0, 0, 20, 40, 1280, 2000, 2000]);
    }

    #[test]
    fn a_replaced_file_is_used_for_the_next_connection() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let credentials = NatsCredentials::TokenFile(file.path().to_owned());
        fs::write(file.path(), "one\n").unwrap();
        assert_eq!(authenticate(&credentials, b"").unwrap().token.as_deref(), Some("one"));
        fs::write(file.path(), "two\n").unwrap();
        assert_eq!(authenticate(&credentials, b"").unwrap().token.as_deref(), Some("two"));
    }

    #[test]
    fn what_the_server_sent_is_signed_with_the_seed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), SEED).unwrap();
        let auth = authenticate(&NatsCredentials::NkeyFile(file.path().to_owned()), b"nonce").unwrap();
        let key = KeyPair::from_public_key(&auth.nkey.unwrap()).unwrap();
        key.verify(b"nonce", &auth.signature.unwrap()).unwrap();
    }

    #[test]
    fn a_seed_with_a_mistake_is_refused_and_not_quoted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), SEED.replace('O', "P")).unwrap();
        let fault = authenticate(&NatsCredentials::NkeyFile(file.path().to_owned()), b"").err().unwrap();
        assert_eq!(fault, ConnectFault::Seed(file.path().to_owned()));
        assert!(!fault.to_string().contains("SUA"));
    }
}

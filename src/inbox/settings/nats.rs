//! Where NATS is, and how clawgate authenticates itself there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::uri::Authority;
use thiserror::Error;

use super::nats_credentials::{self as credentials, CredentialError};

/// The port of NATS, if a URL names none.
const PORT: u16 = 4222;

/// The port on which a server tells how it is, if a URL names none.
const MONITORING_PORT: u16 = 8222;

/// The longest name of a stream. Subjects and the names of consumers are made of it.
const LONGEST_NAME: usize = 32;

/// What the store in NATS JetStream needs to know besides [`InboxSettings`](crate::inbox::InboxSettings).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JetStreamSettings {
    /// The servers of one cluster; at least one, and all of them with TLS or none.
    pub servers: Vec<NatsServer>,
    /// The name of the stream, and the first token of all subjects: see [`check_stream_name`].
    pub name: String,
    /// How many servers of the cluster store each event: 1, 3 or 5.
    pub replicas: usize,
    /// How clawgate authenticates itself.
    pub credentials: NatsCredentials,
    /// The CA of the servers' certificates; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate and the key that clawgate presents.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// How many events are remembered, in the memory of each instance.
    pub max_remembered: u64,
    /// Where the servers tell how they are; only `doctor` asks them.
    pub monitoring: Vec<NatsMonitoring>,
}

impl JetStreamSettings {
    /// Whether all connections use TLS.
    pub fn uses_tls(&self) -> bool {
        self.servers.iter().any(|server| server.tls)
    }
}

impl fmt::Display for JetStreamSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for server in &self.servers {
            write!(f, "{server}, ")?;
        }
        write!(f, "stream {}", self.name)
    }
}

/// How clawgate authenticates itself at NATS. The files are read at each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NatsCredentials {
    /// Not at all, or by its certificate alone.
    None,
    /// By a JWT and the seed of its key, in one file, as `nsc` writes it.
    CredsFile(PathBuf),
    /// By a key whose seed is in this file.
    NkeyFile(PathBuf),
    /// By the token in this file.
    TokenFile(PathBuf),
    /// By a user name and the password in a file.
    UserPassword {
        /// The user name.
        user: String,
        /// The file with the password.
        password_file: PathBuf,
    },
}

impl NatsCredentials {
    /// The file that they are in.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::None => None,
            Self::CredsFile(file) | Self::NkeyFile(file) | Self::TokenFile(file) => Some(file),
            Self::UserPassword { password_file, .. } => Some(password_file),
        }
    }

    /// Checks the content of that file, as far as that is possible without a server.
    ///
    /// # Errors
    /// When it is not what belongs into the file.
    pub fn check(&self, content: &[u8]) -> Result<(), CredentialError> {
        match self {
            Self::None => Ok(()),
            Self::CredsFile(_) => credentials::jwt_and_seed(content).map(drop),
            Self::NkeyFile(_) => credentials::seed(content).map(drop),
            Self::TokenFile(_) | Self::UserPassword { .. } => credentials::secret(content).map(drop),
        }
    }
}

impl fmt::Display for NatsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no credentials"),
            Self::CredsFile(file) => write!(f, "JWT and key in {}", file.display()),
            Self::NkeyFile(file) => write!(f, "key in {}", file.display()),
            Self::TokenFile(file) => write!(f, "token in {}", file.display()),
            Self::UserPassword { user, password_file } => {
                write!(f, "user {user}, password in {}", password_file.display())
            }
        }
    }
}

/// A server of NATS: `nats://HOST[:PORT]`, or `tls://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsServer {
    /// Whether the connection must use TLS. Without it, TLS is used if the server demands it.
    pub tls: bool,
    /// A name or an address; of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text is no server of NATS. None of these quotes it: a password may be in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidServer {
    /// Another scheme, or none.
    #[error("begins neither with nats:// nor with tls://")]
    Scheme,
    /// A user, a password or a token.
    #[error("has a user, a password or a token in it")]
    Userinfo,
    /// No host, or not a possible one; or a path after it.
    #[error("has no host with a port after its scheme, or more than that")]
    Host,
}

impl InvalidServer {
    /// What to do.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Scheme | Self::Host => {
                "write e.g. nats://127.0.0.1:4222, or tls://nats.example.org:4222"
            }
            Self::Userinfo => {
                "remove it, and put it into a file: see credentials_file, nkey_file, token_file and \
                 password_file of [inbox.nats]"
            }
        }
    }
}

impl FromStr for NatsServer {
    type Err = InvalidServer;

    fn from_str(text: &str) -> Result<Self, InvalidServer> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidServer::Scheme)?;
        let tls = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return Err(InvalidServer::Scheme),
        };
        if rest.contains('@') {
            return Err(InvalidServer::Userinfo);
        }
        let (host, port) = host_and_port(rest, PORT).ok_or(InvalidServer::Host)?;
        Ok(Self { tls, host, port })
    }
}

fn host_and_port(rest: &str, default: u16) -> Option<(String, u16)> {
    let authority: Authority = rest.strip_suffix('/').unwrap_or(rest).parse().ok()?;
    let host = authority.host();
    let has_port = !authority.as_str().ends_with(host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = if has_port { authority.port_u16()? } else { default };
    (port != 0 && !host.is_empty()).then(|| (host.to_owned(), port))
}

/// Where a server of NATS tells how it is (`http_port` in its settings): `http://HOST[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsMonitoring {
    /// A name or an address; of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for NatsMonitoring {
    type Err = InvalidMonitoring;

    fn from_str(text: &str) -> Result<Self, InvalidMonitoring> {
        let rest = text.strip_prefix("http://").filter(|rest| !rest.contains('@'));
        let (host, port) =
            rest.and_then(|rest| host_and_port(rest, MONITORING_PORT)).ok_or(InvalidMonitoring)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for NatsMonitoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [open, close] = brackets(&self.host);
        write!(f, "http://{open}{}{close}:{}", self.host, self.port)
    }
}

/// Why a text is no [`NatsMonitoring`]. It does not quote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("is no http:// address alone")]
pub struct InvalidMonitoring;

/// What is written around an IPv6 address.
fn brackets(host: &str) -> [&'static str; 2] {
    if host.contains(':') { ["[", "]"] } else { [""; 2] }
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tls, host, port } = self;
        let scheme = if *tls { "tls" } else { "nats" };
        let [open, close] = brackets(host);
        write!(f, "{scheme}://{open}{host}{close}:{port}")
    }
}

/// Why a text cannot be the name of a stream.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("is not 1 to {LONGEST_NAME} letters, digits, `-` and `_`")]
pub struct InvalidStreamName;

/// Checks that a stream may have this name: 1 to 32 letters, digits, `-` and `_`.
///
/// # Errors
/// When it may not.
pub fn check_stream_name(name: &str) -> Result<(), InvalidStreamName> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_allowed) {
        true => Ok(()),
        false => Err(InvalidStreamName),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_as_it_was_written_with_its_port() {
        for (text, shown) in [
            ("nats://127.0.0.1:4333", "nats://127.0.0.1:4333"),
            ("nats://nats.example.org", "nats://nats.example.org:4222"),
            ("tls://nats.example.org/", "tls://nats.example.org:4222"),
            ("tls://[::1]:4223", "tls://[::1]:4223"),
            ("nats://[::1]", "nats://[::1]:4222"),
        ] {
            assert_eq!(text.parse::<NatsServer>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_the_reason() {
        for (text, error) in [
            ("127.0.0.1:4222", InvalidServer::Scheme),
            ("http://127.0.0.1", InvalidServer::Scheme),
            ("nats://user:secret@127.0.0.1", InvalidServer::Userinfo),
            ("nats://token@127.0.0.1", InvalidServer::Userinfo),
            ("nats://", InvalidServer::Host),
            ("nats://a:0", InvalidServer::Host),
            ("nats://a:70000", InvalidServer::Host),
            ("nats://a:x", InvalidServer::Host),
            ("nats://a/b", InvalidServer::Host),
            ("nats://a b", InvalidServer::Host),
        ] {
            assert_eq!(text.parse::<NatsServer>(), Err(error), "{text}");
        }
    }

    #[test]
    fn where_a_server_tells_how_it_is_has_a_usual_port() {
        let read = |text: &str| text.parse::<NatsMonitoring>().map(|found| found.to_string());
        assert_eq!(read("http://127.0.0.1"), Ok("http://127.0.0.1:8222".to_owned()));
        assert_eq!(read("http://[::1]:9"), Ok("http://[::1]:9".to_owned()));
        for other in ["127.0.0.1:8222", "https://a", "http://u:p@a", "http://a/varz"] {
            assert_eq!(read(other), Err(InvalidMonitoring), "{other}");
        }
    }

    #[test]
    fn the_name_of_a_stream_can_be_part_of_a_subject() {
        for name in ["clawgate", "a", "A-b_9"] {
            assert_eq!(check_stream_name(name), Ok(()), "{name}");
        }
        for name in ["", "a.b", "a b", "*", ">", "ä", &"a".repeat(33)] {
            assert_eq!(check_stream_name(name), Err(InvalidStreamName), "{name}");
        }
    }
}

//! What `explain` is about: a file, or a server.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use rustls_pki_types::ServerName;
use thiserror::Error;

/// What `explain` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A client's certificate.
    File(PathBuf),
    /// A TLS server.
    Server(Server),
}

/// A TLS server's name and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The host as written, without brackets, for the resolver.
    pub host: String,
    /// The same host, for a TLS client.
    pub name: ServerName<'static>,
    /// Its port.
    pub port: u16,
}

/// Why a URL names no server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Not `https`.
    #[error("only https:// URLs can be explained, not {0}://")]
    Scheme(String),
    /// There is no valid host and port in it.
    #[error("`{0}` names no host and port; write https://HOST[:PORT]/, or HOST:PORT")]
    Authority(String),
}

impl Target {
    /// Parses a URL or `host:port`; anything else is a file.
    ///
    /// # Errors
    /// For a URL that names no server.
    pub fn parse(text: OsString) -> Result<Self, TargetError> {
        let Some(readable) = text.to_str() else {
            return Ok(Self::File(text.into()));
        };
        let Some((scheme, rest)) = readable.split_once("://") else {
            // A file with such a name can be given with its folder: `./host:1`.
            let server = readable.rsplit_once(':').and_then(|(host, port)| Server::new(host, port));
            return Ok(server.map_or_else(|| Self::File(text.into()), Self::Server));
        };
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(TargetError::Scheme(scheme.to_owned()));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let server = match authority.rsplit_once(':') {
            // The last colon of `[::1]` belongs to the address.
            Some((host, port)) if !port.ends_with(']') => Server::new(host, port),
            _ => Server::new(authority, "443"),
        };
        // A password may stand before the host.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        server.map(Self::Server).ok_or_else(|| TargetError::Authority(host.to_owned()))
    }
}

impl Server {
    fn new(host: &str, port: &str) -> Option<Self> {
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            None if host.contains(':') => return None,
            None => host.to_owned(),
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0)?;
        let name = ServerName::try_from(host.clone()).ok()?;
        Some(Self { host, name, port })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Target, TargetError> {
        Target::parse(text.into())
    }

    #[test]
    fn urls_and_host_with_port_are_servers() {
        for (text, server) in [
            ("https://gate.example", "gate.example:443"),
            ("https://gate.example:8443/hooks/wake?x=1", "gate.example:8443"),
            ("HTTPS://gate.example/a:b", "gate.example:443"),
            ("https://127.0.0.1:8443", "127.0.0.1:8443"),
            ("https://[::1]", "[::1]:443"),
            ("https://[::1]:8443/", "[::1]:8443"),
            ("localhost:8443", "localhost:8443"),
            ("[::1]:8443", "[::1]:8443"),
        ] {
            match parse(text) {
                Ok(Target::Server(parsed)) => assert_eq!(parsed.to_string(), server, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn everything_else_is_a_file() {
        for text in [
            "client.pem",
            "./host:8443",
            "certs/a:1",
            "C:client.pem",
            "host:0",
            "host:+1",
            "host:99999",
            "::1",
            "1:2:3",
            "",
        ] {
            assert_eq!(parse(text), Ok(Target::File(text.into())), "{text}");
        }
    }

    #[test]
    fn a_url_that_names_no_tls_server_is_refused() {
        assert_eq!(parse("http://gate.example"), Err(TargetError::Scheme("http".into())));
        for text in ["https://", "https://host:port/", "https://host:/", "https://[::1", "https://a b"] {
            assert!(matches!(parse(text), Err(TargetError::Authority(_))), "{text}");
        }
    }
}

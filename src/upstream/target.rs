//! Where an upstream listens: `http://host:port`, `https://host:port`, `unix:/path`, or `echo:`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;
use thiserror::Error;

/// An upstream's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Plain HTTP/1.1 over TCP.
    Http {
        /// A name or address; an IPv6 address has no brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// HTTP/1.1 over TLS.
    Https {
        /// A name or address; an IPv6 address has no brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Plain HTTP/1.1 over a unix stream socket.
    Unix(PathBuf),
    /// No server: clawgate itself responds, with what an upstream would have received.
    Echo,
}

/// Why an upstream address could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Not one of the four forms.
    #[error("`{0}` is none of http://HOST:PORT, https://HOST:PORT, unix:/PATH and echo:")]
    UnknownForm(String),
    /// More than a host and a port.
    #[error("`{0}` has a path, a query or a user; clawgate forwards the path of the request")]
    MoreThanAuthority(String),
    /// A socket path that is not absolute.
    #[error("`{0}` is not an absolute path to a unix socket, e.g. unix:/run/openclaw.sock")]
    RelativeSocket(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text == "echo:" {
            return Ok(Self::Echo);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            if !path.is_absolute() {
                return Err(TargetError::RelativeSocket(text.to_owned()));
            }
            return Ok(Self::Unix(path));
        }
        let unknown = || TargetError::UnknownForm(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| unknown())?;
        let authority = uri.authority().ok_or_else(unknown)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(TargetError::MoreThanAuthority(text.to_owned()));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        match uri.scheme_str() {
            Some("http") => Ok(Self::Http { host, port: authority.port_u16().unwrap_or(80) }),
            Some("https") => Ok(Self::Https { host, port: authority.port_u16().unwrap_or(443) }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Http { host, port } => ("http", host, port),
            Self::Https { host, port } => ("https", host, port),
            Self::Unix(path) => return write!(f, "unix:{}", path.display()),
            Self::Echo => return f.write_str("echo:"),
        };
        if host.contains(':') {
            return write!(f, "{scheme}://[{host}]:{port}");
        }
        write!(f, "{scheme}://{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_four_forms_is_parsed_and_printed_unchanged() {
        for text in ["http://127.0.0.1:18789", "https://[::1]:8443", "unix:/run/x.sock", "echo:"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("http://claw".parse::<Target>().unwrap().to_string(), "http://claw:80");
    }

    #[test]
    fn anything_else_is_refused() {
        let error = |text: &str| text.parse::<Target>().unwrap_err();
        assert!(matches!(error("127.0.0.1:18789"), TargetError::UnknownForm(_)));
        assert!(matches!(error("ftp://x"), TargetError::UnknownForm(_)));
        assert!(matches!(error(""), TargetError::UnknownForm(_)));
        assert!(matches!(error("http://x/base"), TargetError::MoreThanAuthority(_)));
        assert!(matches!(error("http://user@x"), TargetError::MoreThanAuthority(_)));
        assert!(matches!(error("unix:x.sock"), TargetError::RelativeSocket(_)));
    }
}

//! Servers and streams of NATS.

use super::url::shown_url;
use crate::config::value_type::{Invalid, Kind, ValueType, invalid};
use crate::inbox::{InvalidMonitoring, NatsMonitoring, NatsServer, check_stream_name};

impl ValueType for NatsServer {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|error: <Self as std::str::FromStr>::Err| {
            Invalid::new(format!("`{}` {error}", shown_url(text)), error.hint())
        })
    }

    fn show(server: &Self) -> String {
        server.to_string()
    }
}

impl ValueType for NatsMonitoring {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|error: InvalidMonitoring| {
            Invalid::new(format!("`{}` {error}", shown_url(text)), "write e.g. http://127.0.0.1:8222")
        })
    }

    fn show(server: &Self) -> String {
        server.to_string()
    }
}

/// The name of a stream.
#[derive(Debug)]
pub(in crate::config) struct StreamName;

impl ValueType for StreamName {
    type Value = String;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<String, Invalid> {
        match check_stream_name(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(error) => invalid(format!("`{text}` {error}"), "write e.g. clawgate"),
        }
    }

    fn show(name: &String) -> String {
        name.clone()
    }
}

/// How many servers store each event.
#[derive(Debug)]
pub(in crate::config) struct Replicas;

impl ValueType for Replicas {
    type Value = usize;
    const KIND: Kind = Kind::Count;

    fn read(text: &str) -> Result<usize, Invalid> {
        match text {
            "1" => Ok(1),
            "3" => Ok(3),
            "5" => Ok(5),
            _ => invalid(
                format!("`{text}` is none of 1, 3 and 5"),
                "write 3 for a cluster of three servers; 1 is for a test, and for a single server",
            ),
        }
    }

    fn show(replicas: &usize) -> String {
        replicas.to_string()
    }
}

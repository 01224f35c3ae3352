//! The arguments of the commands about signed requests.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use http::HeaderValue;

use super::values::{header_value, time};
use crate::config::SettingsArgs;

/// Arguments of `sign`.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// The path of a route, or one below it, perhaps with a query
    pub route: String,
    /// The body of the request
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// The media type of the body; without it, JSON is recognised
    #[arg(long, value_name = "TYPE", value_parser = OsStringValueParser::new().try_map(header_value))]
    pub content_type: Option<HeaderValue>,
    /// The sender's private key (Ed25519, P-256 or RSA; PEM), for schemes that verify with a public key
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// A client certificate, for routes that demand one besides the signature; PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// A root that verifies clawgate's certificate, for curl; without it, clients.ca and the system's roots are tried
    #[arg(long, value_name = "FILE")]
    pub server_ca: Option<PathBuf>,
    /// Call the listener on this machine, not listen.public_url
    #[arg(long)]
    pub local: bool,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The path of a route, or one below it
    pub route: String,
    /// The captured request, or `-` for stdin
    #[arg(value_name = "REQUEST-FILE")]
    pub request: PathBuf,
    /// Check as of this time, e.g. 2027-01-01T00:00:00Z, instead of now
    #[arg(long, value_name = "RFC3339", value_parser = OsStringValueParser::new().try_map(time))]
    pub at: Option<SystemTime>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

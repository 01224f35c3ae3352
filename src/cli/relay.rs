//! The arguments of `clawgate relay`.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use http::{HeaderName, HeaderValue};

use super::values::header_field;
use crate::config::SettingsArgs;

/// Arguments of `relay`.
#[derive(Debug, Args)]
pub struct RelayArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RelayCommand,
}

/// What to do with the relay.
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Show the request that a target would get for an event, or send it once
    Try(TryArgs),
}

/// Arguments of `relay try`.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The name of the target
    pub target: String,
    /// The body of the event, or `-` for stdin
    #[arg(value_name = "FILE")]
    pub event: PathBuf,
    /// A header field of the caller, such as 'Idempotency-Key: e-1'; repeatable
    #[arg(long = "header", value_name = "FIELD", value_parser = OsStringValueParser::new().try_map(header_field))]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Send the request once, and show what the answer means
    #[arg(long)]
    pub send: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

//! Each kind of value, from text.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;
use rustls::SupportedCipherSuite;
use rustls_pki_types::ServerName;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::admin::AdminAddress;
use super::layers::{Sourced, Text};
use super::problem::Report;
use super::redact::redacted;
use super::settings::{LogFormat, LogLevel, OTLP_PATH};
use super::units;
use crate::identity::Digest;
use crate::policy::{Pin, Revoke, Rule};
use crate::route::{Methods, PathPattern, PatternError};
use crate::tls::parameters::{self, Group, MinVersion};
use crate::tls::revocation::{Demand, Expired};
use crate::tls::{RefuseWith, Resumption};
use crate::upstream::{Forwarded, IdentityForm, Target};

/// Why a value was refused.
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) hint: String,
}

/// Reads each of `texts`; those that are wrong are reported and left out.
pub(super) fn read_all<T>(
    texts: &[Text],
    read: impl Fn(&str) -> Result<T, Wrong>,
    report: &mut Report,
) -> Vec<Sourced<T>> {
    let mut values = Vec::with_capacity(texts.len());
    for Sourced { value: text, origin } in texts {
        match read(text.trim()) {
            Ok(value) => values.push(Sourced { value, origin: origin.clone() }),
            Err(Wrong { what, hint }) => {
                report.problem(origin, redacted(&what, text), redacted(&hint, text));
            }
        }
    }
    values
}

pub(super) fn listen_address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| not_an_address(text))
}

/// A block of addresses, or one address.
pub(super) fn source(text: &str) -> Result<IpNet, Wrong> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(ip.into());
    }
    match text.parse::<IpNet>() {
        Ok(block) if block.trunc() != block => wrong(
            format!("`{text}` is an address within a block, not the block"),
            format!("write {} for the block, or {} for the address", block.trunc(), block.addr()),
        ),
        Ok(block) => Ok(block),
        Err(_) => {
            wrong(format!("`{text}` is no block of addresses"), "write e.g. 10.0.0.0/8 or 192.0.2.1")
        }
    }
}

pub(super) fn proxy_protocol(text: &str) -> Result<bool, Wrong> {
    match text {
        "off" => Ok(false),
        "v2" => Ok(true),
        _ => wrong(format!("`{text}` is no version of the PROXY protocol to send"), "use `off` or `v2`"),
    }
}

pub(super) fn admin_address(text: &str) -> Result<Option<AdminAddress>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    if text.starts_with("unix:") {
        let hint = "write an absolute path, e.g. unix:/run/clawgate/admin.sock";
        return text.parse().map(Some).or_else(|()| wrong(format!("`{text}` names no socket"), hint));
    }
    text.parse().map(Some).map_err(|()| not_an_address(text))
}

fn not_an_address(text: &str) -> Wrong {
    let port = text.strip_prefix("localhost").unwrap_or(text);
    let port = port.strip_prefix(':').unwrap_or(port);
    let hint = match port.parse::<u16>() {
        Ok(port) => format!("write 127.0.0.1:{port} for this machine alone, or 0.0.0.0:{port} for all"),
        Err(_) => "write an IP address and a port, e.g. 127.0.0.1:8443 or [::1]:8443".to_owned(),
    };
    Wrong { what: format!("`{text}` is not an IP address with a port"), hint }
}

pub(super) fn rule(text: &str) -> Result<Rule, Wrong> {
    parse(
        text,
        "a rule is e.g. `cn=meeting-notes` or `dns=*.example, o=Example`; all of its parts must hold; a value with \
         a comma stands in double quotes: o=\"Example, Ltd\"",
    )
}

pub(super) fn pin(text: &str) -> Result<Pin, Wrong> {
    parse(
        text,
        "write fingerprint= and what `openssl x509 -noout -fingerprint -sha256` prints, or spki= and the \
         SHA-256 of the public key; `clawgate explain CERT` shows both",
    )
}

pub(super) fn target(text: &str) -> Result<Target, Wrong> {
    let shown = shown_url(text);
    let result = text.parse::<Target>();
    result.map_err(|error| Wrong {
        what: error.to_string().replace(text, &shown),
        hint: "write e.g. http://127.0.0.1:18789".to_owned(),
    })
}

/// A collector, and the path at which it takes spans.
pub(super) fn collector(text: &str) -> Result<(Target, String), Wrong> {
    const HINT: &str = "write where the collector takes OTLP over HTTP, e.g. http://127.0.0.1:4318";
    let unknown = || format!("`{}` is no http:// or https:// address", shown_url(text));
    let Ok(uri) = text.parse::<Uri>() else { return wrong(unknown(), HINT) };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong(unknown(), HINT);
    };
    if uri.query().is_some() {
        let what = format!("`{}` has a query, which is not sent", shown_url(text));
        return wrong(
            what,
            "take it out; a token that the collector asks for goes into trace.token_file",
        );
    }
    let target = format!("{scheme}://{authority}").parse();
    let Ok(target @ (Target::Http { .. } | Target::Https { .. })) = target else {
        return wrong(unknown(), HINT);
    };
    // As OTEL_EXPORTER_OTLP_ENDPOINT is read; some write the path too.
    let base = uri.path().trim_end_matches('/');
    Ok((target, format!("{}{OTLP_PATH}", base.strip_suffix(OTLP_PATH).unwrap_or(base))))
}

/// Scheme, host and port of a URL; of user, path, query and fragment only that they are there, since any of them may
/// be a token.
fn shown_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("…@", rest));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let more = if host.len() < rest.len() { "/…" } else { "" };
    format!("{scheme}://{user}{host}{more}")
}

pub(super) fn server_name(text: &str) -> Result<ServerName<'static>, Wrong> {
    ServerName::try_from(text.to_owned()).or_else(|_| {
        wrong(
            format!("`{text}` is no name that a certificate can have"),
            "write a DNS name, or an IP address",
        )
    })
}

pub(super) fn path_pattern(text: &str) -> Result<PathPattern, Wrong> {
    text.parse().or_else(|error: PatternError| wrong(error.to_string(), error.path_hint()))
}

/// A method's name, or `any`.
pub(super) fn method(text: &str) -> Result<String, Wrong> {
    match Methods::parse([text]) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let hint = "write methods in capitals, e.g. POST, or `any` for all but CONNECT";
            wrong(error.to_string(), hint)
        }
    }
}

pub(super) fn body_size(text: &str) -> Result<u64, Wrong> {
    const HINT: &str = "write e.g. `256KiB`, `1MiB`, or a number of bytes";
    match units::size(text) {
        Ok(0) => wrong(format!("`{text}` would refuse every body"), HINT),
        Ok(bytes) => Ok(bytes),
        Err(error) => wrong(error.to_string(), HINT),
    }
}

/// A time that may be zero.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    units::duration(text)
        .or_else(|error| wrong(error.to_string(), "write e.g. `500ms`, `5s` or `1m 30s`, at most `24h`"))
}

/// A time that others wait for.
pub(super) fn timeout(text: &str) -> Result<Duration, Wrong> {
    let time = duration(text)?;
    if time.is_zero() {
        return wrong(
            format!("`{text}` leaves no time at all"),
            "give it some time, e.g. `5s`; there is no way to wait for ever",
        );
    }
    Ok(time)
}

/// A time, or `off`.
pub(super) fn window(text: &str) -> Result<Option<Duration>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    timeout(text).map(Some)
}

pub(super) fn workers(text: &str) -> Result<NonZeroUsize, Wrong> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= 1024);
    number.ok_or_else(|| Wrong {
        what: format!("`{text}` is not a number from 1 to 1024"),
        hint: "give one worker for each CPU to use, or leave it out for all of them".to_owned(),
    })
}

/// A number of things, at least one.
pub(super) fn count(text: &str) -> Result<usize, Wrong> {
    // No more than fits into what any of them is counted with.
    match text.parse::<u32>() {
        Ok(0) | Err(_) => wrong(
            format!("`{text}` is no number of what there may be"),
            format!("use a whole number from 1 to {}", u32::MAX),
        ),
        Ok(count) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

/// A number of things that may be none.
pub(super) fn count_or_none(text: &str) -> Result<usize, Wrong> {
    if text == "0" { Ok(0) } else { count(text) }
}

/// A number of things, or `off`.
pub(super) fn limit(text: &str) -> Result<Option<u32>, Wrong> {
    match text.parse::<u32>() {
        _ if text == "off" => Ok(None),
        Ok(0) => wrong("`0` would let nothing pass", "use `off` for no limit"),
        Ok(count) => Ok(Some(count)),
        Err(_) => wrong(
            format!("`{text}` is no number of what there may be"),
            format!("use a whole number from 1 to {}, or `off`", u32::MAX),
        ),
    }
}

/// Bytes in a second, or `off`.
pub(super) fn byte_rate(text: &str) -> Result<Option<u64>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    match units::size(text) {
        Ok(0) => wrong("`0` is no rate", "use `off` for no limit"),
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => wrong(error.to_string(), "write e.g. `1KiB`, or `off`"),
    }
}

/// A length of a request's target.
pub(super) fn uri_length(text: &str) -> Result<usize, Wrong> {
    const HINT: &str = "write e.g. `4KiB`; the whole head may have 12KiB";
    match units::size(text) {
        Ok(bytes @ 1..=12_288) => Ok(usize::try_from(bytes).unwrap_or(usize::MAX)),
        Ok(_) => wrong(format!("`{text}` is no length that a request's target may have"), HINT),
        Err(error) => wrong(error.to_string(), HINT),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, Wrong> {
    const HINT: &str = "write true or false";
    text.parse().or_else(|_| wrong(format!("`{text}` is neither true nor false"), HINT))
}

pub(super) fn refuse_with(text: &str) -> Result<RefuseWith, Wrong> {
    match text {
        "alert" => Ok(RefuseWith::Alert),
        "http" => Ok(RefuseWith::Http),
        _ => wrong(format!("`{text}` is no way to refuse"), "use `alert` or `http`"),
    }
}

pub(super) fn resumption(text: &str) -> Result<Resumption, Wrong> {
    match text {
        "off" => Ok(Resumption::Off),
        "safe" => Ok(Resumption::Safe),
        _ => wrong(format!("`{text}` is no way to resume"), "use `safe` or `off`"),
    }
}

pub(super) fn identity_form(text: &str) -> Result<IdentityForm, Wrong> {
    parse(text, "use clawgate, client-cert, client-cert-chain, xfcc or ssl-client")
}

pub(super) fn forwarded(text: &str) -> Result<Forwarded, Wrong> {
    match text {
        "off" => Ok(Forwarded::Off),
        "x-forwarded" => Ok(Forwarded::XForwarded),
        "rfc7239" => Ok(Forwarded::Rfc7239),
        _ => wrong(
            format!("`{text}` is no way to tell where the sender is"),
            "use `off`, `x-forwarded` or `rfc7239`",
        ),
    }
}

pub(super) fn revoke(text: &str) -> Result<Revoke, Wrong> {
    match text {
        "after-response" => Ok(Revoke::AfterResponse),
        "now" => Ok(Revoke::Now),
        _ => wrong(format!("`{text}` is no time to close"), "use `after-response` or `now`"),
    }
}

pub(super) fn min_version(text: &str) -> Result<MinVersion, Wrong> {
    match text {
        "1.2" => Ok(MinVersion::Tls12),
        "1.3" => Ok(MinVersion::Tls13),
        _ => wrong(format!("`{text}` is no version of TLS that the gate speaks"), "use 1.2 or 1.3"),
    }
}

pub(super) fn cipher_suite(text: &str) -> Result<SupportedCipherSuite, Wrong> {
    parameters::suite(text).or_else(|known| {
        wrong(format!("`{text}` is no cipher suite of the gate's"), format!("use some of {known}"))
    })
}

pub(super) fn group(text: &str) -> Result<Group, Wrong> {
    parameters::group(text).or_else(|known| {
        wrong(format!("`{text}` is no group of the gate's"), format!("use some of {known}"))
    })
}

pub(super) fn fingerprint(text: &str) -> Result<Digest, Wrong> {
    parse(text, "write what `openssl x509 -noout -fingerprint -sha256 -in CERT` prints after the `=`")
}

pub(super) fn crl_policy(text: &str) -> Result<Demand, Wrong> {
    match text {
        "if-present" => Ok(Demand::IfPresent),
        "strict" => Ok(Demand::Strict),
        _ => wrong(format!("`{text}` is no policy for CRLs"), "use `if-present` or `strict`"),
    }
}

pub(super) fn crl_expired(text: &str) -> Result<Expired, Wrong> {
    match text {
        "refuse" => Ok(Expired::Refuse),
        "warn" => Ok(Expired::Warn),
        _ => {
            wrong(format!("`{text}` is nothing to do with an out-of-date CRL"), "use `refuse` or `warn`")
        }
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => wrong(format!("`{text}` is no log format"), "use auto, json or text"),
    }
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, Wrong> {
    const HINT: &str =
        "use off, error, warn, info, debug or trace, or a filter such as `info,clawgate::tls=debug`";
    // Not by `Targets::from_str`, which takes any bare word for a target, so that `inof` would log
    // everything named so.
    let (mut filter, mut named) = (Targets::new(), Vec::new());
    for part in text.split(',') {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, part.trim()),
        };
        let level = match level.parse::<LevelFilter>() {
            Ok(known) if !level.is_empty() => known,
            _ => return wrong(format!("`{level}` is no log level"), HINT),
        };
        match target {
            None => filter = of_all(filter, level),
            Some(target) if is_module_path(target) => named.push((target.to_owned(), level)),
            Some(target) => return wrong(format!("`{target}` is no module"), HINT),
        }
    }
    // They count beside a level for all, wherever that stands.
    Ok(LogLevel { text: text.to_owned(), filter: filter.with_targets(named) })
}

/// What libraries log is for those who write programs: without being asked for it stays out of a log for people.
fn of_all(filter: Targets, level: LevelFilter) -> Targets {
    let of_libraries = if level > LevelFilter::INFO { level } else { LevelFilter::OFF };
    filter.with_default(of_libraries).with_target("clawgate", level)
}

/// Whether it may be one, as `clawgate::tls`; a filter by spans or fields has brackets.
fn is_module_path(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
}

fn parse<T: FromStr<Err: Display>>(text: &str, hint: &str) -> Result<T, Wrong> {
    text.parse().or_else(|error: T::Err| wrong(error.to_string(), hint))
}

fn wrong<T>(what: impl Into<String>, hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { what: what.into(), hint: hint.into() })
}

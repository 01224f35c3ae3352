//! Errors of sockets, TLS and HTTP. Libraries wrap one error in another. The phrase describes the innermost one.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::http_messages::{of_http, of_http2};
use super::tls::tls;
use crate::identity::name::printable;

/// Why reading, writing or connecting failed: the operating system's text without its number, or the phrase for the
/// library error that the error contains.
pub fn io(error: &io::Error) -> String {
    let text = error.to_string();
    if error.raw_os_error().is_some() {
        let end = text.rfind(" (os error ").unwrap_or(text.len());
        return text[..end].to_owned();
    }
    if let Some(inner) = error.get_ref()
        && let Some(known) = of_library(inner)
    {
        return known;
    }
    // The standard library adds this before the message of getaddrinfo(3).
    if let Some(why) = text.strip_prefix("failed to lookup address information: ") {
        return format!("the name cannot be resolved ({})", printable(why));
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            "the connection was closed before the message was complete".to_owned()
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer arrived in time".to_owned(),
        ErrorKind::WriteZero => "the peer accepts no more bytes".to_owned(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData if error.get_ref().is_some() => {
            "the received data is malformed".to_owned()
        }
        // The standard library's text for the kind of error, or clawgate's own text.
        _ => printable(&text),
    }
}

/// The error of rustls inside an I/O error: tokio-rustls and `rustls::Stream` put it there.
pub fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The phrase for the library error that an I/O error contains.
fn of_library(mut error: &(dyn Error + Send + Sync + 'static)) -> Option<String> {
    while let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = inner;
    }
    if let Some(error) = error.downcast_ref() {
        return Some(tls(error));
    }
    if let Some(error) = error.downcast_ref() {
        return Some(http(error));
    }
    if let Some(error) = error.downcast_ref() {
        return Some(http2(error));
    }
    error.downcast_ref::<io::Error>().map(io)
}

/// Why HTTP, the peer or the connection failed.
pub fn http(error: &hyper::Error) -> String {
    cause(error).unwrap_or_else(|| of_http(error))
}

/// The phrase for the error that caused an error of hyper, if it has a cause.
fn cause(error: &hyper::Error) -> Option<String> {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return Some(http2(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(io(error));
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(tls(error));
        }
        source = error.source();
    }
    None
}

/// Why HTTP/2 (RFC 9113 section 7) or its connection failed.
pub fn http2(error: &h2::Error) -> String {
    error.get_io().map_or_else(|| of_http2(error), io)
}

//! Errors of libraries and of the operating system in plain words, for log lines, responses and terminals.
//!
//! Error texts of libraries are for programmers: they contain names of types and variants, bytes and states. Users must
//! not see them. Each function here returns a phrase that fits into a sentence, for unknown errors too.
//! Imports `identity` only, for texts that are safe to print.

mod alert;
mod certificate;
mod http_messages;
mod nearest;
mod sqlite;
mod system;
mod tls;
mod tls_messages;
mod transport;
mod x509;

pub use self::alert::alert_name;
pub use self::certificate::certificate;
pub use self::nearest::{distance, nearest};
pub use self::sqlite::sqlite;
pub use self::system::{sandbox, watch};
pub use self::tls::{incompatible, tls};
pub use self::transport::{http, http2, io, tls_error};
pub use self::x509::x509;

#[cfg(test)]
mod tests;

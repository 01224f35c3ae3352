//! Errors of libraries and of the operating system in plain words, for log lines, answers and terminals.
//!
//! The texts of libraries are for programmers: names of types and variants, bytes, states. No such text may reach a
//! user. Each function here takes an error and gives a phrase for the middle of a sentence, also for errors that it does not
//! know. It imports `identity` only, for texts that are safe to print.

mod alert;
mod certificate;
mod http_messages;
mod system;
mod tls;
mod tls_messages;
mod transport;
mod x509;

pub use self::alert::alert_name;
pub use self::certificate::certificate;
pub use self::system::{sandbox, watch};
pub use self::tls::{incompatible, tls};
pub use self::transport::{http, http2, io};
pub use self::x509::x509;

#[cfg(test)]
mod tests;

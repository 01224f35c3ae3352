//! Errors of libraries and of the operating system in plain words, for log lines, answers and terminals.
//!
//! What libraries say is for those who write programs with them: names of their types and variants, bytes, states. No
//! such text may reach a person. Each function here gives a phrase for the middle of a sentence; of what it does not
//! know it says so in its own words.

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

//! Signed test requests: which route they reach, what a sender would send there, and the curl command that sends it.
//!
//! The command `sign` prints such a command, and `doctor` sends such requests. The signature is made by
//! [`Verifier::sign`](crate::signature::Verifier::sign), and verified here before anybody sees it.

mod curl;
mod destination;
mod route;
mod test_request;

pub use self::curl::{CurlCommand, SigningError, TestOptions, curl_command};
pub use self::destination::{ClientFiles, DestinationError, demands_certificate, listener, reachable};
pub use self::route::{FoundRoute, RouteError, find_route};
pub use self::test_request::{TestBody, TestRequest};

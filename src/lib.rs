//! An mTLS gate for webhook endpoints.
//!
//! clawgate terminates TLS, admits only senders whose certificate chains to a configured CA, says
//! exactly why when it refuses one, and passes verified webhook traffic on. The binary is the
//! product; the library exists so that tests, fuzz targets and benchmarks can reach the parts.

pub mod admin;
pub mod app;
pub mod checks;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod eviction;
pub mod explain;
pub mod finding;
pub mod generate;
pub mod identity;
pub mod ingress;
pub mod live;
pub mod memory;
pub mod observe;
pub mod policy;
pub mod problem;
pub mod proxy_protocol;
pub mod route;
pub mod shutdown;
pub mod tls;
pub mod upstream;
pub mod wording;

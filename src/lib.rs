//! An mTLS gate for webhook endpoints.
//!
//! clawgate terminates TLS, admits only clients whose certificate chains to a configured CA, says
//! exactly why when it refuses one, and passes verified webhook traffic on. The binary is the
//! product; the library exists so that tests, fuzz targets and benchmarks can reach the parts.

pub mod admin;
pub mod app;
pub mod checks;
pub mod cli;
pub mod config;
pub mod connection;
pub mod doctor;
pub mod explain;
pub mod finding;
pub mod generate;
pub mod http1_guard;
pub mod identity;
pub mod limits;
pub mod live;
pub mod pipeline;
pub mod pki;
pub mod platform;
pub mod policy;
pub mod problem;
pub mod problem_details;
pub mod proxy_protocol;
pub mod random;
pub mod reload;
pub mod route;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod timer;
pub mod tls;
pub mod upstream;
pub mod wording;

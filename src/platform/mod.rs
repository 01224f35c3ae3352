//! The operating system: memory, open files, plain sockets, sandbox, signals, systemd.

pub mod memory;
pub mod open_files;
pub mod plain_listener;
pub mod sandbox;
mod signals;
pub mod socket_activation;
pub mod symlinks;
pub mod systemd;

pub use self::signals::Control;

//! The operating system: memory, open files, sandbox, signals, systemd.

pub mod memory;
pub mod open_files;
pub mod sandbox;
mod signals;
pub mod socket_activation;
pub mod symlinks;
pub mod systemd;

pub use self::signals::Control;

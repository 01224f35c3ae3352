//! The name of an instance of clawgate.

use std::fmt;

use rustix::system::uname;
use serde::{Deserialize, Serialize};

/// An instance of clawgate, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The name of its machine; in Kubernetes, of its pod.
    pub host: String,
    /// The identifier of its process on that machine.
    pub pid: u32,
}

impl Instance {
    /// This one.
    pub(super) fn this() -> Self {
        Self { host: uname().nodename().to_string_lossy().into_owned(), pid: std::process::id() }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.host, self.pid)
    }
}

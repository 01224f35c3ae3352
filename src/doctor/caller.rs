//! A client certificate to test clawgate with.

use crate::explain::{ClientFile, Credentials};

/// A client certificate that `doctor` presents to clawgate.
#[derive(Debug)]
pub struct Caller {
    /// To predict from the settings whether it would be admitted.
    pub client: ClientFile,
    /// To present it in a handshake.
    pub credentials: Credentials,
}

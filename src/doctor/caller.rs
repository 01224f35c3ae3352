//! A client certificate to test clawgate with.

use crate::explain::{ClientFile, Credentials};

/// A client certificate that `doctor` presents to clawgate.
#[derive(Debug)]
pub struct Caller {
    /// For the prediction from the settings.
    pub client: ClientFile,
    /// For the handshake.
    pub credentials: Credentials,
}

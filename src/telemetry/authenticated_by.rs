//! What authenticated a request, for log, metrics and spans.

use serde::{Serialize, Serializer};

/// What authenticated a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticatedBy {
    /// The client's certificate.
    Certificate,
    /// The signature of the request.
    Signature,
    /// The client's certificate, and the signature of the request.
    Both,
    /// Nothing: the route only logs requests without a valid signature.
    Nothing,
}

impl AuthenticatedBy {
    /// All values, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Certificate, Self::Signature, Self::Both, Self::Nothing];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Signature => "signature",
            Self::Both => "both",
            Self::Nothing => "nothing",
        }
    }
}

impl Serialize for AuthenticatedBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

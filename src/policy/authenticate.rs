//! What a client must show to use a route.

use crate::connection::ClientAuth;

/// What a client must show to use a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Authenticate {
    /// A client certificate that the rules allow.
    #[default]
    Certificate,
    /// A valid signature of the request, on a listener that asks for no certificate.
    Signature,
    /// A client certificate that the rules allow, and a valid signature.
    Both,
    /// A client certificate that the rules allow, or a valid signature on a listener that asks for no certificate.
    Either,
}

impl Authenticate {
    /// Whether a client with a certificate may use the route. With `Both` its request must also be signed.
    pub fn admits_certificates(self) -> bool {
        self != Self::Signature
    }

    /// Whether a client without a certificate may use the route; its request must be signed.
    pub fn admits_without_certificate(self) -> bool {
        matches!(self, Self::Signature | Self::Either)
    }

    /// Whether listeners of this kind have the route. A client learns nothing of the routes of the other kind.
    pub fn is_served_with(self, client_auth: ClientAuth) -> bool {
        match client_auth {
            ClientAuth::Required => self.admits_certificates(),
            ClientAuth::None => self.admits_without_certificate(),
        }
    }

    /// Whether a request on a listener of this kind must be signed.
    pub fn demands_signature(self, client_auth: ClientAuth) -> bool {
        client_auth == ClientAuth::None || self == Self::Both
    }

    /// The word for it in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Signature => "signature",
            Self::Both => "both",
            Self::Either => "either",
        }
    }
}

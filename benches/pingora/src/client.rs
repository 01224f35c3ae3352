//! Who the client is: made once for a connection, from its verified certificate.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use pingora_boringssl::x509::{X509NameRef, X509Ref};
use pingora_core::listeners::TlsAccept;
use pingora_core::protocols::tls::TlsRef;
use pingora_http::RequestHeader;
use pingora_proxy::Session;

/// `XN_FLAG_RFC2253`: `CN=name,O=organization`, with everything escaped that is not printable ASCII.
const RFC2253: i32 = 0x0111_0317;

/// What the upstream and the access log are told.
pub struct Client {
    pub subject: String,
    issuer: String,
    serial: String,
}

/// Makes a [`Client`] when a handshake is through.
pub struct Tell;

#[async_trait]
impl TlsAccept for Tell {
    async fn handshake_complete_callback(&self, tls: &TlsRef) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(Client::new(&*tls.peer_certificate()?)?))
    }
}

impl Client {
    fn new(certificate: &X509Ref) -> Option<Self> {
        let name = |name: &X509NameRef| name.print_ex(RFC2253);
        let serial = certificate.serial_number().to_bn().ok()?.to_hex_str().ok()?;
        Some(Self {
            subject: name(certificate.subject_name())?,
            issuer: name(certificate.issuer_name())?,
            serial: (*serial).to_owned(),
        })
    }

    /// The one on whose connection `session` is.
    pub fn of(session: &Session) -> Option<&Self> {
        session.digest()?.ssl_digest.as_ref()?.extension.get()
    }

    /// Says it in the fields that nginx and HAProxy use, in the place of what the client may have put there.
    pub fn tell(&self, onward: &mut RequestHeader) -> pingora_core::Result<()> {
        onward.insert_header("X-SSL-Client-Subject", self.subject.as_str())?;
        onward.insert_header("X-SSL-Client-Issuer", self.issuer.as_str())?;
        onward.insert_header("X-SSL-Client-Serial", self.serial.as_str())?;
        onward.insert_header("X-SSL-Client-Verify", "SUCCESS")
    }
}

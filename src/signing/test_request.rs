//! A request as a sender would make it, to test a route with.

use std::io;
use std::time::SystemTime;

use aws_lc_rs::rand;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::de::IgnoredAny;
use serde_json::json;

use super::route::FoundRoute;
use crate::random::random_hex;
use crate::signature::{Method as SchemeMethod, OutgoingRequest, PrivateKey, SignError};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The body of a test request.
#[derive(Clone, Debug, Default)]
pub struct TestBody {
    /// The bytes; without them, a short body is made that says what it is.
    pub content: Option<Vec<u8>>,
    /// Its media type; without it, JSON is recognised, and Twilio gets a form.
    pub content_type: Option<HeaderValue>,
}

/// A request with the id that its event has.
#[derive(Clone, Debug)]
pub struct TestRequest {
    /// The request. It has no signature yet.
    pub request: OutgoingRequest,
    /// `clawgate-test-` and random hex digits, so that no two requests are the same event.
    pub id: String,
}

impl TestRequest {
    /// A request to `target` with this body.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(
        found: &FoundRoute<'_>,
        target: &str,
        public_url: Option<&str>,
        body: TestBody,
    ) -> io::Result<Self> {
        let id = format!("clawgate-test-{}", random_hex::<8>()?);
        let is_twilio = found.verify.verifier.scheme().method() == SchemeMethod::Twilio;
        let (content, usual_type) = match body.content {
            Some(content) => {
                let usual_type = usual_type(&content, is_twilio);
                (content, usual_type)
            }
            None if is_twilio => (format!("Body=A+test+by+clawgate&MessageSid={id}").into_bytes(), FORM),
            None => (json!({ "id": id, "text": "A test by clawgate" }).to_string().into_bytes(), JSON),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, body.content_type.unwrap_or(usual_type));
        let request = OutgoingRequest {
            method: found.method.clone(),
            target: target.to_owned(),
            public_url: public_url.map(str::to_owned),
            headers,
            body: content,
        };
        Ok(Self { request, id })
    }

    /// Signs it as the sender would at `now`: with the private key, or else with the first secret of the route.
    ///
    /// # Errors
    /// When the scheme signs in a way that needs more than there is.
    pub fn sign(
        mut self,
        found: &FoundRoute<'_>,
        private_key: Option<&PrivateKey>,
        now: SystemTime,
    ) -> Result<OutgoingRequest, SignError> {
        let verifier = &found.verify.verifier;
        match private_key {
            Some(key) => {
                let sign = |signed: &[u8]| key.sign(signed);
                verifier.sign_with(&mut self.request, now, &self.id, key.algorithm(), sign)?;
            }
            None => verifier.sign(&mut self.request, now, &self.id)?,
        }
        Ok(self.request)
    }

    /// Gives it a signature that no key fits.
    ///
    /// # Errors
    /// When the system has no random bytes, or the scheme cannot be written.
    pub fn sign_falsely(
        mut self,
        found: &FoundRoute<'_>,
        now: SystemTime,
    ) -> io::Result<OutgoingRequest> {
        let mut random = [0; 32];
        rand::fill(&mut random).map_err(io::Error::other)?;
        let verifier = &found.verify.verifier;
        verifier.sign_falsely(&mut self.request, now, &self.id, &random).map_err(io::Error::other)?;
        Ok(self.request)
    }
}

fn usual_type(content: &[u8], is_twilio: bool) -> HeaderValue {
    let is_json = serde_json::from_slice::<IgnoredAny>(content).is_ok();
    match (is_json, is_twilio) {
        (true, _) => JSON,
        (false, true) => FORM,
        (false, false) => BYTES,
    }
}

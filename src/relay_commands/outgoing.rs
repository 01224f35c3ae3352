//! The request that a target would get, without its credential.

use std::fmt::{self, Display, Formatter};

use data_encoding::BASE64;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Serialize;
use serde_json::Value;

use crate::config::target_url;
use crate::identity::name::printable;
use crate::relay::idempotency::IdOrigin;
use crate::relay::settings::{Auth, TargetSettings};

/// The request that a target would get.
#[derive(Debug, Serialize)]
pub(super) struct Outgoing {
    target: String,
    method: &'static str,
    url: String,
    headers: Vec<Field>,
    credential: String,
    id: String,
    id_from: &'static str,
    #[serde(flatten)]
    body: Body,
}

#[derive(Debug, Serialize)]
struct Field {
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
enum Body {
    /// As it would be sent.
    #[serde(rename = "body")]
    Text(String),
    /// It is no text.
    #[serde(rename = "body_base64")]
    Base64(String),
    /// It is a protobuf message.
    #[serde(rename = "protobuf")]
    Protobuf(Message),
}

/// A protobuf message.
#[derive(Debug, Serialize)]
struct Message {
    message: String,
    bytes: usize,
    /// The same as JSON.
    json: String,
    base64: String,
}

impl Body {
    fn new(settings: &TargetSettings, body: &[u8]) -> Self {
        if let Some(protobuf) = &settings.protobuf
            && let Some(json) = protobuf.message_type().decode(body)
        {
            let message = protobuf.settings().message.clone();
            return Self::Protobuf(Message {
                message,
                bytes: body.len(),
                json,
                base64: BASE64.encode(body),
            });
        }
        match str::from_utf8(body) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(BASE64.encode(body)),
        }
    }
}

impl Outgoing {
    /// What `headers` and `body` are for the target with these settings; `headers` has no credential.
    pub(super) fn new(
        settings: &TargetSettings,
        headers: &HeaderMap,
        body: &[u8],
        id: &str,
        origin: IdOrigin,
    ) -> Self {
        let field = |name: &str, value: &[u8]| Field {
            name: name.to_owned(),
            value: printable(&String::from_utf8_lossy(value)),
        };
        let mut fields: Vec<_> =
            headers.iter().map(|(name, value)| field(name.as_str(), value.as_bytes())).collect();
        let hidden = match &settings.auth {
            Auth::None => None,
            Auth::Fixed(header) => Some(header.name.as_str()),
            Auth::ClientCredentials { .. } => Some(AUTHORIZATION.as_str()),
        };
        fields.extend(hidden.map(|name| field(name, b"(hidden)")));
        Self {
            target: settings.name.to_string(),
            method: "POST",
            url: target_url(settings),
            headers: fields,
            credential: settings.credential.clone(),
            id: id.to_owned(),
            id_from: match origin {
                IdOrigin::Settings => "the settings",
                IdOrigin::Header => "Idempotency-Key",
                IdOrigin::Made => "clawgate",
            },
            body: Body::new(settings, body),
        }
    }

    /// The same as JSON, with what came of it if it was sent.
    pub(super) fn json(&self, sent: Option<Value>) -> Result<String, serde_json::Error> {
        let mut json = serde_json::to_value(self)?;
        if let Value::Object(object) = &mut json {
            object.insert("sent".to_owned(), sent.unwrap_or(Value::Null));
        }
        Ok(json.to_string() + "\n")
    }
}

impl Display for Outgoing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.url)?;
        for Field { name, value } in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        match &self.body {
            Body::Text(text) => writeln!(f, "\n{}\n", text.trim_end_matches('\n'))?,
            Body::Base64(text) => writeln!(f, "\n(no text; in base64) {text}\n")?,
            Body::Protobuf(Message { message, bytes, json, base64 }) => {
                writeln!(
                    f,
                    "\n({bytes} bytes, the message {message}; as JSON) {json}\n(in base64) {base64}\n"
                )?;
            }
        }
        writeln!(f, "target      {}", self.target)?;
        writeln!(f, "credential  {}", self.credential)?;
        writeln!(f, "id          {} (from {})", self.id, self.id_from)
    }
}

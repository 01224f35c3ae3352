//! The presets: one row for each way to sign, as its senders document it.

use std::time::Duration;

use http::StatusCode;

use super::algorithm::Algorithm::{self, EcdsaP256, Ed25519, HmacSha1, HmacSha256};
use super::encoding::Encoding::{Base64, Hex};
use super::encoding::SecretEncoding;
use super::format::Mark;
use super::preset::{Challenge, Method, Preset, PresetLayout};
use super::timestamp::TimestampUnit::{Milliseconds, Rfc3339};

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

const HMAC: Preset = Preset::HMAC;
const TOKEN: Preset = Preset::TOKEN;
const PUBLIC_KEY: Preset = Preset { method: Method::PublicKey, ..HMAC };

/// The signature is in one place.
const fn at(
    signature: &'static [&'static str],
    timestamp: Option<&'static str>,
    id: Option<&'static str>,
) -> PresetLayout {
    PresetLayout { signature, timestamp, id }
}

/// The signatures of one algorithm, in a field.
const fn field(field: &'static str, algorithm: Algorithm) -> Mark {
    Mark { field: Some(field), algorithm }
}

/// The signatures of one algorithm.
const fn only(algorithm: Algorithm) -> Mark {
    Mark { field: None, algorithm }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const WEBHOOK_HEADERS: PresetLayout =
    at(&["header:webhook-signature"], Some("header:webhook-timestamp"), Some("header:webhook-id"));
const SVIX_HEADERS: PresetLayout =
    at(&["header:svix-signature"], Some("header:svix-timestamp"), Some("header:svix-id"));

const STANDARD_WEBHOOKS: Preset = Preset {
    layouts: &[WEBHOOK_HEADERS, SVIX_HEADERS],
    marks: &[field("v1", HmacSha256), field("v1a", Ed25519)],
    separator: Some(' '),
    field_separator: ',',
    encoding: Base64,
    secret_encoding: SecretEncoding::Whsec,
    signed: "{id}.{timestamp}.{body}",
    timeout: Some(seconds(15)),
    ..HMAC
};

const UNSIGNED_ID: &str =
    "the id is not signed: whoever has a captured request can send it again with another id";

/// All presets. The last four have nothing filled in, or their own way.
pub static PRESETS: &[Preset] = &[
    Preset { name: "standard-webhooks", sender: "Standard Webhooks", ..STANDARD_WEBHOOKS },
    Preset {
        name: "svix",
        sender: "Svix",
        layouts: &[SVIX_HEADERS, WEBHOOK_HEADERS],
        ..STANDARD_WEBHOOKS
    },
    Preset { name: "fathom", sender: "Fathom (AI notetaker)", ..STANDARD_WEBHOOKS },
    Preset {
        name: "github",
        sender: "GitHub",
        layouts: &[at(&["header:x-hub-signature-256"], None, Some("header:x-github-delivery"))],
        prefix: "sha256=",
        timeout: Some(seconds(10)),
        note: UNSIGNED_ID,
        ..HMAC
    },
    Preset {
        name: "gitlab",
        sender: "GitLab (secret token)",
        layouts: &[at(&["header:x-gitlab-token"], None, Some("header:idempotency-key"))],
        timeout: Some(seconds(10)),
        ..TOKEN
    },
    Preset {
        name: "stripe",
        sender: "Stripe",
        layouts: &[at(&["header:stripe-signature"], Some("field:t"), Some("body:/id"))],
        marks: &[field("v1", HmacSha256)],
        separator: Some(','),
        signed: "{timestamp}.{body}",
        ..HMAC
    },
    Preset {
        name: "slack",
        sender: "Slack",
        layouts: &[at(
            &["header:x-slack-signature"],
            Some("header:x-slack-request-timestamp"),
            Some("body:/event_id"),
        )],
        prefix: "v0=",
        signed: "v0:{timestamp}:{body}",
        challenge: Some(Challenge::Slack),
        timeout: Some(seconds(3)),
        ..HMAC
    },
    Preset {
        name: "shopify",
        sender: "Shopify",
        layouts: &[at(&["header:x-shopify-hmac-sha256"], None, Some("header:x-shopify-webhook-id"))],
        encoding: Base64,
        timeout: Some(seconds(5)),
        note: UNSIGNED_ID,
        ..HMAC
    },
    Preset {
        name: "linear",
        sender: "Linear",
        layouts: &[at(
            &["header:linear-signature"],
            Some("body:/webhookTimestamp"),
            Some("header:linear-delivery"),
        )],
        timestamp_unit: Milliseconds,
        tolerance: seconds(60),
        timeout: Some(seconds(5)),
        note: UNSIGNED_ID,
        ..HMAC
    },
    Preset {
        name: "zoom",
        sender: "Zoom",
        layouts: &[at(&["header:x-zm-signature"], Some("header:x-zm-request-timestamp"), None)],
        prefix: "v0=",
        signed: "v0:{timestamp}:{body}",
        challenge: Some(Challenge::Zoom),
        timeout: Some(seconds(3)),
        ..HMAC
    },
    Preset {
        name: "notion",
        sender: "Notion",
        layouts: &[at(&["header:x-notion-signature"], None, Some("body:/id"))],
        prefix: "sha256=",
        challenge: Some(Challenge::Notion),
        note: "the secret is the verification_token of the first request",
        ..HMAC
    },
    Preset {
        name: "intercom",
        sender: "Intercom",
        layouts: &[at(&["header:x-hub-signature"], None, Some("body:/id"))],
        marks: &[only(HmacSha1)],
        prefix: "sha1=",
        ..HMAC
    },
    Preset {
        name: "hubspot",
        sender: "HubSpot (signature v3)",
        layouts: &[at(
            &["header:x-hubspot-signature-v3"],
            Some("header:x-hubspot-request-timestamp"),
            None,
        )],
        encoding: Base64,
        signed: "{method}{url}{body}{timestamp}",
        timestamp_unit: Milliseconds,
        url_escapes: true,
        timeout: Some(seconds(5)),
        ..HMAC
    },
    Preset {
        name: "pagerduty",
        sender: "PagerDuty (webhooks v3)",
        layouts: &[at(&["header:x-pagerduty-signature"], None, Some("body:/event/id"))],
        marks: &[field("v1", HmacSha256)],
        separator: Some(','),
        ..HMAC
    },
    Preset {
        name: "mailgun",
        sender: "Mailgun",
        layouts: &[at(
            &["body:/signature/signature"],
            Some("body:/signature/timestamp"),
            Some("body:/signature/token"),
        )],
        signed: "{timestamp}{body:/signature/token}",
        note: "time and token are signed, the event is not: a captured signature fits any body until the time has passed",
        ..HMAC
    },
    Preset {
        name: "sendgrid",
        sender: "SendGrid (signed event webhook)",
        layouts: &[at(
            &["header:x-twilio-email-event-webhook-signature"],
            Some("header:x-twilio-email-event-webhook-timestamp"),
            None,
        )],
        marks: &[only(EcdsaP256)],
        encoding: Base64,
        signed: "{timestamp}{body}",
        ..PUBLIC_KEY
    },
    Preset {
        name: "discord",
        sender: "Discord",
        layouts: &[at(&["header:x-signature-ed25519"], Some("header:x-signature-timestamp"), None)],
        marks: &[only(Ed25519)],
        encoding: Hex,
        signed: "{timestamp}{body}",
        challenge: Some(Challenge::Discord),
        success_status: Some(StatusCode::NO_CONTENT),
        timeout: Some(seconds(3)),
        ..PUBLIC_KEY
    },
    Preset {
        name: "telnyx",
        sender: "Telnyx",
        layouts: &[at(
            &["header:telnyx-signature-ed25519"],
            Some("header:telnyx-timestamp"),
            Some("body:/data/id"),
        )],
        marks: &[only(Ed25519)],
        encoding: Base64,
        signed: "{timestamp}|{body}",
        ..PUBLIC_KEY
    },
    Preset {
        name: "docusign",
        sender: "Docusign Connect",
        layouts: &[at(&["header:x-docusign-signature-*"], None, None)],
        encoding: Base64,
        ..HMAC
    },
    Preset {
        name: "meta",
        sender: "Meta: WhatsApp, Messenger, Instagram",
        layouts: &[at(&["header:x-hub-signature-256"], None, None)],
        prefix: "sha256=",
        challenge: Some(Challenge::Meta),
        success_status: Some(StatusCode::OK),
        ..HMAC
    },
    Preset {
        name: "typeform",
        sender: "Typeform",
        layouts: &[at(&["header:typeform-signature"], None, Some("body:/event_id"))],
        prefix: "sha256=",
        encoding: Base64,
        ..HMAC
    },
    Preset {
        name: "calendly",
        sender: "Calendly",
        layouts: &[at(&["header:calendly-webhook-signature"], Some("field:t"), None)],
        marks: &[field("v1", HmacSha256)],
        separator: Some(','),
        signed: "{timestamp}.{body}",
        ..HMAC
    },
    Preset {
        name: "square",
        sender: "Square",
        layouts: &[at(&["header:x-square-hmacsha256-signature"], None, Some("body:/event_id"))],
        encoding: Base64,
        signed: "{url}{body}",
        ..HMAC
    },
    Preset {
        name: "paddle",
        sender: "Paddle",
        layouts: &[at(&["header:paddle-signature"], Some("field:ts"), Some("body:/event_id"))],
        marks: &[field("h1", HmacSha256)],
        separator: Some(';'),
        signed: "{timestamp}:{body}",
        tolerance: seconds(60),
        ..HMAC
    },
    Preset {
        name: "dropbox",
        sender: "Dropbox",
        layouts: &[at(&["header:x-dropbox-signature"], None, None)],
        challenge: Some(Challenge::Dropbox),
        timeout: Some(seconds(10)),
        ..HMAC
    },
    Preset {
        name: "box",
        sender: "Box",
        layouts: &[at(
            &["header:box-signature-primary", "header:box-signature-secondary"],
            Some("header:box-delivery-timestamp"),
            Some("body:/id"),
        )],
        encoding: Base64,
        signed: "{body}{timestamp}",
        timestamp_unit: Rfc3339,
        tolerance: seconds(600),
        requires: &[("box-signature-version", "1"), ("box-signature-algorithm", "HmacSHA256")],
        ..HMAC
    },
    Preset {
        name: "bitbucket",
        sender: "Bitbucket, Jira, Snyk",
        layouts: &[at(&["header:x-hub-signature"], None, Some("header:x-request-uuid"))],
        prefix: "sha256=",
        note: UNSIGNED_ID,
        ..HMAC
    },
    Preset {
        name: "telegram",
        sender: "Telegram",
        layouts: &[at(&["header:x-telegram-bot-api-secret-token"], None, Some("body:/update_id"))],
        ..TOKEN
    },
    Preset {
        name: "plain",
        sender: "Plain",
        layouts: &[at(
            &["header:plain-request-signature"],
            Some("body:/webhookMetadata/webhookDeliveryAttemptTimestamp"),
            Some("body:/id"),
        )],
        timestamp_unit: Rfc3339,
        ..HMAC
    },
    Preset {
        name: "fireflies",
        sender: "Fireflies (webhooks V2)",
        layouts: &[at(
            &["header:x-hub-signature"],
            Some("body:/timestamp"),
            Some("{body:/meeting_id}-{body:/event}"),
        )],
        prefix: "sha256=",
        timestamp_unit: Milliseconds,
        timeout: Some(seconds(10)),
        ..HMAC
    },
    Preset {
        name: "zendesk",
        sender: "Zendesk",
        layouts: &[at(
            &["header:x-zendesk-webhook-signature"],
            Some("header:x-zendesk-webhook-signature-timestamp"),
            None,
        )],
        encoding: Base64,
        signed: "{timestamp}{body}",
        timestamp_unit: Rfc3339,
        timeout: Some(seconds(12)),
        ..HMAC
    },
    Preset {
        name: "twilio",
        sender: "Twilio",
        method: Method::Twilio,
        layouts: &[],
        marks: &[],
        signed: "",
        success_status: Some(StatusCode::OK),
        timeout: Some(seconds(15)),
        ..HMAC
    },
    Preset { name: "hmac", sender: "any sender that signs with a shared secret", ..HMAC },
    Preset {
        name: "public-key",
        sender: "any sender that signs with a private key",
        marks: &[],
        encoding: Base64,
        ..PUBLIC_KEY
    },
    Preset { name: "token", sender: "any sender that presents a secret", ..TOKEN },
];

//! The keys of `[route.verify]`: how a route verifies signatures.

use crate::config::key::Unset::{Means, Required, Value};
use crate::config::key::{Key, Setting};
use crate::config::values::{
    EventId, FileName, Name, Named, OrOff, Separator, SignatureSource, SignedText, Status, Switch,
    Timeout, TokenFile, Verbatim, VerifyPreset,
};
use crate::signature::{Algorithm, Challenge, Encoding, ReplayBy, SecretEncoding, TimestampUnit};

/// The section of these keys.
pub(in super::super) const SECTION: &str = "route.verify";

table! {
    pub(in super::super),
    SCHEME: VerifyPreset = Setting::new("route.verify.scheme", "NAME", Required,
        "How the requests are signed: the name of a webhook sender, or hmac, public-key or token");
    SECRET_FILE: TokenFile = Setting::new("route.verify.secret_file", "FILE", Means("none"),
        "File with the secret that the webhook sender signs with; of several, each is tried")
        .repeatable(',');
    PUBLIC_KEY_FILE: FileName = Setting::new("route.verify.public_key_file", "FILE", Means("none"),
        "File with the webhook sender's public key; of several, each is tried")
        .repeatable(',');
    TOLERANCE: Timeout = Setting::new("route.verify.tolerance", "TIME", Means("the scheme's, mostly 5m"),
        "How far the time of a signature may be away from clawgate's clock");
    ID: EventId = Setting::new("route.verify.id", "SOURCE", Means("the scheme's"),
        "Where the id of an event is, e.g. header:webhook-id, or a template of several sources");
    REPLAY: Named<ReplayBy> = Setting::new("route.verify.replay", "HOW",
        Means("id where the signature covers it, else signature"),
        "How repeated requests are recognised: by `id`, by `signature`, or `off`");
    CHALLENGE: OrOff<Named<Challenge>> = Setting::new("route.verify.challenge", "WHOSE", Means("the scheme's"),
        "Which test of the address to answer: that of slack, zoom, meta, …, or `off`");
    CHALLENGE_TOKEN_FILE: TokenFile = Setting::new("route.verify.challenge_token_file", "FILE", Means("none"),
        "File with the verify token that you give Meta");
    AUDIT: Switch = Setting::new("route.verify.audit", "BOOL", Value("false"),
        "Whether to let in requests without a valid signature, and only log them");
    STATUS: Status = Setting::new("route.verify.status", "STATUS", Means("the scheme's, mostly 200"),
        "Status for an event that has been there before");
    ALGORITHM: Named<Algorithm> = Setting::new("route.verify.algorithm", "NAME", Means("the scheme's"),
        "sha1, sha256, sha384, sha512, ed25519, ecdsa-p256 or rsa-sha256");
    SIGNATURE: SignatureSource = Setting::new("route.verify.signature", "SOURCE", Means("the scheme's"),
        "Where the signature is, e.g. header:x-signature")
        .repeatable(',');
    SEPARATOR: Separator = Setting::new("route.verify.separator", "CHARACTER", Means("the scheme's"),
        "Character between several signatures, or between fields");
    FIELD_SEPARATOR: Separator = Setting::new("route.verify.field_separator", "CHARACTER", Means("the scheme's"),
        "Character between the name of a field and its value");
    FIELD: Name = Setting::new("route.verify.field", "NAME", Means("the scheme's"),
        "Field of the signature header that has the signature, e.g. v1");
    PREFIX: Verbatim = Setting::new("route.verify.prefix", "TEXT", Means("the scheme's"),
        "Text before the signature or token, e.g. sha256=");
    ENCODING: Named<Encoding> = Setting::new("route.verify.encoding", "NAME", Means("the scheme's"),
        "How the signature is written: hex or base64");
    SECRET_ENCODING: Named<SecretEncoding> = Setting::new("route.verify.secret_encoding", "NAME",
        Means("the scheme's"),
        "How the file has the secret: text, hex, base64 or whsec");
    SIGNED: SignedText = Setting::new("route.verify.signed", "TEMPLATE", Means("the scheme's"),
        "What is signed, e.g. {timestamp}.{body}");
    TIMESTAMP: SignatureSource = Setting::new("route.verify.timestamp", "SOURCE", Means("the scheme's"),
        "Where the time is, e.g. header:x-timestamp");
    TIMESTAMP_UNIT: Named<TimestampUnit> = Setting::new("route.verify.timestamp_unit", "NAME",
        Means("the scheme's"),
        "How the time is written: s, ms or rfc3339");
    SOURCE: SignatureSource = Setting::new("route.verify.source", "SOURCE", Means("the scheme's"),
        "Where the token is: header:NAME, bearer, basic or query:NAME")
        .repeatable(',');
}

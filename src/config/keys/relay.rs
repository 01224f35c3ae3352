//! The keys of the relay: `[relay]`, and those of a `[[relay.target]]`.

use ipnet::IpNet;

use crate::config::admin::AdminAddress;
use crate::config::key::Unset::{Means, Required, Value};
use crate::config::key::{Key, Setting};
use crate::config::values::{
    BatchShape, Count, FileName, FixedPath, HeaderText, KeyFile, LongTime, Name, OneOf, PointerText,
    RefusedStatus, RelayId, Size, Switch, TargetFields, TargetName, TargetUrl, Timeout, TokenFile,
};
use crate::relay::credentials::ClientAuth;
use crate::relay::protobuf::Unknown;
use crate::relay::rate::Rate;
use crate::relay::settings::TargetDelivery;

/// The list of tables with targets.
pub(in super::super) const TARGETS: &str = "relay.target";

/// The section with the credential of a target.
pub(in super::super) const AUTH_SECTION: &str = "relay.target.auth";

/// The section that says how events are put together.
pub(in super::super) const BATCH_SECTION: &str = "relay.target.batch";

/// The section that says which protobuf message is made of an event.
pub(in super::super) const PROTOBUF_SECTION: &str = "relay.target.protobuf";

table! {
    pub(in super::super),
    ADDRESS: AdminAddress = Setting::new("relay.address", "IP:PORT", Means("none"),
        "Address for programs on this machine that send events to APIs: loopback, or unix:/PATH")
        .outside("relay", "CLAWGATE_RELAY").at_start();
    TOKEN_FILE: TokenFile = Setting::new("relay.token_file", "FILE", Means("none, required with the address"),
        "File with the token that these programs send; of several, each is valid")
        .outside("relay-token-file", "CLAWGATE_RELAY_TOKEN_FILE").repeatable(',');
    TOKEN_HEADER: HeaderText = Setting::new("relay.token_header", "NAME", Value("authorization"),
        "Header with that token: `authorization` (with `Bearer `), or another one with the token alone")
        .outside("relay-token-header", "CLAWGATE_RELAY_TOKEN_HEADER");

    NAME: TargetName = Setting::new("relay.target.name", "NAME", Required,
        "Name of this target, in the log and in `relay` of a route");
    PATH: FixedPath = Setting::new("relay.target.path", "PATH", Means("/ and the name"),
        "Path of this target at relay.address");
    URL: TargetUrl = Setting::new("relay.target.url", "URL", Required,
        "Where events are sent, with POST");
    BEARER_FILE: TokenFile = Setting::new("relay.target.auth.bearer_file", "FILE", Means("none"),
        "File with the token for `Authorization: Bearer …`");
    AUTH_HEADER: Name = Setting::new("relay.target.auth.header", "NAME", Means("none"),
        "Header of the API's own for the credential, e.g. x-api-key");
    VALUE_FILE: TokenFile = Setting::new("relay.target.auth.value_file", "FILE", Means("none"),
        "File with the value of that header");
    USERNAME: Name = Setting::new("relay.target.auth.username", "NAME", Means("none"),
        "User name for `Authorization: Basic …`");
    PASSWORD_FILE: TokenFile = Setting::new("relay.target.auth.password_file", "FILE", Means("none"),
        "File with the password of that user");
    TOKEN_URL: TargetUrl = Setting::new("relay.target.auth.token_url", "URL", Means("none"),
        "Where tokens come from, by the client credentials grant of OAuth 2.0");
    CLIENT_ID: Name = Setting::new("relay.target.auth.client_id", "NAME", Means("none"),
        "Name of clawgate at the OAuth server");
    CLIENT_SECRET_FILE: TokenFile = Setting::new("relay.target.auth.client_secret_file", "FILE", Means("none"),
        "File with its secret there");
    SCOPE: Name = Setting::new("relay.target.auth.scope", "SCOPE", Means("none"),
        "What the OAuth token is to be good for");
    AUDIENCE: Name = Setting::new("relay.target.auth.audience", "NAME", Means("none"),
        "For which API the OAuth token is to be, where the server wants an `audience`");
    CLIENT_AUTH: OneOf<ClientAuth> = Setting::new("relay.target.auth.client_auth", "HOW", Value("basic"),
        "Where the secret is sent: `basic` (Authorization), or `body`");
    AUTH_CA: FileName = Setting::new("relay.target.auth.ca", "FILE", Means("the system's CAs"),
        "CA of the OAuth server's certificate, PEM");
    CA: FileName = Setting::new("relay.target.ca", "FILE", Means("the system's CAs"),
        "CA of the target's certificate, PEM");
    CERTIFICATE: FileName = Setting::new("relay.target.certificate", "FILE", Means("none"),
        "Client certificate chain for the target, PEM, leaf first");
    PRIVATE_KEY: KeyFile = Setting::new("relay.target.private_key", "FILE", Means("none"),
        "Private key of that certificate, PEM");
    DELIVERY: OneOf<TargetDelivery> = Setting::new("relay.target.delivery", "HOW", Value("queue"),
        "`queue` (store, answer 202, then send), or `wait` for the target's answer");
    ID: RelayId = Setting::new("relay.target.id", "SOURCE", Means("header:idempotency-key, else a new one"),
        "Where the id of an event is, to recognise an event that comes again");
    IDEMPOTENCY_HEADER: HeaderText = Setting::new("relay.target.idempotency_header", "NAME", Means("none"),
        "Header in which the target gets that id");
    MAP: TargetFields = Setting::new("relay.target.map", "TABLE", Means("the body is sent as it came"),
        "Fields of the body for the target, each with a pointer into the event");
    REQUIRED: PointerText = Setting::new("relay.target.required", "POINTER", Means("none"),
        "What an event must have, whether it is sent or not")
        .repeatable(',');
    PROTOBUF_SCHEMA: FileName = Setting::new("relay.target.protobuf.schema", "FILE", Means("none: JSON is sent"),
        "A .proto file or compiled descriptor set: the body is made a message of it (feature `protobuf`)");
    PROTOBUF_MESSAGE: Name = Setting::new("relay.target.protobuf.message", "NAME", Means("none, required with the schema"),
        "Full name of that message, e.g. claw.ClawEvent");
    PROTOBUF_UNKNOWN: OneOf<Unknown> = Setting::new("relay.target.protobuf.unknown", "HOW", Value("refuse"),
        "Fields that the message does not have: `refuse` the event, or `drop` them");
    BATCH_COUNT: Count = Setting::new("relay.target.batch.count", "COUNT", Value("50"),
        "The most events in one request");
    BATCH_BYTES: Size = Setting::new("relay.target.batch.bytes", "SIZE", Value("256KiB"),
        "The most bytes of such a request's body");
    BATCH_PERIOD: Timeout = Setting::new("relay.target.batch.period", "TIME", Value("2s"),
        "How long an event waits for others");
    BATCH_FORM: BatchShape = Setting::new("relay.target.batch.form", "FORM", Value("array"),
        "`array`, `ndjson`, or a pointer such as /events: an array within an object");
    RATE: Rate = Setting::new("relay.target.rate", "RATE", Means("no limit but the target's own"),
        "How many requests the target gets, e.g. 60/1m");
    DONE_ON: RefusedStatus = Setting::new("relay.target.done_on", "STATUS", Means("none"),
        "A 4xx status that means that the target has the event already, such as 409")
        .repeatable(',');
    ALLOW_PRIVATE: IpNet = Setting::new("relay.target.allow_private", "CIDR", Means("public addresses only"),
        "Network that is not public in which the target may be")
        .repeatable(',');
    ALLOW_PLAIN_HTTP: Switch = Setting::new("relay.target.allow_plain_http", "BOOL", Value("false"),
        "Whether the url may be http://, so that everybody on the way can read event and credential");
    CONCURRENCY: Count = Setting::new("relay.target.concurrency", "COUNT", Value("4"),
        "Requests to the target at the same time");
    GIVE_UP_AFTER: LongTime = Setting::new("relay.target.give_up_after", "TIME", Value("24h"),
        "How long an event is tried");
    TIMEOUT: Timeout = Setting::new("relay.target.timeout", "TIME", Value("30s"),
        "Time until the target answers");
    PROBE: FixedPath = Setting::new("relay.target.probe", "PATH", Means("the credential is not tested"),
        "Path on the target's server for a GET with which `doctor` tests the credential");

    ROUTE: TargetName = Setting::new("route.relay", "NAME", Means("none"),
        "Target of [[relay.target]] that gets this route's requests, in place of an upstream");
}

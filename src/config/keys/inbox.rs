//! The keys of the inbox: `[inbox]`, and those of a route that is delivered from it.

use crate::config::delivery::Delivery;
use crate::config::key::Unset::{Means, Value};
use crate::config::key::{Key, Setting};
use crate::config::values::{
    Count, DatabaseFile, EventId, FileName, KeyFile, LongTime, Name, OneOf, Replicas, Size, Status,
    StreamName, Switch, Timeout, TokenFile,
};
use crate::inbox::{NatsMonitoring, NatsServer};
use crate::inbox::{OnCorrupt, Order};

/// The section of the keys for all routes.
pub(in super::super) const SECTION: &str = "inbox";

/// The section of the keys for events that are stored in NATS.
pub(in super::super) const NATS_SECTION: &str = "inbox.nats";

/// The section of the keys for one route.
pub(in super::super) const ROUTE_SECTION: &str = "route.inbox";

table! {
    pub(in super::super),
    PATH: DatabaseFile = Setting::new("inbox.path", "FILE",
        Means("inbox.db in $STATE_DIRECTORY, which systemd sets"),
        "Database of the inbox, in a folder of its own; for routes with delivery `inbox` or `try`")
        .outside("inbox", "CLAWGATE_INBOX").at_start();
    STORE: NatsServer = Setting::new("inbox.store", "URL", Means("the database at inbox.path"),
        "NATS server that stores the events of several instances: nats:// or tls://")
        .outside("inbox-store", "CLAWGATE_INBOX_STORE").repeatable(',').at_start();
    MAX_EVENTS: Count<u64> = Setting::new("inbox.max_events", "COUNT", Value("100000"),
        "Events that may wait or be dead; beyond that senders get 503")
        .at_start();
    MAX_BYTES: Size = Setting::new("inbox.max_bytes", "SIZE", Value("1GiB"),
        "How large the database or the stream may become; beyond that senders get 503")
        .at_start();
    MIN_FREE: Size = Setting::new("inbox.min_free", "SIZE", Value("256MiB"),
        "How much of the file system stays free; below that senders get 503")
        .at_start();
    RETAIN: LongTime = Setting::new("inbox.retain", "TIME", Value("7d"),
        "How long an event is remembered, to recognise it if it comes again")
        .at_start();
    RETAIN_DEAD: LongTime = Setting::new("inbox.retain_dead", "TIME", Value("30d"),
        "How long an event is kept that could not be delivered")
        .at_start();
    KEEP_BODIES: Switch = Setting::new("inbox.keep_bodies", "BOOL", Value("false"),
        "Whether the request of a delivered event is kept, too, so that it can be replayed")
        .at_start();
    RETRY_FIRST: Timeout = Setting::new("inbox.retry_first", "TIME", Value("1s"),
        "First wait between two tries of an event; each further one is twice as long")
        .at_start();
    RETRY_MAX: Timeout = Setting::new("inbox.retry_max", "TIME", Value("5m"),
        "Longest wait between two tries of an event")
        .at_start();
    ON_CORRUPT: OneOf<OnCorrupt> = Setting::new("inbox.on_corrupt", "WHAT", Value("set-aside"),
        "A damaged database at the start: rename it and begin an empty one (`set-aside`), or `refuse`")
        .at_start();

    NATS_NAME: StreamName = Setting::new("inbox.nats.name", "NAME", Value("clawgate"),
        "Name of the stream, and first part of its subjects; all instances with one inbox have the same")
        .at_start();
    NATS_REPLICAS: Replicas = Setting::new("inbox.nats.replicas", "COUNT", Value("3"),
        "How many servers of the cluster store each event: 1, 3 or 5")
        .at_start();
    NATS_CREDENTIALS_FILE: KeyFile = Setting::new("inbox.nats.credentials_file", "FILE", Means("none"),
        "File with a user's JWT and seed, as `nsc generate creds` writes it")
        .at_start();
    NATS_NKEY_FILE: KeyFile = Setting::new("inbox.nats.nkey_file", "FILE", Means("none"),
        "File with the seed of a user's NKey")
        .at_start();
    NATS_TOKEN_FILE: TokenFile = Setting::new("inbox.nats.token_file", "FILE", Means("none"),
        "File with the token for NATS")
        .at_start();
    NATS_USERNAME: Name = Setting::new("inbox.nats.username", "NAME", Means("none"),
        "User name for NATS")
        .at_start();
    NATS_PASSWORD_FILE: TokenFile = Setting::new("inbox.nats.password_file", "FILE", Means("none"),
        "File with the password of that user")
        .at_start();
    NATS_CA: FileName = Setting::new("inbox.nats.ca", "FILE", Means("the system's CAs"),
        "CA of the NATS servers' certificates, PEM")
        .at_start();
    NATS_CERTIFICATE: FileName = Setting::new("inbox.nats.certificate", "FILE", Means("none"),
        "Client certificate chain for NATS, PEM, leaf first")
        .at_start();
    NATS_PRIVATE_KEY: KeyFile = Setting::new("inbox.nats.private_key", "FILE", Means("none"),
        "Private key of that certificate, PEM")
        .at_start();
    NATS_MAX_REMEMBERED: Count<u64> = Setting::new("inbox.nats.max_remembered", "COUNT", Value("500000"),
        "How many events are remembered, about 600 bytes of memory each; beyond, the oldest delivered ones are forgotten")
        .at_start();
    NATS_MONITORING: NatsMonitoring = Setting::new("inbox.nats.monitoring", "URL", Means("none: it is not checked"),
        "Monitoring address of a NATS server, e.g. http://127.0.0.1:8222; `doctor` asks it what a 202 means")
        .repeatable(',').at_start();

    DELIVERY: OneOf<Delivery> = Setting::new("route.delivery", "HOW", Value("direct"),
        "`direct`, `inbox` (store, answer, then deliver), or `try`; for routes that say nothing")
        .outside("delivery", "CLAWGATE_DELIVERY");
    ID: EventId = Setting::new("route.inbox.id", "SOURCE",
        Means("that of [route.verify], else header:idempotency-key"),
        "Where the sender's id of an event is, to recognise an event that comes again");
    WAIT: Timeout = Setting::new("route.inbox.wait", "TIME", Value("2s"),
        "How long the sender waits for the upstream's answer, with delivery `try`");
    STATUS: Status = Setting::new("route.inbox.status", "STATUS",
        Means("what the scheme of [route.verify] asks for, else 202"),
        "Status of the answer to a stored event");
    ORDER: OneOf<Order> = Setting::new("route.inbox.order", "HOW", Value("any"),
        "`any`, or `strict`: each event waits until the one before it is delivered or dead");
    CONCURRENCY: Count = Setting::new("route.inbox.concurrency", "COUNT",
        Means("4, or 1 with order = \"strict\""),
        "Events of this route that are delivered at the same time");
    GIVE_UP_AFTER: LongTime = Setting::new("route.inbox.give_up_after", "TIME", Value("24h"),
        "How long an event is tried");
    STORE_AUTHORIZATION: Switch = Setting::new("route.inbox.store_authorization", "BOOL", Value("false"),
        "Whether the sender's own Authorization and other credentials are stored, for the upstream");
}

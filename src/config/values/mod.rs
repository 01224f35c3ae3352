//! The types of values, each with its reader.

mod address;
mod choice;
mod file;
mod identity;
mod log;
mod nats;
mod number;
mod place;
mod relay;
mod signature;
mod tls;
mod url;

pub(super) use self::choice::{OneOf, OrOff, ProxyHeader, Switch};
pub(super) use self::file::{DatabaseFile, FileName, KeyFile, TokenFile, named};
pub(super) use self::identity::{Fingerprint, Method};
pub(super) use self::log::{Name, SecretText};
pub(super) use self::nats::{Replicas, StreamName};
pub(super) use self::number::{Count, CountOrZero, LongTime, Size, Time, Timeout, UriLength, Workers};
pub(super) use self::place::{Place, PlaceLength};
pub(super) use self::relay::{
    BatchShape, FixedPath, HeaderText, PointerText, RefusedStatus, RelayId, TargetFields, TargetName,
    TargetUrl, UrlParts,
};
pub(super) use self::signature::{
    EventId, Named, Separator, SignatureSource, SignedText, Status, Verbatim, VerifyPreset,
};
pub(super) use self::tls::{CipherSuite, KeyExchange};
pub(super) use self::url::{Collector, PublicUrl, shown_collector};

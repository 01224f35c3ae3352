//! The keys of `[route.shape]`, which say what is taken out of bodies, and of `[privacy]`.

use crate::config::key::Unset::Means;
use crate::config::key::{Key, Setting};
use crate::config::values::{Place, PlaceLength, Size, TokenFile};

/// The section of the keys for one route.
pub(in super::super) const SECTION: &str = "route.shape";

table! {
    pub(in super::super),
    HASH_KEY_FILE: TokenFile = Setting::new("privacy.hash_key_file", "FILE", Means("none"),
        "File with the key that pseudonyms are made with; for routes with `hash` in [route.shape]")
        .outside("hash-key-file", "CLAWGATE_HASH_KEY_FILE");

    DROP: Place = Setting::new("route.shape.drop", "POINTER", Means("none"),
        "What goes from JSON bodies, e.g. /transcript or /attendees/*/email")
        .repeatable(',');
    KEEP: Place = Setting::new("route.shape.keep", "POINTER", Means("what no other rule takes"),
        "What alone stays")
        .repeatable(',');
    TRUNCATE: PlaceLength = Setting::new("route.shape.truncate", "POINTER = LENGTH", Means("none"),
        "Strings that are cut, and how many characters of each stay");
    HASH: Place = Setting::new("route.shape.hash", "POINTER", Means("none"),
        "Strings and numbers that become pseudonyms, made with privacy.hash_key_file")
        .repeatable(',');
    IP_PREFIX: Place = Setting::new("route.shape.ip_prefix", "POINTER", Means("none"),
        "IP addresses that become those of their network: /24 of IPv4, /48 of IPv6")
        .repeatable(',');
    WHEN_LARGER: Size = Setting::new("route.shape.when_larger", "SIZE", Means("all bodies"),
        "Only from bodies larger than this does drop, keep or truncate take anything");
}

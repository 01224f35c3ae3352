//! What a shape is made of.

use std::fmt;

use super::hash_key::HashKey;
use super::pattern::PointerPattern;

/// The rules of a route: what becomes of which parts of its bodies. `mod.rs` has their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShapeSettings {
    /// What goes.
    pub drop: Vec<PointerPattern>,
    /// What alone stays. `None`: everything.
    pub keep: Option<Vec<PointerPattern>>,
    /// Strings that are cut, with how many characters (Unicode scalar values) stay.
    pub truncate: Vec<(PointerPattern, usize)>,
    /// Strings and numbers that become pseudonyms.
    pub hash: Vec<PointerPattern>,
    /// IP addresses that become those of their network: /24 of IPv4, /48 of IPv6.
    pub ip_prefix: Vec<PointerPattern>,
    /// `drop`, `keep` and `truncate` are for bodies with more bytes than this. `None`: for all.
    pub when_larger: Option<usize>,
    /// What pseudonyms are made with. Needed by `hash`.
    pub hash_key: Option<HashKey>,
}

/// The most pointers that a shape may have, those of all rules together.
pub const MAX_POINTERS: usize = 256;

/// What becomes of a value.
///
/// In the order in which they decide, apart from `keep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It goes.
    Drop,
    /// It becomes a pseudonym.
    Hash,
    /// An IP address becomes that of its network.
    IpPrefix,
    /// A string is cut.
    Truncate,
    /// It stays, and what is in no such rule goes.
    Keep,
}

impl Rule {
    /// Its word in settings and log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Hash => "hash",
            Self::IpPrefix => "ip_prefix",
            Self::Truncate => "truncate",
            Self::Keep => "keep",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ShapeSettings {
    /// All pointers with their rules.
    pub(super) fn pointers(&self) -> impl Iterator<Item = (Rule, &PointerPattern)> {
        let of = |rule: Rule| move |pattern| (rule, pattern);
        let truncate = self.truncate.iter().map(|(pattern, _)| (Rule::Truncate, pattern));
        let keep = self.keep.iter().flatten().map(of(Rule::Keep));
        let drop = self.drop.iter().map(of(Rule::Drop));
        let hash = self.hash.iter().map(of(Rule::Hash));
        drop.chain(hash).chain(self.ip_prefix.iter().map(of(Rule::IpPrefix))).chain(truncate).chain(keep)
    }
}

//! How requests reach the upstream.

/// How the requests of a route reach its upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// At once; the sender gets the upstream's answer.
    Direct,
    /// They are stored, and the sender gets clawgate's answer.
    Inbox,
    /// They are stored, and the sender gets the upstream's answer if it comes in time.
    Try,
}

impl Delivery {
    /// Its word in the settings.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Inbox => "inbox",
            Self::Try => "try",
        }
    }
}

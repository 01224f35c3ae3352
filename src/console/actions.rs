//! What the console can do.

use std::fmt;

/// An action of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reads settings and files again.
    Reload,
    /// Lets a dead letter wait for its delivery again.
    Replay,
    /// Removes an event; a repetition of it is still a duplicate.
    Drop,
    /// Removes an event; a repetition of it is a new event.
    Forget,
    /// Ends the pause of an upstream.
    ResumeUpstream,
    /// Ends the pause of a route.
    ResumeRoute,
    /// Adds a client's certificate to the denylist.
    Deny,
    /// Runs the checks of `clawgate doctor`.
    Doctor,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Reload,
        Self::Replay,
        Self::Drop,
        Self::Forget,
        Self::ResumeUpstream,
        Self::ResumeRoute,
        Self::Deny,
        Self::Doctor,
    ];

    /// Its word in the path `/actions/…` and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Replay => "replay",
            Self::Drop => "drop",
            Self::Forget => "forget",
            Self::ResumeUpstream => "resume_upstream",
            Self::ResumeRoute => "resume_route",
            Self::Deny => "deny",
            Self::Doctor => "doctor",
        }
    }

    /// The action of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// What is asked before it is done; `None` where nothing is lost by it.
    pub const fn question(self) -> Option<&'static str> {
        match self {
            Self::Drop => Some(
                "Remove this event? It is not delivered. If its sender repeats it, it is a duplicate.",
            ),
            Self::Forget => Some(
                "Forget this event? It is not delivered. If its sender repeats it, it is a new event.",
            ),
            Self::Deny => Some(
                "Add this certificate to the denylist? clawgate refuses it from then on, also on open \
                 connections. Only a change of the file ends that.",
            ),
            _ => None,
        }
    }

    /// The text of its button.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reload => "Reload",
            Self::Replay => "Replay",
            Self::Drop => "Drop",
            Self::Forget => "Forget",
            Self::ResumeUpstream | Self::ResumeRoute => "Try now",
            Self::Deny => "Deny",
            Self::Doctor => "Run the checks",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

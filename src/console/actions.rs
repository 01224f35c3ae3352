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
    /// Lets all dead letters of a route wait for their delivery again.
    ReplayAll,
    /// Removes all dead letters of a route, as [`Drop`](Self::Drop) does.
    DropAll,
    /// Removes all dead letters of a route, as [`Forget`](Self::Forget) does.
    ForgetAll,
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
    pub const ALL: [Self; 11] = [
        Self::Reload,
        Self::Replay,
        Self::Drop,
        Self::Forget,
        Self::ReplayAll,
        Self::DropAll,
        Self::ForgetAll,
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
            Self::ReplayAll => "replay_all",
            Self::DropAll => "drop_all",
            Self::ForgetAll => "forget_all",
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

    /// Whether it is about all dead letters of a route.
    pub const fn is_of_all_dead(self) -> bool {
        matches!(self, Self::ReplayAll | Self::DropAll | Self::ForgetAll)
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
            Self::ReplayAll => {
                Some("Let all of them wait for their delivery again? Correct first what made them fail.")
            }
            Self::DropAll => Some(
                "Remove all of them? They are not delivered. If a sender repeats one, it is a duplicate.",
            ),
            Self::ForgetAll => Some(
                "Forget all of them? They are not delivered. If a sender repeats one, it is a new event.",
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
            Self::ReplayAll => "Replay all",
            Self::DropAll => "Drop all",
            Self::ForgetAll => "Forget all",
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

//! The subjects of the stream.

use data_encoding::HEXLOWER;

/// What an event is known by if it comes again; of an event without a key: its id.
pub(super) type Mark = [u8; 16];

/// The subject of messages from process to process, which is not in the stream of this name.
pub(super) fn peers(name: &str) -> String {
    format!("{name}.peers")
}

/// What a message of the stream is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// `NAME.event.MARK`: an event, with its request or with what has become of it.
    Event(Mark),
    /// `NAME.state.MARK`: what has become of an event whose request is still stored.
    State(Mark),
    /// `NAME.right`: which process delivers.
    Right,
}

impl Subject {
    /// The subject in the stream of this name.
    pub(super) fn of(self, name: &str) -> String {
        match self {
            Self::Event(mark) => format!("{name}.event.{}", HEXLOWER.encode(&mark)),
            Self::State(mark) => format!("{name}.state.{}", HEXLOWER.encode(&mark)),
            Self::Right => format!("{name}.right"),
        }
    }

    /// Reads [`Self::of`]. `None` if it is none.
    pub(super) fn parse(subject: &str, name: &str) -> Option<Self> {
        let rest = subject.strip_prefix(name)?.strip_prefix('.')?;
        let mark = |text: &str| HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok();
        match rest.split_once('.') {
            Some(("event", text)) => mark(text).map(Self::Event),
            Some(("state", text)) => mark(text).map(Self::State),
            None if rest == "right" => Some(Self::Right),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_is_read_as_it_is_written() {
        for subject in [Subject::Event([7; 16]), Subject::State([0xab; 16]), Subject::Right] {
            assert_eq!(Subject::parse(&subject.of("clawgate"), "clawgate"), Some(subject));
            assert_eq!(Subject::parse(&subject.of("clawgate"), "claw"), None);
        }
    }

    #[test]
    fn other_subjects_are_none_of_them() {
        for other in
            ["clawgate", "clawgate.", "clawgate.event.07", "clawgate.right.x", "clawgate.event."]
        {
            assert_eq!(Subject::parse(other, "clawgate"), None, "{other}");
        }
    }
}

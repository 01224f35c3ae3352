//! W3C Trace Context: a trace that the client began is continued, else one begins here.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use data_encoding::HEXLOWER;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Of the flags: whoever calls records it.
const SAMPLED: u8 = 0x01;
/// Of the flags: the identifier is random (level 2).
const RANDOM: u8 = 0x02;

/// A request's place in a trace, and what the client asks for about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub(super) id: u128,
    /// The client's span; 0 where the trace begins here.
    pub(super) parent: u64,
    /// clawgate's call to the upstream, as the upstream is told of it.
    pub(super) span: u64,
    pub(super) flags: u8,
}

impl Trace {
    /// The trace of a request: the client's, where its `traceparent` is valid and the only one (level 1,
    /// section 4.3), else a new one, to which no `tracestate` belongs. Of the new ones, one in `one_in` is
    /// marked as recorded.
    pub fn of(headers: &mut HeaderMap, one_in: u64) -> Self {
        let mut fields = headers.get_all(TRACEPARENT).iter();
        let trace = match (fields.next(), fields.next()) {
            (Some(field), None) => field.to_str().ok().and_then(Self::parse),
            _ => None,
        };
        trace.unwrap_or_else(|| {
            headers.remove(TRACESTATE);
            let id = u128::from(random()) << 64 | u128::from(random()).max(1);
            let trace = Self { id, parent: 0, span: span_id(), flags: RANDOM };
            let sampled = if trace.is_sampled(one_in) { SAMPLED } else { 0 };
            Self { flags: RANDOM | sampled, ..trace }
        })
    }

    /// Reads a `traceparent` (section 3.2).
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |text: &str| {
            let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            digits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
        };
        let mut parts = text.splitn(5, '-');
        let (version, id) = (parts.next()?, parts.next()?);
        let (span, flags, more) = (parts.next()?, parts.next()?, parts.next());
        if (version.len(), id.len(), span.len(), flags.len()) != (2, 32, 16, 2) {
            return None;
        }
        let version = hex(version)?;
        // A later version may have more after a dash; this one has not.
        if version == 0xff || (version == 0 && more.is_some()) {
            return None;
        }
        let (id, parent) = (hex(id)?, u64::try_from(hex(span)?).ok()?);
        if id == 0 || parent == 0 {
            return None;
        }
        // Of the flags two are known.
        let flags = u8::try_from(hex(flags)?).ok()? & (SAMPLED | RANDOM);
        Some(Self { id, parent, span: span_id(), flags })
    }

    /// Gives it to the upstream, with a span of clawgate's own as its parent.
    pub fn tell(self, headers: &mut HeaderMap) {
        // Version, identifier, parent, flags.
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        HEXLOWER.encode_mut(&self.id.to_be_bytes(), &mut text[3..35]);
        HEXLOWER.encode_mut(&self.span.to_be_bytes(), &mut text[36..52]);
        HEXLOWER.encode_mut(&[self.flags], &mut text[53..]);
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Whether whoever calls records it, or clawgate where it begins here.
    pub fn is_recorded(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Whether it is one of those that are logged, of which there is one in `of`: the same answer wherever the
    /// same is asked.
    pub fn is_sampled(self, of: u64) -> bool {
        // The right half is the random one (level 2, section 2.2.3).
        (self.id as u64).is_multiple_of(of)
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 32];
        serializer.serialize_str(HEXLOWER.encode_mut_str(&self.id.to_be_bytes(), &mut text))
    }
}

/// An identifier for a span.
pub(super) fn span_id() -> u64 {
    random().max(1)
}

/// Not a secret, but the same for no two traces: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) from a seed of
/// the thread's own.
fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn text(trace: Trace) -> String {
        serde_json::to_string(&trace).unwrap().replace('"', "")
    }

    #[test]
    fn a_valid_trace_is_continued_with_another_span_and_its_state() {
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let mut headers = headers(&[("traceparent", &parent), ("tracestate", "a=1")]);
        let trace = Trace::of(&mut headers, 1);
        trace.tell(&mut headers);
        assert_eq!(text(trace), ID);
        let told = headers["traceparent"].to_str().unwrap();
        assert!(told.starts_with(&format!("00-{ID}-")) && told.ends_with("-01"), "{told}");
        assert!(!told.contains("00f067aa0ba902b7"));
        assert_eq!(headers["tracestate"], "a=1");
    }

    #[test]
    fn what_is_not_valid_begins_a_new_trace_without_the_state() {
        let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        for parent in [
            "",
            "00",
            &zeros,
            &format!("00-{ID}-0000000000000000-01"),
            &format!("ff-{ID}-00f067aa0ba902b7-01"),
            &format!("00-{ID}-00f067aa0ba902b7-01-x"),
            &format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            &format!("00-{ID}-00f067aa0ba902b7-0"),
            &format!("00-+{}-00f067aa0ba902b7-01", &ID[1..]),
        ] {
            let mut headers = headers(&[("traceparent", parent), ("tracestate", "a=1")]);
            assert_ne!(text(Trace::of(&mut headers, 1)), ID, "{parent}");
            assert!(!headers.contains_key("tracestate"), "{parent}");
        }
        assert!(Trace::parse(&format!("01-{ID}-00f067aa0ba902b7-01-x")).is_some(), "a later version");
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let mut twice = headers(&[("traceparent", &parent), ("traceparent", &parent)]);
        assert_ne!(text(Trace::of(&mut twice, 1)), ID);
    }

    #[test]
    fn one_in_so_many_new_traces_is_sampled() {
        let count = (0..10_000).filter(|_| Trace::of(&mut HeaderMap::new(), 1).is_sampled(10)).count();
        assert!((800..1200).contains(&count), "{count}");
        assert!(Trace::of(&mut HeaderMap::new(), 1).is_sampled(1));
    }

    #[test]
    fn of_new_traces_one_in_so_many_is_recorded_and_of_a_senders_those_that_it_records() {
        let new = || Trace::of(&mut HeaderMap::new(), 10);
        let count = (0..10_000).filter(|_| new().is_recorded()).count();
        assert!((800..1200).contains(&count), "{count}");
        for (flags, recorded) in [("00", false), ("01", true), ("02", false), ("03", true)] {
            let parent = format!("00-{ID}-00f067aa0ba902b7-{flags}");
            let trace = Trace::of(&mut headers(&[("traceparent", &parent)]), 1_000_000);
            assert_eq!(trace.is_recorded(), recorded, "{flags}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,64}") {
            let _ = Trace::parse(&text);
        }

        #[test]
        fn what_is_told_can_be_continued(id in 1u128.., span in 1u64.., flags in 0u8..4) {
            let mut headers = HeaderMap::new();
            Trace { id, parent: 7, span, flags }.tell(&mut headers);
            let next = Trace::of(&mut headers, 1);
            prop_assert_eq!((next.id, next.parent, next.flags), (id, span, flags));
        }
    }
}

//! W3C Trace Context: clawgate continues the client's trace, or begins a new one.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use data_encoding::HEXLOWER;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The flag `sampled`: the caller records the trace.
const SAMPLED: u8 = 0x01;
/// The flag `random`: the trace identifier is random (level 2).
const RANDOM: u8 = 0x02;

/// The trace that a request belongs to, and the spans of the request in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) id: u128,
    /// The client's span; 0 if the trace begins in clawgate.
    pub(super) parent: u64,
    /// The span of clawgate's call to the upstream, sent to it in `traceparent`.
    pub(super) span: u64,
    pub(super) flags: u8,
}

impl TraceContext {
    /// Continues the client's trace if there is exactly one `traceparent` and it is valid (level 1, section 4.3).
    /// Otherwise it begins a new trace and removes `tracestate`. One in `one_in` new traces is marked as sampled.
    pub fn extract(headers: &mut HeaderMap, one_in: u64) -> Self {
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
        // Later versions may add fields; version 0 has none.
        if version == 0xff || (version == 0 && more.is_some()) {
            return None;
        }
        let (id, parent) = (hex(id)?, u64::try_from(hex(span)?).ok()?);
        if id == 0 || parent == 0 {
            return None;
        }
        // Unknown flags are not passed on.
        let flags = u8::try_from(hex(flags)?).ok()? & (SAMPLED | RANDOM);
        Some(Self { id, parent, span: span_id(), flags })
    }

    /// Sets `traceparent` for the upstream, with clawgate's span as the parent.
    pub fn inject(self, headers: &mut HeaderMap) {
        // Version, identifier, parent, flags.
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        HEXLOWER.encode_mut(&self.id.to_be_bytes(), &mut text[3..35]);
        HEXLOWER.encode_mut(&self.span.to_be_bytes(), &mut text[36..52]);
        HEXLOWER.encode_mut(&[self.flags], &mut text[53..]);
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Whether the trace is recorded. The client decides that, or clawgate if the trace begins here.
    pub fn is_recorded(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Whether the trace is among the logged ones: one in `one_in`. All processes decide the same for one trace.
    pub fn is_sampled(self, one_in: u64) -> bool {
        // The lower half is random (level 2, section 2.2.3).
        (self.id as u64).is_multiple_of(one_in)
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 32];
        serializer.serialize_str(HEXLOWER.encode_mut_str(&self.id.to_be_bytes(), &mut text))
    }
}

/// A new identifier of a span.
pub(super) fn span_id() -> u64 {
    random().max(1)
}

/// Random, but not secret: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) with a seed for each thread.
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

    fn text(trace: TraceContext) -> String {
        serde_json::to_string(&trace).unwrap().replace('"', "")
    }

    #[test]
    fn a_valid_trace_is_continued_with_a_new_span_and_its_tracestate() {
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let mut headers = headers(&[("traceparent", &parent), ("tracestate", "a=1")]);
        let trace = TraceContext::extract(&mut headers, 1);
        trace.inject(&mut headers);
        assert_eq!(text(trace), ID);
        let sent = headers["traceparent"].to_str().unwrap();
        assert!(sent.starts_with(&format!("00-{ID}-")) && sent.ends_with("-01"), "{sent}");
        assert!(!sent.contains("00f067aa0ba902b7"));
        assert_eq!(headers["tracestate"], "a=1");
    }

    #[test]
    fn an_invalid_traceparent_begins_a_new_trace_without_tracestate() {
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
            assert_ne!(text(TraceContext::extract(&mut headers, 1)), ID, "{parent}");
            assert!(!headers.contains_key("tracestate"), "{parent}");
        }
        assert!(
            TraceContext::parse(&format!("01-{ID}-00f067aa0ba902b7-01-x")).is_some(),
            "a later version"
        );
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let mut twice = headers(&[("traceparent", &parent), ("traceparent", &parent)]);
        assert_ne!(text(TraceContext::extract(&mut twice, 1)), ID);
    }

    #[test]
    fn the_configured_part_of_new_traces_is_sampled() {
        let count = (0..10_000)
            .filter(|_| TraceContext::extract(&mut HeaderMap::new(), 1).is_sampled(10))
            .count();
        assert!((800..1200).contains(&count), "{count}");
        assert!(TraceContext::extract(&mut HeaderMap::new(), 1).is_sampled(1));
    }

    #[test]
    fn the_configured_part_of_new_traces_is_recorded_and_a_clients_flag_is_kept() {
        let new = || TraceContext::extract(&mut HeaderMap::new(), 10);
        let count = (0..10_000).filter(|_| new().is_recorded()).count();
        assert!((800..1200).contains(&count), "{count}");
        for (flags, recorded) in [("00", false), ("01", true), ("02", false), ("03", true)] {
            let parent = format!("00-{ID}-00f067aa0ba902b7-{flags}");
            let trace = TraceContext::extract(&mut headers(&[("traceparent", &parent)]), 1_000_000);
            assert_eq!(trace.is_recorded(), recorded, "{flags}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_parse_panic(text in "\\PC{0,64}") {
            let _ = TraceContext::parse(&text);
        }

        #[test]
        fn an_injected_trace_can_be_extracted(id in 1u128.., span in 1u64.., flags in 0u8..4) {
            let mut headers = HeaderMap::new();
            TraceContext { id, parent: 7, span, flags }.inject(&mut headers);
            let next = TraceContext::extract(&mut headers, 1);
            prop_assert_eq!((next.id, next.parent, next.flags), (id, span, flags));
        }
    }
}

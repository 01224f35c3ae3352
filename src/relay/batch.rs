//! Several events in one request to a target.
//!
//! Which events are in a [`Batch`] is fixed before its first try and stays the same for all tries, because the target recognises the
//! repetition of a batch by its id ([`batch_id`](super::idempotency::batch_id)).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::signature::Pointer;

/// When a batch is sent, and its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// The most events; at least 1.
    pub count: usize,
    /// The most bytes of the body. An event that is larger by itself is sent alone.
    pub bytes: usize,
    /// How long the first event waits for others.
    pub period: Duration,
    /// How the events are put into one body.
    pub form: BatchForm,
}

/// How events are put into one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchForm {
    /// A JSON array.
    Array,
    /// One line for each event.
    Ndjson,
    /// A JSON array within objects: `/events` gives `{"events":[…]}`.
    Wrap(Pointer),
}

/// What to do with the events that wait for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// No event waits.
    Nothing,
    /// Wait so long, or until another event comes.
    Wait(Duration),
    /// Send this number of events, the first ones; at least 1.
    Send(usize),
}

/// The body of one event. Only a whole JSON value can be one, so that no event can change what is around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member(Bytes);

/// An event that is not JSON in UTF-8 cannot be in a batch.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the event is not JSON, so it cannot be in a batch with others")]
pub struct NotJson;

/// Events that are sent in one request. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<T>(Vec<T>);

impl BatchSettings {
    /// Decides which of the waiting events are the next batch. `sizes` are the bytes of their [`Member`]s in the order of arrival,
    /// `oldest` how long the first one has waited.
    pub fn cut(&self, sizes: impl IntoIterator<Item = usize>, oldest: Duration) -> Cut {
        let (mut bytes, mut number) = (self.form.frame(), 0);
        for size in sizes {
            bytes = bytes.saturating_add(size).saturating_add(usize::from(number > 0));
            if number > 0 && bytes > self.bytes {
                return Cut::Send(number);
            }
            number += 1;
            if number >= self.count || bytes >= self.bytes {
                return Cut::Send(number);
            }
        }
        match self.period.checked_sub(oldest) {
            _ if number == 0 => Cut::Nothing,
            Some(wait) if !wait.is_zero() => Cut::Wait(wait),
            _ => Cut::Send(number),
        }
    }
}

impl BatchForm {
    /// The `Content-Type` of the body.
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Array | Self::Wrap(_) => "application/json",
            Self::Ndjson => "application/x-ndjson",
        })
    }

    /// The body with these events.
    pub fn body<'m>(&self, members: impl IntoIterator<Item = &'m Member>) -> Bytes {
        let (before, between, after) = self.parts();
        let mut body = before.into_bytes();
        for (number, Member(member)) in members.into_iter().enumerate() {
            if number > 0 {
                body.push(between);
            }
            match self {
                // A line break in JSON is never within a string, so it is a blank between two parts.
                Self::Ndjson => body.extend(
                    member.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }),
                ),
                Self::Array | Self::Wrap(_) => body.extend_from_slice(member),
            }
        }
        body.extend_from_slice(after.as_bytes());
        body.into()
    }

    /// The bytes of a body without an event.
    fn frame(&self) -> usize {
        let (before, _, after) = self.parts();
        before.len() + after.len()
    }

    /// What is before the events, between each two of them, and after them.
    fn parts(&self) -> (String, u8, String) {
        match self {
            Self::Array => ("[".into(), b',', "]".into()),
            Self::Ndjson => (String::new(), b'\n', "\n".into()),
            Self::Wrap(pointer) => {
                let key = |name: &String| format!("{{{}:", serde_json::Value::from(name.as_str()));
                let keys: String = pointer.tokens().iter().map(key).collect();
                (keys + "[", b',', "]".to_owned() + &"}".repeat(pointer.tokens().len()))
            }
        }
    }
}

impl Member {
    /// Takes the body of an event, without the blanks around it.
    pub fn new(body: &Bytes) -> Result<Self, NotJson> {
        let json: &RawValue = serde_json::from_slice(body).map_err(|_| NotJson)?;
        Ok(Self(body.slice_ref(json.get().as_bytes())))
    }

    /// The bytes of the event.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T> Batch<T> {
    /// These events; `None` without one.
    pub fn new(members: Vec<T>) -> Option<Self> {
        (!members.is_empty()).then_some(Self(members))
    }

    /// One event alone.
    pub fn alone(member: T) -> Self {
        Self(vec![member])
    }

    /// The first event.
    pub fn first(&self) -> &T {
        // There is at least one.
        &self.0[0]
    }

    /// The events in their order.
    pub fn members(&self) -> &[T] {
        &self.0
    }

    /// The events in their order, to change them.
    pub fn members_mut(&mut self) -> &mut [T] {
        &mut self.0
    }

    /// The events in their order.
    pub fn into_members(self) -> Vec<T> {
        self.0
    }

    /// Both halves of a batch that the target has refused as a whole, so that the one bad event is found.
    ///
    /// # Errors
    /// The batch itself, if it has one event only.
    pub fn halves(mut self) -> Result<(Self, Self), Self> {
        if self.0.len() < 2 {
            return Err(self);
        }
        let second = self.0.split_off(self.0.len() / 2);
        Ok((self, Self(second)))
    }
}

/// Whether an answer to a batch may be about one of its events, or about its size.
pub fn may_be_about_one_event(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 413 | 422)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn settings(count: usize, bytes: usize) -> BatchSettings {
        BatchSettings { count, bytes, period: Duration::from_secs(2), form: BatchForm::Array }
    }

    fn member(json: &str) -> Member {
        Member::new(&Bytes::copy_from_slice(json.as_bytes())).unwrap()
    }

    fn wrap(pointer: &str) -> BatchForm {
        BatchForm::Wrap(pointer.parse().unwrap())
    }

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn count_bytes_and_time_each_end_a_batch() {
        let settings = settings(3, 100);
        assert_eq!(settings.cut([], AT_ONCE), Cut::Nothing);
        assert_eq!(settings.cut([10, 10], AT_ONCE), Cut::Wait(Duration::from_secs(2)));
        assert_eq!(
            settings.cut([10, 10], Duration::from_millis(1500)),
            Cut::Wait(Duration::from_millis(500))
        );
        assert_eq!(settings.cut([10, 10], Duration::from_secs(2)), Cut::Send(2));
        assert_eq!(settings.cut([10; 3], AT_ONCE), Cut::Send(3));
        assert_eq!(settings.cut([10; 9], AT_ONCE), Cut::Send(3));
        // Two brackets and a comma: 100 bytes are full, 101 are too many.
        assert_eq!(settings.cut([50, 47], AT_ONCE), Cut::Send(2));
        assert_eq!(settings.cut([50, 48], AT_ONCE), Cut::Send(1));
    }

    #[test]
    fn an_event_that_is_too_large_is_sent_alone() {
        assert_eq!(settings(3, 100).cut([5000, 1], AT_ONCE), Cut::Send(1));
        assert_eq!(settings(3, 100).cut([1, 5000], AT_ONCE), Cut::Send(1));
    }

    #[test]
    fn each_form_has_its_body() {
        let members = [member("{\"a\":1}"), member(" [2]\n"), member("\"x\"")];
        assert_eq!(BatchForm::Array.body(&members), "[{\"a\":1},[2],\"x\"]");
        assert_eq!(BatchForm::Ndjson.body(&members), "{\"a\":1}\n[2]\n\"x\"\n");
        assert_eq!(wrap("/events").body(&members), "{\"events\":[{\"a\":1},[2],\"x\"]}");
        assert_eq!(wrap("/data/e~1\"v").body(&members[2..]), "{\"data\":{\"e/\\\"v\":[\"x\"]}}");
        assert_eq!(BatchForm::Ndjson.content_type(), "application/x-ndjson");
        assert_eq!(wrap("/events").content_type(), "application/json");
    }

    #[test]
    fn a_line_of_ndjson_has_no_line_break() {
        let pretty = member("{\n  \"a\": \"x\\ny\",\r\n  \"b\": 1e400\n}");
        assert_eq!(BatchForm::Ndjson.body([&pretty]), "{   \"a\": \"x\\ny\",    \"b\": 1e400 }\n");
    }

    #[test]
    fn what_is_not_one_json_value_is_in_no_batch() {
        for body in ["", "1],[2", "{}{}", "{", "{\"a\":\"\n\"}", "a=1"] {
            assert_eq!(Member::new(&Bytes::copy_from_slice(body.as_bytes())), Err(NotJson), "{body}");
        }
        assert_eq!(Member::new(&Bytes::from_static(b"\"\xff\"")), Err(NotJson));
        assert_eq!(Member::new(&Bytes::from("[".repeat(1 << 20))), Err(NotJson));
    }

    #[test]
    fn halves_lead_to_the_one_bad_event() {
        let mut batch = Batch::new((0..50).collect()).unwrap();
        let mut requests = 0;
        loop {
            requests += 1;
            match batch.halves() {
                Ok((first, second)) => {
                    batch = if first.members().contains(&37) { first } else { second };
                }
                Err(alone) => break assert_eq!(alone.into_members(), [37]),
            }
        }
        assert!(requests <= 7, "{requests}");
        assert_eq!(Batch::<u8>::new(Vec::new()), None);
    }

    #[test]
    fn only_answers_about_the_content_divide_a_batch() {
        let divides = |number| may_be_about_one_event(StatusCode::from_u16(number).unwrap());
        let those: Vec<u16> = (200..600).filter(|number| divides(*number)).collect();
        assert_eq!(those, [400, 413, 422]);
    }

    proptest! {
        /// A batch has the events in their order, each as it was, and its size is what `cut` has counted.
        #[test]
        fn every_event_is_in_one_batch_and_no_batch_is_too_large(
            texts in proptest::collection::vec("[a-z\"\\\\\n{}\\[\\],]{0,40}", 1..40),
            count in 1usize..10, bytes in 1usize..300, form in 0usize..3,
        ) {
            let form = [BatchForm::Array, BatchForm::Ndjson, wrap("/a/b")][form].clone();
            let settings = BatchSettings { form, ..settings(count, bytes) };
            let members: Vec<Member> = texts.iter().map(|text| member(&Value::from(text.as_str()).to_string())).collect();
            let (mut rest, mut sent) = (&members[..], Vec::new());
            while !rest.is_empty() {
                let sizes = rest.iter().map(|member| member.as_bytes().len());
                let Cut::Send(number) = settings.cut(sizes, settings.period) else { panic!("no batch") };
                prop_assert!(number >= 1 && number <= count);
                let body = settings.form.body(&rest[..number]);
                prop_assert!(number == 1 || body.len() <= bytes, "{} bytes", body.len());
                let values: Vec<Value> = match &settings.form {
                    BatchForm::Array => serde_json::from_slice(&body).unwrap(),
                    BatchForm::Ndjson => body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
                        .map(|line| serde_json::from_slice(line).unwrap()).collect(),
                    BatchForm::Wrap(_) => serde_json::from_slice::<Value>(&body).unwrap()["a"]["b"].as_array().unwrap().clone(),
                };
                sent.extend(values);
                rest = &rest[number..];
            }
            prop_assert_eq!(sent, texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>());
        }
    }
}

//! Values that are one of a few words.

use std::marker::PhantomData;

use crate::config::delivery::Delivery;
use crate::config::log::LogFormat;
use crate::config::value_type::{Invalid, Kind, ValueType, invalid, parse};
use crate::inbox::{OnCorrupt, Order};
use crate::pki::revocation::{Demand, Expired};
use crate::policy::Authenticate;
use crate::policy::Revoke;
use crate::relay::credentials::ClientAuth;
use crate::relay::protobuf::Unknown;
use crate::relay::settings::TargetDelivery;
use crate::tls::parameters::MinVersion;
use crate::tls::{RefuseWith, Resumption};
use crate::upstream::{Forwarded, IdentityForm};

/// Something that is chosen by a word.
pub(in crate::config) trait Choice: Copy + PartialEq + 'static {
    /// Each word, and what it stands for.
    const WORDS: &'static [(&'static str, Self)];
}

/// One of the words of `T`.
#[derive(Debug)]
pub(in crate::config) struct OneOf<T>(PhantomData<T>);

impl<T: Choice> ValueType for OneOf<T> {
    type Value = T;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<T, Invalid> {
        let known = T::WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = T::WORDS.iter().map(|(word, _)| format!("`{word}`")).collect();
            let words = match words.split_last() {
                Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
                _ => words.concat(),
            };
            Invalid::new(format!("`{text}` is not one of its values"), format!("use {words}"))
        })
    }

    fn show(value: &T) -> String {
        let known = T::WORDS.iter().find(|(_, other)| other == value);
        known.map_or_else(String::new, |(word, _)| (*word).to_owned())
    }
}

impl Choice for RefuseWith {
    const WORDS: &'static [(&'static str, Self)] = &[("alert", Self::Alert), ("http", Self::Http)];
}

impl Choice for Resumption {
    const WORDS: &'static [(&'static str, Self)] = &[("safe", Self::Safe), ("off", Self::Off)];
}

impl Choice for Revoke {
    const WORDS: &'static [(&'static str, Self)] =
        &[("after-response", Self::AfterResponse), ("now", Self::Now)];
}

impl Choice for MinVersion {
    const WORDS: &'static [(&'static str, Self)] = &[("1.2", Self::Tls12), ("1.3", Self::Tls13)];
}

impl Choice for Demand {
    const WORDS: &'static [(&'static str, Self)] =
        &[("if-present", Self::IfPresent), ("strict", Self::Strict)];
}

impl Choice for Expired {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("warn", Self::Warn)];
}

impl Choice for Forwarded {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("x-forwarded", Self::XForwarded), ("rfc7239", Self::Rfc7239)];
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("json", Self::Json), ("text", Self::Text)];
}

impl ValueType for IdentityForm {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        parse(text, "use clawgate, client-cert, client-cert-chain, xfcc or ssl-client")
    }

    fn show(form: &Self) -> String {
        form.as_str().to_owned()
    }
}

impl Choice for Authenticate {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Certificate.as_str(), Self::Certificate),
        (Self::Signature.as_str(), Self::Signature),
        (Self::Both.as_str(), Self::Both),
        (Self::Either.as_str(), Self::Either),
    ];
}

impl Choice for Delivery {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Direct.as_str(), Self::Direct),
        (Self::Inbox.as_str(), Self::Inbox),
        (Self::Try.as_str(), Self::Try),
    ];
}

impl Choice for Order {
    const WORDS: &'static [(&'static str, Self)] =
        &[(Self::Any.as_str(), Self::Any), (Self::Strict.as_str(), Self::Strict)];
}

impl Choice for OnCorrupt {
    const WORDS: &'static [(&'static str, Self)] =
        &[(Self::SetAside.as_str(), Self::SetAside), (Self::Refuse.as_str(), Self::Refuse)];
}

impl Choice for TargetDelivery {
    const WORDS: &'static [(&'static str, Self)] =
        &[(Self::Queue.as_str(), Self::Queue), (Self::Wait.as_str(), Self::Wait)];
}

impl Choice for Unknown {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("drop", Self::Drop)];
}

impl Choice for ClientAuth {
    const WORDS: &'static [(&'static str, Self)] = &[("basic", Self::Basic), ("body", Self::Body)];
}

/// Whether the upstream gets a PROXY header, and of which version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::config) struct ProxyHeader(pub(in crate::config) bool);

impl Choice for ProxyHeader {
    const WORDS: &'static [(&'static str, Self)] = &[("off", Self(false)), ("v2", Self(true))];
}

/// `true` or `false`.
#[derive(Debug)]
pub(in crate::config) struct Switch;

impl ValueType for Switch {
    type Value = bool;
    const KIND: Kind = Kind::Switch;

    fn read(text: &str) -> Result<bool, Invalid> {
        match text.parse() {
            Ok(on) => Ok(on),
            Err(_) => invalid(format!("`{text}` is neither true nor false"), "write true or false"),
        }
    }

    fn show(on: &bool) -> String {
        on.to_string()
    }
}

/// A value, or `off`.
#[derive(Debug)]
pub(in crate::config) struct OrOff<V>(PhantomData<V>);

impl<V: ValueType> ValueType for OrOff<V> {
    type Value = Option<V::Value>;
    const KIND: Kind = V::KIND;

    fn read(text: &str) -> Result<Self::Value, Invalid> {
        if text == "off" {
            return Ok(None);
        }
        V::read(text)
            .map(Some)
            .map_err(|Invalid { what, hint, .. }| Invalid::new(what, format!("{hint}, or `off`")))
    }

    fn show(value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| "off".to_owned(), V::show)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_and_shown_as_itself() {
        fn check<T: Choice>() {
            for (word, _) in T::WORDS {
                let read = OneOf::<T>::read(word).ok();
                assert_eq!(read.as_ref().map(OneOf::<T>::show).as_deref(), Some(*word));
            }
        }
        check::<RefuseWith>();
        check::<Resumption>();
        check::<Revoke>();
        check::<MinVersion>();
        check::<Demand>();
        check::<Expired>();
        check::<Forwarded>();
        check::<LogFormat>();
        check::<ProxyHeader>();
        check::<Authenticate>();
        check::<Delivery>();
        check::<Order>();
        check::<OnCorrupt>();
        check::<TargetDelivery>();
        check::<ClientAuth>();
    }

    #[test]
    fn another_word_is_answered_with_the_known_ones() {
        let Err(problem) = OneOf::<Forwarded>::read("xff") else { panic!("`xff` was read") };
        assert_eq!(problem.what, "`xff` is not one of its values");
        assert_eq!(problem.hint, "use `off`, `x-forwarded` or `rfc7239`");
    }
}

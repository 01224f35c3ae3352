//! A strict reader of DER (X.690), one level at a time. The types of x509-parser are not strict enough.

use thiserror::Error;
use x509_parser::asn1_rs::{Any, FromDer};

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const SEQUENCE: u8 = 0x30;

/// The identifier octet of a constructed element with the context's own tag `number`.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// The identifier octet of a primitive element with the context's own tag `number`.
pub(super) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// The bytes are not DER, or not the expected structure.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not the DER that was expected")]
pub(super) struct Malformed;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// Its identifier octet.
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Identifier, length and content.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Its content, if it is tagged so.
    pub(super) fn tagged(self, tag: u8) -> Result<&'a [u8], Malformed> {
        if self.tag == tag { Ok(self.content) } else { Err(Malformed) }
    }
}

/// The first element of `der`, and what follows it.
pub(super) fn first(der: &[u8]) -> Result<(&[u8], Element<'_>), Malformed> {
    let (rest, any) = Any::from_der(der).map_err(|_| Malformed)?;
    let tag = *der.first().ok_or(Malformed)?;
    let whole = &der[..der.len() - rest.len()];
    Ok((rest, Element { tag, content: any.data, whole }))
}

/// The only element of `der`.
pub(super) fn only(der: &[u8]) -> Result<Element<'_>, Malformed> {
    match first(der)? {
        ([], element) => Ok(element),
        _ => Err(Malformed),
    }
}

/// All elements of `der`, such as those in a SEQUENCE.
pub(super) fn all(mut der: &[u8]) -> Result<Vec<Element<'_>>, Malformed> {
    let mut elements = Vec::new();
    while !der.is_empty() {
        let (rest, element) = first(der)?;
        elements.push(element);
        der = rest;
    }
    Ok(elements)
}

/// An element with this identifier octet.
pub(super) fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    let length = content.len().to_be_bytes();
    let used = length.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &length[start..]);
    match (content.len(), used) {
        (0..=0x7f, _) => element.push(used.first().copied().unwrap_or(0)),
        // The number of length bytes that follow.
        (_, used) => {
            element.push(0x80 | u8::try_from(used.len()).unwrap_or(0));
            element.extend(used);
        }
    }
    element.extend(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_element_is_read_unchanged() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let der = encoded(SEQUENCE, &content);
            assert_eq!(only(&der).unwrap().tagged(SEQUENCE).unwrap(), content, "{length}");
        }
    }
}

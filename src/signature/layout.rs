//! Where a scheme has its signature, time and id.

use http::{HeaderName, HeaderValue};

use super::preset::PresetLayout;
use super::scheme_error::SchemeError;
use super::source::Source;
use super::template::Template;

/// Where signature, time and id are.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) signature: Vec<Source>,
    pub(super) timestamp: Option<Source>,
    pub(super) id: Option<Template>,
    pub(super) requires: Vec<(HeaderName, HeaderValue)>,
}

impl Layout {
    pub(super) fn read(
        layout: &PresetLayout,
        requires: &[(&'static str, &'static str)],
    ) -> Result<Self, SchemeError> {
        let source = |text: &&str| text.parse::<Source>();
        let required = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Ok(Self {
            signature: layout.signature.iter().map(source).collect::<Result<_, _>>()?,
            timestamp: layout.timestamp.as_ref().map(source).transpose()?,
            id: layout.id.map(Template::source_or_template).transpose()?,
            requires: requires.iter().map(required).collect(),
        })
    }
}

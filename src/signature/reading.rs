//! Takes the values that a scheme needs from a request.

use std::borrow::Cow;
use std::time::SystemTime;

use super::error::SignatureError;
use super::format::Candidate;
use super::layout::Layout;
use super::pointer::LookupError;
use super::request::SignedRequest;
use super::scheme::Scheme;
use super::source::{Source, Unreadable};
use super::template::{Part, Template};
use super::timestamp;

/// The most signatures of a request that are tried. Each key is tried with each.
pub const MAX_SIGNATURES: usize = 32;

/// The same for signatures that a public key verifies, which cost more.
pub const MAX_PUBLIC_KEY_SIGNATURES: usize = 8;

/// A request, as one layout of a scheme reads it.
#[derive(Clone, Copy)]
pub(super) struct Reading<'s, 'a> {
    scheme: &'s Scheme,
    layout: &'s Layout,
    request: SignedRequest<'a>,
}

impl<'s, 'a> Reading<'s, 'a> {
    /// With the first layout whose signature is there, or the first one if none is.
    pub(super) fn new(scheme: &'s Scheme, request: &SignedRequest<'a>) -> Self {
        let is_there =
            |layout: &&Layout| layout.signature.iter().any(|source| source.has_header(request));
        let layout = match &scheme.layouts[..] {
            [only] => only,
            several => several.iter().find(is_there).unwrap_or(&several[0]),
        };
        Self { scheme, layout, request: *request }
    }

    /// Whether a signature may be in the body, so that it cannot be looked for before the body is there.
    pub(super) fn is_signed_in_body(&self) -> bool {
        self.layout.signature.iter().any(Source::is_in_body)
    }

    /// Where the time is.
    pub(super) fn timestamp_source(&self) -> Option<&'s Source> {
        self.layout.timestamp.as_ref()
    }

    /// The headers that must have a certain value have it.
    pub(super) fn check_requirements(&self) -> Result<(), SignatureError> {
        let has = |name, value: &[u8]| self.request.header(name).is_ok_and(|found| found == Some(value));
        match self.layout.requires.iter().find(|(name, value)| !has(name, value.as_bytes())) {
            Some((name, _)) => Err(SignatureError::Unsupported(name.clone())),
            None => Ok(()),
        }
    }

    /// The signatures, at least one. Those that are not written as the scheme writes them are passed over.
    pub(super) fn candidates(&self) -> Result<Vec<Candidate>, SignatureError> {
        let (mut candidates, mut of_public_keys) = (Vec::new(), 0);
        for text in &self.texts()? {
            for candidate in self.scheme.format.signatures(text) {
                of_public_keys += usize::from(!candidate.algorithm.is_hmac());
                candidates.push(candidate);
                for (count, max) in
                    [(candidates.len(), MAX_SIGNATURES), (of_public_keys, MAX_PUBLIC_KEY_SIGNATURES)]
                {
                    if count > max {
                        return Err(SignatureError::TooManySignatures { max });
                    }
                }
            }
        }
        if candidates.is_empty() {
            Err(SignatureError::Malformed(self.first_source()))
        } else {
            Ok(candidates)
        }
    }

    /// The tokens, at least one.
    pub(super) fn tokens(&self) -> Result<Vec<Cow<'a, [u8]>>, SignatureError> {
        let prefix = self.scheme.format.prefix.as_bytes();
        let texts = self.texts()?;
        if texts.len() > MAX_SIGNATURES {
            return Err(SignatureError::TooManySignatures { max: MAX_SIGNATURES });
        }
        let bare = |text: Cow<'a, [u8]>| match text {
            Cow::Borrowed(text) => text.strip_prefix(prefix).map(Cow::Borrowed),
            Cow::Owned(text) => text.strip_prefix(prefix).map(|token| Cow::Owned(token.to_vec())),
        };
        let tokens: Vec<_> =
            texts.into_iter().filter_map(bare).filter(|token| !token.is_empty()).collect();
        if tokens.is_empty() { Err(SignatureError::Malformed(self.first_source())) } else { Ok(tokens) }
    }

    /// What is at the places of signatures, at least one.
    fn texts(&self) -> Result<Vec<Cow<'a, [u8]>>, SignatureError> {
        let mut texts = Vec::new();
        for source in &self.layout.signature {
            source.add_values(&self.request, &mut texts).map_err(|error| refused(source, error))?;
        }
        if texts.is_empty() { Err(SignatureError::Missing(self.first_source())) } else { Ok(texts) }
    }

    fn first_source(&self) -> Source {
        // `Scheme::new` makes no layout without one.
        self.layout.signature.first().cloned().unwrap_or(Source::Bearer)
    }

    /// The time as it is written at `source`.
    pub(super) fn timestamp(&self, source: &Source) -> Result<Cow<'a, [u8]>, SignatureError> {
        self.value(source)?.ok_or_else(|| SignatureError::NoTimestamp(source.clone()))
    }

    /// The time that is written at `source`, if it is near enough to `now`.
    pub(super) fn check_time(
        &self,
        source: &Source,
        text: &[u8],
        now: SystemTime,
    ) -> Result<SystemTime, SignatureError> {
        let time = self.scheme.timestamp_unit.parse(text);
        let time = time.ok_or_else(|| SignatureError::BadTimestamp(source.clone()))?;
        timestamp::check(time, now, self.scheme.tolerance)?;
        Ok(time)
    }

    /// The pieces of what is signed. `target` is path and query as they are signed.
    pub(super) fn signed<'t>(
        &'t self,
        template: &'t Template,
        timestamp: Option<&'t [u8]>,
        target: &'t str,
    ) -> Result<Vec<Cow<'t, [u8]>>, SignatureError> {
        let mut pieces = Vec::with_capacity(template.parts().len());
        for part in template.parts() {
            pieces.push(self.piece(part, timestamp, target)?);
        }
        Ok(pieces)
    }

    fn piece<'t>(
        &'t self,
        part: &'t Part,
        timestamp: Option<&'t [u8]>,
        target: &'t str,
    ) -> Result<Cow<'t, [u8]>, SignatureError> {
        Ok(match part {
            Part::Literal(text) => Cow::Borrowed(text.as_bytes()),
            Part::Body => Cow::Borrowed(self.request.body),
            Part::Method => Cow::Borrowed(self.request.method.as_str().as_bytes()),
            Part::Url => {
                let public = self.request.public_url.ok_or(SignatureError::NoPublicUrl)?;
                Cow::Owned([public, target].concat().into_bytes())
            }
            Part::Path => Cow::Borrowed(self.request.path().as_bytes()),
            // `Scheme::new` refuses a template with a time or an id that is nowhere.
            Part::Timestamp => match (timestamp, self.timestamp_source()) {
                (Some(text), _) => Cow::Borrowed(text),
                (None, Some(source)) => self.timestamp(source)?,
                (None, None) => Cow::Borrowed(b""),
            },
            Part::Id => self.id()?.ok_or_else(|| self.no_id())?,
            Part::Source(source) => {
                self.value(source)?.ok_or_else(|| SignatureError::MissingValue(source.clone()))?
            }
        })
    }

    fn no_id(&self) -> SignatureError {
        let source = self.layout.id.as_ref().and_then(|id| id.sources().next());
        SignatureError::MissingValue(source.cloned().unwrap_or_else(|| self.first_source()))
    }

    /// The id of the event, if the request has all that it is made of. A body that is not JSON has none.
    pub(super) fn id(&self) -> Result<Option<Cow<'_, [u8]>>, SignatureError> {
        let Some(template) = &self.layout.id else {
            return Ok(None);
        };
        match self.signed(template, None, self.request.target) {
            Ok(mut pieces) if pieces.len() == 1 => Ok(pieces.pop().filter(|id| !id.is_empty())),
            Ok(pieces) => Ok(Some(Cow::Owned(pieces.concat()))),
            Err(
                SignatureError::MissingValue(_)
                | SignatureError::NoTimestamp(_)
                | SignatureError::Body(_, LookupError::NotJson | LookupError::NotScalar),
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn value(&self, source: &Source) -> Result<Option<Cow<'a, [u8]>>, SignatureError> {
        let field = |name: &str| match self.layout.signature.first() {
            Some(Source::Header(header)) => match self.request.header(header)? {
                Some(text) => self.scheme.format.field(text, name),
                None => Ok(None),
            },
            _ => Ok(None),
        };
        source.value(&self.request, field).map_err(|error| refused(source, error))
    }
}

fn refused(source: &Source, error: Unreadable) -> SignatureError {
    match error {
        Unreadable::Twice => SignatureError::Twice(source.clone()),
        Unreadable::Body(error) => SignatureError::Body(source.clone(), error),
    }
}

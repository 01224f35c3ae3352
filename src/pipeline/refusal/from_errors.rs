//! Refusals that follow from errors of other modules.

use std::error::Error;
use std::io;

use super::RequestRefusal;
use crate::http1_guard::Violation;
use crate::pipeline::withdrawal::Withdrawn;
use crate::upstream::{BodyError, UpstreamError};

impl From<Withdrawn> for RequestRefusal {
    fn from(Withdrawn: Withdrawn) -> Self {
        Self::NotAdmitted
    }
}

impl From<Violation> for RequestRefusal {
    fn from(violation: Violation) -> Self {
        Self::Http1(violation)
    }
}

impl From<UpstreamError> for RequestRefusal {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Body(error) => error.into(),
            error => Self::Upstream(error),
        }
    }
}

impl From<BodyError> for RequestRefusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::BodyTooLarge(limit),
            BodyError::Slow(slow) => Self::BodyTooSlow(slow),
            BodyError::Client(error) => violation(&error).map_or(Self::ClientGone, Self::Http1),
        }
    }
}

/// What the HTTP/1 guard found in the middle of a body. It passed through hyper as the source of an `io::Error`.
fn violation(error: &hyper::Error) -> Option<Violation> {
    let first: &(dyn Error + 'static) = error;
    let mut chain = std::iter::successors(Some(first), |&error| error.source());
    let io = chain.find_map(|error| error.downcast_ref::<io::Error>())?;
    io.get_ref()?.downcast_ref().copied()
}

//! Reads the beginning of an answer's body, for what is not passed on as it comes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::response_body::ResponseBody;
use crate::identity::name::printable;

/// How much of a body is read, so that the connection can be used again.
const READ: usize = 64 * 1024;
/// The longest time for the body of an answer.
const READ_TIME: Duration = Duration::from_secs(10);
/// How much of an answer is kept for people.
const EXCERPT: usize = 200;

/// The beginning of an answer's body.
#[derive(Debug, Default)]
pub struct AnswerBody {
    /// Its first bytes.
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl AnswerBody {
    /// Reads a body, and keeps at most `most` bytes of it. What else is short is read too, so that the connection can be used
    /// again.
    pub async fn read(mut body: ResponseBody, most: usize) -> Self {
        let mut kept = BytesMut::new();
        let mut is_whole = false;
        let reading = async {
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return };
                let Some(data) = frame.data_ref() else { continue };
                length += data.len();
                let room = most - kept.len();
                kept.extend_from_slice(&data[..data.len().min(room)]);
                if length > most.max(READ) {
                    return;
                }
            }
            is_whole = length <= most;
        };
        // An answer that takes too long, or breaks off, is settled by its status.
        let _ = timeout(READ_TIME, reading).await;
        Self { body: kept.freeze(), is_whole }
    }

    /// Its first 200 bytes, escaped, for the log and for people; `None` if it is empty.
    pub fn excerpt(&self) -> Option<String> {
        let cut = &self.body[..self.body.len().min(EXCERPT)];
        (!cut.is_empty()).then(|| printable(String::from_utf8_lossy(cut).trim()))
    }
}

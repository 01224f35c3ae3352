//! What the console of a running clawgate shows, as text (`clawgate top`).

use super::admin::call_with;
use super::probe::Reply;
use crate::config::{AdminAddress, BearerToken};
use crate::wording;

/// The text of the console at the admin listener `address`, which may ask for `token`.
///
/// # Errors
/// Why there is none, as a sentence.
pub async fn console_text(
    address: &AdminAddress,
    token: Option<&BearerToken>,
) -> Result<String, String> {
    let cannot =
        |error: &std::io::Error| format!("nothing answers at {address}: {}", wording::io(error));
    let reply = call_with(address, "/console.txt", token).await;
    let answer = match reply.map_err(|error| cannot(&error))? {
        Reply::Http(answer) => answer,
        Reply::Silence => return Err(format!("{address} does not answer within 5 s")),
        Reply::Other(_) | Reply::Closed => return Err(format!("{address} does not speak HTTP")),
    };
    match answer.status.as_u16() {
        200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
        401 => Err(format!("{address} requires a token: name its file with --admin-token-file")),
        other => Err(format!("that is not clawgate of this version: /console.txt answers {other}")),
    }
}

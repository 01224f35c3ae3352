//! Whether cost stays flat as the gate gets more to do with.

use std::path::Path;

use crate::targets::Target;

/// Not yet.
pub async fn run(_: &Target, _: &Path, _: &Path, _: u16) -> Result<(), String> {
    Err("not yet".to_owned())
}

//! What is logged about the window of delivered requests that several instances share.

use serde::Serialize;
use tracing::Level;

use crate::telemetry::emit;

#[cfg(feature = "jetstream")]
#[derive(Serialize)]
struct Shared<'a> {
    store: &'a str,
}

#[derive(Serialize)]
struct Local<'a> {
    store: &'a str,
    detail: &'a str,
    hint: &'static str,
}

/// Delivered requests are known to all instances from now on.
#[cfg(feature = "jetstream")]
pub(super) fn shared(store: &str) {
    emit(Level::INFO, "replay_window_shared", &Shared { store });
}

/// Delivered requests are known to this instance only from now on, because of `detail`.
pub(crate) fn local(store: &str, detail: &str) {
    let hint = "routes without an inbox go on, but a signed request can be used once at each instance until NATS answers again; if it \
                does not by itself, see docs/inbox.md for the permissions";
    emit(Level::WARN, "replay_window_local", &Local { store, detail, hint });
}

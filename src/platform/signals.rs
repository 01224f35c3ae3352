//! Signals: which ones end the process, which ones reload, and which ones are only logged.
//!
//! By default most signals end the process at once, with all requests in progress. Some tools send signals that only
//! other servers use: in nginx, SIGUSR1 reopens the logs, and SIGUSR2 starts a new binary. So clawgate handles all
//! signals except those for faults.

use std::io;

use rustix::process::Signal as Number;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;

use crate::telemetry::emit;

/// Signals that clawgate does not use, but that would end the process by default.
const IGNORED: [(Number, &str); 8] = [
    (Number::USR1, "SIGUSR1"),
    (Number::USR2, "SIGUSR2"),
    (Number::ALARM, "SIGALRM"),
    (Number::VTALARM, "SIGVTALRM"),
    (Number::PROF, "SIGPROF"),
    (Number::IO, "SIGIO"),
    (Number::STKFLT, "SIGSTKFLT"),
    // A file has reached its size limit. The write fails as well, which is enough.
    (Number::XFSZ, "SIGXFSZ"),
];
/// Real-time signals (signal(7)). The C library reserves the lowest ones for itself; musl reserves one more than glibc.
const REAL_TIME: std::ops::RangeInclusive<i32> =
    if cfg!(target_env = "musl") { 35..=64 } else { 34..=64 };

/// The runtime of the control thread, with handlers for the signals that must not end the process while it starts.
#[derive(Debug)]
pub struct Control {
    pub(crate) runtime: Runtime,
    pub(crate) hangup: Signal,
}

impl Control {
    /// Handles SIGHUP from now on, so that a SIGHUP during the start leads to a reload afterwards. Also handles the
    /// signals that are only logged.
    ///
    /// # Errors
    /// If no runtime or no handler can be made.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let hangup = signal(SignalKind::hangup())?;
        for (number, name) in IGNORED {
            ignore(&runtime, number.as_raw(), name.to_owned())?;
        }
        for number in REAL_TIME {
            ignore(&runtime, number, format!("real-time signal {number}"))?;
        }
        drop(context);
        Ok(Self { runtime, hangup })
    }
}

#[derive(Serialize)]
struct Ignored<'a> {
    signal: &'a str,
    hint: &'static str,
}

/// Logs a signal each time that it arrives, and does nothing else.
fn ignore(runtime: &Runtime, number: i32, name: String) -> io::Result<()> {
    let mut signal = signal(SignalKind::from_raw(number))?;
    runtime.spawn(async move {
        while signal.recv().await.is_some() {
            let hint = "it has no meaning here: SIGHUP reloads, SIGTERM drains and ends; the log goes to stdout and \
                        needs no reopening";
            emit(Level::WARN, "signal_ignored", &Ignored { signal: &name, hint });
        }
    });
    Ok(())
}

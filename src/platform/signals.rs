//! Signals: which stop the process, which reload, and which are logged and ignored.
//!
//! The default of most signals is to end the process at once, and with it the requests under way. Tools send some
//! that mean something to another server: SIGUSR1 reopens nginx's logs, SIGUSR2 starts its new binary. So all but
//! those of faults are handled.

use std::io;

use rustix::process::Signal as Number;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;

use crate::telemetry::emit;

/// Signals without a meaning here whose default is to end the process.
const IGNORED: [(Number, &str); 8] = [
    (Number::USR1, "SIGUSR1"),
    (Number::USR2, "SIGUSR2"),
    (Number::ALARM, "SIGALRM"),
    (Number::VTALARM, "SIGVTALRM"),
    (Number::PROF, "SIGPROF"),
    (Number::IO, "SIGIO"),
    (Number::STKFLT, "SIGSTKFLT"),
    // A file that has reached its limit: the write fails as well, which is enough.
    (Number::XFSZ, "SIGXFSZ"),
];
/// Real-time signals (signal(7)); the C library keeps those below for itself, musl one more than glibc.
const REAL_TIME: std::ops::RangeInclusive<i32> =
    if cfg!(target_env = "musl") { 35..=64 } else { 34..=64 };

/// The runtime of the control thread, and the signals that must not end the process before it serves.
#[derive(Debug)]
pub struct Control {
    pub(crate) runtime: Runtime,
    pub(crate) hangup: Signal,
}

impl Control {
    /// Handles SIGHUP from now on, so that one that comes while the settings are being read leads to a reload
    /// afterwards, and those that are ignored.
    ///
    /// # Errors
    /// When there is no runtime or no handler to be had.
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

/// Logs a signal each time it comes, and does nothing else.
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

//! What `clawgate top` does: shows the console of a running clawgate in a terminal, and again every two seconds.
//!
//! | file | what is there |
//! | --- | --- |
//! | `screen.rs` | what fits into a terminal of some size |

mod screen;

use std::io::{self, Stdout, Write};
use std::time::{Duration, SystemTime};

use rustix::process::{Signal, getpid, kill_process};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::sleep;

use self::screen::Screen;
use crate::config::{AdminAddress, BearerToken};
use crate::doctor::console_text;
use crate::identity::time::rfc3339_millis;

/// How often to ask.
const REFRESH: Duration = Duration::from_secs(2);
/// Another screen, so that what was on this one comes back; no cursor; no line goes on in the next one.
const BEGIN: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const END: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The console of the clawgate with this admin listener.
#[derive(Debug)]
pub struct Top {
    /// Where it is.
    pub address: AdminAddress,
    /// The token that it may ask for.
    pub token: Option<BearerToken>,
    /// Whether to use colours.
    pub colour: bool,
}

impl Top {
    /// The text of the console, once.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub fn once(&self) -> Result<String, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(console_text(&self.address, self.token.as_ref()))
    }

    /// Shows it until a signal ends that, such as Ctrl-C. The terminal is then as before.
    ///
    /// # Errors
    /// When the terminal cannot be written to.
    pub fn watch(&self) -> io::Result<()> {
        Builder::new_current_thread().enable_all().build()?.block_on(async {
            let mut signals = TerminalSignals::new()?;
            let terminal = Terminal::take()?;
            let shown = self.refresh(&mut signals).await;
            drop(terminal);
            shown
        })
    }

    async fn refresh(&self, signals: &mut TerminalSignals) -> io::Result<()> {
        let mut last: Option<(SystemTime, String)> = None;
        loop {
            let text = tokio::select! {
                text = console_text(&self.address, self.token.as_ref()) => text,
                end = signals.next() => match end {
                    Noticed::End => return Ok(()),
                    Noticed::Changed => continue,
                },
            };
            let now = SystemTime::now();
            let shown = match text {
                Ok(text) => last.insert((now, text)).1.clone(),
                // A new clawgate may take the place of one that does not answer.
                Err(error) => absent(&error, last.as_ref()),
            };
            let mut wait = std::pin::pin!(sleep(REFRESH));
            loop {
                Terminal::draw(&Screen { text: &shown, colour: self.colour })?;
                tokio::select! {
                    () = &mut wait => break,
                    noticed = signals.next() => if noticed == Noticed::End { return Ok(()) },
                }
            }
        }
    }
}

/// What is shown while nothing answers: why, and what was shown last.
fn absent(error: &str, last: Option<&(SystemTime, String)>) -> String {
    let again = format!("asked again every {} s", REFRESH.as_secs());
    match last {
        None => format!("clawgate: FAULT: {error}\n  {again}\n"),
        Some((at, text)) => {
            let at = rfc3339_millis(*at);
            format!("clawgate: FAULT: {error}\n  {again}; what follows is of {at}\n\n{text}")
        }
    }
}

/// The terminal while it is used. Dropping it gives it back.
struct Terminal;

impl Terminal {
    fn take() -> io::Result<Self> {
        write(BEGIN)?;
        Ok(Self)
    }

    /// Overwrites what is shown, line by line, so that nothing flickers.
    fn draw(screen: &Screen<'_>) -> io::Result<()> {
        let size = rustix::termios::tcgetwinsize(io::stdout());
        let (rows, columns) = size.map_or((0, 0), |size| (size.ws_row, size.ws_col));
        // A terminal that does not know its size says 0.
        let or = |number: u16, other| if number == 0 { other } else { usize::from(number) };
        write(&screen.draw(or(rows, 24), or(columns, 80)))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have gone.
        let _ = write(END);
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out: Stdout = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The signals that a program with the whole terminal has to know.
struct TerminalSignals {
    end: [Signals; 4],
    size: Signals,
    suspend: Signals,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noticed {
    /// It should end.
    End,
    /// All is to be drawn again.
    Changed,
}

impl TerminalSignals {
    fn new() -> io::Result<Self> {
        let end = |kind| signal(kind);
        Ok(Self {
            end: [
                end(SignalKind::interrupt())?,
                end(SignalKind::terminate())?,
                end(SignalKind::hangup())?,
                end(SignalKind::quit())?,
            ],
            size: signal(SignalKind::window_change())?,
            suspend: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Noticed {
        let [interrupt, terminate, hangup, quit] = &mut self.end;
        tokio::select! {
            _ = interrupt.recv() => Noticed::End,
            _ = terminate.recv() => Noticed::End,
            _ = hangup.recv() => Noticed::End,
            _ = quit.recv() => Noticed::End,
            _ = self.size.recv() => Noticed::Changed,
            // Ctrl-Z: the shell gets the terminal as it was. The process stops here until it is continued.
            _ = self.suspend.recv() => {
                let _ = write(END);
                let _ = kill_process(getpid(), Signal::STOP);
                let _ = write(BEGIN);
                Noticed::Changed
            }
        }
    }
}

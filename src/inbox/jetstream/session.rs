//! The thread on which the connection lives: it keeps the stream usable and the index up to date.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::ContextBuilder;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connect::connect;
use super::connection_log::ConnectionLog;
use super::elsewhere::Elsewhere;
use super::follow::{Following, Stopped};
use super::link::{ACK, Limits, Link, Role};
use super::open_error::JetStreamOpenError;
use super::stream::Unusable;
use super::thread::{Started, Thread};
use crate::inbox::peers::Peers;
use crate::inbox::settings::nats::JetStreamSettings;
use crate::random::random_hex;

/// How long to wait after something has failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// After so long, a fault is a new one.
const WORKED: Duration = Duration::from_secs(30);
/// How long the right to deliver may take to be given up at the end.
const AT_THE_END: Duration = Duration::from_secs(2);

/// Starts the thread. Does not wait for the servers.
///
/// # Errors
/// When a file that the settings name cannot be used, or the system has no thread.
pub(super) fn start(
    settings: &JetStreamSettings,
    limits: Limits,
) -> Result<(Thread, Arc<Link>), JetStreamOpenError> {
    let settings = settings.clone();
    Thread::start("inbox-nats", |started, end| run(settings, limits, started, end))
}

async fn run(
    settings: JetStreamSettings,
    limits: Limits,
    started: Started<Arc<Link>>,
    mut end: watch::Receiver<()>,
) {
    // A command tells what it could not do itself.
    let log = Arc::new(match limits.role {
        Role::Server => ConnectionLog::new(&settings),
        Role::Visitor => ConnectionLog::silent(),
    });
    let client = match connect(&settings, Arc::clone(&log)).await {
        Ok(client) => client,
        Err(error) => {
            let _ = started.send(Err(error.into()));
            return;
        }
    };
    let holder = match random_hex::<16>() {
        Ok(holder) => holder,
        Err(error) => {
            let _ = started.send(Err(JetStreamOpenError::Start(error.to_string())));
            return;
        }
    };
    let context = ContextBuilder::new().timeout(ACK).build(client.clone());
    let (peers, of_store) = Peers::new();
    let link = Arc::new(Link::new(&settings.name, client, context, limits, log, holder, peers));
    let _ = started.send(Ok(Arc::clone(&link)));
    tokio::select! {
        () = follow(&link, &settings) => {}
        () = link.keep_right() => {}
        () = link.keep_up() => {}
        () = link.exchange(of_store) => {}
        // It is an error, because the sender was dropped.
        _ = end.changed() => {}
    }
    let _ = link.give_up_right(AT_THE_END).await;
    let _ = timeout(AT_THE_END, link.client.flush()).await;
}

/// Follows the stream as long as the process runs.
async fn follow(link: &Link, settings: &JetStreamSettings) {
    let mut following = Following::new();
    let mut elsewhere = Elsewhere::new(settings);
    loop {
        let begun = Instant::now();
        let (fault, unread) = match link.ensure_stream(settings).await {
            Err(Unusable::Refused(fault)) => (Some(fault), None),
            Err(Unusable::NotKnown(why)) => (link.fault(), Some(why)),
            Ok(()) => {
                link.set_fault(None, None);
                let stopped = link.follow(&mut following).await;
                if begun.elapsed() > WORKED {
                    elsewhere.works();
                }
                match stopped {
                    Stopped::Again => continue,
                    Stopped::Fault(unread) => (None, Some(unread)),
                }
            }
        };
        let is_unread = unread.is_some();
        link.set_fault(fault, unread);
        if is_unread {
            elsewhere.fails(&link.client, &link.log).await;
        }
        sleep(AFTER_FAILURE).await;
    }
}

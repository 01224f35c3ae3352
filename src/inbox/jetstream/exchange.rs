//! Carries messages to the other processes that use the stream, and from them. They are not stored: what cannot be sent or taken at once
//! is lost.

use std::future::pending;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::link::{Link, Role};
use super::messages::FIELD;
use super::subjects::peers;
use crate::inbox::peers::{MAX_PEER_MESSAGE, PeersOfStore};

/// How long the connection may take until it has a message.
const SEND: Duration = Duration::from_secs(1);
/// How long to wait before the subscription is made anew.
const AGAIN: Duration = Duration::from_secs(1);

impl Link {
    /// Carries messages. Never ends. If the user may not subscribe, that is logged as each error of the server, and nothing arrives.
    pub(super) async fn exchange(&self, of_store: PeersOfStore) {
        if self.limits.role == Role::Visitor {
            return pending().await;
        }
        let PeersOfStore { tell, told } = of_store;
        tokio::join!(self.send(tell), self.receive(told));
    }

    async fn send(&self, mut tell: mpsc::Receiver<Bytes>) {
        let subject = peers(&self.name);
        while let Some(message) = tell.recv().await {
            // Without a connection the client would keep the message, and send it when it is not true any more.
            if self.client.connection_state() != State::Connected {
                continue;
            }
            let mut headers = HeaderMap::new();
            headers.insert(FIELD, &*self.lease.holder);
            // One that is too large for the server is lost.
            let _ =
                timeout(SEND, self.client.publish_with_headers(subject.clone(), headers, message)).await;
        }
        pending().await
    }

    async fn receive(&self, told: mpsc::Sender<Bytes>) {
        loop {
            if let Ok(subscription) = self.client.subscribe(peers(&self.name)).await {
                self.take(subscription, &told).await;
            }
            sleep(AGAIN).await;
        }
    }

    /// Takes messages until the subscription ends.
    async fn take(&self, mut subscription: Subscriber, told: &mpsc::Sender<Bytes>) {
        while let Some(message) = subscription.next().await {
            let from = message.headers.as_ref().and_then(|headers| headers.get(FIELD));
            let is_own = from.is_some_and(|from| *from.as_str() == *self.lease.holder);
            if !is_own && message.payload.len() <= MAX_PEER_MESSAGE {
                // If nobody takes them, there is no use in keeping more.
                let _ = told.try_send(message.payload);
            }
        }
    }
}

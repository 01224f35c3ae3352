//! Tests of the credentials.

mod endpoint;
mod fixed;
mod refusal;
mod tokens;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderName, StatusCode};
use zeroize::Zeroizing;

use super::*;
use crate::relay::retry::{PauseReason, Verdict};

/// Gives the answers in their order, each after other tasks could run. Without one it never answers.
#[derive(Default)]
struct Endpoint {
    answers: Mutex<VecDeque<(u16, String)>>,
    requests: Mutex<Vec<TokenRequest>>,
    under_way: AtomicUsize,
}

impl TokenEndpoint for Endpoint {
    fn post(&self, request: TokenRequest) -> TokenReplyFuture<'_> {
        Box::pin(async move {
            assert_eq!(self.under_way.fetch_add(1, Ordering::SeqCst), 0, "two requests at a time");
            self.requests.lock().unwrap().push(request);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let answer = self.answers.lock().unwrap().pop_front();
            let Some((status, body)) = answer else {
                self.under_way.store(0, Ordering::SeqCst);
                return std::future::pending().await;
            };
            self.under_way.store(0, Ordering::SeqCst);
            Some(TokenReply { status: StatusCode::from_u16(status).unwrap(), body: body.into() })
        })
    }
}

impl Endpoint {
    fn with(answers: &[(u16, &str)]) -> Arc<Self> {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn token(name: &str) -> String {
    format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":100}}"#)
}

fn settings() -> ClientSettings {
    ClientSettings {
        client_id: "claw gate".into(),
        client_secret: Zeroizing::new(b"s3cret+/\n".to_vec()),
        scope: Some("events write".into()),
        parameters: vec![("audience".into(), "https://api.example.org".into())],
        auth: ClientAuth::Basic,
        timeout: Duration::from_secs(30),
    }
}

fn credential(endpoint: &Arc<Endpoint>) -> Credential {
    let endpoint: Arc<dyn TokenEndpoint> = endpoint.clone();
    Credential::ClientCredentials(Arc::new(ClientCredentials::new(settings(), endpoint).unwrap()))
}

/// The value of the header that is sent.
fn sent(presented: &Presented) -> &str {
    presented.header.as_ref().unwrap().value.to_str().unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn later(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

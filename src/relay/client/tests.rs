use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use http::HeaderName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::credentials::{ClientSettings, bearer};
use super::super::retry::RetryRules;
use super::super::settings::{Auth, Endpoint, TargetDelivery, TargetSettings};
use super::*;
use crate::telemetry::metrics::Metrics;
use crate::upstream::{AddressCheck, Target, Timeouts};

const SECOND: Duration = Duration::from_secs(1);

/// A server that gives these answers, one for each connection, and remembers the requests. Without an answer it closes.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                seen.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn endpoint(&self, path: &'static str) -> Endpoint {
        endpoint(self.address, path)
    }
}

/// A server of a test, for the settings.
pub(crate) fn endpoint(address: SocketAddr, path: &'static str) -> Endpoint {
    Endpoint {
        server: Target::Http { host: address.ip().to_string(), port: address.port() },
        host: HeaderValue::from_static("api.example.org"),
        target: path.parse().unwrap(),
        tls: None,
        addresses: AddressCheck::new(vec!["127.0.0.0/8".parse().unwrap()]).unwrap(),
    }
}

/// Reads a head, and a body of its length.
async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let byte = stream.read_u8().await.unwrap();
        request.push(byte);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.map_or(0, |length| length.parse().unwrap()) == body.len() {
            return text.into_owned();
        }
    }
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn token(token: &str) -> String {
    answer("200 OK", &format!("{{\"access_token\":\"{token}\",\"expires_in\":3600}}"))
}

/// The settings of a target.
pub(crate) fn settings(endpoint: Endpoint, auth: Auth) -> TargetSettings {
    TargetSettings {
        name: "analytics".into(),
        path: "/track".into(),
        endpoint,
        auth,
        credential: String::new(),
        delivery: TargetDelivery::Queue,
        id: None,
        idempotency_header: Some(HeaderName::from_static("idempotency-key")),
        mapping: None,
        protobuf: None,
        batch: None,
        rate: None,
        rules: RetryRules::default(),
        concurrency: 4,
        give_up_after: SECOND,
        timeouts: Timeouts { connect: SECOND, response: SECOND, idle: SECOND },
        probe: None,
    }
}

fn client(settings: TargetSettings) -> TargetClient {
    let target = RelayTarget::new(Arc::new(settings)).unwrap();
    TargetClient::new(Arc::new(target), Metrics::new().upstream("analytics"))
}

fn with_tokens(endpoint: Endpoint) -> Auth {
    let client = ClientSettings {
        client_id: "claw".to_owned(),
        client_secret: b"client secret".to_vec().into(),
        scope: None,
        parameters: Vec::new(),
        auth: super::super::credentials::ClientAuth::Basic,
        timeout: SECOND,
    };
    Auth::ClientCredentials { endpoint: Box::new(endpoint), client }
}

async fn send(client: &TargetClient) -> Sent {
    let request = TargetRequest {
        id: "e-1".to_owned(),
        body: Bytes::from_static(b"{\"a\":1}"),
        content_type: HeaderValue::from_static("application/json"),
        trace: None,
    };
    client.send(&request, 4096).await
}

#[tokio::test]
async fn a_request_has_the_credential_the_id_and_nothing_else() {
    let server = Server::start(vec![answer("200 OK", "fine")]).await;
    let auth = Auth::Fixed(bearer(b"key").unwrap());

    let sent = send(&client(settings(server.endpoint("/v1/events?x=1"), auth))).await;

    assert_eq!((sent.verdict, sent.status), (Verdict::Done, Some(StatusCode::OK)));
    assert_eq!((&*sent.answer.body, sent.answer.is_whole), (&b"fine"[..], true));
    let version = env!("CARGO_PKG_VERSION");
    let wanted = format!(
        "POST /v1/events?x=1 HTTP/1.1\r\nhost: api.example.org\r\nuser-agent: clawgate/{version}\r\n\
         content-type: application/json\r\nidempotency-key: e-1\r\nauthorization: Bearer key\r\ncontent-length: 7\r\n\r\n{{\"a\":1}}"
    );
    assert_eq!(server.requests(), [wanted]);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let tokens = Server::start(vec![token("old"), token("new")]).await;
    let api = Server::start(vec![answer("401 Unauthorized", ""), answer("204 No Content", "")]).await;
    let auth = with_tokens(tokens.endpoint("/token"));

    let sent = send(&client(settings(api.endpoint("/"), auth))).await;

    assert_eq!(sent.verdict, Verdict::Done);
    let with = |token: &str| format!("authorization: Bearer {token}\r\n");
    assert!(api.requests()[0].contains(&with("old")) && api.requests()[1].contains(&with("new")));
    let asked = &tokens.requests()[0];
    assert!(asked.contains("content-type: application/x-www-form-urlencoded\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\ngrant_type=client_credentials"), "{asked}");
}

#[tokio::test]
async fn a_token_that_is_refused_after_its_renewal_pauses_the_target() {
    let tokens = Server::start(vec![token("old"), token("new")]).await;
    let refused = || answer("401 Unauthorized", "{\"error\":\"no\"}");
    let api = Server::start(vec![refused(), refused(), refused()]).await;
    let client = client(settings(api.endpoint("/"), with_tokens(tokens.endpoint("/token"))));

    let first = send(&client).await;
    let second = send(&client).await;

    for sent in [first, second] {
        assert_eq!(sent.verdict, Verdict::Pause(PauseReason::CredentialRefused));
        assert_eq!(sent.detail.as_deref(), Some("it answered 401 Unauthorized"));
        assert_eq!(sent.answer.excerpt().as_deref(), Some("{\"error\":\"no\"}"));
    }
    // The second request was sent once: another renewal would not help.
    assert_eq!((api.requests().len(), tokens.requests().len()), (3, 2));
}

#[tokio::test]
async fn nothing_is_sent_without_a_token() {
    let tokens = Server::start(vec![answer("401 Unauthorized", "{\"error\":\"invalid_client\"}")]).await;
    let api = Server::start(vec![]).await;

    let sent = send(&client(settings(api.endpoint("/"), with_tokens(tokens.endpoint("/token"))))).await;

    assert_eq!(sent.verdict, Verdict::Pause(PauseReason::NoCredential));
    let detail = "the token endpoint refuses: invalid_client (401 Unauthorized)";
    assert_eq!((sent.status, sent.detail.as_deref()), (None, Some(detail)));
}

#[tokio::test]
async fn an_address_that_is_not_public_pauses_the_target() {
    let server = Server::start(vec![]).await;
    let endpoint = Endpoint { addresses: AddressCheck::default(), ..server.endpoint("/") };

    let sent = send(&client(settings(endpoint, Auth::None))).await;

    assert_eq!(sent.verdict, Verdict::Pause(PauseReason::Address));
    assert_eq!(sent.no_answer, Some(NoAnswer::Address));
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_leaves_open_whether_the_target_has_the_event() {
    let server = Server::start(vec![String::new()]).await;

    let sent = send(&client(settings(server.endpoint("/"), Auth::None))).await;

    assert_eq!((sent.verdict, sent.no_answer), (Verdict::Retry { after: None }, Some(NoAnswer::Lost)));
    assert!(sent.was_closed);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start(vec![answer("302 Found\r\nLocation: http://127.0.0.1/", "")]).await;

    let sent = send(&client(settings(server.endpoint("/"), Auth::None))).await;

    assert_eq!(sent.verdict, Verdict::Pause(PauseReason::Redirect));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_limit_that_an_answer_tells_of_holds_for_the_next_request() {
    let limit = "RateLimit-Remaining: 0\r\nRateLimit-Reset: 30";
    let server = Server::start(vec![answer(&format!("200 OK\r\n{limit}"), "")]).await;
    let client = client(settings(server.endpoint("/"), Auth::None));

    let sent = send(&client).await;

    assert_eq!(sent.verdict, Verdict::Done);
    let wait = client.target().permit(Instant::now()).unwrap_err();
    assert!(wait > SECOND * 25 && wait <= SECOND * 30, "{wait:?}");
}

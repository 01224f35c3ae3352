//! Asks a token endpoint over HTTP.

use std::pin::pin;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use zeroize::Zeroizing;

use super::token_endpoint::{
    MAX_TOKEN_REPLY, TokenEndpoint, TokenReply, TokenReplyFuture, TokenRequest,
};
use crate::upstream::Connector;

/// A token endpoint that is asked over HTTP/1.1. Each request has a connection of its own: there is one in many minutes.
#[derive(Debug)]
pub struct HttpTokenEndpoint {
    connector: Connector,
    host: HeaderValue,
    target: PathAndQuery,
}

impl HttpTokenEndpoint {
    /// The one that `connector` connects to, with this `Host` and this path.
    pub fn new(connector: Connector, host: HeaderValue, target: PathAndQuery) -> Self {
        Self { connector, host, target }
    }

    async fn ask(&self, request: TokenRequest) -> Option<TokenReply> {
        let stream = self.connector.dial(&[]).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let request = self.request(request);
        let exchange = async move {
            let (head, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = Limited::new(body, MAX_TOKEN_REPLY).collect().await.ok()?.to_bytes();
            Some(TokenReply { status: head.status, body })
        };
        let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
        tokio::select! {
            biased;
            reply = &mut exchange => reply,
            // Perhaps the reply is there, and the server has closed the connection behind it.
            _ = &mut connection => exchange.await,
        }
    }

    fn request(&self, request: TokenRequest) -> Request<Full<Bytes>> {
        let TokenRequest { authorization, body } = request;
        // `Zeroizing<String>` is no slice of bytes; a copy that wipes itself, too, is.
        let body = Bytes::from_owner(Zeroizing::new(body.as_bytes().to_vec()));
        let length = body.len();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, super::AGENT);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(CONTENT_LENGTH, length.into());
        if let Some(authorization) = authorization {
            headers.insert(authorization.name, authorization.value);
        }
        request
    }
}

impl TokenEndpoint for HttpTokenEndpoint {
    fn post(&self, request: TokenRequest) -> TokenReplyFuture<'_> {
        Box::pin(self.ask(request))
    }
}

//! HTTP/2, one request at a time on a connection.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Ask, digits};
use crate::upstream::PATTERN;

/// One connection.
pub struct Http2 {
    client: SendRequest<Bytes>,
    body: Bytes,
}

impl Http2 {
    pub(super) async fn new(io: TlsStream<TcpStream>, ask: Ask) -> Result<Self, String> {
        let (client, connection) = h2::client::handshake(io).await.map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { client, body: Bytes::copy_from_slice(&PATTERN[..ask.up]) })
    }

    pub(super) async fn exchange(&mut self, number: u64) -> Result<(), String> {
        let failed = |error: h2::Error| error.to_string();
        let number = digits(number);
        let request = Request::post("https://localhost/hooks/bench")
            .header("user-agent", "bench")
            .header("content-type", "application/json")
            .header("content-length", self.body.len())
            .header("x-bench-n", &number[..])
            .body(())
            .map_err(|error| error.to_string())?;
        std::future::poll_fn(|cx| self.client.poll_ready(cx)).await.map_err(failed)?;
        let (answer, mut stream) = self.client.send_request(request, false).map_err(failed)?;
        stream.send_data(self.body.clone(), true).map_err(failed)?;
        let answer = answer.await.map_err(failed)?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut text = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.map_err(failed)?;
            let _ = body.flow_control().release_capacity(piece.len());
            text.extend_from_slice(&piece);
        }
        if status != StatusCode::OK {
            return Err(format!("refused: {status} {}", String::from_utf8_lossy(&text)));
        }
        if text == number { Ok(()) } else { Err("the answer is not the one to this request".to_owned()) }
    }
}

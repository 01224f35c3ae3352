//! A collector that keeps what it receives.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use serde_json::{Value, json};

use crate::support::backend::{Backend, Received};
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

pub struct Collector(Backend);

impl Collector {
    pub fn new() -> Self {
        Self::of(Backend::each(|exchange, _| exchange.answer("200 OK", "application/x-protobuf", "")))
    }

    /// One that answers as `backend` does.
    pub fn of(backend: Backend) -> Self {
        Self(backend)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    pub fn url(&self) -> String {
        self.0.url()
    }

    /// A clawgate that sends it spans.
    pub fn clawgate(&self, pki: &Pki) -> ClawgateCommand {
        ClawgateCommand::new(pki).arg("--trace-endpoint", self.url())
    }

    /// The first batch, as it came.
    pub fn received(&self) -> Received {
        self.0.first()
    }

    /// The batches so far.
    pub fn batches(&self) -> Vec<ResourceSpans> {
        let decode = |received: Received| ExportTraceServiceRequest::decode(&*received.body).unwrap();
        self.0.received().into_iter().flat_map(|received| decode(received).resource_spans).collect()
    }

    /// All spans so far, each request's own before that of its call.
    pub fn spans(&self) -> Vec<Span> {
        let scopes = self.batches().into_iter().flat_map(|batch| batch.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// The resource attributes of the first batch.
    pub fn resource(&self) -> BTreeMap<String, Value> {
        attributes(&self.batches()[0].resource.as_ref().unwrap().attributes)
    }
}

/// Attributes by name; none is there twice.
pub fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    let value = |attribute: &KeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        Any::StringValue(text) => json!(text),
        Any::IntValue(number) => json!(number),
        Any::BoolValue(truth) => json!(truth),
        other => panic!("{other:?}"),
    };
    let named = attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute)));
    let by_name: BTreeMap<_, _> = named.collect();
    assert_eq!(by_name.len(), attributes.len(), "one is there twice: {attributes:?}");
    by_name
}

/// An identifier as `traceparent` has it.
pub fn id(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

pub fn request(fields: &str) -> String {
    format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{fields}\r\n")
}

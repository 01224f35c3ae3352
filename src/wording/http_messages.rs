//! Phrases for errors of HTTP/1 and HTTP/2 that no other error caused.

/// Why HTTP/1 or HTTP/2 failed.
pub(super) fn of_http(error: &hyper::Error) -> String {
    if error.is_timeout() {
        return "no data arrived in time".to_owned();
    }
    if error.is_incomplete_message() {
        return "the connection was closed before the message was complete".to_owned();
    }
    if error.is_canceled() || error.is_closed() {
        return "the connection was closed".to_owned();
    }
    if error.is_parse_too_large() {
        return "the head of the message is too large".to_owned();
    }
    if error.is_parse_status() {
        return "its status line is not HTTP/1.1".to_owned();
    }
    if error.is_parse() {
        return parse(error);
    }
    if error.is_body_write_aborted() || error.is_user() {
        return "this side aborted it".to_owned();
    }
    if error.is_shutdown() {
        return "the connection could not be shut down cleanly".to_owned();
    }
    // hyper does not publish the kinds of other errors.
    match error.to_string().as_str() {
        "received unexpected message from connection" => "an unexpected message arrived".to_owned(),
        _ => "the connection failed".to_owned(),
    }
}

/// hyper distinguishes these errors only by their texts.
fn parse(error: &hyper::Error) -> String {
    let known = match error.to_string().as_str() {
        "invalid HTTP method parsed" => "its method is not valid",
        "invalid HTTP version parsed" => "its HTTP version is unknown",
        "invalid HTTP version parsed (found HTTP2 preface)" => "it is HTTP/2",
        "invalid URI" => "its target is not a URI",
        "URI too long" => "its target is too long",
        "invalid HTTP header parsed" => "a header field is not `name: value`",
        "invalid content-length parsed" => "its Content-Length is not a number",
        "invalid transfer-encoding parsed" => "its Transfer-Encoding is unknown",
        "unexpected transfer-encoding parsed" => "it has a Transfer-Encoding, which is not allowed here",
        _ => "its first line or a header field is malformed",
    };
    known.to_owned()
}

/// Why HTTP/2 failed (RFC 9113 section 7).
pub(super) fn of_http2(error: &h2::Error) -> String {
    let Some(reason) = error.reason() else {
        return "HTTP/2 was used incorrectly".to_owned();
    };
    let code = u32::from(reason);
    let known = MEANINGS.iter().find(|(known, ..)| *known == code);
    let (name, meaning) = known.map_or(("an unknown code", ""), |(_, name, meaning)| (*name, *meaning));
    let who = if error.is_remote() { "the peer sent" } else { "this side sent" };
    if meaning.is_empty() {
        format!("{who} {name} ({code:#x})")
    } else {
        format!("{meaning} ({who} {name})")
    }
}

const MEANINGS: [(u32, &str, &str); 14] = [
    (0x0, "NO_ERROR", "the connection was closed normally"),
    (0x1, "PROTOCOL_ERROR", "a rule of HTTP/2 was violated"),
    (0x2, "INTERNAL_ERROR", "an internal error occurred"),
    (0x3, "FLOW_CONTROL_ERROR", "more data was sent than the flow-control window allows"),
    (0x4, "SETTINGS_TIMEOUT", "SETTINGS was not acknowledged in time"),
    (0x5, "STREAM_CLOSED", "a frame arrived for a closed stream"),
    (0x6, "FRAME_SIZE_ERROR", "a frame has an invalid size"),
    (0x7, "REFUSED_STREAM", "the stream was refused before it was processed"),
    (0x8, "CANCEL", "the stream was cancelled"),
    (0x9, "COMPRESSION_ERROR", "header compression failed"),
    (0xa, "CONNECT_ERROR", "the connection of a CONNECT request failed"),
    (0xb, "ENHANCE_YOUR_CALM", "the connection caused too much load"),
    (0xc, "INADEQUATE_SECURITY", "the TLS parameters do not meet the requirements of HTTP/2"),
    (0xd, "HTTP_1_1_REQUIRED", "HTTP/1.1 is required"),
];

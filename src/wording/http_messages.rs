//! Phrases for errors of HTTP/1 and HTTP/2 themselves, without inner errors.

/// What was wrong with HTTP/1 or HTTP/2.
pub(super) fn of_http(error: &hyper::Error) -> String {
    if error.is_timeout() {
        return "nothing came in time".to_owned();
    }
    if error.is_incomplete_message() {
        return "no whole message had come".to_owned();
    }
    if error.is_canceled() || error.is_closed() {
        return "the connection was closed".to_owned();
    }
    if error.is_parse_too_large() {
        return "the head of the message is too large".to_owned();
    }
    if error.is_parse_status() {
        return "its status line is none of HTTP/1.1".to_owned();
    }
    if error.is_parse() {
        return parse(error);
    }
    if error.is_body_write_aborted() || error.is_user() {
        return "it was given up on this side".to_owned();
    }
    if error.is_shutdown() {
        return "the connection could not be closed in order".to_owned();
    }
    // hyper does not make the kinds of other errors public.
    match error.to_string().as_str() {
        "received unexpected message from connection" => {
            "it sent something that was not asked for".to_owned()
        }
        _ => "the connection broke".to_owned(),
    }
}

/// hyper distinguishes these errors only by their texts.
fn parse(error: &hyper::Error) -> String {
    let known = match error.to_string().as_str() {
        "invalid HTTP method parsed" => "its method is none that HTTP has",
        "invalid HTTP version parsed" => "it has no version of HTTP that is known",
        "invalid HTTP version parsed (found HTTP2 preface)" => "it is HTTP/2",
        "invalid URI" => "its target is no URI",
        "URI too long" => "its target is too long",
        "invalid HTTP header parsed" => "a header field is not `name: value`",
        "invalid content-length parsed" => "its Content-Length is no number",
        "invalid transfer-encoding parsed" => "its Transfer-Encoding is none that is known",
        "unexpected transfer-encoding parsed" => "it has a Transfer-Encoding where none may be",
        _ => "its first line or its header fields are broken",
    };
    known.to_owned()
}

/// What was wrong with HTTP/2 (RFC 9113 section 7).
pub(super) fn of_http2(error: &h2::Error) -> String {
    let Some(reason) = error.reason() else {
        return "HTTP/2 was used in a way that is not possible".to_owned();
    };
    let code = u32::from(reason);
    let known = MEANINGS.iter().find(|(known, ..)| *known == code);
    let (name, meaning) = known.map_or(("an unknown code", ""), |(_, name, meaning)| (*name, *meaning));
    let who = if error.is_remote() { "the other end says" } else { "this end says" };
    if meaning.is_empty() {
        format!("{who} {name} ({code:#x})")
    } else {
        format!("{meaning} ({who} {name})")
    }
}

const MEANINGS: [(u32, &str, &str); 14] = [
    (0x0, "NO_ERROR", "the connection was ended in order"),
    (0x1, "PROTOCOL_ERROR", "a rule of HTTP/2 was broken"),
    (0x2, "INTERNAL_ERROR", "something failed inside"),
    (0x3, "FLOW_CONTROL_ERROR", "more was sent than there is a window for"),
    (0x4, "SETTINGS_TIMEOUT", "the settings were not confirmed in time"),
    (0x5, "STREAM_CLOSED", "a frame came for a stream that was closed"),
    (0x6, "FRAME_SIZE_ERROR", "a frame has a size that it may not have"),
    (0x7, "REFUSED_STREAM", "the stream was refused before it was looked at"),
    (0x8, "CANCEL", "the stream is not wanted any more"),
    (0x9, "COMPRESSION_ERROR", "the header compression is broken"),
    (0xa, "CONNECT_ERROR", "a connection for CONNECT broke"),
    (0xb, "ENHANCE_YOUR_CALM", "too much of one thing was sent"),
    (0xc, "INADEQUATE_SECURITY", "TLS is not as HTTP/2 demands"),
    (0xd, "HTTP_1_1_REQUIRED", "HTTP/1.1 is demanded"),
];

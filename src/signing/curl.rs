//! The curl command that sends a signed request.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use http::header::HeaderValue;
use http::{HeaderMap, Method};
use thiserror::Error;

use super::destination::{ClientFiles, Destination, DestinationError, Trust, demands_certificate};
use super::route::{RouteError, find_route};
use super::test_request::{TestBody, TestRequest};
use crate::config::Settings;
use crate::identity::time::unix_seconds;
use crate::signature::{OutgoingRequest, PrivateKey, SignError, SignatureError};

/// The longest body that is written into the command, in bytes: Linux limits a word of a command to 128 KiB.
const MAX_INLINE: usize = 100_000;

/// What a test request is made of, besides the settings.
#[derive(Debug, Default)]
pub struct TestOptions {
    /// The file of the body, and what it holds.
    pub body: Option<(PathBuf, Vec<u8>)>,
    /// The media type of the body.
    pub content_type: Option<HeaderValue>,
    /// The sender's private key, for schemes that verify with a public key.
    pub private_key: Option<PrivateKey>,
    /// A client certificate, for routes that demand both.
    pub client: Option<ClientFiles>,
    /// A root that verifies the server's certificate.
    pub server_ca: Option<PathBuf>,
    /// Whether the listener on this machine is called, whatever senders call.
    pub is_local: bool,
}

/// Why no command can be made.
#[derive(Debug, Error)]
pub enum SigningError {
    /// There is no such route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// It cannot be called.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The scheme verifies with a public key.
    #[error(
        "`{0}` verifies with a public key, and only the sender has the private one; with a key pair of your own, \
         name its private key with --private-key"
    )]
    PrivateKey(&'static str),
    /// It cannot be signed.
    #[error("the request cannot be signed: {0}")]
    Sign(SignError),
    /// What was signed is not valid: the private key is another one.
    #[error(
        "the signed request would be refused: {0}; is the private key that of a public key of the route?"
    )]
    NotValid(SignatureError),
    /// The scheme puts values into the body, which cannot be written into a command then.
    #[error(
        "`{0}` puts values into the body, which is too long for a command line, or not text: give a shorter one"
    )]
    Body(&'static str),
    /// No random bytes.
    #[error("the system has no random bytes: {0}")]
    Random(#[from] io::Error),
}

/// A command for a shell. `Display` is its text, over several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurlCommand {
    /// Each line has the words that belong together.
    lines: Vec<Vec<String>>,
    /// What whoever uses it should know.
    pub notes: Vec<String>,
}

impl Display for CurlCommand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.lines.iter().map(|words| quoted_line(words)).collect();
        writeln!(f, "{}", lines.join(" \\\n  "))
    }
}

/// The command that sends a request to `target` (a path, perhaps with a query), signed at `now`.
///
/// # Errors
/// When there is no route that verifies signatures, or the request cannot be signed.
pub fn curl_command(
    settings: &Settings,
    target: &str,
    options: TestOptions,
    now: SystemTime,
) -> Result<CurlCommand, SigningError> {
    let TestOptions { body, content_type, private_key, client, server_ca, is_local } = options;
    let found = find_route(&settings.reloadable.routes, None, target)?;
    let verifier = &found.verify.verifier;
    let scheme = verifier.scheme().name();
    let server_ca = server_ca.as_deref();
    let at = unix_seconds(now);
    let destination = Destination::of(settings, found.route, is_local, server_ca, at)?;

    let (file, content) = body.unzip();
    let test_body = TestBody { content: content.clone(), content_type };
    let public_url = settings.reloadable.public_url.as_deref();
    let request = TestRequest::new(&found, target, public_url, test_body)?;
    let request = request.sign(&found, private_key.as_ref(), now).map_err(|error| match error {
        SignError::PrivateKey => SigningError::PrivateKey(scheme),
        error => SigningError::Sign(error),
    })?;
    verifier.verify(&request.as_received(), now).map_err(SigningError::NotValid)?;

    let file = file.filter(|_| content.as_ref() == Some(&request.body));
    let body = body_word(&request, file.as_deref()).ok_or(SigningError::Body(scheme))?;
    let mut notes = Vec::new();
    let mut first = words(["curl", "-sS", "-i"]);
    if request.method != Method::POST {
        first.extend(words(["-X", request.method.as_str()]));
    }
    first.extend(trust_words(&destination.trust, &mut notes));
    if let Some(address) = destination.connect_to {
        first.extend(["--connect-to".to_owned(), format!("::{address}")]);
    }
    let mut lines = vec![first];
    if demands_certificate(found.route) {
        lines.push(client_words(client, &mut notes));
    }
    lines.extend(header_words(&request.headers));
    lines.push(vec!["--data-binary".to_owned(), body]);
    let url = format!("{}{}", destination.base, request.target);
    let mut last = Vec::new();
    if url.contains(['{', '}', '[', ']']) {
        last.push("--globoff".to_owned());
    }
    last.push(url);
    lines.push(last);
    Ok(CurlCommand { lines, notes })
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

/// The body as curl takes it: a file whose bytes are sent, or text. `None` if it can be neither.
fn body_word(request: &OutgoingRequest, file: Option<&Path>) -> Option<String> {
    if let Some(file) = file {
        return Some(format!("@{}", file.display()));
    }
    let text = str::from_utf8(&request.body).ok()?;
    // curl would take it for the name of a file.
    let is_file = text.starts_with('@');
    (text.len() <= MAX_INLINE && !text.contains('\0') && !is_file).then(|| text.to_owned())
}

fn trust_words(trust: &Trust, notes: &mut Vec<String>) -> Vec<String> {
    match trust {
        Trust::System => Vec::new(),
        Trust::File(file) => vec!["--cacert".to_owned(), file.display().to_string()],
        Trust::Unknown => {
            let note = "no root of clawgate's certificate is known here, so -k switches its verification off: name the \
                        root with --server-ca";
            notes.push(note.to_owned());
            words(["-k"])
        }
    }
}

fn client_words(client: Option<ClientFiles>, notes: &mut Vec<String>) -> Vec<String> {
    let client = client.unwrap_or_else(|| {
        let note = "this route also demands a client certificate: put its files in the place of CLIENT.pem and \
                    CLIENT.key, or name them with --client-cert and --client-key";
        notes.push(note.to_owned());
        ClientFiles { certificate: "CLIENT.pem".into(), key: "CLIENT.key".into() }
    });
    // curl takes what is after a colon for a passphrase.
    let certificate = client.certificate.display().to_string().replace('\\', "\\\\").replace(':', "\\:");
    vec!["--cert".to_owned(), certificate, "--key".to_owned(), client.key.display().to_string()]
}

fn header_words(headers: &HeaderMap) -> impl Iterator<Item = Vec<String>> {
    headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        vec!["-H".to_owned(), format!("{name}: {value}")]
    })
}

/// The words for a POSIX shell.
fn quoted_line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, shown) in [
            ("--cacert", "--cacert"),
            ("a/b.pem", "a/b.pem"),
            ("", "''"),
            ("t=1,v1=ab", "t=1,v1=ab"),
            ("{\"a\": 1}", "'{\"a\": 1}'"),
            ("it's $HOME `x`", "'it'\\''s $HOME `x`'"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }

    #[test]
    fn a_colon_in_the_name_of_a_certificate_begins_no_passphrase() {
        let client = ClientFiles { certificate: "a:b\\c.pem".into(), key: "a:b.key".into() };
        let words = client_words(Some(client), &mut Vec::new());
        assert_eq!(words, ["--cert", "a\\:b\\\\c.pem", "--key", "a:b.key"]);
    }
}

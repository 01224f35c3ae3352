//! Where requests go, and with which token.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Resolver;
use super::secure::SharedSecure;
use super::telling::Told;
use crate::config::file_name;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::{Layer, Sourced, Text};
use crate::config::problem::{Origin, Report};
use crate::config::secret::HookToken;
use crate::config::settings::UpstreamSettings;
use crate::config::values;
use crate::upstream::{Target, Telling};
use crate::wording;

/// A token file larger than this is some other file.
const LONGEST_TOKEN: u64 = 4096;

/// What belongs into the file of a hook token.
const HOOK_TOKEN: &str = "put OpenClaw's `hooks.token` into it, on one line, as it is there";

/// What `[upstream]` says, for all routes.
pub(super) struct Shared {
    target: Option<Sourced<Target>>,
    secure: SharedSecure,
    token: Option<Token>,
    told: Told,
    connect_timeout: Duration,
    response_timeout: Duration,
    idle_timeout: Duration,
    connections: usize,
    queue: usize,
}

/// A token that was asked for, in one way or another.
#[derive(Clone)]
pub(super) struct Token {
    /// `None`: it could not be had, which has been reported.
    token: Option<HookToken>,
    origin: Origin,
    /// For hints.
    shown_origin: String,
}

impl Token {
    pub(super) fn token(self) -> Option<HookToken> {
        self.token
    }
}

impl Shared {
    /// The upstream of routes that name none.
    pub(super) fn target(&self) -> Option<&Target> {
        self.target.as_ref().map(|target| &target.value)
    }

    /// The upstream of a route with the keys of `table`.
    pub(super) fn for_route(&self, table: Option<&Layer>, report: &mut Report) -> UpstreamSettings {
        let mut settings = self.called(table, report);
        let own = table.and_then(|table| table.get(&keys::ROUTE_UPSTREAM)).and_then(<[Text]>::first);
        let origin = match own {
            Some(own) => Some(&own.origin),
            None => self.target.as_ref().map(|target| &target.origin),
        };
        if let Some(origin) = origin {
            settings.secure = self.secure.to(&settings.target, own.is_some(), origin, report);
        }
        settings.telling = self.told.to(table, &settings, report);
        settings
    }

    /// Where it is, and with which token.
    fn called(&self, table: Option<&Layer>, report: &mut Report) -> UpstreamSettings {
        let Some(table) = table else {
            let target = self.target.as_ref().map(|target| &target.value);
            return self.settings(target, self.token.as_ref(), &keys::TOKEN_FILE);
        };
        let one = |key: &Key| table.get(key).and_then(<[Text]>::first);
        let own_target = table.get(&keys::ROUTE_UPSTREAM);
        let own_token = token([table], &keys::ROUTE_TOKEN, &keys::ROUTE_TOKEN_FILE, report);
        let mut token = own_token.as_ref();
        // The token is OpenClaw's. Another upstream gets it only when its route says so itself.
        if own_token.is_none() && own_target.is_none() {
            token = self.token.as_ref();
        }
        if let Some(text) = one(&keys::ROUTE_INJECT_TOKEN) {
            let inject = values::read_all(std::slice::from_ref(text), values::switch, report).pop();
            let inject = inject.is_some_and(|inject| inject.value);
            check_injection(inject, &text.origin, token, own_token.as_ref(), report);
            token = token.filter(|_| inject);
        }
        let Some(own_target) = own_target else {
            let target = self.target.as_ref().map(|target| &target.value);
            return self.settings(target, token, &keys::ROUTE_TOKEN_FILE);
        };
        let own_target = values::read_all(own_target, values::target, report).pop();
        let own_target = own_target.map(|target| target.value);
        self.settings(own_target.as_ref(), token, &keys::ROUTE_TOKEN_FILE)
    }

    fn settings(
        &self,
        target: Option<&Target>,
        token: Option<&Token>,
        way_to_token: &Key,
    ) -> UpstreamSettings {
        let target = target.unwrap_or(&Target::Echo);
        let is_https = matches!(target, Target::Https { .. });
        let file = |path: Option<&Path>| path.filter(|_| is_https).map(Path::to_owned);
        UpstreamSettings {
            target: target.clone(),
            ca: file(self.secure.ca()),
            certificate: file(self.secure.certificate()),
            secure: None,
            token: token.and_then(|token| token.token.clone()),
            token_origin: token.map_or_else(|| way_to_token.ways(), |token| token.shown_origin.clone()),
            telling: Telling::default(),
            connect_timeout: self.connect_timeout,
            response_timeout: self.response_timeout,
            idle_timeout: self.idle_timeout,
            connections: self.connections,
            queue: self.queue,
        }
    }

    /// Reports what is said of TLS where no upstream has it.
    pub(super) fn check_secure_is_used(&self, upstreams: &[UpstreamSettings], report: &mut Report) {
        self.secure.check_is_used(upstreams, report);
    }
}

impl Resolver<'_> {
    pub(super) fn shared_upstream(&mut self) -> Shared {
        let (inline, file) = (&keys::TOKEN, &keys::TOKEN_FILE);
        Shared {
            target: self.one(&keys::UPSTREAM, values::target),
            secure: self.shared_secure(),
            token: token(&self.sources.layers.0, inline, file, &mut self.report),
            told: self.told(),
            connect_timeout: self.time(&keys::CONNECT_TIMEOUT),
            response_timeout: self.time(&keys::RESPONSE_TIMEOUT),
            idle_timeout: self.time(&keys::UPSTREAM_IDLE_TIMEOUT),
            connections: self.count(&keys::UPSTREAM_CONNECTIONS),
            queue: self.value(&keys::UPSTREAM_QUEUE, values::count_or_none, 0),
        }
    }
}

fn check_injection(
    inject: bool,
    origin: &Origin,
    token: Option<&Token>,
    own_token: Option<&Token>,
    report: &mut Report,
) {
    if inject && token.is_none() {
        let hint = "give the route a token_file, or take this out";
        report.problem(origin, "is true, but this route has no token to inject", hint);
    }
    if let (false, Some(own)) = (inject, own_token) {
        let what = format!("is false, but the route has a token at {}", own.origin);
        report.problem(origin, what, "take one of the two out");
    }
}

/// The token from the strongest layer that has one, inline or in a file.
fn token<'a>(
    layers: impl IntoIterator<Item = &'a Layer>,
    inline: &Key,
    file: &Key,
    report: &mut Report,
) -> Option<Token> {
    let has = |layer: &&Layer| layer.get(inline).is_some() || layer.get(file).is_some();
    let layer = layers.into_iter().find(has)?;
    let first = |key: &Key| layer.get(key).and_then(<[Text]>::first);
    match (first(inline), first(file)) {
        (Some(text), None) => Some(inline_token(text, report)),
        (None, Some(path)) => Some(token_in_file(path, HOOK_TOKEN, report)),
        (Some(text), Some(path)) => {
            let what = format!("is there beside {}", path.origin);
            report.problem(&text.origin, what, "keep one of them, better the file");
            Some(unusable(&text.origin))
        }
        (None, None) => Some(unusable(&Origin::Default(inline.toml))),
    }
}

fn unusable(origin: &Origin) -> Token {
    Token { token: None, origin: origin.clone(), shown_origin: origin.to_string() }
}

fn inline_token(text: &Text, report: &mut Report) -> Token {
    let Sourced { value, origin } = text;
    let token = HookToken::new(value.as_bytes());
    if let Err(error) = token {
        report.problem(origin, error.to_string(), "set it to OpenClaw's `hooks.token`, as it is there");
    }
    if let Origin::File { path, .. } = origin {
        warn_if_all_read(path, origin, report);
    }
    Token { token: token.ok(), origin: origin.clone(), shown_origin: origin.to_string() }
}

/// `hint`: what to put into the file.
pub(super) fn token_in_file(named: &Text, hint: &str, report: &mut Report) -> Token {
    let origin = &named.origin;
    let path = Path::new(named.value.as_str());
    let shown = path.display();
    let mut token = None;
    match read_token(path) {
        Err(error) => {
            // A bare word may be the token itself, put where its file's name belongs.
            let what = format!("cannot read {}: {}", file_name::named(path), wording::io(&error));
            report.problem(origin, what, "name a file with the token that the gate's user may read");
        }
        Ok(content) if content.len() as u64 > LONGEST_TOKEN => {
            let what = format!("{shown} has more than {LONGEST_TOKEN} bytes, so it is no token");
            report.problem(origin, what, hint);
        }
        Ok(content) => {
            match HookToken::new(without_newline(&content)) {
                Ok(read) => token = Some(read),
                Err(error) => report.problem(origin, format!("{shown} {error}"), hint),
            }
            warn_if_all_read(path, origin, report);
        }
    }
    Token { token, origin: origin.clone(), shown_origin: format!("{origin} {shown}") }
}

fn read_token(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it from the start: growing would leave copies behind that nobody wipes.
    let mut content = Zeroizing::new(Vec::with_capacity(2 * LONGEST_TOKEN as usize));
    File::open(path)?.take(LONGEST_TOKEN + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Editors and `echo` end a file with a newline, which is not part of the token.
fn without_newline(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

/// A group that reads it is how a file of root's is given to the gate's user (`deploy/`), so it is no mistake.
#[cfg(unix)]
fn warn_if_all_read(path: &Path, origin: &Origin, report: &mut Report) {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = path.metadata() else { return };
    let mode = metadata.permissions().mode();
    if metadata.is_file() && mode & 0o004 != 0 {
        let shown = path.display();
        let what =
            format!("{shown} holds a token and can be read by every user (mode {:03o})", mode & 0o777);
        report.warning(origin, what, format!("chmod o-r {shown} (in Kubernetes: defaultMode 0440)"));
    }
}

#[cfg(not(unix))]
fn warn_if_all_read(_: &Path, _: &Origin, _: &mut Report) {}

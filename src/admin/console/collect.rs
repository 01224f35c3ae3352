//! Collects what the console shows, and serves its pages.

use std::time::SystemTime;

use http::{HeaderName, Request, StatusCode, header};
use hyper::body::Incoming;

use super::audit::Who;
use super::state::totals;
use crate::admin::lock::lock;
use crate::admin::reply::Reply;
use crate::admin::status::Status;
use crate::console::data::{Client, ConsoleData, DenylistAccess, Refusal, SignatureRefusal};
use crate::console::{SCRIPT, STYLE_SHEET, event_page, page, text};
use crate::identity::time::unix_seconds;
use crate::inbox::EventId;

/// The longest text that can be searched for, in bytes.
const MAX_QUERY: usize = 256;
/// The tag of style sheet and script: they change with the version only.
const ETAG: &str = concat!("\"", env!("CARGO_PKG_VERSION"), "-1\"");

impl Status {
    /// The page at the path of `request`; `None` if there is none.
    pub(in crate::admin) async fn console_page(
        &self,
        request: &Request<Incoming>,
        who: Who,
    ) -> Option<Reply> {
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/" => Some(Reply::page(page(&self.collect(query).await))),
            "/console.txt" => {
                let shown = text(&self.collect(query).await);
                Some(Reply::ok("text/plain; charset=utf-8", shown))
            }
            "/console.css" => Some(asset(request, "text/css; charset=utf-8", STYLE_SHEET)),
            "/console.js" => Some(asset(request, "text/javascript; charset=utf-8", SCRIPT)),
            path => self.event(path.strip_prefix("/events/")?.parse().ok()?, who).await,
        }
    }

    async fn event(&self, id: EventId, who: Who) -> Option<Reply> {
        let event = match self.inbox.get()?.store().get(id).await {
            Ok(event) => event?,
            Err(error) => {
                return Some(Reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")));
            }
        };
        let show_body = who.token && lock(&self.generation).console.show_bodies;
        Some(Reply::page(event_page(&event, show_body, &self.console.nonce, SystemTime::now())))
    }

    async fn collect(&self, query: &str) -> ConsoleData {
        let now = SystemTime::now();
        let (search, outcome) = (parameter(query, "q"), parameter(query, "outcome"));
        let inbox = match self.inbox.get() {
            Some(inbox) => Some(inbox.console(&search).await),
            None => None,
        };
        let (settings, needs_restart) = {
            let generation = lock(&self.generation);
            (generation.console.clone(), generation.needs_restart.clone())
        };
        let console = &self.console;
        let sums = self.metrics.sums();
        let routes = console.history.with_last_valid(now, totals(sums).routes);
        let mut duplicates: Vec<_> =
            routes.iter().map(|route| (route.route.clone(), route.duplicates)).collect();
        for (route, count) in self.inbox.get().map(|inbox| inbox.duplicates()).unwrap_or_default() {
            match duplicates.iter_mut().find(|(known, _)| *known == route) {
                Some((_, known)) => *known = count.max(*known),
                None => duplicates.push((route, count)),
            }
        }
        let denylist = match (&settings.denylist, console.edit_denylist) {
            (None, _) => DenylistAccess::None,
            (Some(_), false) => DenylistAccess::ShowLine,
            (Some(_), true) => DenylistAccess::Append,
        };
        ConsoleData {
            now,
            uptime: self.started.elapsed(),
            generation: settings.number,
            connections: self.metrics.open_connections(),
            draining: self.drain.has_begun(),
            reload_failed: lock(&self.failed_reload).clone(),
            needs_restart,
            refusals: self.shown_refusals(),
            signature_refusals: console.unsigned.all().iter().map(SignatureRefusal::of).collect(),
            expiring: lock(&console.expiring).clone(),
            routes,
            duplicates,
            inbox,
            clients: self.clients(now),
            doctor: lock(&console.doctor).clone(),
            targets: self.targets(),
            samples: console.history.samples(),
            denylist,
            client_url: settings.url,
            nonce: console.nonce.clone(),
            query: search,
            outcome: console.outcomes.named(&outcome),
        }
    }

    fn shown_refusals(&self) -> Vec<Refusal> {
        let mut refusals: Vec<_> = self.refusals.all().iter().map(Refusal::of).collect();
        for refusal in &mut refusals {
            let certificate = refusal.certificate.as_ref();
            refusal.admitted_before =
                certificate.is_some_and(|shown| self.console.seen.knows(&shown.fingerprint));
        }
        refusals
    }

    fn clients(&self, now: SystemTime) -> Vec<Client> {
        let seen = self.console.seen.soonest(unix_seconds(now));
        let client = |seen: crate::identity::client_cert_inventory::SeenCertificate| Client {
            subject: seen.subject,
            fingerprint: seen.fingerprint_sha256,
            last: seen.last,
            not_after: seen.validity.until,
        };
        let mut clients: Vec<_> = seen.into_iter().map(client).collect();
        clients.sort_by_key(|client| std::cmp::Reverse(client.last));
        clients
    }
}

/// A file that the pages load.
fn asset(request: &Request<Incoming>, content_type: &'static str, content: &str) -> Reply {
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|tag| tag == ETAG);
    let reply = match known {
        true => Reply::text(StatusCode::NOT_MODIFIED, ""),
        false => Reply::ok(content_type, content.to_owned()),
    };
    let (etag, cache): (HeaderName, HeaderName) = (header::ETAG, header::CACHE_CONTROL);
    reply.guarded().header(etag, ETAG).header(cache, "no-cache")
}

/// A parameter of a query, cut to [`MAX_QUERY`].
fn parameter(query: &str, name: &str) -> String {
    let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    let value = found.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let end = value.floor_char_boundary(MAX_QUERY);
    value[..end].trim().to_owned()
}

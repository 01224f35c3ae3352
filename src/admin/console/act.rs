//! Carries out the actions of the console.

use std::time::{Duration, SystemTime};

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::audit::{self, Result, Who};
use super::origin::{is_nonce, is_own};
use crate::admin::inbox::InboxStatus;
use crate::admin::lock::lock;
use crate::admin::reload::{ReloadOutcome, reload};
use crate::admin::reply::Reply;
use crate::admin::status::Status;
use crate::console::Action;
use crate::console::data::Outcome;
use crate::dispatch::Paused;
use crate::identity::time::{rfc3339_millis, unix_seconds};
use crate::inbox::{EventId, Filter, StoreError};
use crate::pki::denylist::{self, AppendError};

/// The longest form, in bytes.
const MAX_FORM: usize = 8 * 1024;
/// How long a form may take to arrive.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

type Done = std::result::Result<String, String>;

impl Status {
    /// Carries out the action of this word, as a form of the console asks for it.
    pub(in crate::admin) async fn act(&self, word: &str, request: Request<Incoming>, who: Who) -> Reply {
        let Some(action) = Action::named(word) else {
            return Reply::text(StatusCode::NOT_FOUND, "there is no such action\n");
        };
        if *request.method() != Method::POST {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "POST\n");
        }
        if !is_own(request.headers()) {
            return refuse(action, who, "the request is from another site");
        }
        let content_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if !content_type.trim().eq_ignore_ascii_case(FORM) {
            return Reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{FORM}\n"));
        }
        let body = Limited::new(request.into_body(), MAX_FORM).collect();
        let Ok(Ok(body)) = timeout(FORM_TIMEOUT, body).await else {
            return Reply::text(StatusCode::BAD_REQUEST, "the form is too long, or incomplete\n");
        };
        let body = body.to_bytes();
        let field = |name: &str| {
            let mut fields = form_urlencoded::parse(&body);
            fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        if !is_nonce(&field("nonce"), &self.console.nonce) {
            return refuse(action, who, "the form is not of this clawgate; load the page again");
        }
        let target = field("target");
        let outcome = self.carry_out(action, &target).await;
        let (result, text) = match &outcome {
            Ok(text) => (Result::Done, text),
            Err(text) => (Result::Failed, text),
        };
        audit::log(action.as_str(), &target, who, result, text);
        let outcome = Outcome { is_done: outcome.is_ok(), text: text.clone() };
        Reply::see_other(&format!("/?outcome={}", self.console.outcomes.keep(outcome)))
    }

    /// `POST /reload`, for programs.
    pub(in crate::admin) async fn reload(&self, request: &Request<Incoming>, who: Who) -> Reply {
        if *request.method() != Method::POST {
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, "POST\n");
        }
        // A web page can make a browser on this machine send a POST, but not without this header.
        if request.headers().contains_key(header::ORIGIN) {
            return Reply::text(StatusCode::FORBIDDEN, "not for browsers\n");
        }
        let (result, status, text) = match reload(&self.reload_requests).await {
            Some(ReloadOutcome::Adopted(generation)) => {
                (Result::Done, StatusCode::OK, format!("generation {generation}"))
            }
            Some(ReloadOutcome::Failed(detail)) => {
                (Result::Failed, StatusCode::UNPROCESSABLE_ENTITY, detail)
            }
            None => (Result::Failed, StatusCode::SERVICE_UNAVAILABLE, "clawgate is ending".to_owned()),
        };
        audit::log(Action::Reload.as_str(), "", who, result, &text);
        Reply::text(status, text + "\n")
    }

    async fn carry_out(&self, action: Action, target: &str) -> Done {
        let inbox = || self.inbox.get().ok_or_else(|| "There is no inbox.".to_owned());
        match action {
            Action::Reload => self.reload_settings().await,
            Action::Replay | Action::Drop | Action::Forget => change(inbox()?, action, target).await,
            Action::ResumeUpstream => resume(inbox()?, Paused::Upstream(target.to_owned()), target),
            Action::ResumeRoute => resume(inbox()?, Paused::Route(target.to_owned()), target),
            Action::Deny => self.deny(target).await,
            Action::Doctor => match self.console.examine().await {
                true => Ok("The checks have run.".to_owned()),
                false => Err("The checks are still running.".to_owned()),
            },
        }
    }

    /// The subject of a client's certificate that was seen.
    fn subject_of(&self, fingerprint: &str) -> Option<String> {
        let admitted = self.console.seen.soonest(unix_seconds(SystemTime::now()));
        let admitted = admitted.into_iter().find(|seen| seen.fingerprint_sha256 == fingerprint);
        if let Some(seen) = admitted {
            return Some(seen.subject);
        }
        let refusals = self.refusals.all();
        let mut certificates = refusals.iter().map(|refusal| &refusal["client_cert"]);
        let refused = certificates.find(|of| of["fingerprint_sha256"].as_str() == Some(fingerprint))?;
        refused["subject"].as_str().map(str::to_owned)
    }

    async fn reload_settings(&self) -> Done {
        match reload(&self.reload_requests).await {
            Some(ReloadOutcome::Adopted(generation)) => {
                Ok(format!("Settings and files are reloaded: generation {generation}."))
            }
            Some(ReloadOutcome::Failed(detail)) => {
                Err(format!("Nothing changed, since the reload failed: {detail}"))
            }
            None => Err("clawgate is ending.".to_owned()),
        }
    }

    async fn deny(&self, fingerprint: &str) -> Done {
        if !self.console.edit_denylist {
            return Err("admin.edit_denylist is off: add the line yourself.".to_owned());
        }
        let file = lock(&self.generation).console.denylist.clone();
        let file = file.ok_or("The settings name no denylist (clients.denylist).")?;
        let fingerprint = fingerprint.to_owned();
        let subject = self.subject_of(&fingerprint).unwrap_or_default();
        let comment = format!("{subject}, added with the console {}", rfc3339_millis(SystemTime::now()));
        let name = file.display().to_string();
        let line = denylist::denial_line(&fingerprint, &comment)
            .ok_or("That is no SHA-256 of a certificate.")?;
        let shown = line.clone();
        let appended = spawn_blocking(move || denylist::append_line(&file, &line)).await;
        match appended {
            Ok(Ok(())) => {}
            Ok(Err(AppendError::Listed)) => return Err("It is on the denylist already.".to_owned()),
            Ok(Err(error)) => {
                return Err(format!("{name} {error}. Add this line yourself: {shown}"));
            }
            Err(_) => return Err("It is not known whether the line was written.".to_owned()),
        }
        match self.reload_settings().await {
            Ok(_) => Ok("The certificate is on the denylist, and refused from now on.".to_owned()),
            Err(text) => Err(format!("The line is in {name}, but not in use. {text}")),
        }
    }
}

/// A request that another site may have sent.
fn refuse(action: Action, who: Who, why: &str) -> Reply {
    audit::log(action.as_str(), "", who, Result::Refused, why);
    Reply::text(StatusCode::FORBIDDEN, format!("{why}\n"))
}

async fn change(inbox: &InboxStatus, action: Action, target: &str) -> Done {
    let id: EventId = target.parse().map_err(|error| format!("{target}: {error}"))?;
    let filter = Filter { ids: vec![id], ..Filter::default() };
    let failed = |error: StoreError| error.to_string();
    let store = inbox.store();
    let done = match action {
        Action::Replay => !store.replay(filter, 1).await.map_err(failed)?.is_empty(),
        Action::Drop => store.drop_events(filter, 1).await.map_err(failed)? > 0,
        _ => store.forget(filter, 1).await.map_err(failed)? > 0,
    };
    inbox.count().await;
    match (done, action) {
        (true, Action::Replay) => Ok(format!("Event {id} waits for its delivery again.")),
        (true, Action::Drop) => Ok(format!("Event {id} is removed.")),
        (true, _) => Ok(format!("Event {id} is forgotten.")),
        (false, Action::Replay) => {
            Err(format!("Event {id} waits already, or its request is not stored any more."))
        }
        (false, _) => Err(format!("There is no event {id} any more.")),
    }
}

fn resume(inbox: &InboxStatus, paused: Paused, target: &str) -> Done {
    match inbox.resume(paused) {
        true => Ok(format!("{target} is tried now.")),
        false => Err(format!("{target} is not paused.")),
    }
}

//! Carries out the actions of the console.

use std::sync::Arc;
use std::time::SystemTime;

use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::task::spawn_blocking;

use super::audit::{self, Result, Who};
use super::change::{Done, change, change_all, resume};
use super::form::Form;
use super::origin::{Origin, is_nonce, origin};
use super::state::Examined;
use crate::admin::lock::lock;
use crate::admin::reload::{ReloadOutcome, reload};
use crate::admin::reply::Reply;
use crate::admin::status::Status;
use crate::console::data::Outcome;
use crate::console::{Action, confirm_page, notice_page};
use crate::dispatch::Paused;
use crate::identity::time::{rfc3339_millis, unix_seconds};
use crate::pki::denylist::{self, AppendError};

const FOREIGN: &str = "The request is from another site.";
const UNCLEAR: &str = "The browser does not say which page has sent the form, so it may be from another site. Open the console \
                       through an SSH tunnel or a TLS proxy, and let the browser send the Origin header.";
const OLD: &str =
    "The form is not of this clawgate, or of one that has been restarted. Load the page again.";

impl Status {
    /// Carries out the action of this word, as a form of the console asks for it.
    pub(in crate::admin) async fn act(
        self: &Arc<Self>,
        word: &str,
        request: Request<Incoming>,
        who: Who,
    ) -> Reply {
        let Some(action) = Action::named(word) else {
            return Reply::text(StatusCode::NOT_FOUND, "there is no such action\n");
        };
        let target = match self.own_form(request, who, action.as_str()).await {
            Ok(form) => form.field("target"),
            Err(reply) => return reply,
        };
        let status = Arc::clone(self);
        #[expect(clippy::disallowed_methods, reason = "draining does not wait for admin connections")]
        // An action goes on to its end, and is logged, also if the browser is closed meanwhile.
        let outcome = tokio::spawn(async move {
            let outcome = status.carry_out(action, &target).await;
            let (result, text) = match &outcome {
                Ok(text) => (Result::Done, text),
                Err(text) => (Result::Failed, text),
            };
            audit::log(action.as_str(), &target, who, result, text);
            Outcome { is_done: outcome.is_ok(), text: text.clone() }
        });
        let unknown =
            |_| Outcome { is_done: false, text: "It is not known what came of it.".to_owned() };
        let outcome = outcome.await.unwrap_or_else(unknown);
        Reply::see_other(&format!("/?outcome={}", self.console.outcomes.keep(outcome)))
    }

    /// `POST /confirm`: the page that asks before an action that loses something.
    pub(in crate::admin) async fn ask(&self, request: Request<Incoming>, who: Who) -> Reply {
        let form = match self.own_form(request, who, "confirm").await {
            Ok(form) => form,
            Err(reply) => return reply,
        };
        let target = form.field("target");
        let page = Action::named(&form.field("action")).and_then(|action| {
            let what = match action {
                Action::Deny => self.subject_of(&target).unwrap_or_else(|| target.clone()),
                action if action.is_of_all_dead() => {
                    let dead = self.inbox.get().map(|inbox| inbox.dead(&target)).unwrap_or_default();
                    format!("{dead} dead events of {target}")
                }
                _ => target.clone(),
            };
            confirm_page(action, &target, &what, &self.console.nonce)
        });
        page.map_or_else(|| Reply::text(StatusCode::NOT_FOUND, "nothing to confirm\n"), Reply::page)
    }

    /// The form that a page of this clawgate has sent.
    async fn own_form(
        &self,
        request: Request<Incoming>,
        who: Who,
        action: &str,
    ) -> std::result::Result<Form, Reply> {
        if *request.method() != Method::POST {
            return Err(Reply::text(StatusCode::METHOD_NOT_ALLOWED, "POST\n"));
        }
        match origin(request.headers()) {
            Origin::Own => {}
            Origin::Unclear => return Err(refuse(action, who, UNCLEAR)),
            Origin::Foreign => return Err(refuse(action, who, FOREIGN)),
        }
        let form = Form::read(request).await?;
        match is_nonce(&form.field("nonce"), &self.console.nonce) {
            true => Ok(form),
            false => Err(refuse(action, who, OLD)),
        }
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
            Action::ReplayAll | Action::DropAll | Action::ForgetAll => {
                change_all(inbox()?, action, target).await
            }
            Action::ResumeUpstream => resume(inbox()?, Paused::Upstream(target.to_owned()), target),
            Action::ResumeRoute => resume(inbox()?, Paused::Route(target.to_owned()), target),
            Action::Deny => self.deny(target).await,
            Action::Doctor => match self.console.examine().await {
                Examined::Ended => Ok("The checks have run.".to_owned()),
                Examined::GoesOn => Ok("The checks take longer. They go on, and end by themselves; \
                                        this page shows then what they have found."
                    .to_owned()),
                Examined::Runs => {
                    Err("The checks are running already; only one run at a time.".to_owned())
                }
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
fn refuse(action: &str, who: Who, why: &str) -> Reply {
    audit::log(action, "", who, Result::Refused, why);
    Reply::page(notice_page("Nothing was done", why)).with_status(StatusCode::FORBIDDEN)
}

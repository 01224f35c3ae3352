//! OCSP responses to staple: each with the certificate that it is about. One that is of no use is warned of
//! and left out, since clients are served without it, too.

use std::path::{Path, PathBuf};

use x509_parser::prelude::{FromDer, X509Certificate};

use super::loader::{Input, Loader};
use super::ocsp::{Answer, Status};
use super::own::{Own, Staple};
use crate::identity::unix_rfc3339 as text;
use crate::pki::pem::{is_one_element, located};
use crate::wording;

/// What to do about a response that has served its time.
const FETCH: &str = "fetch a new one: openssl ocsp -issuer CA.pem -cert CERT.pem -url URL -respout FILE";

impl Loader {
    /// Gives each of `own` the response about it that holds longest.
    pub(crate) fn staples(&mut self, own: &mut [Own], paths: &[PathBuf]) {
        for path in paths {
            match self.staple(own, path) {
                Ok((number, staple)) => {
                    let place = &mut own[number].staple;
                    if place.as_ref().is_none_or(|there| there.until < staple.until) {
                        *place = Some(staple);
                    }
                }
                Err((why, hint)) => {
                    self.warning(Input::Ocsp, path, format!("is not stapled: {why}"), hint);
                }
            }
        }
    }

    /// The response in a file, and the number of the certificate that it is about.
    ///
    /// # Errors
    /// Why it is not to be stapled, and the hint.
    fn staple(&self, own: &[Own], path: &Path) -> Result<(usize, Staple), (String, &'static str)> {
        let response = std::fs::read(path).map_err(|error| {
            (
                format!("it cannot be read: {}{}", wording::io(&error), located(path)),
                "name a file that clawgate's user may read",
            )
        })?;
        let answers = Answer::all(&response).map_err(|why| (why.to_owned(), FETCH))?;
        if !is_one_element(&response) {
            return Err(("it has more after the response".to_owned(), FETCH));
        }
        let about = |answer: &Answer| own.iter().position(|own| is_about(answer, own));
        let found = answers.iter().find_map(|answer| Some((about(answer)?, answer)));
        let Some((number, answer)) = found else {
            let why = "it is about none of clawgate's certificates".to_owned();
            return Err((why, "fetch one for each certificate in tls.certificate"));
        };
        match answer.status {
            Status::Good => {}
            Status::Revoked => {
                let why = format!("it says that {} is revoked", own[number].path.display());
                return Err((
                    why,
                    "have a new certificate issued; clients that look will refuse this one",
                ));
            }
            Status::Unknown => {
                let why = format!("its responder does not know {}", own[number].path.display());
                return Err((why, "ask the responder of the CA that has issued it"));
            }
        }
        if answer.from > self.now {
            let why = format!("it is of the future: {}", text(answer.from));
            return Err((why, "check this machine's clock"));
        }
        let Some(until) = answer.until else {
            return Err(("it does not say until when it holds".to_owned(), FETCH));
        };
        if until < self.now {
            return Err((format!("it was good until {}", text(until)), FETCH));
        }
        Ok((number, Staple { response, until, until_text: text(until), path: path.to_owned() }))
    }
}

fn is_about(answer: &Answer, own: &Own) -> bool {
    let mut chain = own.certified.cert.iter().filter_map(|der| X509Certificate::from_der(der).ok());
    let Some((_, leaf)) = chain.next() else { return false };
    let issuer = chain.next().map(|(_, issuer)| issuer);
    let issuer = issuer.filter(|issuer| issuer.subject().as_raw() == leaf.issuer().as_raw());
    answer.is_about(&leaf, issuer.as_ref())
}

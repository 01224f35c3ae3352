//! OCSP responses to staple to clawgate's own certificates. A response that cannot be used leads to a warning and is
//! not sent; clients also accept a certificate without one.

use std::path::{Path, PathBuf};

use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::loader::{Input, Loader};
use super::ocsp::{Answer, OcspError, Status};
use super::own::{Own, Staple};
use crate::identity::unix_rfc3339 as text;
use crate::pki::pem::{is_one_element, located};
use crate::wording;

/// Why a response is not stapled.
#[derive(Debug, Error)]
enum NotStapled {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("{0}")]
    Ocsp(#[from] OcspError),
    #[error("it has more bytes after the response")]
    TrailingBytes,
    #[error("it is for none of clawgate's certificates")]
    OtherCertificate,
    #[error("it says that the certificate in {} is revoked", .0.display())]
    Revoked(PathBuf),
    #[error("its responder does not know the certificate in {}", .0.display())]
    Unknown(PathBuf),
    #[error("it is not valid before {}", text(*.0))]
    Future(i64),
    #[error("it has no nextUpdate")]
    Endless,
    #[error("it was valid until {}", text(*.0))]
    Expired(i64),
}

impl NotStapled {
    /// What to do about it.
    fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "name a file that clawgate's user may read",
            Self::OtherCertificate => "fetch one for each certificate in tls.certificate",
            Self::Revoked(_) => {
                "have a new certificate issued: clients that check revocation will refuse this one"
            }
            Self::Unknown(_) => "ask the OCSP responder of the CA that issued the certificate",
            Self::Future(_) => "check this machine's clock",
            Self::Ocsp(_) | Self::TrailingBytes | Self::Endless | Self::Expired(_) => {
                "fetch a new one: openssl ocsp -issuer CA.pem -cert CERT.pem -url URL -respout FILE"
            }
        }
    }
}

impl Loader {
    /// Sets for each of `own` the response that is valid longest.
    pub(super) fn staples(&mut self, own: &mut [Own], paths: &[PathBuf]) {
        for path in paths {
            match self.staple(own, path) {
                Ok((number, staple)) => {
                    let place = &mut own[number].staple;
                    if place.as_ref().is_none_or(|there| there.until < staple.until) {
                        *place = Some(staple);
                    }
                }
                Err(error) => {
                    self.warning(Input::Ocsp, path, format!("is not stapled: {error}"), error.hint());
                }
            }
        }
    }

    /// The response in a file, and the number of the certificate that it is about.
    fn staple(&self, own: &[Own], path: &Path) -> Result<(usize, Staple), NotStapled> {
        let response = std::fs::read(path).map_err(|error| {
            NotStapled::Unreadable(format!("{}{}", wording::io(&error), located(path)))
        })?;
        let answers = Answer::all(&response)?;
        if !is_one_element(&response) {
            return Err(NotStapled::TrailingBytes);
        }
        let about = |answer: &Answer| own.iter().position(|own| is_about(answer, own));
        let found = answers.iter().find_map(|answer| Some((about(answer)?, answer)));
        let (number, answer) = found.ok_or(NotStapled::OtherCertificate)?;
        match answer.status {
            Status::Good => {}
            Status::Revoked => return Err(NotStapled::Revoked(own[number].path.clone())),
            Status::Unknown => return Err(NotStapled::Unknown(own[number].path.clone())),
        }
        if answer.from > self.now {
            return Err(NotStapled::Future(answer.from));
        }
        let until = answer.until.ok_or(NotStapled::Endless)?;
        if until < self.now {
            return Err(NotStapled::Expired(until));
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

//! The settings for what clawgate tells an upstream about the client, in addition to the request.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A set of header fields that says who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityForm {
    /// `X-Clawgate-Client-*`.
    Clawgate,
    /// `Client-Cert` (RFC 9440 section 2.2).
    ClientCert,
    /// `Client-Cert-Chain` (RFC 9440 section 2.3).
    ClientCertChain,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    Xfcc,
    /// `X-SSL-Client-*`, the names common with nginx and HAProxy.
    SslClient,
}

/// The text is not the name of an identity form.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not an identity form")]
pub struct UnknownForm(String);

impl IdentityForm {
    /// All forms.
    pub const ALL: [Self; 5] =
        [Self::Clawgate, Self::ClientCert, Self::ClientCertChain, Self::Xfcc, Self::SslClient];

    /// Its name in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clawgate => "clawgate",
            Self::ClientCert => "client-cert",
            Self::ClientCertChain => "client-cert-chain",
            Self::Xfcc => "xfcc",
            Self::SslClient => "ssl-client",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for IdentityForm {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        let named = |form: &Self| form.as_str() == text;
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownForm(text.to_owned()))
    }
}

/// A set of forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms(u8);

impl Forms {
    /// Whether `form` is among them.
    pub fn contains(self, form: IdentityForm) -> bool {
        self.0 & form.bit() != 0
    }

    fn iter(self) -> impl Iterator<Item = IdentityForm> {
        IdentityForm::ALL.into_iter().filter(move |form| self.contains(*form))
    }
}

impl Default for Forms {
    /// Only clawgate's own fields.
    fn default() -> Self {
        Self(IdentityForm::Clawgate.bit())
    }
}

impl FromIterator<IdentityForm> for Forms {
    fn from_iter<I: IntoIterator<Item = IdentityForm>>(forms: I) -> Self {
        Self(forms.into_iter().fold(0, |bits, form| bits | form.bit()))
    }
}

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(IdentityForm::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

/// How clawgate tells an upstream the address of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// Not at all.
    #[default]
    Off,
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Rfc7239,
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::XForwarded => "x-forwarded",
            Self::Rfc7239 => "rfc7239",
        })
    }
}

/// All that clawgate tells an upstream about the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// Its identity.
    pub identity: Forms,
    /// Its address.
    pub forwarded: Forwarded,
    /// Whether each request begins with a PROXY header of version 2 that says both. Each request then needs a
    /// connection of its own.
    pub proxy_protocol: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_by_its_name_and_kept_apart_from_the_others() {
        for form in IdentityForm::ALL {
            assert_eq!(form.as_str().parse(), Ok(form));
            let alone: Forms = [form].into_iter().collect();
            assert_eq!(alone.iter().collect::<Vec<_>>(), [form]);
        }
        assert!("xffc".parse::<IdentityForm>().is_err());
        assert_eq!(Forms::default().to_string(), "clawgate");
        let two: Forms = [IdentityForm::Xfcc, IdentityForm::Clawgate].into_iter().collect();
        assert_eq!(two.to_string(), "clawgate, xfcc");
    }
}

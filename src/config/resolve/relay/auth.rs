//! How clawgate authenticates itself at a target: `auth`.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::resolver::Resolver;
use super::super::token;
use super::endpoint::{self, Trust};
use crate::config::key::{Key, Setting};
use crate::config::keys::relay;
use crate::config::layers::{Layer, List};
use crate::config::problem::{Found, Origin};
use crate::config::value_type::Invalid;
use crate::config::values::TokenFile;
use crate::relay::credentials::{
    ClientSettings, CredentialError, MAX_SECRET_FILE, SecretHeader, basic, bearer, own_header,
};
use crate::relay::settings::Auth;

/// The longest time for a request to the token endpoint.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

const SECRET: &str = "put the secret itself into it, on one line";

/// A credential, and the same in words.
pub(super) struct Credential {
    pub(super) value: Auth,
    pub(super) shown: String,
}

/// How clawgate authenticates itself; with none of the keys, not at all.
pub(super) fn auth(r: &mut Resolver<'_>, layer: &Layer, trust: &mut Trust) -> Found<Credential> {
    let bearer_keys: &[&Key] = &[&relay::BEARER_FILE];
    let header_keys: &[&Key] = &[&relay::AUTH_HEADER, &relay::VALUE_FILE];
    let basic_keys: &[&Key] = &[&relay::USERNAME, &relay::PASSWORD_FILE];
    let oauth_needs: &[&Key] = &[&relay::TOKEN_URL, &relay::CLIENT_ID, &relay::CLIENT_SECRET_FILE];
    let oauth_may: &[&Key] = &[&relay::SCOPE, &relay::AUDIENCE, &relay::CLIENT_AUTH, &relay::AUTH_CA];
    let forms =
        [(bearer_keys, &[][..]), (header_keys, &[]), (basic_keys, &[]), (oauth_needs, oauth_may)];
    let first = |(needs, may): &(&[&Key], &[&Key])| {
        needs.iter().chain(*may).find_map(|key| layer.get(key)?.origin().cloned())
    };
    let set: Vec<(usize, Origin)> =
        forms.iter().map(first).enumerate().filter_map(|(form, origin)| Some((form, origin?))).collect();
    let (form, origin) = match &set[..] {
        [] => return Ok(Credential { value: Auth::None, shown: without(layer) }),
        [(form, origin)] => (*form, origin),
        [(_, one), (_, other), ..] => {
            let what = format!("is another credential than {one}");
            return Err(r.report.problem(other, what, "keep one of them: a target gets one credential"));
        }
    };
    let needed = forms.get(form).map_or(&[][..], |(needs, _)| needs);
    if let Some(missing) = needed.iter().find(|key| layer.get(key).is_none()) {
        let what = format!("is set without `{}`", missing.leaf());
        let hint = format!("add {} = \"{}\" to auth", missing.leaf(), missing.placeholder);
        return Err(r.sources.torn.unwrap_or_else(|| r.report.problem(origin, what, hint)));
    }
    match form {
        0 => {
            let header = secret(r, layer, &relay::BEARER_FILE, bearer)?;
            Ok(Credential {
                value: Auth::Fixed(header),
                shown: from("bearer token", layer, &relay::BEARER_FILE),
            })
        }
        1 => {
            let name = r.value_in(layer, &relay::AUTH_HEADER)?;
            if own_header(&name.value, b"x").is_err() {
                let error = CredentialError::HeaderName(name.value.clone());
                let problem = Invalid::new(error.to_string(), error.hint());
                return Err(r.report.invalid(&name.origin, &name.value, problem));
            }
            let header =
                secret(r, layer, &relay::VALUE_FILE, |content| own_header(&name.value, content))?;
            let what = format!("header {}", header.name);
            Ok(Credential { value: Auth::Fixed(header), shown: from(&what, layer, &relay::VALUE_FILE) })
        }
        2 => {
            let user = r.value_in(layer, &relay::USERNAME)?;
            let header = secret(r, layer, &relay::PASSWORD_FILE, |content| basic(&user.value, content))?;
            let what = "user name and password";
            Ok(Credential {
                value: Auth::Fixed(header),
                shown: from(what, layer, &relay::PASSWORD_FILE),
            })
        }
        _ => client_credentials(r, layer, trust),
    }
}

fn client_credentials(r: &mut Resolver<'_>, layer: &Layer, trust: &mut Trust) -> Found<Credential> {
    let endpoint = endpoint::of_tokens(r, layer, trust);
    let client_id = r.value_in(layer, &relay::CLIENT_ID);
    let scope = r.optional_in(layer, &relay::SCOPE);
    let audience = r.optional_in(layer, &relay::AUDIENCE);
    let auth = r.value_in(layer, &relay::CLIENT_AUTH);
    let (content, origin, shown) = content(r, layer, &relay::CLIENT_SECRET_FILE)?;
    let audience = audience?.map(|audience| ("audience".to_owned(), audience.value));
    let client = ClientSettings {
        client_id: client_id?.value,
        client_secret: content,
        scope: scope?.map(|scope| scope.value),
        parameters: audience.into_iter().collect(),
        auth: auth?.value,
        timeout: TOKEN_TIMEOUT,
    };
    client
        .check()
        .map_err(|error| r.report.problem(&origin, format!("{shown} {error}"), error.hint()))?;
    let endpoint = Box::new(endpoint?);
    let shown = format!("OAuth tokens of {endpoint}, with the secret in {shown}");
    Ok(Credential { value: Auth::ClientCredentials { endpoint, client }, shown })
}

/// The header that `make` makes of the content of a file.
fn secret(
    r: &mut Resolver<'_>,
    layer: &Layer,
    setting: &Setting<TokenFile>,
    make: impl FnOnce(&[u8]) -> Result<SecretHeader, CredentialError>,
) -> Found<SecretHeader> {
    let (content, origin, shown) = content(r, layer, setting)?;
    make(&content).map_err(|error| r.report.problem(&origin, format!("{shown} {error}"), error.hint()))
}

/// The content of a file, with where it is named, and its name.
fn content(
    r: &mut Resolver<'_>,
    layer: &Layer,
    setting: &Setting<TokenFile>,
) -> Found<(Zeroizing<Vec<u8>>, Origin, String)> {
    let Some(text) = layer.get(setting).map_or(Ok(None), List::first)? else {
        let origin = Origin::Default(setting.toml);
        return Err(r.report.problem(
            &origin,
            "is required, but not set",
            format!("set {}", setting.ways()),
        ));
    };
    let content = token::content(text, MAX_SECRET_FILE, SECRET, &mut r.report)?;
    let path = Path::new(text.value.trim());
    token::warn_if_all_read(path, "a secret", &text.origin, &mut r.report);
    Ok((content, text.origin.clone(), path.display().to_string()))
}

fn from(what: &str, layer: &Layer, setting: &Key) -> String {
    let file = layer.get(setting).and_then(|list| list.values.first());
    format!("{what} from {}", file.map_or("", |file| file.value.trim()))
}

fn without(layer: &Layer) -> String {
    let has_certificate = layer.get(&relay::CERTIFICATE).is_some();
    if has_certificate { "the client certificate" } else { "none" }.to_owned()
}

//! The files with secrets and public keys.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::super::resolver::Resolver;
use super::super::token;
use crate::config::key::Key as Setting;
use crate::config::keys::verify;
use crate::config::layers::{Layer, List, Sourced, Text};
use crate::config::problem::{Found, Origin};
use crate::config::secret::Secret;
use crate::config::verify::KeyFile;
use crate::signature::{Key, KeyForm, MAX_KEY_FILE, Scheme, SecretEncoding};

/// A secret with fewer bytes can be found by trying (RFC 2104 section 3 asks for as many as the hash has).
const SHORT: usize = 16;

/// The files of `table`, with their content.
pub(super) fn read(r: &mut Resolver<'_>, table: &Layer) -> Found<Vec<Sourced<KeyFile>>> {
    let secrets =
        contents(r, table.get(&verify::SECRET_FILE), "put the webhook sender's secret into it");
    for file in secrets.iter().flatten() {
        token::warn_if_all_read(&file.value.path, "a secret", &file.origin, &mut r.report);
    }
    let public =
        contents(r, table.get(&verify::PUBLIC_KEY_FILE), "put the webhook sender's public key into it");
    let (mut files, public) = (secrets?, public?);
    files.extend(public);
    Ok(files)
}

fn contents(
    r: &mut Resolver<'_>,
    texts: Option<&List<Zeroizing<String>>>,
    hint: &str,
) -> Found<Vec<Sourced<KeyFile>>> {
    let Some(texts) = texts else { return Ok(Vec::new()) };
    let file = |text: &Text| {
        let content = token::content(text, MAX_KEY_FILE, hint, &mut r.report)?;
        let value = KeyFile { path: PathBuf::from(text.value.trim()), content: Secret::new(&content) };
        Ok(Sourced { value, origin: text.origin.clone() })
    };
    texts.read(file).all()
}

/// Each file with its key for `scheme`, which was named at `origin`.
pub(super) fn keys(
    r: &mut Resolver<'_>,
    table: &Layer,
    files: Vec<Sourced<KeyFile>>,
    scheme: &Scheme,
    origin: &Origin,
) -> Found<Vec<(Sourced<KeyFile>, Key)>> {
    check_kind(r, table, scheme, origin)?;
    let mut keys = Vec::new();
    for file in files {
        keys.push(key(r, &file, scheme).map(|key| (file, key)));
    }
    keys.into_iter().collect()
}

/// Checks that a key is named, and none that the scheme has no use for.
fn check_kind(r: &mut Resolver<'_>, table: &Layer, scheme: &Scheme, origin: &Origin) -> Found<()> {
    let (secret, public): (&Setting, &Setting) = (&verify::SECRET_FILE, &verify::PUBLIC_KEY_FILE);
    let mut found = Ok(());
    for (setting, other, is_taken) in
        [(secret, public, scheme.takes_secrets()), (public, secret, scheme.takes_public_keys())]
    {
        if let Some(origin) = table.get(setting).and_then(List::origin).filter(|_| !is_taken) {
            let what = format!("`{}` has no such key", scheme.name());
            let hint = format!("name the file in {}", other.leaf());
            found = Err(r.report.problem(origin, what, hint));
        }
    }
    if table.get(secret).is_none() && table.get(public).is_none() {
        let setting = if scheme.takes_secrets() { secret } else { public };
        let missing = || {
            let hint = format!("add {} = \"FILE\"", setting.leaf());
            r.report.problem(origin, "[route.verify] names no key to verify signatures with", hint)
        };
        found = Err(r.sources.torn.unwrap_or_else(missing));
    }
    found
}

fn key(r: &mut Resolver<'_>, file: &Sourced<KeyFile>, scheme: &Scheme) -> Found<Key> {
    let Sourced { value: KeyFile { path, content }, origin } = file;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let shown = path.display();
    let key = Key::read(&name, content.as_bytes(), scheme)
        .map_err(|error| r.report.problem(origin, format!("{shown} {error}"), error.hint()))?;
    let Some(length) = key.secret_length() else { return Ok(key) };
    if length < SHORT {
        let what = format!("{shown} has a secret of fewer than {SHORT} bytes, which can be guessed");
        r.report.warning(
            origin,
            what,
            "have the webhook sender make a longer one (openssl rand -hex 32)",
        );
    }
    let text = token::without_newline(content.as_bytes());
    if text.trim_ascii().len() != text.len() {
        let what =
            format!("{shown} has blanks or line ends around the secret, which count as parts of it");
        r.report.warning(origin, what, "remove them, unless the webhook sender's secret has them");
    }
    warn_of_form(r, origin, &shown.to_string(), text, &key, scheme);
    Ok(key)
}

/// Stripe's secrets and those of Standard Webhooks both begin with `whsec_`. The first are taken as they are, of the
/// others the base64 after that is decoded.
fn warn_of_form(
    r: &mut Resolver<'_>,
    origin: &Origin,
    shown: &str,
    text: &[u8],
    key: &Key,
    scheme: &Scheme,
) {
    let (is_stripe, is_whsec) = (scheme.name() == "stripe", text.starts_with(b"whsec_"));
    if is_stripe && !is_whsec {
        let what = format!("{shown} has no signing secret of Stripe: those begin with `whsec_`");
        r.report.warning(origin, what, "copy the signing secret of the endpoint, not an API key");
    } else if !is_stripe && is_whsec && key.form() == KeyForm::Text {
        let what = format!("{shown} begins with `whsec_`, and the whole text is taken for the secret");
        let hint = format!(
            "use scheme = \"standard-webhooks\", or secret_encoding = \"{}\" if the webhook sender decodes it",
            SecretEncoding::Whsec
        );
        r.report.warning(origin, what, hint);
    }
}

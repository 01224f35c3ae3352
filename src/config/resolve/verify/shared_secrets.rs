//! Warns of a secret that is used twice.

use super::super::resolver::Resolver;
use super::super::token;
use super::RouteVerify;
use crate::config::problem::Origin;
use crate::config::settings::UpstreamSettings;
use crate::config::verify::KeyFile;
use crate::route::PathPattern;

/// A route that verifies signatures.
pub(in crate::config::resolve) struct VerifyingRoute<'a> {
    pub(in crate::config::resolve) path: &'a PathPattern,
    pub(in crate::config::resolve) verify: &'a RouteVerify,
}

/// Warns of routes with the same secret, and of secrets that are also the token of one of `upstreams`.
pub(in crate::config::resolve) fn warn_of_shared_secrets<'a>(
    r: &mut Resolver<'_>,
    routes: &[VerifyingRoute<'_>],
    upstreams: impl Iterator<Item = &'a UpstreamSettings> + Clone,
) {
    for (place, route) in routes.iter().enumerate() {
        for (secret, origin) in secrets(route.verify) {
            let shown = secret.path.display();
            let mut tokens = upstreams.clone().filter_map(|upstream| upstream.token.as_ref());
            if tokens.any(|token| token.text().as_bytes() == text(secret)) {
                let what =
                    format!("{shown} has the hook token, which the webhook sender should not know");
                r.report.warning(origin, what, "give the webhook sender a secret of its own");
            }
            let same = |other: &&VerifyingRoute<'_>| {
                secrets(other.verify).any(|(other, _)| text(other) == text(secret))
            };
            let signs_url = route.verify.settings.verifier.scheme().coverage().url;
            if let Some(other) = routes[..place].iter().find(same).filter(|_| !signs_url) {
                let what = format!(
                    "{shown} has the same secret as the route {}: a request for one is valid for the other",
                    other.path
                );
                r.report.warning(origin, what, "use a secret of its own for each route");
            }
        }
    }
}

/// The files with secrets, with where they were named.
fn secrets(verify: &RouteVerify) -> impl Iterator<Item = (&KeyFile, &Origin)> {
    let files = verify.settings.key_files.iter().zip(&verify.origins);
    let keys = verify.settings.verifier.keys();
    files.zip(keys).filter(|(_, key)| key.secret_length().is_some()).map(|(file, _)| file)
}

fn text(file: &KeyFile) -> &[u8] {
    token::without_newline(file.content.as_bytes())
}

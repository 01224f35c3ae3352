//! The admin listener: its address, and the token that it requires where other machines can reach it.

use std::net::SocketAddr;

use super::resolver::Resolver;
use super::token::in_file;
use crate::config::admin::AdminAddress;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::problem::Found;
use crate::config::secret::BearerToken;

const TOKEN: &str = "put a long random word into it, on one line (openssl rand -hex 32)";

/// Where it is, if anywhere; `listen` are those of the other listeners.
pub(super) fn address<'a>(
    r: &mut Resolver<'_>,
    mut listen: impl Iterator<Item = &'a Sourced<SocketAddr>>,
) -> Found<Option<AdminAddress>> {
    let Sourced { value: Some(address), origin } = r.sourced(&keys::ADMIN)? else { return Ok(None) };
    if let AdminAddress::Tcp(tcp) = address
        && tcp.port() != 0
        && let Some(other) = listen.find(|other| other.value == tcp)
    {
        let what = format!("{address} is in use: {} has it for clients", other.origin);
        r.report.problem(&origin, what, "give the admin listener another port, or set it to `off`");
    }
    if !address.is_local() && !r.sources.layers.sets(&keys::ADMIN_TOKEN_FILE) {
        let what = format!("`{address}` can be reached by other machines, and requires no credentials");
        let hint = "use a loopback address, e.g. 127.0.0.1:9443, unix:/PATH or `off`; or set \
                    admin.token_file";
        r.report.problem(&origin, what, hint);
    } else if !address.is_local() {
        let what = format!("the admin token is sent to `{address}` without encryption");
        let hint = "let only the monitoring's own network reach it, or put a TLS proxy in front of it";
        r.report.warning(&origin, what, hint);
    }
    Ok(Some(address))
}

/// The token that it requires.
pub(super) fn token(r: &mut Resolver<'_>) -> Found<Option<BearerToken>> {
    let file = r.sources.layers.first(&keys::ADMIN_TOKEN_FILE);
    let token = file.map(|named| in_file(named, TOKEN, &mut r.report)).transpose()?;
    Ok(token.map(|token| token.token))
}

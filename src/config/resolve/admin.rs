//! The admin listener: its address, and the token without which it must not be open to others.

use std::net::SocketAddr;

use super::Resolver;
use super::upstream::token_in_file;
use crate::config::admin::{AdminAddress, AdminSettings};
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::values;

const TOKEN: &str = "put a long random word into it, on one line (openssl rand -hex 32)";

impl Resolver<'_> {
    /// `listen`: what senders have already.
    pub(super) fn admin(&mut self, listen: &[&Sourced<SocketAddr>]) -> Option<AdminSettings> {
        let token = self.sources.layers.get(&keys::ADMIN_TOKEN_FILE).and_then(<[_]>::first);
        let token_origin = token.map(|token| token.origin.clone());
        let token = token.and_then(|named| token_in_file(named, TOKEN, &mut self.report).token());
        let Sourced { value, origin } = self.one(&keys::ADMIN, values::admin_address)?;
        let address = value?;
        if let AdminAddress::Tcp(taken) = address
            && taken.port() != 0
            && let Some(other) = listen.iter().find(|other| other.value == taken)
        {
            let what = format!("{address} is taken: {} has it for senders", other.origin);
            self.report.problem(&origin, what, "give the admin listener another port, or `off`");
        }
        if !address.is_local() {
            if token_origin.is_none() {
                let what = format!("`{address}` is open to other machines, and asks for no credentials");
                let hint = "use a loopback address, e.g. 127.0.0.1:9443, unix:/PATH or `off`; or set \
                            admin.token_file";
                self.report.problem(&origin, what, hint);
            } else {
                let what = format!("`{address}` takes the admin token in the clear");
                let hint = "let nobody but the monitoring's own network reach it, or put TLS before it";
                self.report.warning(&origin, what, hint);
            }
        }
        Some(AdminSettings { address, token })
    }
}

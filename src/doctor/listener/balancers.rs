//! Checks a listener for load balancers. `doctor` connects like a load balancer, if its address is allowed to, with a
//! PROXY header LOCAL, which names no client.

use std::net::{IpAddr, SocketAddr};

use super::ListenerCheck;
use crate::doctor::caller::Caller;
use crate::explain::{self, Ending, Observed};
use crate::finding::{Check, Finding};
use crate::tls::detect::describe_with_name;
use crate::tls::may_send_header;

/// Whether the listener requires a PROXY header, and accepts it only from the right addresses.
const HEADER: Check = Check::ProxyHeader;
const SOURCE: Check = Check::ProxySource;

impl ListenerCheck<'_> {
    pub(super) async fn as_a_balancer(&self, bind: SocketAddr, caller: Option<&Caller>) -> Vec<Finding> {
        let Some(server) = self.server() else {
            return Vec::new();
        };
        let bare = explain::observe(server.clone(), None, &[]);
        if let Ending::Unreachable(error) = &bare.ending {
            return vec![self.not_running(bind, error)];
        }
        let mut found = vec![self.place.pass(Check::Reachable, "accepts connections")];
        if let Some(fault) = self.takes_no_header(&bare) {
            found.push(fault);
            return found;
        }
        found.push(self.place.pass(HEADER, "a connection without a PROXY header is refused"));
        let Some(from) = bare.from else { return found };
        let ip = from.ip().to_canonical();
        let seen = self.observe(&server, None);
        let refused = seen.ending == Ending::Closed(false);
        if !may_send_header(&self.settings.reloadable.proxy_sources, from) {
            found.extend(self.out_of_reach(ip, refused));
        } else if refused {
            let hint = "reload it (kill -HUP PID, systemctl reload clawgate, POST /reload); a line handshake_failed or \
                        reload_failed in its log says why if that does not help";
            let detail =
                format!("{ip} is one of listen.proxy_sources, and a PROXY header from there is refused");
            found.push(self.place.fail(SOURCE, detail, hint));
        } else {
            found.push(self.place.pass(SOURCE, format!("a PROXY header from {ip} is accepted")));
            found.extend(self.after_handshake(server, &seen, caller).await);
        }
        found
    }

    /// What is wrong with the listener, judged by its reaction to a connection without a header.
    fn takes_no_header(&self, bare: &Observed) -> Option<Finding> {
        let detail = match &bare.ending {
            Ending::Closed(false) => return None,
            Ending::NotTls(first) => {
                format!(
                    "something else listens there: its first bytes are {}",
                    describe_with_name(first)
                )
            }
            Ending::Silence(_) => {
                "something else listens there: it does not refuse a connection without a PROXY header"
                    .to_owned()
            }
            _ => "accepts connections without a PROXY header".to_owned(),
        };
        let hint = "see what listens there (ss -ltnp); if it is clawgate, it does not run with these settings: restart it";
        Some(self.place.fail(HEADER, detail, hint))
    }

    /// The findings when the address of `doctor` is not one that may send a header.
    fn out_of_reach(&self, ip: IpAddr, refused: bool) -> Vec<Finding> {
        if !refused {
            let detail = format!(
                "does not refuse a PROXY header from {ip}, which is not in listen.proxy_sources"
            );
            let hint = "reload it (kill -HUP PID, systemctl reload clawgate, POST /reload): until then a client \
                        that connects from there can claim any address";
            return vec![self.place.fail(SOURCE, detail, hint)];
        }
        let rest = "check it from behind a load balancer, with `clawgate explain https://HOST`, or from one of \
                    listen.proxy_sources";
        vec![
            self.place.pass(
                SOURCE,
                format!(
                    "cannot be checked from here: {ip} is not in listen.proxy_sources, and is refused as it should be"
                ),
            ),
            self.place.skipped(Check::Clawgate, rest),
        ]
    }
}

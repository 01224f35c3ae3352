//! Checks the listeners from outside: whether clawgate answers, whether it uses these settings, and whether it refuses
//! connections that it must refuse.

mod balancers;
mod server;
mod signed;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, SystemTime};

use rustls::AlertDescription;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(super) use self::server::server_at;
use super::caller::Caller;
use super::probe::{Reply, exchange};
use crate::checks::Roots;
use crate::config::Settings;
use crate::explain::{Credentials, Ending, Observed, Server, Verdict};
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::time::unix_seconds;
use crate::pki::material::Own;
use crate::proxy_protocol::LOCAL_V2;
use crate::signing::reachable;
use crate::tls::RefuseWith;
use crate::tls::detect::describe_with_name;
use crate::{checks, explain};

/// How long clawgate may take to answer one probe.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the checks of all listeners have in common.
#[derive(Clone, Copy)]
pub(super) struct CheckInputs<'a> {
    pub(super) settings: &'a Settings,
    pub(super) caller: Option<&'a Caller>,
    pub(super) roots: &'a Roots,
    pub(super) now: SystemTime,
}

pub(super) async fn findings(inputs: &CheckInputs<'_>) -> Vec<Finding> {
    let CheckInputs { settings, caller, roots, now } = *inputs;
    let mut found = Vec::new();
    let check = |address: SocketAddr, flag: &str, preface| {
        let place = Subject::new(Area::Listener, address);
        if address.port() == 0 {
            let detail =
                format!("port 0 stands for any free port: give the real one with {flag} to check it");
            return Err(place.skipped(Check::Reachable, detail));
        }
        let address = reachable(address);
        Ok(ListenerCheck { place, address, preface, asks: true, settings, roots, now })
    };
    for &address in &settings.startup.listen {
        match check(address, "--listen", &[]) {
            Ok(check) => found.extend(check.findings(address, caller).await),
            Err(finding) => found.push(finding),
        }
    }
    for &address in &settings.startup.listen_proxy {
        match check(address, "--listen-proxy", LOCAL_V2) {
            Ok(check) => found.extend(check.as_a_balancer(address, caller).await),
            Err(finding) => found.push(finding),
        }
    }
    for &address in &settings.startup.listen_signed {
        match check(address, "--listen-signed", &[]) {
            Ok(check) => found.extend(check.without_certificates(address).await),
            Err(finding) => found.push(finding),
        }
    }
    found
}

struct ListenerCheck<'a> {
    place: Subject,
    address: SocketAddr,
    /// Sent before the ClientHello: a PROXY header, or nothing.
    preface: &'static [u8],
    /// Whether it asks for client certificates.
    asks: bool,
    settings: &'a Settings,
    roots: &'a Roots,
    now: SystemTime,
}

impl ListenerCheck<'_> {
    async fn findings(&self, bind: SocketAddr, caller: Option<&Caller>) -> Vec<Finding> {
        let Some(server) = self.server() else {
            return Vec::new();
        };
        let seen = self.observe(&server, None);
        if let Ending::Unreachable(error) = &seen.ending {
            return vec![self.not_running(bind, error)];
        }
        let mut found = vec![self.place.pass(Check::Reachable, "accepts connections")];
        found.extend(self.after_handshake(server, &seen, caller).await);
        found
    }

    /// Completes a handshake with this listener, after its preface.
    fn observe(&self, server: &Server, credentials: Option<Credentials>) -> Observed {
        explain::observe(server.clone(), credentials, self.preface)
    }

    /// The checks that follow from `seen`, the first handshake.
    async fn after_handshake(
        &self,
        server: Server,
        seen: &Observed,
        caller: Option<&Caller>,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(finding) = self.not_clawgate(seen).await {
            found.push(finding);
            return found;
        }
        found.push(self.serves_the_file(seen));
        found.extend(self.as_clients_see_it(seen));
        found.push(self.refuses_without_certificate(seen));
        found.push(match caller {
            Some(caller) => self.admits(caller, &server),
            None => self.place.skipped(
                Check::WithCertificate,
                "give --client-cert and --client-key to test a client certificate",
            ),
        });
        found.push(self.plain_http().await);
        found.push(self.old_tls().await);
        found
    }

    /// This listener, with a name that its certificate has.
    fn server(&self) -> Option<Server> {
        server_at(self.settings, self.address)
    }

    fn not_running(&self, bind: SocketAddr, error: &str) -> Finding {
        let (detail, hint) = match TcpListener::bind(bind).map_err(|error| error.kind()) {
            Err(ErrorKind::PermissionDenied) => (
                format!("nothing listens, and this user may not listen on port {} either", bind.port()),
                "choose a port from 1024 on, or give clawgate CAP_NET_BIND_SERVICE (deploy/clawgate.service does)",
            ),
            Err(ErrorKind::AddrNotAvailable) => (
                format!("nothing listens, and {} is not an address of this machine", bind.ip()),
                "choose an address of this machine (`ip address`), or 0.0.0.0 for all of them",
            ),
            _ => (
                format!("clawgate is not running here: {error}"),
                "start it (clawgate run, systemctl start clawgate); its log says why if it does not stay",
            ),
        };
        self.place.fail(Check::Reachable, detail, hint)
    }

    async fn not_clawgate(&self, seen: &Observed) -> Option<Finding> {
        let fault = |detail: String| {
            let hint = "see what listens there (ss -ltnp), stop it, or choose another port for clawgate";
            Some(self.place.fail(Check::Clawgate, detail, hint))
        };
        match &seen.ending {
            Ending::NotTls(first) if first.starts_with(b"HTTP/") => {
                fault("something else listens there: it speaks plain HTTP".to_owned())
            }
            // Some HTTP servers read a ClientHello as the head of a request, and wait for its end.
            Ending::Silence(0) if matches!(self.get().await, Reply::Http(_)) => {
                fault("something else listens there: it speaks plain HTTP".to_owned())
            }
            Ending::NotTls(first) => fault(format!(
                "something else listens there: its first bytes are {}",
                describe_with_name(first)
            )),
            _ if self.asks && !seen.chain.is_empty() && seen.asked.is_none() => fault(
                "something else listens there: it speaks TLS and asks for no client certificate"
                    .to_owned(),
            ),
            _ if seen.chain.is_empty() => {
                let explained = explain::server(seen, self.now);
                let hint = explained.hint.unwrap_or_else(|| "check clawgate's log".to_owned());
                Some(self.place.fail(
                    Check::Clawgate,
                    format!("no handshake: {}", explained.detail),
                    hint,
                ))
            }
            _ => None,
        }
    }

    /// Whether it serves with the current settings and files.
    fn serves_the_file(&self, seen: &Observed) -> Finding {
        let stale = |detail: &str| {
            let hint = "reload it (kill -HUP PID, systemctl reload clawgate, POST /reload); a line reload_failed in \
                        its log says why it has not";
            self.place.fail(Check::UpToDate, detail, hint)
        };
        let material = &self.settings.reloadable.material;
        let same_leaf = |own: &Own| own.certified.cert.first() == seen.chain.first();
        if !material.own.iter().any(same_leaf) {
            return stale("it serves another certificate than the one in tls.certificate");
        }
        if !self.is_in_a_file(&seen.chain) {
            return stale("it serves other intermediates than those in tls.certificate");
        }
        let at = unix_seconds(self.now);
        let wanted = material.trust.cas.iter().filter(|ca| ca.not_after >= at);
        let mut wanted: Vec<_> = wanted.map(|ca| ca.subject.as_str()).collect();
        let asked = seen.asked.iter().flat_map(|asked| &asked.cas);
        let mut asked: Vec<_> = asked.map(String::as_str).collect();
        wanted.sort_unstable();
        wanted.dedup();
        asked.sort_unstable();
        asked.dedup();
        if !asked.is_empty() && asked != wanted {
            return stale("it asks clients for other CAs than those in clients.ca");
        }
        self.place.pass(Check::UpToDate, "serves the certificate and names the CAs of the files")
    }

    /// The certificate that it serves, as clients verify it. The certificate in the file was checked before, so only a
    /// different one is checked here.
    fn as_clients_see_it(&self, seen: &Observed) -> Vec<Finding> {
        let (chain, at) = (&seen.chain, unix_seconds(self.now));
        let mut found = vec![explain::proof(&self.place, seen)];
        if !self.is_in_a_file(chain) {
            let served = checks::Server {
                subject: &self.place,
                chain,
                name: Some(&seen.server.name),
                is_own: true,
                at,
            };
            found.extend(served.findings(self.roots));
        }
        found
    }

    fn is_in_a_file(&self, chain: &[CertificateDer<'static>]) -> bool {
        self.settings.reloadable.material.own.iter().any(|own| own.certified.cert == chain)
    }

    fn refuses_without_certificate(&self, seen: &Observed) -> Finding {
        let check = Check::NoCertificate;
        match (&seen.ending, self.settings.reloadable.refuse_with) {
            (Ending::Alert(alert, _), _) => {
                let alert = crate::wording::alert_name(*alert);
                self.place.pass(check, format!("a client without a certificate is refused ({alert})"))
            }
            (Ending::Closed(_), _) => self.place.pass(check, "a client without a certificate is refused"),
            (Ending::Open, RefuseWith::Http) => {
                self.place.pass(check, "a client without a certificate is answered 403 (clients.refuse_with)")
            }
            _ => self.place.fail(
                check,
                "a client without a certificate completes the handshake",
                "it does not run with these settings: restart it, and look what listens there (ss -ltnp)",
            ),
        }
    }

    fn admits(&self, caller: &Caller, server: &Server) -> Finding {
        let check = Check::WithCertificate;
        let seen = self.observe(server, Some(caller.credentials.clone()));
        let explained = explain::server(&seen, self.now);
        let judged = explain::certificate(&self.settings.reloadable, &caller.client, self.now);
        if judged.verdict == Verdict::Refused {
            let detail = judged.detail.unwrap_or_default();
            let hint = judged.hint.unwrap_or_default();
            return self.place.fail(check, format!("{} is refused: {detail}", caller.client.file), hint);
        }
        if explained.is_accepted() {
            return self.place.pass(check, format!("{} is admitted", caller.client.file));
        }
        let hint = explained.hint.unwrap_or_else(|| "check clawgate's log".to_owned());
        let detail = format!(
            "{} would be admitted by the settings, but {}",
            caller.client.file, explained.detail
        );
        self.place.fail(check, detail, hint)
    }

    async fn plain_http(&self) -> Finding {
        match self.get().await {
            Reply::Http(answer) if answer.status.is_client_error() => self.place.pass(
                Check::PlainHttp,
                format!("refused ({}), and told to use https", answer.status.as_u16()),
            ),
            Reply::Http(answer) => self.place.fail(
                Check::PlainHttp,
                format!("is answered {} without TLS", answer.status.as_u16()),
                "see what listens there (ss -ltnp)",
            ),
            Reply::Other(_) | Reply::Closed => self.place.pass(Check::PlainHttp, "refused"),
            Reply::Silence => self.silent(Check::PlainHttp),
        }
    }

    async fn old_tls(&self) -> Finding {
        match self.raw(&tls_1_0_hello()).await {
            Reply::Other(bytes) if bytes.first() == Some(&HANDSHAKE) => self.place.fail(
                Check::Tls10,
                "is accepted, but is not secure",
                "check the proxy in front of clawgate: clawgate itself supports only TLS 1.2 and 1.3",
            ),
            Reply::Other(bytes)
                if bytes.get(6) == Some(&u8::from(AlertDescription::ProtocolVersion)) =>
            {
                self.place.pass(Check::Tls10, "refused (protocol_version)")
            }
            Reply::Silence => self.silent(Check::Tls10),
            Reply::Http(_) | Reply::Other(_) | Reply::Closed => self.place.pass(Check::Tls10, "refused"),
        }
    }

    fn silent(&self, check: Check) -> Finding {
        let hint = "check its load and its log; a proxy in front of it may drop connections";
        self.place.warning(check, format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()), hint)
    }

    /// A request in plain HTTP.
    async fn get(&self) -> Reply {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        self.raw(request.as_bytes()).await
    }

    async fn raw(&self, bytes: &[u8]) -> Reply {
        match timeout(ANSWER_TIMEOUT, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => exchange(stream, &[self.preface, bytes].concat(), ANSWER_TIMEOUT).await,
            Ok(Err(_)) => Reply::Closed,
            Err(_) => Reply::Silence,
        }
    }
}

/// Content type of a handshake record (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// A ClientHello that offers TLS 1.0 with its cipher suites (RFC 2246 section 7.4.1.2).
fn tls_1_0_hello() -> Vec<u8> {
    let mut body = vec![3, 1];
    body.extend([0x5a; 32]);
    body.push(0);
    body.extend([0, 8, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f, 0x00, 0x35]);
    body.extend([1, 0]);
    let mut hello = vec![1, 0, 0];
    hello.push(u8::try_from(body.len()).unwrap_or(u8::MAX));
    hello.extend(body);
    let mut record = vec![HANDSHAKE, 3, 1, 0];
    record.push(u8::try_from(hello.len()).unwrap_or(u8::MAX));
    record.extend(hello);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::detect::{Detected, classify};

    #[test]
    fn the_old_hello_is_a_whole_client_hello() {
        let Some(Detected::Tls(Some(hello))) = classify(&tls_1_0_hello()) else {
            panic!("not a ClientHello");
        };
        assert_eq!(hello.versions, ["TLSv1.0"]);
    }

    #[test]
    fn an_unspecified_address_is_called_on_loopback() {
        assert_eq!(reachable("0.0.0.0:1".parse().unwrap()), "127.0.0.1:1".parse().unwrap());
        assert_eq!(reachable("[::]:1".parse().unwrap()), "[::1]:1".parse().unwrap());
        assert_eq!(reachable("192.0.2.1:1".parse().unwrap()), "192.0.2.1:1".parse().unwrap());
    }
}

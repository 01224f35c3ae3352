//! Events that are stored in NATS JetStream: servers, stream and credentials.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::resolver::Resolver;
use super::super::{secure, token};
use crate::config::key::{Key, Setting};
use crate::config::keys::{self, inbox};
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::config::value_type::ValueType;
use crate::inbox::StorePlace;
use crate::inbox::{JetStreamSettings, MAX_CREDENTIALS_FILE, NatsCredentials, NatsServer};
use crate::upstream::roots_in;

/// Settings of the database that mean nothing for a stream, and what holds there instead.
const OF_THE_DATABASE: [(&Key, &str); 2] = [
    (
        &inbox::MIN_FREE.key,
        "is about the file system of a database, and events are stored in NATS: remove it; max_file_store of the NATS \
         servers limits what they use",
    ),
    (
        &inbox::ON_CORRUPT.key,
        "is about a damaged database, and events are stored in NATS: remove it; NATS repairs a stream from its replicas",
    ),
];

/// Where events are stored, if that is NATS.
pub(super) fn place(r: &mut Resolver<'_>) -> Found<Option<StorePlace>> {
    let Some(store) = r.origin(&inbox::STORE) else {
        check_nothing_is_set(r);
        return Ok(None);
    };
    if cfg!(not(feature = "jetstream")) {
        let what = "needs JetStream, and this build has no JetStream";
        r.report.problem(&store, what, "build with --features jetstream, or set inbox.path instead");
    }
    check_what_is_for_a_database(r, &store);
    let servers = r.list(&inbox::STORE).all_values();
    let credentials = credentials(r);
    let ca = r.optional(&inbox::NATS_CA);
    let certificate = certificate(r);
    let (name, replicas) = (r.value(&inbox::NATS_NAME), r.value(&inbox::NATS_REPLICAS));
    warn_of_one_replica(r, replicas.as_ref().ok());
    let monitoring = r.list(&inbox::NATS_MONITORING).all_values();
    let max_remembered = r.value(&inbox::NATS_MAX_REMEMBERED);
    let (servers, ca) = (servers?, ca?);
    check_tls(r, &servers, ca.as_ref(), &store)?;
    let (credentials, certificate) = (credentials?, certificate?);
    warn_of_plain_text(r, &servers, &credentials, &store);
    Ok(Some(StorePlace::JetStream(Arc::new(JetStreamSettings {
        servers,
        name: name?,
        replicas: replicas?,
        credentials,
        ca_file: ca.map(|ca| ca.value),
        client_certificate: certificate,
        max_remembered: max_remembered?,
        monitoring: monitoring?,
    }))))
}

/// A setting that nothing uses is a mistake: somebody believes that it is used.
fn check_nothing_is_set(r: &mut Resolver<'_>) {
    for key in keys::in_section(inbox::NATS_SECTION) {
        if let Some(origin) = r.origin(key) {
            let what = "is for events that are stored in NATS, and inbox.store is not set";
            r.report.problem(&origin, what, "set inbox.store to nats://HOST:4222, or remove this");
        }
    }
}

/// An image or a unit may always name the database in the environment: `inbox.store` then takes its place.
fn check_what_is_for_a_database(r: &mut Resolver<'_>, store: &Origin) {
    if let Some(path) = r.origin(&inbox::PATH).filter(|origin| !matches!(origin, Origin::Env(_))) {
        let what = format!("names a database, and {store} names NATS: events are stored in one of them");
        r.report.problem(&path, what, "remove one of the two");
    }
    for (key, what) in OF_THE_DATABASE {
        if let Some(origin) = r.origin(key) {
            let (what, hint) = what.split_once(": ").unwrap_or((what, ""));
            r.report.problem(&origin, what, hint);
        }
    }
}

/// The credentials; each form has one file.
fn credentials(r: &mut Resolver<'_>) -> Found<NatsCredentials> {
    let forms: [&Key; 4] = [
        &inbox::NATS_CREDENTIALS_FILE,
        &inbox::NATS_NKEY_FILE,
        &inbox::NATS_TOKEN_FILE,
        &inbox::NATS_PASSWORD_FILE,
    ];
    let set: Vec<_> = forms.into_iter().filter_map(|key| r.origin(key)).collect();
    if let [one, other, ..] = &set[..] {
        let what = format!("is another credential than {one}");
        return Err(r.report.problem(other, what, "keep one of them"));
    }
    let user = r.optional(&inbox::NATS_USERNAME)?;
    let password = file(r, &inbox::NATS_PASSWORD_FILE)?;
    let (credentials, origin) = match (user, password) {
        (Some(user), Some((password_file, origin))) => {
            (NatsCredentials::UserPassword { user: user.value, password_file }, Some(origin))
        }
        (Some(user), None) => {
            let what = "is set without its password";
            return Err(r.report.problem(&user.origin, what, "add password_file to [inbox.nats]"));
        }
        (None, Some((_, origin))) => {
            let what = "is set without the user's name";
            return Err(r.report.problem(&origin, what, "add username to [inbox.nats]"));
        }
        (None, None) => {
            if let Some((file, origin)) = file(r, &inbox::NATS_CREDENTIALS_FILE)? {
                (NatsCredentials::CredsFile(file), Some(origin))
            } else if let Some((file, origin)) = file(r, &inbox::NATS_NKEY_FILE)? {
                (NatsCredentials::NkeyFile(file), Some(origin))
            } else if let Some((file, origin)) = file(r, &inbox::NATS_TOKEN_FILE)? {
                (NatsCredentials::TokenFile(file), Some(origin))
            } else {
                (NatsCredentials::None, None)
            }
        }
    };
    if let Some(origin) = origin {
        check_content(r, &credentials, &origin)?;
    }
    Ok(credentials)
}

fn file<V: ValueType<Value = PathBuf>>(
    r: &mut Resolver<'_>,
    setting: &Setting<V>,
) -> Found<Option<(PathBuf, Origin)>> {
    Ok(r.optional(setting)?.map(|file| (file.value, file.origin)))
}

/// Reads the file once, so that a mistake is found before NATS refuses it.
fn check_content(r: &mut Resolver<'_>, credentials: &NatsCredentials, origin: &Origin) -> Found<()> {
    let Some(path) = credentials.file() else { return Ok(()) };
    let content = token::content_of(
        path,
        origin,
        MAX_CREDENTIALS_FILE,
        "put the credential into it",
        &mut r.report,
    )?;
    token::warn_if_all_read(path, "a secret", origin, &mut r.report);
    credentials
        .check(&content)
        .map_err(|error| r.report.problem(origin, format!("{} {error}", path.display()), error.hint()))
}

/// The certificate for NATS, with its key.
fn certificate(r: &mut Resolver<'_>) -> Found<Option<(PathBuf, PathBuf)>> {
    let certificate = r.optional(&inbox::NATS_CERTIFICATE);
    let key = r.optional(&inbox::NATS_PRIVATE_KEY);
    let (certificate, key) = (certificate?, key?);
    let names: [&Key; 2] = [&inbox::NATS_CERTIFICATE, &inbox::NATS_PRIVATE_KEY];
    secure::identity(r, certificate.as_ref(), key.as_ref(), names)?;
    Ok(certificate.zip(key).map(|(certificate, key)| (certificate.value, key.value)))
}

/// Checks that the servers agree about TLS, and that there is a CA for it.
fn check_tls(
    r: &mut Resolver<'_>,
    servers: &[NatsServer],
    ca: Option<&Sourced<PathBuf>>,
    store: &Origin,
) -> Found<()> {
    let uses_tls = servers.iter().any(|server| server.tls);
    if uses_tls && !servers.iter().all(|server| server.tls) {
        let what = "names servers with nats:// and with tls://";
        return Err(r.report.problem(store, what, "make all of them tls://"));
    }
    match ca {
        Some(ca) => {
            roots_in(&ca.value).map_err(|error| r.file_problem(&ca.origin, error))?;
        }
        None if uses_tls => {
            secure::of_system(r, store, "name the CA of the servers' certificates in inbox.nats.ca")?;
        }
        None => {}
    }
    let of_tls: [&Key; 2] = [&inbox::NATS_CA, &inbox::NATS_CERTIFICATE];
    for origin in
        of_tls.into_iter().filter_map(|key| r.origin(key)).filter(|_| !uses_tls).collect::<Vec<_>>()
    {
        let what = "is for servers with tls://, and inbox.store names servers with nats://";
        r.report.problem(&origin, what, "make inbox.store tls://, or remove this");
    }
    Ok(())
}

/// The sender has got its 202, and nobody else has the event.
fn warn_of_one_replica(r: &mut Resolver<'_>, replicas: Option<&usize>) {
    if replicas == Some(&1) {
        let origin = r.origin_or_default(&inbox::NATS_REPLICAS);
        let what = "stores each event on one NATS server only: with its disk, events are lost that senders got 202 for";
        r.report.warning(&origin, what, "set it to 3, with a cluster of three servers");
    }
}

/// Stored events are the senders' data, and a password is a password.
fn warn_of_plain_text(
    r: &mut Resolver<'_>,
    servers: &[NatsServer],
    credentials: &NatsCredentials,
    store: &Origin,
) {
    let is_near = |server: &NatsServer| {
        server.host == "localhost" || server.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    };
    let far = servers.iter().find(|server| !server.tls && !is_near(server));
    if let Some(server) = far {
        let and_secret = match credentials {
            NatsCredentials::TokenFile(_) => ", and the token,",
            NatsCredentials::UserPassword { .. } => ", and the password,",
            _ => "",
        };
        let what =
            format!("{server} gets events{and_secret} without encryption unless it demands TLS itself");
        r.report.warning(store, what, "use tls://, or a server on this machine");
    }
}

//! Tests of what the kernel allows in the sandbox. Landlock applies only to the calling thread, so each test enters the
//! sandbox in a thread of its own.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::*;
use crate::config::{Environment, SettingsArgs, load};
use crate::inbox::{EventId, NewEvent, SqliteStore, Store, StoredRequest};

/// A folder with the files that the settings name, and these settings.
struct Sources {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Sources {
    fn new(upstream: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        let file = |name: &str, content: String| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let variables = vec![
            ("CLAWGATE_CERT", file("server.pem", certificate.clone())),
            ("CLAWGATE_KEY", file("server.key", key.serialize_pem())),
            ("CLAWGATE_CLIENT_CA", file("ca.pem", certificate)),
            ("CLAWGATE_UPSTREAM", upstream.to_owned()),
        ];
        Self { folder, variables }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn settings(&self) -> Settings {
        let environment: Environment = self.variables.iter().cloned().collect();
        let settings = load(&SettingsArgs::default(), &environment, SystemTime::now());
        settings.unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// Runs `probe` in the sandbox of these settings, and returns its result.
    fn within<T: Send>(&self, probe: impl FnOnce() -> T + Send) -> T {
        let settings = self.settings();
        let inside = || {
            let sandbox = Sandbox::enter(&settings, &settings.files);
            assert!(sandbox.holds, "this kernel has no Landlock, so nothing can be tested");
            probe()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }
}

fn is_denied<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// What a thread may do in `folder`, and with the file `there` in it.
fn allowed_in(folder: &Path) -> Vec<&'static str> {
    let (there, new) = (folder.join("there"), folder.join("new"));
    let open = || OpenOptions::new();
    // The attempts that remove the file come last.
    let attempts = [
        ("read", fs::read(&there).map(drop)),
        ("list", fs::read_dir(folder).map(drop)),
        ("write", open().write(true).open(&there).map(drop)),
        ("append", open().append(true).open(&there).map(drop)),
        ("truncate", open().write(true).truncate(true).open(&there).map(drop)),
        ("create", open().write(true).create_new(true).open(&new).map(drop)),
        ("make a folder", fs::create_dir(folder.join("folder"))),
        ("make a symbolic link", symlink("/", folder.join("link"))),
        ("rename", fs::rename(&there, folder.join("renamed")).and_then(|()| fs::write(&there, "x"))),
        ("remove", fs::remove_file(&there)),
    ];
    let is_allowed = |(what, result): (&'static str, io::Result<()>)| match result {
        Ok(()) => Some(what),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => panic!("{what}: {error}"),
    };
    attempts.into_iter().filter_map(is_allowed).collect()
}

fn with_a_file() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("there"), "x").unwrap();
    folder
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn all_the_attempts_succeed_without_a_sandbox() {
    assert_eq!(allowed_in(with_a_file().path()).len(), 10);
}

#[test]
fn only_the_ports_of_upstreams_can_be_connected_to() {
    let ((_upstream, upstream), (_other, other)) = (listener(), listener());

    let results = Sources::new(&format!("http://127.0.0.1:{upstream}"))
        .within(|| [upstream, other].map(|port| TcpStream::connect(("127.0.0.1", port))));

    let [to_upstream, to_other] = results;
    assert!(to_upstream.is_ok(), "{to_upstream:?}");
    assert!(is_denied(to_other), "another port was connected to");
}

#[test]
fn without_an_upstream_nothing_can_be_connected_to() {
    let (_listener, port) = listener();

    let result = Sources::new("echo:").within(|| TcpStream::connect(("127.0.0.1", port)));

    assert!(is_denied(result), "a port was connected to");
}

#[test]
fn no_port_can_be_listened_on_even_that_of_an_upstream() {
    let (_upstream, upstream) = listener();

    let results = Sources::new(&format!("http://127.0.0.1:{upstream}"))
        .within(|| [0, upstream].map(|port| TcpListener::bind(("127.0.0.2", port))));

    assert!(results.into_iter().all(is_denied), "a port was listened on");
}

#[test]
fn only_the_folders_of_the_files_can_be_read() {
    let elsewhere = with_a_file();
    let sources = Sources::new("echo:");
    fs::write(sources.folder.path().join("there"), "x").unwrap();

    let (own, other, system) = sources.within(|| {
        let own = allowed_in(sources.folder.path());
        (own, allowed_in(elsewhere.path()), fs::read("/etc/passwd"))
    });

    assert_eq!(own, ["read", "list"]);
    assert_eq!(other, [""; 0]);
    assert!(is_denied(system), "/etc/passwd was read");
}

#[test]
fn what_can_be_read_is_what_links_lead_to() {
    let (folder, elsewhere) = (with_a_file(), with_a_file());
    symlink(elsewhere.path().join("there"), folder.path().join("link")).unwrap();
    let files = BTreeSet::from([folder.path().canonicalize().unwrap()]);
    let permissions = Permissions { files, ..Permissions::default() };
    let allowed = |name: &str| permissions.allow_reading(&folder.path().join(name));

    assert_eq!(["there", "link", "absent"].map(allowed), [true, false, true]);
}

#[test]
fn the_systems_cas_can_be_read_if_an_upstream_is_verified_with_them() {
    let sources = Sources::new("echo:");
    let ca = sources.folder.path().join("ca.pem").display().to_string();
    let can_read = |sources: Sources| sources.within(|| fs::read_dir("/etc/ssl").is_ok());

    assert!(can_read(Sources::new("https://127.0.0.1:1")));
    assert!(!can_read(Sources::new("https://127.0.0.1:1").with("CLAWGATE_UPSTREAM_CA", ca)));
    assert!(!can_read(Sources::new("http://127.0.0.1:1")));
}

#[test]
fn a_key_log_can_be_written_in_its_folder_and_nowhere_else() {
    let (folder, elsewhere) = (with_a_file(), with_a_file());
    let key_log = folder.path().join("keys").display().to_string();
    let sources = Sources::new("echo:").with("CLAWGATE_KEY_LOG", "true").with("SSLKEYLOGFILE", key_log);
    fs::write(sources.folder.path().join("there"), "x").unwrap();

    let [own, files, other] = sources
        .within(|| [&folder, &sources.folder, &elsewhere].map(|folder| allowed_in(folder.path())));

    assert_eq!(own, ["read", "list", "write", "append", "create"]);
    assert_eq!(files, ["read", "list"]);
    assert_eq!(other, [""; 0]);
}

/// The settings with a route that stores events in `database`.
fn storing_in(sources: Sources, database: &Path) -> Sources {
    let toml = sources.folder.path().join("gate.toml");
    fs::write(&toml, "[[route]]\npath = \"/hooks/\"\ndelivery = \"inbox\"\n").unwrap();
    sources
        .with("CLAWGATE_CONFIG", toml.display().to_string())
        .with("CLAWGATE_INBOX", database.display().to_string())
}

#[test]
fn the_inbox_can_be_written_in_its_folder_and_nowhere_else() {
    let (folder, elsewhere) = (with_a_file(), with_a_file());
    let sources = storing_in(Sources::new("echo:"), &folder.path().join("inbox.db"));
    fs::write(sources.folder.path().join("there"), "x").unwrap();

    let [own, files, other] = sources
        .within(|| [&folder, &sources.folder, &elsewhere].map(|folder| allowed_in(folder.path())));

    assert_eq!(own, ["read", "list", "write", "append", "truncate", "create", "rename", "remove"]);
    assert_eq!(files, ["read", "list"]);
    assert_eq!(other, [""; 0]);
}

#[test]
fn events_are_stored_in_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let sources = storing_in(Sources::new("echo:"), &folder.path().join("box/inbox.db"));
    let settings = sources.settings().startup.inbox.unwrap();
    let event = |number| NewEvent {
        id: EventId::new(SystemTime::now(), [number; 10]),
        route: Arc::from("/hooks/"),
        principal: Arc::from("certificate:a"),
        key: None,
        idempotency_key: format!("cg-{number}"),
        received: SystemTime::now(),
        request: StoredRequest {
            method: Method::POST,
            target: Uri::from_static("/hooks/wake"),
            headers: HeaderMap::new(),
            // More than fits into the database's cache.
            body: Bytes::from(vec![number; 1 << 20]),
        },
    };

    let waiting = sources.within(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut waiting = 0;
            // The second time there is a database.
            for round in 0..2 {
                let (store, _) =
                    SqliteStore::open(settings.place.database().unwrap(), &settings).unwrap();
                assert!(store.may_deliver().await.unwrap());
                for number in 0..4 {
                    store.append(event(4 * round + number)).await.unwrap();
                }
                waiting = store.totals().await.unwrap().routes[0].waiting;
            }
            waiting
        })
    });

    assert_eq!(waiting, 8);
}

#[test]
fn the_folder_of_the_inbox_is_made_for_this_user_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/inbox");
    let sources = storing_in(Sources::new("echo:"), &folder.join("inbox.db"));

    let written = sources.within(|| fs::write(folder.join("inbox.db"), "x"));

    assert!(written.is_ok(), "{written:?}");
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn without_a_route_that_stores_events_no_folder_of_an_inbox_can_be_written() {
    let folder = with_a_file();
    let database = folder.path().join("inbox.db").display().to_string();

    let allowed =
        Sources::new("echo:").with("CLAWGATE_INBOX", database).within(|| allowed_in(folder.path()));

    assert_eq!(allowed, [""; 0]);
}

#[test]
fn the_admin_socket_can_be_removed_but_not_replaced() {
    let folder = with_a_file();
    let socket = folder.path().join("admin.sock").display().to_string();

    let allowed = Sources::new("echo:")
        .with("CLAWGATE_ADMIN", format!("unix:{socket}"))
        .within(|| allowed_in(folder.path()));

    assert_eq!(allowed, ["remove"]);
}

#[test]
fn no_program_can_be_started() {
    let result = Sources::new("echo:").within(|| Command::new("/bin/true").status());

    assert!(is_denied(result), "a program was started");
}

#[test]
fn no_other_process_can_be_signalled() {
    /// Ends the process, whether or not the test succeeds.
    struct Other(Child);
    impl Drop for Other {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let other = Other(Command::new("sleep").arg("60").spawn().unwrap());
    let id = Pid::from_child(&other.0);
    test_kill_process(id).unwrap();

    let result = Sources::new("echo:").within(|| test_kill_process(id));

    assert_eq!(result, Err(rustix::io::Errno::PERM));
}

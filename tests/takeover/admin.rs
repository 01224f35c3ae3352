//! An upgrade where the admin listener is a unix socket.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{StopOnDrop, at};
use crate::support::TIMEOUT;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// The folder of the socket alone, and the socket.
fn socket(pki: &Pki) -> (PathBuf, PathBuf) {
    let folder = pki.dir().join("run");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("admin.sock");
    (folder, path)
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

fn first(pki: &Pki, path: &Path) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--admin", unix(path)).start()
}

/// One that takes over from `clawgate`.
fn next(pki: &Pki, clawgate: &Clawgate, path: &Path) -> ClawgateCommand {
    let command = at(pki, clawgate.address()).upstream("echo:").arg("--takeover", "true");
    command.arg("--admin", unix(path))
}

/// What is answered to a GET of `what`; an error where nobody listens.
fn ask(path: &Path, what: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_socket_is_the_new_clawgates_from_its_start_on_and_stays_when_the_old_one_ends() {
    let pki = Pki::new();
    let (folder, path) = socket(&pki);
    let mut old = first(&pki, &path);

    let mut new = next(&pki, &old, &path).start();

    assert_eq!(names(&folder), ["admin.sock"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(old.stop().code(), Some(0));
    let answer = ask(&path, "/livez").expect("the old process took the new one's socket away");
    assert!(answer.ends_with("alive\n"), "{answer}");
    assert_eq!(new.stop().code(), Some(0));
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn whoever_asks_during_a_takeover_is_answered() {
    let pki = Pki::new();
    let (_, path) = socket(&pki);
    let mut clawgate = first(&pki, &path);
    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        let asking = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let answer = ask(&path, "/livez").map_err(|error| error.to_string())?;
                if !answer.ends_with("alive\n") {
                    return Err(answer);
                }
                answered.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        let more = |by: usize| {
            let goal = answered.load(Ordering::SeqCst) + by;
            eventually("answers", || {
                (asking.is_finished() || answered.load(Ordering::SeqCst) >= goal).then_some(())
            });
        };
        for _ in 0..3 {
            more(20);
            let new = next(&pki, &clawgate, &path).start();
            // What was asked of the old one has been answered.
            more(2);
            assert_eq!(clawgate.stop().code(), Some(0));
            clawgate = new;
        }
        more(20);
        stop.store(true, Ordering::SeqCst);
        assert_eq!(asking.join().unwrap(), Ok(()));
    });
}

#[test]
fn the_socket_of_another_service_is_not_taken_over() {
    let pki = Pki::new();
    let (folder, path) = socket(&pki);
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let other = UnixListener::bind(&path).unwrap();
    let answering = thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        other
    });

    let refused = next(&pki, &clawgate, &path).refused();

    assert_eq!(refused.code, Some(1), "{refused:?}");
    let said = "(admin.address): the process that listens there does not answer as clawgate does";
    assert!(refused.stderr.contains(said) && refused.stderr.contains("hint: stop"), "{refused:?}");
    let _other = answering.join().unwrap();
    UnixStream::connect(&path).expect("it has its socket still");
    assert_eq!(names(&folder), ["admin.sock"]);
}

#[test]
fn with_takeover_and_no_other_process_the_socket_is_bound_as_usual() {
    let pki = Pki::new();
    let (folder, path) = socket(&pki);
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    // What a clawgate without an orderly end has left.
    drop(UnixListener::bind(&path).unwrap());

    let mut new = next(&pki, &clawgate, &path).start();

    assert!(ask(&path, "/livez").unwrap().ends_with("alive\n"));
    new.stop();
    assert_eq!(names(&folder), [""; 0]);
}

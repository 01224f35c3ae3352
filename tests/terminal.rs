//! The log on a terminal.

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// The block of lines of the first event named `name`: its first line and those that are indented below it.
fn block(clawgate: &Clawgate, name: &str) -> Vec<String> {
    eventually("the event in the log", || {
        let lines: Vec<_> = clawgate.lines().iter().map(|line| line.trim_end().to_owned()).collect();
        let first = lines.iter().position(|line| line.contains(name))?;
        let rest = lines[first + 1..].iter().position(|line| !without_colours(line).starts_with("   "));
        // The block is complete when the next one has begun, or its last line has come.
        let end = match rest {
            Some(rest) => first + 1 + rest,
            None if lines.last()?.contains("SHA-256") || lines.last()?.contains("nearest") => {
                lines.len()
            }
            None => return None,
        };
        Some(lines[first..end].to_vec())
    })
}

fn without_colours(line: &str) -> String {
    let mut text = String::new();
    let mut in_escape = false;
    for c in line.chars() {
        match (in_escape, c) {
            (false, '\u{1b}') => in_escape = true,
            (false, c) => text.push(c),
            (true, 'm') => in_escape = false,
            (true, _) => {}
        }
    }
    text
}

#[test]
fn a_refused_client_is_explained_in_colour_within_the_width_of_the_terminal() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start_on_terminal(90);
    let expired = pki.client(Leaf::client("meeting-notes").valid(-2, -1));

    Client::with_identity(&pki, &clawgate, &expired).refused();

    let lines = block(&clawgate, "handshake_failed");
    assert!(lines[0].contains("\u{1b}["), "{lines:?}");
    let plain: Vec<_> = lines.iter().map(|line| without_colours(line)).collect();
    assert!(plain[0].contains("WARN  handshake_failed  client_cert_expired  127.0.0.1:"), "{plain:?}");
    assert!(plain.iter().any(|line| line.starts_with("          -> ")), "{plain:?}");
    assert!(plain.iter().all(|line| line.chars().count() <= 90), "{plain:?}");
    assert!(!plain.concat().contains("elapsed_ms"), "{plain:?}");
}

#[test]
fn no_colour_is_used_where_no_color_is_set() {
    let pki = Pki::new();

    let clawgate =
        ClawgateCommand::new(&pki).upstream("echo:").env("NO_COLOR", "1").start_on_terminal(90);

    assert!(clawgate.lines().iter().all(|line| !line.contains('\u{1b}')), "{:?}", clawgate.lines());
}

#[test]
fn v_shows_every_field() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").word("-v").start_on_terminal(90);

    assert!(Client::new(&pki, &clawgate).connect().unwrap().is_answered_at("/hooks/wake"));

    eventually("all fields of the request", || {
        let text = clawgate.lines().join(" ");
        text.contains("tls_version=TLSv1.3").then_some(())
    });
}

//! `clawgate top`: the same for a terminal.

use super::text;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

#[test]
fn top_prints_once_what_the_console_shows() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]).refused();
    clawgate.event("handshake_failed", 1);

    let output = ClawgateCommand::bare("top").arg("--admin", clawgate.admin().to_string()).output();

    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with("clawgate: all well\n"), "{output:?}");
    assert!(
        output.stdout.contains("REFUSED CLIENTS (1)\n  127.0.0.1 client_cert_missing"),
        "{output:?}"
    );
    assert!(text(clawgate.admin(), "/console.txt").contains("EXPIRES\n  "));
}

#[test]
fn top_says_what_it_needs() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in\n");
    let clawgate =
        ClawgateCommand::new(&pki).upstream("echo:").arg("--admin-token-file", &token).admin().start();
    let top = || ClawgateCommand::bare("top").arg("--admin", clawgate.admin().to_string());

    let refused = top().output();
    let shown = top().arg("--admin-token-file", &token).output();

    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("requires a token"), "{refused:?}");
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let absent = ClawgateCommand::bare("top").arg("--admin", "unix:/nowhere/admin.sock").output();
    assert!(absent.code == Some(1) && absent.stderr.contains("nothing answers"), "{absent:?}");
}

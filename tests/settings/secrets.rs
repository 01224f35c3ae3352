//! What is secret stays out of everything that is printed.

use super::{command, config, refused};
use crate::support::backend::Backend;
use crate::support::gate::GateCommand;
use crate::support::pki::Pki;
use crate::support::sender::Sender;

const TOKEN: &str = "hush-0123456789abcdef";

#[test]
fn check_says_where_the_token_comes_from_and_not_what_it_is() {
    let pki = Pki::new();
    let file = pki.file("hook-token", TOKEN);

    let from_file = command("check", &pki).arg("--hook-token-file", &file).output();
    let from_variable = command("check", &pki).env("CLAWGATE_HOOK_TOKEN", TOKEN).output();

    for (output, origin) in
        [(&from_file, file.to_str().unwrap()), (&from_variable, "CLAWGATE_HOOK_TOKEN")]
    {
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("token injected: yes, from "), "{output:?}");
        assert!(output.stdout.contains(origin), "{output:?}");
        assert!(!format!("{output:?}").contains(TOKEN), "{output:?}");
    }
}

#[test]
fn no_log_line_holds_a_token_whatever_the_level() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| exchange.answer("401 Unauthorized", "text/plain", "no"));
    let mut gate = command("run", &pki)
        .arg("--upstream", backend.url())
        .arg("--log-level", "trace")
        .env("CLAWGATE_HOOK_TOKEN", TOKEN)
        .start();
    let senders_own = "senders-own-secret";
    let post = |path: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\
             Authorization: Bearer {senders_own}\r\nX-OpenClaw-Token: {senders_own}\r\n\r\n{{}}"
        );
        Sender::new(&pki, &gate).send(&request)
    };

    assert_eq!(post("/hooks/wake").status, 401);
    assert_eq!(post(&format!("/hooks/wake?token={senders_own}")).reason(), "token_in_query");

    assert_eq!(backend.first().value("authorization"), Some(&*format!("Bearer {TOKEN}")));
    gate.event("request", 2);
    assert!(gate.stop().success());
    for line in gate.lines() {
        assert!(!line.contains(TOKEN) && !line.contains(senders_own), "{line}");
    }
}

#[test]
fn a_token_that_cannot_be_sent_is_refused_and_not_quoted() {
    let pki = Pki::new();
    let with_blank = TOKEN.replace('-', " ");
    let in_file = pki.file("hook-token", &with_blank);
    let in_config = config(&pki, "gate.toml", &format!("upstream.token = \"{with_blank}\""));

    for command in [
        command("run", &pki).env("CLAWGATE_HOOK_TOKEN", &with_blank),
        command("run", &pki).arg("--hook-token-file", in_file),
        GateCommand::bare("run").arg("--config", in_config),
    ] {
        let output = command.refused();
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.stderr.contains("has a blank"), "{output:?}");
        assert!(!format!("{output:?}").contains("0123456789"), "{output:?}");
    }
}

#[test]
fn a_token_in_a_line_that_is_not_toml_is_not_quoted() {
    let pki = Pki::new();
    let file = config(&pki, "gate.toml", &format!("upstream.token = {TOKEN}"));

    let output = GateCommand::bare("check").arg("--config", file).output();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("gate.toml:4"), "{output:?}");
    assert!(!format!("{output:?}").contains("0123456789"), "{output:?}");
}

#[test]
fn an_empty_token_file_is_refused() {
    let pki = Pki::new();
    for (name, content) in [("nothing", ""), ("newline", "\n")] {
        let file = pki.file(name, content);
        let parts = ["--hook-token-file", file.to_str().unwrap(), "is empty", "mend: put OpenClaw's"];
        refused(command("run", &pki).arg("--hook-token-file", &file), &parts);
    }
}

#[test]
fn a_token_file_that_is_not_there_is_refused() {
    let pki = Pki::new();
    let file = pki.dir().join("hook-token");

    let parts = ["--hook-token-file", file.to_str().unwrap(), "cannot read", "mend: name a file"];
    refused(command("run", &pki).arg("--hook-token-file", &file), &parts);
}

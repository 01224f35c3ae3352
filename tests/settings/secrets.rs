//! Secrets do not appear in anything that is printed.

use super::{command, config, refused};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::ClawgateCommand;

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
    let mut clawgate = command("run", &pki)
        .arg("--upstream", backend.url())
        .arg("--log-level", "trace")
        .env("CLAWGATE_HOOK_TOKEN", TOKEN)
        .start();
    let clients_own = "clients-own-secret";
    let post = |path: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\
             Authorization: Bearer {clients_own}\r\nX-OpenClaw-Token: {clients_own}\r\n\r\n{{}}"
        );
        Client::new(&pki, &clawgate).send(&request)
    };

    assert_eq!(post("/hooks/wake").status, 401);
    assert_eq!(post(&format!("/hooks/wake?token={clients_own}")).reason(), "token_in_query");

    assert_eq!(backend.first().value("authorization"), Some(&*format!("Bearer {TOKEN}")));
    clawgate.event("request", 2);
    assert!(clawgate.stop().success());
    for line in clawgate.lines() {
        assert!(!line.contains(TOKEN) && !line.contains(clients_own), "{line}");
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
        ClawgateCommand::bare("run").arg("--config", in_config),
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

    let output = ClawgateCommand::bare("check").arg("--config", file).output();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stderr.contains("gate.toml:4"), "{output:?}");
    assert!(!format!("{output:?}").contains("0123456789"), "{output:?}");
}

#[test]
fn an_empty_token_file_is_refused() {
    let pki = Pki::new();
    for (name, content) in [("nothing", ""), ("newline", "\n")] {
        let file = pki.file(name, content);
        let parts = ["--hook-token-file", file.to_str().unwrap(), "is empty", "hint: put OpenClaw's"];
        refused(command("run", &pki).arg("--hook-token-file", &file), &parts);
    }
}

#[test]
fn a_token_file_that_is_not_there_is_refused() {
    let pki = Pki::new();
    let file = pki.dir().join("hook-token");

    let parts = ["--hook-token-file", file.to_str().unwrap(), "cannot read", "hint: name a file"];
    refused(command("run", &pki).arg("--hook-token-file", &file), &parts);
}

/// Everything that the program prints about these settings, whichever way it is asked.
fn everything_printed(pki: &Pki, settings: &[(&str, &str)]) -> String {
    let with = |command: ClawgateCommand| {
        settings.iter().fold(command, |command, (name, value)| command.env(name, *value))
    };
    let asked = |subcommand: &str| format!("{:?}", with(command(subcommand, pki)).output());
    let certificate = pki.file("client.pem", pki.client.chain_pem());
    let explained = with(command("explain", pki)).word(certificate).output();
    format!(
        "{}{}{explained:?}{:?}",
        asked("check"),
        asked("doctor"),
        with(command("run", pki)).refused()
    )
}

#[test]
fn a_token_in_the_wrong_place_is_not_printed() {
    let pki = Pki::new();
    let file = pki.file("token", format!("{TOKEN}\n"));
    let file = file.to_str().unwrap();
    for settings in [
        &[("CLAWGATE_UPSTREAM", &*format!("http://127.0.0.1:1/?token={TOKEN}"))][..],
        &[("CLAWGATE_UPSTREAM", &*format!("http://claw:{TOKEN}@127.0.0.1:1"))],
        &[("CLAWGATE_TRACE_ENDPOINT", &*format!("http://127.0.0.1:1/?key={TOKEN}"))],
        &[("CLAWGATE_ALLOW", TOKEN)],
        &[("CLAWGATE_ALLOW", &*format!("cn=a; {TOKEN}=b"))],
        &[("CLAWGATE_DENYLIST", file)],
        &[("CLAWGATE_CRL", file)],
        &[("CLAWGATE_KEY", TOKEN)],
        &[("CLAWGATE_LISTEN", TOKEN)],
        &[("CLAWGATE_CONFIG", file)],
        &[("CLAWGATE_CONFIG", TOKEN)],
    ] {
        let printed = everything_printed(&pki, settings);
        assert!(printed.contains("in the settings"), "{printed}");
        assert!(!printed.contains("0123456789"), "{settings:?}: {printed}");
    }
}

#[test]
fn a_key_in_place_of_its_files_name_is_not_printed() {
    let pki = Pki::new();
    let key = pki.server.key.serialize_pem();
    let body = key.lines().nth(1).unwrap();
    for value in [&key, body, &data_encoding::BASE64.encode(key.as_bytes())] {
        let output = command("run", &pki).env("CLAWGATE_KEY", value).refused();
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.stderr.contains("its name is not shown, since it may be a secret"), "{output:?}");
        assert!(!output.stderr.contains(&body[..20]) && !output.stderr.contains("LS0t"), "{output:?}");
    }
}

#[test]
fn a_failed_reload_writes_no_token_to_log_or_admin_listener() {
    let pki = Pki::new();
    let list = pki.file("denied", "");
    let clawgate =
        command("run", &pki).without_env("CLAWGATE_ADMIN").admin().arg("--denylist", &list).start();
    pki.file("denied", TOKEN);
    clawgate.signal("HUP");

    let failed = clawgate.event("reload_failed", 1);
    assert!(failed["detail"].as_str().unwrap().contains("line 1: is none of"), "{failed}");
    let status = plain::get(clawgate.admin(), "/status").json();
    assert!(status.to_string().contains("line 1: is none of"), "{status}");
    assert!(!format!("{failed}{status}").contains("0123456789"));
}

//! Which settings `explain` needs, and what it says about wrong ones.

use super::super::{json, says};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::ClawgateCommand;

#[test]
fn the_client_cas_are_all_that_explaining_a_certificate_needs() {
    let pki = Pki::new();
    let ca = pki.file("ca.pem", pki.root.pem());
    let (certificate, _) = pki.files("client", &pki.client);

    let command = ClawgateCommand::bare("explain").arg("--client-ca", ca);
    let output = command.word(certificate).output();

    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    says(&output.stdout, &["\nadmitted ("]);
}

#[test]
fn files_of_the_server_the_upstream_and_the_log_are_not_read_to_explain_a_certificate() {
    let pki = Pki::new();
    pki.file("ca.pem", pki.root.pem());
    let (certificate, _) = pki.files("client", &pki.client);
    let settings = r#"
        tls = { certificate = "none.pem", private_key = "none.key", ocsp = "none.der" }
        clients = { ca = "ca.pem", allow = ["cn=notes"] }
        upstream = { url = "https://localhost:1", ca = "none.pem", token_file = "none.token" }
        admin = { address = "0.0.0.0:9443", token_file = "none.token" }
        [[route]]
        path = "/hooks/wake"
        allow = ["cn=somebody-else"]
        token_file = "none.token"
    "#;
    let config = pki.file("clawgate.toml", settings);

    let command = ClawgateCommand::bare("explain").arg("--config", config).dir(pki.dir());
    let explained = json(command, &certificate);

    assert_eq!(explained["verdict"], "admitted");
    assert_eq!(explained["routes"][0]["path"], "/hooks/wake");
    assert_eq!(explained["routes"][0]["may_use"], false);
}

#[test]
fn a_route_says_whether_its_requests_must_be_signed() {
    let pki = Pki::new();
    pki.file("ca.pem", pki.root.pem());
    let (certificate, _) = pki.files("client", &pki.client);
    let settings = r#"
        clients.ca = "ca.pem"
        [[route]]
        path = "/both"
        verify = { scheme = "github", secret_file = "none" }
        [[route]]
        path = "/signature"
        authenticate = "signature"
        verify = { scheme = "github", secret_file = "none" }
        [[route]]
        path = "/either"
        authenticate = "either"
        verify = { scheme = "github", secret_file = "none" }
    "#;
    let config = pki.file("clawgate.toml", settings);

    let command = ClawgateCommand::bare("explain").arg("--config", config).dir(pki.dir());
    let explained = json(command, &certificate);

    let route = |place: usize| {
        let route = &explained["routes"][place];
        format!("{} {}", route["may_use"], route["detail"].as_str().unwrap())
    };
    assert_eq!(route(0), "true open to every client that is admitted; its requests must also be signed");
    assert_eq!(route(1), "false only for signed requests of clients without a certificate");
    assert_eq!(route(2), "true open to every client that is admitted");
}

#[test]
fn an_intermediate_of_the_servers_chain_is_known_though_its_key_cannot_be_read() {
    let pki = Pki::new();
    let ca = pki.file("ca.pem", pki.root.pem());
    let (server, _) = pki.files("server", &pki.server);
    let alone = Leaf::client("notes").issued_by(&pki.intermediate, &[]);
    let (certificate, _) = pki.files("alone", &alone);
    let explain = || ClawgateCommand::bare("explain").arg("--client-ca", &ca);

    let without = json(explain(), &certificate);
    let with = json(explain().arg("--cert", server).arg("--key", "none.key"), &certificate);

    assert_eq!(with["reason"], "client_chain_incomplete", "{with}");
    assert_ne!(without["detail"], with["detail"]);
}

#[test]
fn a_path_that_could_never_match_is_an_error_with_a_hint_when_a_certificate_is_explained() {
    let pki = Pki::new();
    let ca = pki.file("ca.pem", pki.root.pem());
    let (certificate, _) = pki.files("client", &pki.client);
    for (path, what, hint) in [
        ("/hooks/*", "`*` is no wildcard here", "write `/hooks/` to open all below it"),
        (
            "/hooks/{name}",
            "placeholders and expressions are unknown here",
            "write `/hooks/` to open all",
        ),
        ("/hooks/wake?x=1", "it has a query", "write `/hooks/wake`: it takes every query"),
        (
            "https://clawgate.example/hooks/",
            "does not begin with `/`",
            "write the path alone, without scheme and host",
        ),
        ("/hooks/../x", "it has a dot segment", "write an absolute path"),
    ] {
        let command = ClawgateCommand::bare("explain").arg("--client-ca", &ca).arg("--path", path);
        let output = command.word(&certificate).output();

        assert_eq!(output.code, Some(78), "{path}: {output:?}");
        says(&output.stderr, &["--path", what, &format!("hint: {hint}")]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_absolute_path_and_the_working_folder() {
    let pki = Pki::new();
    let ca = pki.file("ca.pem", pki.root.pem());
    let folder = pki.dir().display().to_string();
    let explain = || ClawgateCommand::bare("explain").dir(pki.dir());
    for command in [
        explain().arg("--client-ca", &ca).word("none.pem"),
        explain().arg("--client-ca", &ca).word("certs/none.pem"),
        explain().arg("--client-ca", "none.pem").word("x.pem"),
        explain().arg("--config", "none.toml").word("x.pem"),
        explain().arg("--config", "clawgate").word("x.pem"),
    ] {
        let output = command.output();
        let said = &output.stderr;
        assert!(said.contains("(absolute path: "), "{said}");
        let whole = said.split_once("(absolute path: ").unwrap().1;
        assert!(whole.starts_with(&folder), "{said}");
        says(said, &[&format!("; working directory: {folder})"), "No such file"]);
    }
}

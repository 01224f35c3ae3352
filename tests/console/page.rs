//! The page: its panels, its headers, and who may see it.

use super::{client, page_with, panel, text, with_inbox};
use crate::inbox::support::post;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::plain;
use crate::support::process::ClawgateCommand;

#[test]
fn a_clawgate_without_any_fault_says_that_all_is_well() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    let page = text(clawgate.admin(), "/");

    assert!(page.contains("<p class=\"state\">all well</p>"), "{page}");
    for id in ["refusals", "inbox", "dead", "events", "signatures", "duplicates", "expiry", "seen"] {
        assert!(panel(&page, id).contains("<h2"), "{id}");
    }
    assert!(
        panel(&page, "rates").contains("The first value comes")
            && panel(&page, "doctor").contains("/actions/doctor")
    );
}

#[test]
fn nothing_may_be_loaded_from_elsewhere_and_nobody_may_show_the_page() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    for path in ["/", "/console.css", "/console.js"] {
        let answer = plain::get(clawgate.admin(), path);
        let header = |name: &str| answer.header(name).unwrap_or_default();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!((answer.status, header("x-content-type-options")), (200, "nosniff"));
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    }
    assert_eq!(plain::get(clawgate.admin(), "/").header("cache-control"), Some("no-store"));
    let page = text(clawgate.admin(), "/");
    for inline in ["<style", " style=", " onclick", "http://", "https://"] {
        assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(inline), "{inline}");
    }
}

#[test]
fn an_unchanged_style_sheet_is_not_sent_again() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let tag = plain::get(clawgate.admin(), "/console.css").header("etag").unwrap().to_owned();

    let request = format!(
        "GET /console.css HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n"
    );

    let again = plain::exchange(clawgate.admin(), request.as_bytes()).unwrap();
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn refusals_are_grouped_by_client_and_reason_and_can_be_searched() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let expired = pki.client(Leaf::client("expired-one").valid(-500, -200));
    for _ in 0..3 {
        Client::with_identity(&pki, &clawgate, &expired).refused();
    }
    Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]).refused();

    let page = page_with(&clawgate, "refusals", "client_cert_missing");

    let found = panel(&page, "refusals");
    assert!(found.contains("logged 3 times") && found.contains("CN=expired-one"), "{found}");
    assert!(found.contains(&format!("fingerprint={}", expired.fingerprint())), "{found}");
    assert!(found.contains("renew the client") && found.contains("curl -v --cert"), "{found}");
    let found = panel(&text(clawgate.admin(), "/?q=EXPIRED-ONE"), "refusals");
    assert!(found.contains("client_cert_expired") && !found.contains("client_cert_missing"), "{found}");
}

#[test]
fn markup_in_a_name_or_a_search_is_text() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let name = "<script>alert(1)</script>\" onload=\"x";
    let hostile = Leaf::client(name).self_signed();
    Client::with_identity(&pki, &clawgate, &hostile).refused();

    let page = page_with(&clawgate, "refusals", "alert(1)");
    let searched = text(clawgate.admin(), "/?q=%22%3E%3Cscript%3Ealert(2)%3C/script%3E");

    assert!(!page.contains("<script>") && !page.contains("\" onload="), "{page}");
    assert!(searched.contains("value=\"&quot;&gt;&lt;script&gt;alert(2)"), "{searched}");
}

#[test]
fn the_page_of_an_event_has_its_tries_and_the_body_only_with_setting_and_token() {
    let pki = Pki::new();
    let backend =
        Backend::each(|exchange, _| exchange.answer("422 No", "text/plain", "not <b>this</b>"));
    let plain_one = with_inbox(&pki, &backend.url()).start();
    client(&pki, &plain_one, "fathom").send(&post("", "secret body"));
    let page = page_with(&plain_one, "dead", "rejected");
    let (_, rest) =
        panel(&page, "dead").split_once("/events/").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let path = format!("/events/{}", rest.split('"').next().unwrap());

    let page = text(plain_one.admin(), &path);

    for part in
        ["received for <code>/hooks/agent", "verified by certificate", "stored, before", "given up"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("try 1: it answered 422 Unprocessable Entity, after "), "{page}");
    assert!(page.contains("not &lt;b&gt;this") && !page.contains("secret body"), "{page}");
    assert_eq!(plain::get(plain_one.admin(), "/events/no-event").status, 404);
    drop(plain_one);

    let token = pki.file("admin-token", "let-me-in");
    let shown = with_inbox(&pki, &backend.url()).arg("--admin-token-file", token);
    let toml = std::fs::read_to_string(pki.dir().join("clawgate.toml")).unwrap();
    pki.file("clawgate.toml", toml.replace("[admin]", "[admin]\nshow_bodies = true"));
    let shown = shown.start();
    let asked = |authorization: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: gate.example\r\n{authorization}Connection: close\r\n\r\n"
        );
        plain::exchange(shown.admin(), request.as_bytes()).unwrap()
    };
    let refused = asked("");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm=\"clawgate\""));
    // `anyone:let-me-in`
    let page = asked("Authorization: Basic YW55b25lOmxldC1tZS1pbg==\r\n");
    assert!(String::from_utf8(page.body).unwrap().contains("secret body"));
}

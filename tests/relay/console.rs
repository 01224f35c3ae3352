//! The targets of the relay on the console, in the status and in `clawgate top`.

use super::{KEY, TOKEN, Target, command, settings, start, text, track};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

/// The panel of the targets, without markup.
fn panel(clawgate: &Clawgate) -> String {
    let page = text(&plain::get(clawgate.admin(), "/"));
    let (_, rest) = page.split_once("<section id=\"targets\"").unwrap();
    let (panel, _) = rest.split_once("</section>").unwrap();
    let parts = panel.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    parts.filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(" ").replace("  ", " ")
}

/// All that the admin listener and `top` show.
fn all(clawgate: &Clawgate) -> String {
    let page = |path| text(&plain::get(clawgate.admin(), path));
    let top = ClawgateCommand::bare("top").arg("--admin", clawgate.admin().to_string()).output();
    [page("/"), page("/status"), page("/console.txt"), top.stdout].concat()
}

#[test]
fn a_target_shows_its_last_success_and_failure_its_limits_and_its_credential_but_no_secret() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let (status, left) = if body.contains("bad") { ("503 Busy", 2) } else { ("200 OK", 3) };
        exchange.write(
            format!("HTTP/1.1 {status}\r\nRateLimit-Remaining: {left}\r\nRateLimit-Reset: 40\r\nContent-Length: 0\r\n\r\n")
                .as_bytes(),
        );
    });
    let url = format!("\"http://{}/v1/path-with-a-key?key=of-the-query\"", api.address());
    let target = Target::at(&pki, api.address()).set("url", url).set("delivery", "\"wait\"");
    let clawgate = start(&pki, target.set("rate", "\"60/1m\""));
    let fresh = panel(&clawgate);
    assert!(fresh.contains("Last success none since the start"), "{fresh}");
    assert!(fresh.contains("6 at once, of 60/1m"), "{fresh}");
    assert!(fresh.contains("its file was read"), "{fresh}");

    assert_eq!(track(&clawgate, "{}").status, 200);
    assert_eq!(track(&clawgate, "{\"bad\":1}").status, 503);

    let shown = panel(&clawgate);
    assert!(shown.contains(": status 200"), "{shown}");
    assert!(shown.contains(": it answered 503"), "{shown}");
    assert!(shown.contains("4 at once, of 60/1m") || shown.contains("5 at once"), "{shown}");
    assert!(shown.contains("2 left, as it said"), "{shown}");
    assert!(shown.contains("failing"), "{shown}");
    let status = plain::get(clawgate.admin(), "/status").json();
    let target = &status["relay_targets"][0];
    assert_eq!(
        (&target["last_failure"]["status"], &target["quota"]["remaining"]),
        (&503.into(), &2.into())
    );
    assert_eq!(target["credential"]["state"], "file");
    let all = all(&clawgate);
    assert!(all.contains("RELAY TARGETS\n  analytics accepted"), "{all}");
    assert!(all.contains("The last request to the target analytics failed"), "{all}");
    for secret in [KEY, TOKEN, "of-the-query"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(!panel(&clawgate).contains("path-with-a-key"));
}

#[test]
fn a_target_whose_own_limit_is_reached_says_until_when() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, _| {
        exchange.write(
            b"HTTP/1.1 200 OK\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 40\r\nContent-Length: 0\r\n\r\n",
        );
    });
    let clawgate = start(&pki, Target::at(&pki, api.address()).set("delivery", "\"wait\""));

    assert_eq!(track(&clawgate, "{}").status, 200);

    let shown = panel(&clawgate);
    assert!(shown.contains("limit reached") && shown.contains("the next request in "), "{shown}");
}

#[test]
fn a_target_that_stores_events_shows_its_queue_and_an_oauth_target_its_token() {
    let pki = Pki::new();
    let tokens = Backend::each(|exchange, _| {
        let body = r#"{"access_token":"secret-token","token_type":"Bearer","expires_in":3600}"#;
        exchange.answer("200 OK", "application/json", body);
    });
    let api = Backend::ok();
    let secret = pki.file("client-secret", "secret-of-the-client");
    let auth = format!(
        "{{ token_url = \"{}/token\", client_id = \"claw\", client_secret_file = {secret:?} }}",
        tokens.url()
    );
    let target = Target::at(&pki, api.address()).set("auth", auth);
    let clawgate = command(&pki, &settings(&pki, &[target])).admin().start();
    assert!(panel(&clawgate).contains("no token is there"), "{}", panel(&clawgate));

    assert_eq!(track(&clawgate, "{}").status, 202);
    clawgate.event("delivered", 1);

    let shown = eventually("the delivered event on the page", || {
        Some(panel(&clawgate)).filter(|shown| shown.contains("0 waiting, 1 delivered, 0 dead"))
    });
    assert!(shown.contains("a token that ends in 59 minutes , to be renewed in 47 minutes"), "{shown}");
    let all = all(&clawgate);
    assert!(!all.contains("secret-token") && !all.contains("secret-of-the-client"));
}

#[test]
fn a_target_whose_client_is_refused_says_why_it_has_no_token() {
    let pki = Pki::new();
    let tokens = Backend::each(|exchange, _| {
        exchange.answer("400 Bad Request", "application/json", r#"{"error":"invalid_client"}"#);
    });
    let api = Backend::ok();
    let secret = pki.file("client-secret", "secret-of-the-client");
    let auth = format!(
        "{{ token_url = \"{}/token\", client_id = \"claw\", client_secret_file = {secret:?} }}",
        tokens.url()
    );
    let clawgate =
        start(&pki, Target::at(&pki, api.address()).set("auth", auth).set("delivery", "\"wait\""));

    assert_eq!(track(&clawgate, "{}").status, 502);

    let shown = panel(&clawgate);
    assert!(shown.contains("no token : the token endpoint refuses: invalid_client"), "{shown}");
}

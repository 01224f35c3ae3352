//! Where callers connect, and with which token.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use super::super::support::{Sources, assert_has};
use super::{LISTENER, SECRET, TARGET, waiting, with};
use crate::config::admin::AdminAddress;
use crate::relay::settings::{Callers, RelaySettings, TokenHeader};

fn callers(sources: &Sources) -> Callers {
    sources.settings().reloadable.relay.callers.unwrap()
}

#[test]
fn without_its_keys_there_is_no_relay() {
    let settings = Sources::minimal().settings();
    assert_eq!(settings.startup.relay, None);
    let max_body = 256 * 1024;
    assert_eq!(settings.reloadable.relay, RelaySettings { max_body, ..RelaySettings::default() });
}

#[test]
fn a_caller_shows_the_token_of_the_file_as_a_bearer_token() {
    let sources = waiting("");
    assert_eq!(sources.warnings(), [""; 0]);
    assert_eq!(sources.settings().startup.relay, Some("127.0.0.1:9444".parse().unwrap()));
    let callers = callers(&sources);
    assert_eq!(callers.header, TokenHeader::Bearer);
    assert!(callers.tokens.contain(SECRET.as_bytes()));
    assert!(!callers.tokens.contain(b"another"));
}

#[test]
fn each_token_of_a_list_is_valid_and_another_header_can_have_it() {
    let listener = "[relay]\naddress = \"unix:/run/x.sock\"\ntoken_file = [\"@token\", \"@other\"]\n\
                    token_header = \"X-Incoming-Secret\"\n";
    let sources = with(&format!("{listener}{TARGET}delivery = \"wait\"\nca = \"@ca.pem\""));
    let sources = sources.file("other", "another-token-that-is-long-enough");
    set_permissions(sources.path("other"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(sources.warnings(), [""; 0]);
    let callers = callers(&sources);
    assert_eq!(callers.header, TokenHeader::Named("x-incoming-secret".parse().unwrap()));
    assert!(callers.tokens.contain(SECRET.as_bytes()));
    assert!(callers.tokens.contain(b"another-token-that-is-long-enough"));
    assert_eq!(sources.settings().startup.relay, Some(AdminAddress::Unix("/run/x.sock".into())));
}

#[test]
fn address_token_and_header_can_be_flags_and_variables() {
    let sources = with(&format!("{TARGET}delivery = \"wait\"\nca = \"@ca.pem\""));
    let token = sources.path("token");
    let sources = sources.flag("--relay", "127.0.0.1:1").env("CLAWGATE_RELAY_TOKEN_FILE", token);
    let sources = sources.env("CLAWGATE_RELAY_TOKEN_HEADER", "x-a");
    assert_eq!(callers(&sources).header, TokenHeader::Named("x-a".parse().unwrap()));
}

#[test]
fn only_this_machine_can_reach_the_listener() {
    let problem = waiting("").flag("--relay", "0.0.0.0:9444").problem();
    assert_has(
        &problem,
        &[
            "--relay | `0.0.0.0:9444` can be reached by other machines",
            "a loopback address",
            "unix:/PATH",
        ],
    );
}

#[test]
fn a_listener_without_a_token_is_refused() {
    let text =
        format!("relay.address = \"127.0.0.1:9444\"\n{TARGET}delivery = \"wait\"\nca = \"@ca.pem\"");
    assert_has(
        &with(&text).problem(),
        &["gate.toml:1: relay.address | is open to every program on this machine", "--relay-token-file"],
    );
}

#[test]
fn an_empty_token_file_is_refused_and_a_short_token_is_warned_of() {
    let sources = waiting("").file("token", "\n");
    assert_has(&sources.problem(), &["relay.token_file | DIR/token is empty", "openssl rand"]);
    let sources = waiting("").file("token", "short\n");
    assert_has(&sources.warnings().concat(), &["has fewer than 16 bytes, and can be guessed"]);
}

#[test]
fn a_token_file_that_everybody_can_read_is_warned_of() {
    let sources = waiting("");
    set_permissions(sources.path("token"), Permissions::from_mode(0o644)).unwrap();
    assert_has(
        &sources.warnings().concat(),
        &["holds a token and can be read by every user", "chmod o-r"],
    );
}

#[test]
fn a_header_that_has_a_meaning_of_its_own_cannot_have_the_token() {
    for header in ["host", "cookie", "content-length", "transfer-encoding"] {
        let problem = waiting("").env("CLAWGATE_RELAY_TOKEN_HEADER", header).problem();
        assert_has(
            &problem,
            &[&format!("`{header}` has something else than a token"), "x-incoming-secret"],
        );
    }
}

#[test]
fn the_address_of_another_listener_is_refused() {
    let problem = waiting("").flag("--listen", "127.0.0.1:9444").problem();
    assert_has(&problem, &["relay.address | 127.0.0.1:9444 is in use: --listen has it", "another port"]);
    let problem = waiting("").flag("--admin", "127.0.0.1:9444").problem();
    assert_has(&problem, &["relay.address | 127.0.0.1:9444 is in use: --admin has it"]);
}

#[test]
fn a_listener_without_a_target_is_refused() {
    assert_has(
        &with(LISTENER).problem(),
        &["relay.address | is the address of a relay without a target"],
    );
}

#[test]
fn a_target_that_no_event_can_come_to_is_refused() {
    let target = format!("{TARGET}delivery = \"wait\"\nca = \"@ca.pem\"\n");
    assert_has(
        &with(&target).problem(),
        &[
            "relay.target[1].name | no event can come to `analytics`",
            "set --relay",
            "relay = \"analytics\"",
        ],
    );
    let route = "[[route]]\npath = \"/a\"\nrelay = \"analytics\"\n";
    let settings = with(&format!("{target}{route}")).settings();
    assert_eq!(settings.reloadable.routes[0].relay.as_deref(), Some("analytics"));
    assert_eq!(settings.reloadable.relay.callers, None);
}

#[test]
fn a_token_without_a_listener_is_warned_of() {
    let text = format!(
        "relay.token_file = \"@token\"\n{TARGET}delivery = \"wait\"\nca = \"@ca.pem\"\n\
         [[route]]\npath = \"/a\"\nrelay = \"analytics\"\n"
    );
    assert_has(&with(&text).warnings().concat(), &["relay.token_file | has no effect", "set --relay"]);
}

#[test]
fn a_changed_token_is_a_change_and_none_of_it_is_shown() {
    let before = waiting("").settings();
    let after = waiting("").file("token", "another-token-that-is-long-enough").settings();
    assert_ne!(before.reloadable.relay.callers, after.reloadable.relay.callers);
    let shown = format!("{:?} {}", before.in_use, before.summary());
    assert!(!shown.contains("0123456789"), "{shown}");
    let token = waiting("");
    assert!(token.settings().files.paths().any(|path| path == token.path("token")));
}

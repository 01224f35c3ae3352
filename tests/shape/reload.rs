//! Shapes and the key of pseudonyms are settings like all others: they are replaced by a reload.

use super::support::{command, route, send};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::Pki;

#[test]
fn another_key_in_the_file_makes_other_pseudonyms_of_a_shaped_route() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("privacy.hash_key_file = \"@/key\"\n{}", route("", "hash = [\"/email\"]"));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let pseudonym = || {
        let before = backend.received().len();
        assert_eq!(send(&pki, &clawgate, r#"{"email":"ann@example.com"}"#).status, 200);
        let body = eventually("the body", || backend.received().into_iter().nth(before)).body;
        String::from_utf8(body).unwrap()
    };
    let first = pseudonym();
    assert_eq!(first, pseudonym());

    pki.file("key", "another key of many random characters");

    let reloaded = clawgate.event("reloaded", 1);
    assert!(!reloaded.to_string().contains("another key"), "{reloaded}");
    let second = pseudonym();
    assert_ne!(first, second);
    assert_ne!(first[..20], second[..20], "the id of the key has changed");

    pki.file("key", "short");

    let failed = clawgate.event("reload_failed", 1);
    assert!(failed.to_string().contains("hash_key_file"), "{failed}");
    assert_eq!(pseudonym(), second);
}

#[test]
fn a_shape_that_a_reload_adds_or_removes_holds_from_then_on() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = command(&pki, &backend.url(), &route("", "drop = [\"/a\"]")).start();
    let body = || {
        let before = backend.received().len();
        assert_eq!(send(&pki, &clawgate, r#"{"a":1,"b":2}"#).status, 200);
        let body = eventually("the body", || backend.received().into_iter().nth(before)).body;
        String::from_utf8(body).unwrap()
    };
    assert_eq!(body(), r#"{"b":2}"#);

    pki.file("clawgate.toml", route("", "drop = [\"/b\"]"));
    clawgate.event("reloaded", 1);
    assert_eq!(body(), r#"{"a":1}"#);

    pki.file("clawgate.toml", "[[route]]\npath = \"/hooks/meetings\"\n");
    clawgate.event("reloaded", 2);
    assert_eq!(body(), r#"{"a":1,"b":2}"#);
}

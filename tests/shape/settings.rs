//! What `clawgate check` says about shapes.

use super::support::{command, route};
use crate::support::pki::Pki;

/// What `check` prints, and its exit code.
fn check(pki: &Pki, toml: &str) -> (Option<i32>, String) {
    let output = command(pki, "http://127.0.0.1:9", toml).check();
    let text = output.stdout + &output.stderr;
    (output.code, text)
}

#[test]
fn check_prints_what_a_shape_changes() {
    let pki = Pki::new();
    let shape = "drop = [\"/transcript\"]\nhash = [\"/email\"]\nwhen_larger = \"256KiB\"";
    let toml = route("limits.body = \"1MiB\"", shape);

    let (code, text) = check(&pki, &format!("privacy.hash_key_file = \"@/key\"\n{toml}"));

    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("drops /transcript from bodies larger than 256KiB"), "{text}");
    assert!(text.contains("puts pseudonyms for /email (key k"), "{text}");
}

#[test]
fn check_refuses_a_shape_where_the_upstream_may_verify_the_signature_itself() {
    let pki = Pki::new();
    let toml = "[[route]]\npath = \"/github/\"\n[route.shape]\ndrop = [\"/a\"]\n";

    let (code, text) = check(&pki, toml);

    assert_eq!(code, Some(78), "{text}");
    assert!(
        text.contains("the upstream may verify the sender's signature over the body itself"),
        "{text}"
    );
    assert!(text.contains("hint: add [route.verify]"), "{text}");
}

#[test]
fn check_warns_of_a_shape_that_never_takes_anything() {
    let pki = Pki::new();

    let (code, text) = check(&pki, &route("", "drop = [\"/a\"]\nwhen_larger = \"256KiB\""));

    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("never takes anything out of bodies larger than 256KiB"), "{text}");
}

//! The recipes of docs/shaping.md are run as they stand there.

use std::collections::BTreeSet;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::{BASE64, HEXLOWER};

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

/// A secret of Standard Webhooks, and its bytes.
const FATHOM: (&str, &[u8]) =
    ("whsec_aXQgaXMgYSBzZWNyZXQgb2YgMzIgY2hhcmFjdGVycyE=", b"it is a secret of 32 characters!");
const STRIPE: &str = "whsec_test_secret_of_many_characters";

struct Recipe {
    title: String,
    toml: String,
    before: String,
    after: String,
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/shaping.md")).unwrap()
}

/// The text of each fenced block of this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let begin = format!("\n```{language}\n");
    let blocks = text.split(&*begin).skip(1);
    blocks.map(|rest| rest.split("\n```\n").next().unwrap().to_owned()).collect()
}

fn recipes() -> Vec<Recipe> {
    let page = page();
    let (_, recipes) = page.split_once("\n## Recipes\n").unwrap();
    let recipe = |text: &str| {
        let title = text.lines().next().unwrap().to_owned();
        let [toml] = &blocks(text, "toml")[..] else { panic!("{title}: not one settings file") };
        let [before, after] = &blocks(text, "json")[..] else { panic!("{title}: not two bodies") };
        Recipe { title, toml: toml.clone(), before: before.clone(), after: after.clone() }
    };
    recipes.split("\n### ").skip(1).map(recipe).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn sign(secret: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes())
}

/// The header lines with which the sender of this recipe signs a body.
fn signed(toml: &str, body: &str) -> String {
    let time = now();
    if toml.contains("\"standard-webhooks\"") {
        let signature = BASE64.encode(sign(FATHOM.1, &format!("msg_1.{time}.{body}")).as_ref());
        format!(
            "webhook-id: msg_1\r\nwebhook-timestamp: {time}\r\nwebhook-signature: v1,{signature}\r\n"
        )
    } else if toml.contains("\"stripe\"") {
        let signature = HEXLOWER.encode(sign(STRIPE.as_bytes(), &format!("{time}.{body}")).as_ref());
        format!("Stripe-Signature: t={time},v1={signature}\r\n")
    } else {
        String::new()
    }
}

/// Runs a recipe with this body; returns what the upstream gets.
fn run(recipe: &Recipe, body: &str) -> String {
    let (pki, backend) = (Pki::new(), Backend::ok());
    pki.files("server", &pki.server);
    pki.file("ca.pem", pki.root.pem());
    for (name, secret) in [
        ("hook-token", "openclaw-hook-token-of-the-tests"),
        ("fathom-secret", FATHOM.0),
        ("stripe-secret", STRIPE),
        ("pseudonym-key", "this key is only for the examples\n"),
    ] {
        set_permissions(pki.file(name, secret), Permissions::from_mode(0o600)).unwrap();
    }
    let toml = recipe.toml.replace("\"certs/", &format!("\"{}/", pki.dir().display()));
    let toml =
        toml.replace("http://127.0.0.1:18789", &backend.url()).replace("0.0.0.0:8445", "127.0.0.1:0");
    let clawgate = ClawgateCommand::bare("run")
        .arg("--config", pki.file("clawgate.toml", &toml))
        .arg("--listen", "127.0.0.1:0")
        .env("CLAWGATE_ADMIN", "off")
        .start();
    let is_signed = toml.contains("[route.verify]");
    let (_, path) = toml.split_once("path = \"/hooks/").unwrap();
    let request = format!(
        "POST /hooks/{} HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n{body}",
        path.split('"').next().unwrap(),
        signed(&toml, body),
        body.len()
    );
    let client = if is_signed {
        Client::without_certificate(&pki, &clawgate)
    } else {
        Client::new(&pki, &clawgate)
    };

    let answer = client.send(&request);

    assert!(
        (200..300).contains(&answer.status),
        "{}: {} {}",
        recipe.title,
        answer.status,
        answer.reason()
    );
    // That any client of the CA may connect is only a note.
    let warnings = clawgate.events("settings_warning");
    let warning = warnings.iter().find(|line| line["level"] == "warn");
    assert_eq!(warning, None, "{}", recipe.title);
    String::from_utf8(backend.first().body).unwrap()
}

#[test]
fn each_recipe_of_the_page_does_what_the_page_says() {
    let recipes = recipes();
    assert_eq!(recipes.len(), 4);
    let mut wrong = String::new();
    for recipe in &recipes {
        // A long transcript is not on the page.
        let body = recipe.before.replacen('…', &"and so on ".repeat(60_000), 1);

        let received = run(recipe, &body);

        if received != recipe.after {
            wrong += &format!("{}: the upstream gets\n{received}\n", recipe.title);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_recipe_for_long_meetings_leaves_short_ones_alone() {
    let recipes = recipes();
    let recipe = recipes.iter().find(|recipe| recipe.toml.contains("when_larger")).unwrap();

    assert_eq!(run(recipe, &recipe.before), recipe.before);
}

#[test]
fn every_setting_of_a_shape_and_no_other_is_on_the_page_of_shaping() {
    let page = page();
    let (_, section) = page.split_once("\n## Settings\n").unwrap();
    let (table, _) = section.split_once("\n### ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let keys = clawgate::config::keys::KEYS.iter();
    let known: BTreeSet<_> = keys.filter_map(|key| key.toml.strip_prefix("route.shape.")).collect();

    assert_eq!(rows.collect::<BTreeSet<_>>(), known);
}

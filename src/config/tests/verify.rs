//! How a route verifies signatures: `[route.verify]`.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use http::StatusCode;

use super::support::{Sources, assert_has};
use crate::config::verify::VerifySettings;
use crate::signature::{Challenge, ReplayBy};

/// A secret that no warning is about.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The same for Standard Webhooks.
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// 32 bytes of an Ed25519 key in hex (RFC 8032 section 7.1, test 1).
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// One route with these keys in `[route.verify]`, where `@NAME` is a file of the test's folder. There is `secret` for the
/// key `secret_file`.
fn verify_with(before: &str, secret: &str, keys: &str) -> Sources {
    let sources = Sources::minimal().file("secret", secret).file("other", SECRET).file("key", ED25519);
    for name in ["secret", "other", "key"] {
        set_permissions(sources.path(name), Permissions::from_mode(0o600)).unwrap();
    }
    let folder = sources.path("");
    let toml = format!("{before}\n[[route]]\npath = \"/a\"\n[route.verify]\n{keys}");
    sources.toml(&toml.replace('@', folder.to_str().unwrap()))
}

fn verify(keys: &str) -> Sources {
    verify_with("", SECRET, &format!("secret_file = \"@secret\"\n{keys}"))
}

fn settings(sources: &Sources) -> VerifySettings {
    let routes = sources.settings().reloadable.routes;
    VerifySettings::clone(routes[0].verify.as_ref().unwrap())
}

#[test]
fn a_preset_and_a_secret_suffice() {
    let sources = verify("scheme = \"github\"");
    assert_eq!(sources.warnings(), [""; 0]);
    let settings = settings(&sources);
    assert_eq!(settings.verifier.scheme().name(), "github");
    assert_eq!(settings.verifier.keys()[0].secret(), Some(SECRET.as_bytes()));
    assert_eq!(&**settings.verifier.keys()[0].file(), "secret");
    assert_eq!(settings.key_files[0].path, sources.path("secret"));
    assert_eq!((settings.challenge, settings.audit), (None, false));
    assert_eq!(settings.status, StatusCode::OK);
}

#[test]
fn each_key_replaces_what_is_known_of_the_preset() {
    let sources = verify(
        r#"
        scheme = "hmac"
        algorithm = "sha512"
        signature = ["header:x-sig", "header:x-sig-2"]
        separator = " "
        prefix = "sig "
        encoding = "base64"
        secret_encoding = "hex"
        signed = "{timestamp} {body}\n"
        timestamp = "query:t"
        timestamp_unit = "ms"
        tolerance = "7s"
        id = "{body:/a}-{body:/b}"
        replay = "signature"
        challenge = "slack"
        audit = true
        status = 204
        "#,
    );
    let settings = settings(&sources);
    let scheme = settings.verifier.scheme();
    assert_eq!(scheme.algorithms().map(|one| one.to_string()).collect::<Vec<_>>(), ["sha512"]);
    assert_eq!(scheme.signed().map(ToString::to_string).as_deref(), Some("{timestamp} {body}\n"));
    assert_eq!(scheme.tolerance(), Some(Duration::from_secs(7)));
    assert_eq!(scheme.replay(), ReplayBy::Signature);
    assert_eq!(settings.verifier.keys()[0].secret_length(), Some(16));
    assert_eq!(settings.challenge.map(|challenge| challenge.kind), Some(Challenge::Slack));
    assert!(settings.audit);
    assert_eq!(settings.status, StatusCode::NO_CONTENT);
}

#[test]
fn each_of_several_secrets_is_a_key() {
    let sources =
        verify_with("", SECRET, "scheme = \"github\"\nsecret_file = [\"@secret\", \"@other\"]");
    assert_eq!(settings(&sources).verifier.keys().len(), 2);
    let keys = "scheme = \"discord\"\npublic_key_file = \"@key\"";
    let key = settings(&verify_with("", SECRET, keys)).verifier.keys()[0].clone();
    assert_eq!(key.form().to_string(), "an Ed25519 public key in hex");
}

#[test]
fn a_table_without_scheme_or_key_is_a_problem() {
    assert_has(
        &verify("").problem(),
        &["gate.toml:5: route.verify.secret_file | [route.verify] has no scheme", "scheme = \"github\""],
    );
    assert_has(
        &verify_with("", SECRET, "scheme = \"github\"").problem(),
        &["gate.toml:5: route.verify.scheme | [route.verify] names no key", "secret_file = \"FILE\""],
    );
    assert_has(
        &verify_with("", SECRET, "scheme = \"discord\"").problem(),
        &["names no key", "public_key_file = \"FILE\""],
    );
    assert_has(
        &verify_with("", SECRET, "").problem(),
        &["gate.toml:4: route.verify | is empty, so it would verify nothing", "add its keys"],
    );
}

#[test]
fn what_is_no_table_and_unknown_keys_are_answered_with_the_known_ones() {
    let route = |rest: &str| Sources::minimal().toml(&format!("[[route]]\npath = \"/a\"\n{rest}"));
    for rest in ["verify = \"github\"", "verify = 5", "[[route.verify]]\nscheme = \"github\""] {
        assert_has(
            &route(rest).problem(),
            &[
                "gate.toml:3: route.verify | is a section, not a",
                "write [route.verify] above its keys: scheme",
            ],
        );
    }
    for (rest, parts) in [
        (
            "verfy.scheme = \"github\"",
            ["gate.toml:3: route.verfy | is no", "did you mean `route.verify`?"],
        ),
        (
            "[route.verify]\nshceme = \"x\"",
            ["gate.toml:4: route.verify.shceme", "`route.verify.scheme`?"],
        ),
        (
            "[route.verify]\nsecret = \"x\"",
            ["gate.toml:4: route.verify.secret", "`route.verify.secret_file`?"],
        ),
        ("[route.verify]\nzebra = 5", ["gate.toml:4: route.verify.zebra", "[route.verify] has scheme"]),
        ("secret_file = \"x\"", ["gate.toml:3: route.secret_file", "`route.verify.secret_file`?"]),
    ] {
        assert_has(&route(rest).problem(), &parts);
    }
}

#[test]
fn wrong_values_are_refused_with_a_hint() {
    for (keys, parts) in [
        (
            "scheme = \"githib\"",
            ["route.verify.scheme | `githib` is no scheme", "did you mean `github`?"],
        ),
        ("scheme = \"acme\"", ["`acme` is no scheme", "use hmac, public-key or token"]),
        ("scheme = \"github\"\nalgorithm = \"md5\"", ["`md5` is not one of its values", "sha1, sha256"]),
        ("scheme = \"github\"\nreplay = \"never\"", ["`never` is not one", "id, signature, off"]),
        ("scheme = \"github\"\nchallenge = \"x\"", ["`x` is not one of its values", "meta"]),
        ("scheme = \"github\"\nsignature = \"x-sig\"", ["`x-sig` is no source", "header:x-signature"]),
        ("scheme = \"github\"\nsigned = \"{bdy}\"", ["`bdy` is unknown", "{timestamp}.{body}"]),
        ("scheme = \"github\"\nsigned = \"{body\"", ["has a `{` without its `}`", "{timestamp}.{body}"]),
        ("scheme = \"github\"\nid = \"{body:/a\"", ["has a `{` without", "header:webhook-id"]),
        ("scheme = \"github\"\nseparator = \"ab\"", ["`ab` is not one character", "\",\""]),
        ("scheme = \"github\"\nseparator = \"\"", ["is set, but empty", "give it a value"]),
        ("scheme = \"github\"\nstatus = 404", ["`404` is no status of a success", "200 to 299"]),
        ("scheme = \"github\"\ntolerance = \"0s\"", ["leaves no time", "e.g. `5s`"]),
        ("scheme = \"github\"\ntolerance = 5", ["is an integer, not a duration", "tolerance = \"5s\""]),
    ] {
        assert_has(&verify(keys).problem(), &parts);
    }
}

#[test]
fn values_that_do_not_fit_together_are_reported_at_their_keys() {
    for (keys, parts) in [
        (
            "scheme = \"hmac\"",
            ["gate.toml:6: route.verify.scheme | `hmac` needs `signature`", "add e.g."],
        ),
        ("scheme = \"token\"", ["`token` needs `source`", "source = \"header:x-webhook-token\""]),
        (
            "scheme = \"github\"\nsigned = \"{timestamp}{body}\"",
            ["gate.toml:7: route.verify.signed | `signed` needs `timestamp`", "timestamp = \"header:"],
        ),
        (
            "scheme = \"meta\"\nchallenge = \"off\"\nreplay = \"id\"",
            ["`replay` needs `id`", "id = \"header:"],
        ),
        (
            "scheme = \"github\"\nalgorithm = \"ed25519\"",
            ["gate.toml:7: route.verify.algorithm | `github` cannot have", "\"public-key\""],
        ),
        (
            "scheme = \"gitlab\"\ntolerance = \"5m\"",
            ["gate.toml:7: route.verify.tolerance | `tolerance` means nothing", "remove it"],
        ),
        (
            "scheme = \"gitlab\"\nsignature = \"bearer\"",
            ["signature | is for signatures", "write source"],
        ),
        ("scheme = \"github\"\nsource = \"bearer\"", ["source | is for tokens", "write signature"]),
        ("scheme = \"gitlab\"\nreplay = \"signature\"", ["replay | `replay = ", "use id or off"]),
        ("scheme = \"github\"\nfield = \"a b\"", ["field | `a b` is no name of a field", "v1"]),
        ("scheme = \"github\"\nseparator = \"§\"", ["separator | `§` cannot be", "write e.g."]),
        (
            "scheme = \"discord\"",
            ["gate.toml:5: route.verify.secret_file | `discord` has no such key", "in public_key_file"],
        ),
        ("scheme = \"square\"", ["scheme | `square` signs the URL", "CLAWGATE_PUBLIC_URL"]),
        (
            "scheme = \"meta\"",
            ["scheme | answers Meta's test of the address, but has no verify", "\"off\""],
        ),
        (
            "scheme = \"github\"\nchallenge_token_file = \"@other\"",
            ["challenge_token_file | has no effect: only", "challenge = \"meta\""],
        ),
    ] {
        assert_has(&verify(keys).problem(), &parts);
    }
    let with_url = "listen.public_url = \"https://hooks.example.org\"";
    verify_with(with_url, SECRET, "scheme = \"square\"\nsecret_file = \"@secret\"").settings();
    let meta = settings(&verify("scheme = \"meta\"\nchallenge_token_file = \"@other\""));
    let token = meta.challenge.and_then(|challenge| challenge.token).unwrap();
    assert_eq!(token.as_bytes(), SECRET.as_bytes());
}

#[test]
fn files_that_hold_no_key_are_problems() {
    let with = |secret: &str, scheme: &str| {
        verify_with("", secret, &format!("scheme = {scheme:?}\nsecret_file = \"@secret\"")).problem()
    };
    assert_has(
        &with("\n", "github"),
        &["route.verify.secret_file | DIR/secret is empty", "write the secret"],
    );
    assert_has(&with("a\nb\n", "github"), &["DIR/secret has more than one line", "several files"]);
    assert_has(
        &with("not base64!", "svix"),
        &["is not in the encoding `whsec`", "begins with `whsec_`"],
    );
    assert_has(
        &with(&"a".repeat(20_000), "github"),
        &["DIR/secret has more than 16384 bytes", "secret into it"],
    );
    let public =
        verify_with("", SECRET, "scheme = \"discord\"\npublic_key_file = \"@secret\"").problem();
    assert_has(&public, &["route.verify.public_key_file | DIR/secret has no public key for ed25519"]);
    let missing = verify_with("", SECRET, "scheme = \"github\"\nsecret_file = \"/nowhere/x\"").problem();
    assert_has(
        &missing,
        &["secret_file | cannot read /nowhere/x: No such file", "may read, and put the"],
    );
    let token = verify("scheme = \"meta\"\nchallenge_token_file = \"@secret\"")
        .file("secret", "a\nb")
        .problems();
    assert_has(&token, &["challenge_token_file\n    DIR/secret has no token alone on one line"]);
}

#[test]
fn secrets_that_look_like_those_of_another_scheme_are_warned_of() {
    let warnings = |secret: &str, scheme: &str| {
        verify_with("", secret, &format!("scheme = {scheme:?}\nsecret_file = \"@secret\"")).warnings()
    };
    for (secret, scheme) in
        [(WHSEC, "stripe"), (WHSEC, "svix"), (&WHSEC[6..], "svix"), (SECRET, "github")]
    {
        assert_eq!(warnings(secret, scheme), [""; 0], "{scheme}");
    }
    let with_newline = format!("{SECRET}\r\n");
    assert_eq!(warnings(&with_newline, "github"), [""; 0]);
    assert_has(
        &warnings(WHSEC, "github")[0],
        &["secret_file | DIR/secret begins with `whsec_`", "\"whsec\""],
    );
    assert_has(&warnings(SECRET, "stripe")[0], &["no signing secret of Stripe", "not an API key"]);
    assert_has(&warnings("too-short", "github")[0], &["fewer than 16 bytes", "openssl rand -hex 32"]);
    assert_has(&warnings("too-short", "telegram")[0], &["fewer than 16 bytes"]);
    let blank = format!(" {SECRET}\n");
    assert_has(&warnings(&blank, "github")[0], &["has blanks or line ends around the secret"]);
}

#[test]
fn what_a_scheme_leaves_open_is_warned_of() {
    let first = |keys: &str| verify(keys).warnings()[0].clone();
    assert_has(
        &first("scheme = \"mailgun\""),
        &["gate.toml:6: route.verify.scheme | `mailgun` does not sign the body", "\"both\""],
    );
    assert_has(
        &first("scheme = \"github\"\nreplay = \"id\""),
        &[
            "gate.toml:7: route.verify.replay | is `id`, but the signature does not cover the id",
            "`signature`",
        ],
    );
    assert_eq!(verify("scheme = \"github\"\nreplay = \"signature\"").warnings(), [""; 0]);
    assert_has(
        &first("scheme = \"github\"\naudit = true"),
        &[
            "gate.toml:7: route.verify.audit | AUDIT ONLY: requests of every client that the rules allow",
            "false",
        ],
    );
    let open = "listen.signed_address = \"127.0.0.1:1\"\n[[route]]\npath = \"/b\"\nauthenticate = \"signature\"\n\
                [route.verify]\nscheme = \"github\"\nsecret_file = \"@other\"\naudit = true";
    let keys = "scheme = \"github\"\nsecret_file = \"@secret\"";
    let warnings = verify_with(open, "another secret of 32 characters.", keys).warnings();
    assert_has(&warnings[0], &["gate.toml:8: route.verify.audit | AUDIT ONLY: requests of anybody"]);
}

#[test]
fn a_secret_that_is_used_twice_is_warned_of() {
    let other = "[[route]]\npath = \"/b\"\n[route.verify]\nscheme = \"slack\"\nsecret_file = \"@other\"";
    let keys = "scheme = \"github\"\nsecret_file = \"@secret\"";
    let [warning] = &verify_with(other, SECRET, keys).warnings()[..] else { panic!() };
    assert_has(
        warning,
        &["gate.toml:10: route.verify.secret_file | DIR/secret has the same secret", "route /b"],
    );
    assert_eq!(verify_with(other, "another secret of 32 characters.", keys).warnings(), [""; 0]);

    let token = verify("scheme = \"github\"").env("CLAWGATE_HOOK_TOKEN", SECRET).warnings();
    assert_has(&token[0], &["secret_file | DIR/secret has the hook token", "a secret of its own"]);
}

#[test]
fn a_secret_that_every_user_can_read_is_warned_of_and_a_public_key_is_not() {
    let sources = verify("scheme = \"github\"");
    set_permissions(sources.path("secret"), Permissions::from_mode(0o644)).unwrap();
    assert_has(
        &sources.warnings()[0],
        &["DIR/secret holds a secret", "mode 644", "chmod o-r DIR/secret"],
    );

    let sources = verify_with("", SECRET, "scheme = \"discord\"\npublic_key_file = \"@key\"");
    set_permissions(sources.path("key"), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(sources.warnings(), [""; 0]);
}

#[test]
fn key_files_are_watched_and_their_content_is_shown_nowhere() {
    let keys = "scheme = \"meta\"\nsecret_file = \"@secret\"\nchallenge_token_file = \"@other\"";
    let sources = verify_with("", SECRET, keys);
    let settings = sources.settings();
    for name in ["secret", "other"] {
        assert!(settings.files.paths().any(|path| path == sources.path(name)), "{name}");
    }
    let digest = crate::identity::sha256(SECRET.as_bytes()).to_string().to_lowercase();
    let in_use = serde_json::to_string(&settings.in_use).unwrap();
    let debug = format!("{settings:?}");
    for shown in [&in_use, &debug, &settings.summary()] {
        assert!(!shown.contains(&SECRET[..8]) && !shown.to_lowercase().contains(&digest), "{shown}");
    }
    assert_has(&in_use, &["\"route POST /a.verify\":[\"signatures of Meta", "secret: written at"]);

    let before = sources.settings();
    assert!(!before.files.differ(true));
    let changed = sources.file("secret", "another secret of 32 characters.");
    assert!(before.files.differ(true));
    let (before, after) = (before.reloadable.routes, changed.settings().reloadable.routes);
    let files =
        |routes: &[crate::config::RouteSettings]| routes[0].verify.as_ref().unwrap().key_files.clone();
    assert_ne!(files(&before), files(&after));
}

#[test]
fn the_summary_says_how_each_route_verifies_signatures() {
    let sources = verify_with("", WHSEC, "scheme = \"svix\"\nsecret_file = \"@secret\"\naudit = true");
    let summary = sources.settings().summary().replace(sources.path("").to_str().unwrap(), "DIR/");
    let begin = summary.find("route  ").unwrap();
    insta::assert_snapshot!(summary[begin..].lines().take(10).collect::<Vec<_>>().join("\n"), @r"
    route          POST /a -> http://127.0.0.1:18789
                   for all clients
                   and only with a valid signature
                   signatures of Svix (svix)
                   key in DIR/secret: a secret in base64 after whsec_
                   signed: body, time, id of the event
                   signed within 5m of clawgate's clock
                   repeated requests are recognised by id, and get 200
                   AUDIT ONLY: requests without a valid signature are let in
                   token injected: no, the client's own Authorization is passed on
    ");
}

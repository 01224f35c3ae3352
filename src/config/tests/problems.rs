use std::ffi::OsString;

use proptest::prelude::*;

use super::support::{Sources, assert_has};
use crate::config::{file, problem};

fn toml(content: &str) -> Sources {
    Sources::minimal().toml(content)
}

#[test]
fn all_mistakes_of_all_sources_are_reported_at_once() {
    let sources = Sources::empty()
        .toml(
            "[listen]\naddres = \"x\"\n\n[upstream]\nurl = 5\nconnect_timeout = \"5 parsecs\"\n\
             [[route]]\npath = \"hooks\"\nmethods = [\"post\", \"PUT\", \"G ET\"]\n",
        )
        .env("CLAWGATE_WORKERS", "many")
        .env("CLAWGATE_HOOK_TOKEN_FILE", "/nowhere/token")
        .flag("--admin", "0.0.0.0:9443")
        .flag("--allow", "name=x");
    let problems = sources.problems();
    let places: Vec<_> = problems
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(str::trim)
        .collect();
    assert_eq!(
        places,
        [
            "DIR/gate.toml:2: listen.addres",
            "DIR/gate.toml:5: upstream.url",
            "DIR/gate.toml:6: upstream.connect_timeout",
            "DIR/gate.toml:8: route.path",
            "DIR/gate.toml:9: route.methods",
            "DIR/gate.toml:9: route.methods",
            "--allow",
            "CLAWGATE_WORKERS",
            "--admin",
            "tls.certificate",
            "tls.private_key",
            "clients.ca",
            "CLAWGATE_HOOK_TOKEN_FILE",
        ]
    );
    assert!(
        problems.starts_with("clawgate: 13 problems in the settings\n\n  DIR/gate.toml:2"),
        "{problems}"
    );
}

#[test]
fn what_is_required_says_how_to_set_and_to_get_it() {
    let problems = Sources::empty().problems();
    assert_has(
        &problems,
        &[
            "clawgate: 3 problems in the settings",
            "\n\n  tls.certificate\n    is required, but not set\n    hint: set --cert, CLAWGATE_CERT or ",
            "--key, CLAWGATE_KEY or tls.private_key",
            "--client-ca, CLAWGATE_CLIENT_CA or clients.ca",
            "scripts/gen-certs.sh",
        ],
    );
}

#[test]
fn unknown_keys_are_refused_with_what_was_probably_meant() {
    for (content, parts) in [
        (
            "[tls]\ncertifcate = \"x\"",
            ["gate.toml:2: tls.certifcate | is no known key", "did you mean `tls.certificate`?"],
        ),
        ("[upstream]\n\nulr = \"x\"", ["gate.toml:3: upstream.ulr", "did you mean `upstream.url`?"]),
        ("[tls]\nclient_ca = \"x\"", ["gate.toml:2: tls.client_ca", "did you mean `clients.ca`?"]),
        ("[upsteam]\nurl = \"x\"", ["gate.toml:1: upsteam", "did you mean `upstream`?"]),
        ("workers = 4", ["gate.toml:1: workers", "did you mean `runtime.workers`?"]),
        ("[log]\ncolour = true", ["gate.toml:2: log.colour", "[log] has format, level"]),
        (
            "[[route]]\npath = \"/a\"\nallowed = \"cn=a\"",
            ["gate.toml:3: route.allowed", "did you mean `route.allow`?"],
        ),
        (
            "[[route]]\npath = \"/a\"\nbody = 5",
            ["gate.toml:3: route.body", "did you mean `route.limits.body`?"],
        ),
        ("[zebra]\nx = 1", ["gate.toml:1: zebra | is no known key", "examples/full.toml"]),
        (
            "\"route.path\" = \"/a\"",
            ["gate.toml:1: route.path | is no known key", "quotes around the dots"],
        ),
        ("[route.\"x.y\"]", ["gate.toml:1: route", "[[route]]"]),
        ("\"tls\\n\" = 1", ["gate.toml:1: tls\\n |", "did you mean `tls`?"]),
    ] {
        assert_has(&toml(content).problem(), &parts);
    }
}

#[test]
fn wrong_types_are_refused_with_an_example() {
    for (content, parts) in [
        (
            "[log]\nlevel = 5",
            ["gate.toml:2: log.level | is an integer, not a string", "level = \"LEVEL\""],
        ),
        (
            "[tls]\nhandshake_timeout = 5",
            ["is an integer, not a duration", "handshake_timeout = \"5s\""],
        ),
        ("[limits]\nbody = 1.5", ["is a fraction, not a size", "body = \"256KiB\""]),
        ("[runtime]\nworkers = \"4\"", ["is a string, not a whole number", "workers = 4"]),
        ("[log]\nlevel = [\"info\"]", ["takes one value, not a list", "brackets"]),
        (
            "[clients]\nallow = [\"cn=a\",\n  5]",
            ["gate.toml:3: clients.allow | is an integer", "in quotes"],
        ),
        (
            "upstream = \"http://x\"",
            [
                "gate.toml:1: upstream | is a section, not a string",
                "url, ca, server_name, certificate, private_key, token",
            ],
        ),
        (
            "[tls.certificate]\nfile = \"x\"",
            ["gate.toml:1: tls.certificate | is a table, not a string", "in quotes"],
        ),
        (
            "[route]\npath = \"/a\"",
            ["gate.toml:1: route | is a list of tables, not a table", "[[route]]"],
        ),
        ("route = [5]", ["gate.toml:1: route | is an integer, not a table", "[[route]]"]),
        ("route = []", ["gate.toml:1: route | is an empty list", "remove it"]),
        (
            "[[route]]\npath = [\"/a\", \"/b\"]",
            ["gate.toml:2: route.path | takes one value", "brackets"],
        ),
    ] {
        assert_has(&toml(content).problem(), &parts);
    }
}

#[test]
fn wrong_values_are_refused_with_a_hint() {
    for (content, parts) in [
        (
            "listen.address = \"localhost:8443\"",
            ["not an IP address with a port", "127.0.0.1:8443 for this machine"],
        ),
        ("listen.address = \":99\"", ["not an IP address with a port", "0.0.0.0:99 for all"]),
        ("listen.address = [\"[::1]:5\", \"[::1]:5\"]", ["[::1]:5 is there twice", "remove one"]),
        (
            "listen.address = \"127.0.0.1:9443\"",
            ["admin.address | 127.0.0.1:9443 is in use: DIR/gate.toml:1", "another port"],
        ),
        ("tls.handshake_timeout = \"0s\"", ["leaves no time", "e.g. `5s`"]),
        ("tls.handshake_timeout = \"5\"", ["`5` is not a duration", "write e.g. `500ms`"]),
        ("runtime.drain_timeout = \"25h\"", ["longer than 24h", "at most `24h`"]),
        ("limits.body = \"1K\"", ["ends in `K`", "256KiB"]),
        ("limits.body = 0", ["less than one byte", "256KiB"]),
        ("limits.body = -5", ["`-5` does not begin", "256KiB"]),
        ("runtime.workers = 0", ["not a number from 1 to 1024", "one worker for each CPU"]),
        ("runtime.workers = 1025", ["not a number from 1 to 1024", "one worker for each CPU"]),
        ("admin.address = \"0.0.0.0:9443\"", ["requires no credentials", "set admin.token_file"]),
        ("admin.address = \"unix:admin.sock\"", ["is no unix socket", "an absolute path"]),
        ("log.format = \"xml\"", ["`xml` is not one of its values", "`auto`, `json` or `text`"]),
        ("log.level = \"inof\"", ["`inof` is no log level", "off, error, warn"]),
        ("log.level = \"info,clawgate=loud\"", ["`loud` is no log level", "off, error, warn"]),
        ("log.level = \"info,\"", ["`` is no log level", "off, error, warn"]),
        ("log.level = \"info,[request]=debug\"", ["`[request]` is no module", "clawgate::tls=debug"]),
        ("clients.allow = [\"serial=*\"]", ["a serial number in hex", "cn=meeting-notes"]),
        ("clients.allow = []", ["is an empty list", "any certificate of the client CAs"]),
        ("clients.allow = \" \"", ["is set, but empty", "remove it"]),
        (
            "upstream.url = \"127.0.0.1:18789\"",
            ["is none of http://HOST:PORT", "http://127.0.0.1:18789"],
        ),
        (
            "upstream.url = \"http://me:pw@claw\"",
            ["`http://…@claw` has a path, a query or a user", "write e.g."],
        ),
        (
            "[[route]]\npath = \"/a/../b\"",
            ["gate.toml:2: route.path | `/a/../b` could never match", "/hooks/"],
        ),
        (
            "[[route]]\npath = \"/team%3aa\"",
            [
                "gate.toml:2: route.path | `/team%3aa` is another spelling of `/team:a`",
                "write `/team:a`",
            ],
        ),
        (
            "[[route]]\npath = \"/{team}\"",
            ["gate.toml:2: route.path | `/{team}` could never match", "percent-encoded"],
        ),
        (
            "[[route]]\npath = \"/a\"\nmethods = \"post\"",
            ["gate.toml:3: route.methods | `post`", "in capitals"],
        ),
        (
            "[[route]]\npath = \"/a\"\nupstream = \"x\"",
            ["gate.toml:3: route.upstream | `x`", "write e.g."],
        ),
        ("[[route]]\nmethods = \"POST\"", ["gate.toml:1: route | has no path", "path = \"/hooks/\""]),
    ] {
        assert_has(&toml(content).problem(), &parts);
    }
}

#[test]
fn what_is_not_toml_is_reported_with_its_line_together_with_other_mistakes() {
    let sources = Sources::empty()
        .toml("[tls]\ncertificate = certs/server.pem\n[upstream]\nulr = \"x\"\n[tls]\n")
        .flag("--workers", "0");
    let problems = sources.problems();
    assert_has(
        &problems,
        &[
            "DIR/gate.toml:2\n    is not TOML: ",
            "text stands in quotes",
            "DIR/gate.toml:4: upstream.ulr",
            "DIR/gate.toml:5\n    is not TOML: duplicate key\n    hint: keep one of them",
            "--workers",
        ],
    );
    // What may stand in the part that could not be read is not called missing.
    assert!(!problems.contains("required"), "{problems}");
}

#[test]
fn a_file_that_cannot_be_read_is_reported_where_it_is_named() {
    let missing = Sources::minimal().flag("--config", "/nowhere/gate.toml").problem();
    assert_has(&missing, &["--config | cannot read /nowhere/gate.toml: No such file", "that exists"]);
    let sources = Sources::minimal();
    let folder = sources.path("");
    let problem = sources.env("CLAWGATE_CONFIG", folder).problem();
    assert_has(&problem, &["CLAWGATE_CONFIG | cannot read DIR/: Is a directory", "TOML file"]);
    let sources = Sources::minimal().file("latin1.toml", b"[tls]\n# caf\xe9\n");
    let latin1 = sources.path("latin1.toml");
    let problem = sources.flag("--config", latin1).problem();
    assert_has(&problem, &["DIR/latin1.toml:2 | is not valid UTF-8", "save"]);
}

#[test]
fn empty_variables_and_flags_are_no_way_to_say_nothing() {
    let problem = |name: &str, value: &str| Sources::minimal().env(name, value).problem();
    assert_has(&problem("CLAWGATE_ALLOW", ""), &["CLAWGATE_ALLOW | is set, but empty", "remove it"]);
    assert_has(&problem("CLAWGATE_PATHS", "/a/,"), &["CLAWGATE_PATHS | is set, but empty"]);
    assert_has(&problem("CLAWGATE_CONFIG", ""), &["CLAWGATE_CONFIG | is set, but empty"]);
    let flag = Sources::minimal().flag("--allow", "").problem();
    assert_has(&flag, &["--allow | is set, but empty"]);
}

#[cfg(unix)]
#[test]
fn values_that_are_not_utf_8_are_reported() {
    use std::os::unix::ffi::OsStringExt;

    let value = || OsString::from_vec(vec![b'/', 0xff]);
    for problem in [
        Sources::minimal().env("CLAWGATE_CRL", value()).problem(),
        Sources::minimal().flag("--crl", value()).problem(),
        Sources::minimal().flag("--config", value()).problem(),
    ] {
        assert_has(&problem, &["| is not valid UTF-8 |"]);
    }
}

#[test]
fn a_variable_that_resembles_a_setting_is_refused_with_the_one_that_was_meant() {
    for (name, meant) in [
        ("CLAWGATE_ALOW", "CLAWGATE_ALLOW"),
        ("CLAWGATE_ALLOWED", "CLAWGATE_ALLOW"),
        ("CLAWGATE_ALLOWLIST", "CLAWGATE_ALLOW"),
        ("CLAWGATE_CLIENTS_ALLOW", "CLAWGATE_ALLOW"),
        ("CLAWGATE_DENY_RULES", "CLAWGATE_DENY"),
        ("clawgate_allow", "CLAWGATE_ALLOW"),
        ("Clawgate_Deny", "CLAWGATE_DENY"),
        ("CLAWGATEALLOW", "CLAWGATE_ALLOW"),
        ("CLAWGATE-ALLOW", "CLAWGATE_ALLOW"),
        ("CLAW_GATE_ALLOW", "CLAWGATE_ALLOW"),
        ("CLAWGAT_DENY", "CLAWGATE_DENY"),
        ("CLAWGATE_CRLS", "CLAWGATE_CRL"),
        ("CLAWGATE_CLIENTS_CRL", "CLAWGATE_CRL"),
        ("CLAWGATE_CLIENT_CAS", "CLAWGATE_CLIENT_CA"),
        ("CLAWGATE_PATH", "CLAWGATE_PATHS"),
        ("CLAWGATE_MAX_BODYSIZE", "CLAWGATE_MAX_BODY"),
        ("CLAWGATE_CONFG", "CLAWGATE_CONFIG"),
        ("CLAWGATE_RUNTIME_SANDBOX", "CLAWGATE_SANDBOX"),
    ] {
        let problem = Sources::minimal().env(name, "x").problem();
        assert_has(&problem, &[&format!("{name} | is no setting"), &format!("did you mean {meant}?")]);
    }
}

#[test]
fn other_unknown_variables_are_warned_of_unless_kubernetes_set_them() {
    let sources = Sources::minimal()
        .env("CLAWGATE_HOME_PLANET", "x")
        .env("CLAWGATE_FOO", "x")
        .env("CLAWGATE_URL", "x")
        .env("CLAWGATE_ENV", "x")
        .env("CLAWGATE_SERVICE_HOST", "10.0.0.1")
        .env("CLAWGATE_SERVICE_PORT_HTTPS", "443")
        .env("CLAWGATE_PORT", "tcp://10.0.0.1:443")
        .env("CLAWGATE_PORT_443_TCP_ADDR", "10.0.0.1")
        .env("OTHER", "x")
        .env("PATH", "/bin");
    let warnings = sources.warnings();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    for (warning, name) in warnings.iter().zip(["ENV", "FOO", "HOME_PLANET", "URL"]) {
        assert_has(warning, &[&format!("CLAWGATE_{name} | is no setting and has no effect"), "--help"]);
    }
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "[", "[[", "]", "]]", "{", "}", "=", ".", ",", "\n", " ", "\"", "'", "\"\"\"", "#", "\\",
                "tls", "route", "limits", "body", "path", "upstream", "5", "-1", "0xff", "1.5", "true",
                "1979-05-27", "\u{feff}", "\r", "\0", "é",
            ]),
            0..24,
        )
    ) {
        let mut report = problem::Report::default();
        file::File::parse(std::path::Path::new("x").into(), &pieces.concat(), &mut report);
    }
}

#[test]
fn an_unknown_form_of_the_clients_identity_is_answered_with_the_known_ones() {
    let who = toml("upstream.identity = [\"clawgate\", \"xffc\"]").problem();
    assert_has(&who, &["gate.toml:1: upstream.identity", "`xffc`", "client-cert-chain, xfcc"]);
    let route = toml("[[route]]\npath = \"/x\"\nidentity = \"cert\"").problem();
    assert_has(&route, &["gate.toml:3: route.identity", "`cert`"]);
    let place = toml("upstream.forwarded = \"xff\"").problem();
    assert_has(&place, &["upstream.forwarded", "`off`, `x-forwarded` or `rfc7239`"]);
}

#[test]
fn an_unknown_version_of_the_proxy_protocol_is_answered_with_the_known_one() {
    let out = toml("upstream.proxy_protocol = \"v1\"").problem();
    assert_has(&out, &["gate.toml:1: upstream.proxy_protocol", "`v1`", "`off` or `v2`"]);
}

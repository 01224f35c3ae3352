use super::support::{Sources, assert_has};
use crate::config::environment::Environment;

const SECRET: &str = "s3cret-t0ken";

fn token(sources: &Sources) -> Option<String> {
    let settings = sources.settings();
    let token = settings.reloadable.routes[0].upstream.token.as_ref()?;
    Some(token.authorization().to_str().unwrap().to_owned())
}

#[test]
fn the_token_comes_from_the_environment_a_file_or_the_toml_file() {
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let sources = Sources::minimal().toml("upstream.token = \"from-toml\"").file("token", "from-file\n");
    assert_eq!(token(&sources), bearer("from-toml"));
    let file = sources.path("token");
    let sources = sources.env("CLAWGATE_HOOK_TOKEN_FILE", &file);
    assert_eq!(token(&sources), bearer("from-file"));

    let sources =
        Sources::minimal().env("CLAWGATE_HOOK_TOKEN", "from-env").file("token", "from-file\r\n");
    assert_eq!(token(&sources), bearer("from-env"));
    let file = sources.path("token");
    let sources = sources.flag("--hook-token-file", &file);
    assert_eq!(token(&sources), bearer("from-file"));
    let origin = &sources.settings().reloadable.routes[0].upstream.token_origin;
    assert_eq!(*origin, format!("--hook-token-file {}", file.display()));
}

#[test]
fn a_token_and_a_token_file_from_the_same_source_are_one_too_many() {
    let sources = Sources::minimal()
        .env("CLAWGATE_HOOK_TOKEN", SECRET)
        .env("CLAWGATE_HOOK_TOKEN_FILE", "/run/token");
    assert_has(
        &sources.problem(),
        &["CLAWGATE_HOOK_TOKEN |", "beside CLAWGATE_HOOK_TOKEN_FILE", "keep one"],
    );
    let sources = Sources::minimal().toml("[upstream]\ntoken = \"x\"\ntoken_file = \"y\"");
    assert_has(
        &sources.problem(),
        &["gate.toml:2: upstream.token |", "gate.toml:3: upstream.token_file"],
    );
}

#[test]
fn a_token_file_that_cannot_be_used_is_a_problem() {
    let with = |content: &[u8]| {
        let sources = Sources::minimal().file("token", content);
        let file = sources.path("token");
        sources.flag("--hook-token-file", file).problem()
    };
    assert_has(&with(b""), &["--hook-token-file | DIR/token is empty", "hooks.token"]);
    assert_has(&with(b"\n"), &["DIR/token is empty"]);
    assert_has(&with(b"s3cret x"), &["DIR/token has a blank", "at place 7"]);
    assert_has(&with(b"s3cret\n\n"), &["at place 7"]);
    assert_has(&with(b"Bearer x"), &["begins with `Bearer `"]);
    assert_has(&with(&[b'a'; 5000]), &["more than 4096 bytes"]);

    let missing = Sources::minimal().flag("--hook-token-file", "/nowhere/token").problem();
    assert_has(
        &missing,
        &["--hook-token-file | cannot read /nowhere/token", "No such file", "may read"],
    );
}

#[cfg(unix)]
#[test]
fn a_token_that_every_user_can_read_is_warned_of_and_one_for_a_group_is_not() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let sources = Sources::minimal().file("token", SECRET);
    let file = sources.path("token");
    set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let sources = sources.flag("--hook-token-file", &file);
    let [warning] = &sources.warnings()[..] else { panic!() };
    assert_has(warning, &["DIR/token holds a token", "mode 644", "chmod o-r DIR/token"]);
    // As deploy/ has it: the file is root's, and the group clawgate's.
    set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert!(sources.warnings().is_empty());

    let sources = Sources::minimal().toml("upstream.token = \"x\"");
    set_permissions(sources.path("gate.toml"), Permissions::from_mode(0o644)).unwrap();
    assert_has(
        &sources.warnings()[0],
        &["gate.toml:1: upstream.token |", "DIR/gate.toml holds a token"],
    );
}

#[test]
fn settings_show_no_token() {
    let sources = Sources::minimal()
        .env("CLAWGATE_HOOK_TOKEN", SECRET)
        .toml(&format!("[[route]]\npath = \"/a\"\n[[route]]\npath = \"/b\"\ntoken = \"{SECRET}\""));
    let settings = sources.settings();
    assert!(!format!("{settings:?}").contains(SECRET));
    assert!(!format!("{settings:#?}").contains(SECRET));
    assert!(!settings.summary().contains(SECRET), "{}", settings.summary());
    assert_has(&settings.summary(), &["token injected: yes, from CLAWGATE_HOOK_TOKEN"]);
    let environment: Environment = [("CLAWGATE_HOOK_TOKEN", SECRET)].into_iter().collect();
    assert_eq!(format!("{environment:?}"), "{\"CLAWGATE_HOOK_TOKEN\"}");
}

#[test]
fn problems_quote_no_secret() {
    for toml in [
        // Not TOML, in several ways.
        format!("upstream.token = {SECRET}"),
        format!("upstream.token = \"{SECRET}"),
        format!("upstream.token \"{SECRET}\""),
        format!("upstream.token = \"{SECRET}\" x"),
        format!("upstream.token = \"\\q{SECRET}\""),
        format!("upstream.token = \"x\"\nupstream.token = \"{SECRET}\""),
        // Wrong type, wrong key, wrong value.
        format!("upstream.token = [\"{SECRET}\"]"),
        format!("upstream.tokn = \"{SECRET}\""),
        format!("upstream.token = \"{SECRET} \u{e9}\""),
        format!("upstream.token = \"Bearer {SECRET}\""),
        format!("upstream.url = \"http://me:{SECRET}@host\""),
        format!("upstream.url = \"ftp://me:{SECRET}@host\""),
        format!("upstream = \"{SECRET}\""),
    ] {
        let problems = Sources::minimal().toml(&toml).load().unwrap_err();
        assert!(!problems.to_string().contains("s3cret"), "{toml}: {problems}");
        assert!(!format!("{problems:?}").contains("s3cret"), "{toml}: {problems:?}");
    }
    let env = Sources::minimal().env("CLAWGATE_HOOK_TOKEN", format!("{SECRET}\r\nx: y"));
    assert!(!env.problems().contains("s3cret"));
    let env = Sources::minimal().env("CLAWGATE_HOOK_TOKEN_FILE", SECRET);
    assert_has(
        &env.problem(),
        &["CLAWGATE_HOOK_TOKEN_FILE | cannot read the file that this names", "the working folder is /"],
    );
}

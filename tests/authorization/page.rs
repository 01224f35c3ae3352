//! The settings and commands in `docs/authorization.md` work as the page says.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{ClawgateCommand, Output};

/// A fenced block of the page.
struct Block<'a> {
    /// The language, then `key=value` words for the test.
    info: Vec<&'a str>,
    text: String,
}

impl Block<'_> {
    /// The values of one of the words.
    fn named(&self, key: &str) -> Vec<&str> {
        let value = self.info.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        value.map(|list| list.split(',').collect()).unwrap_or_default()
    }
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { info: info.split(' ').collect(), text: text.join("\n") + "\n" });
        }
    }
    blocks
}

/// Runs `script` with the page's tools in `dir`; returns what it prints.
fn sh(dir: &Path, script: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("sh is needed");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Cast {
    dir: TempDir,
    page: String,
}

impl Cast {
    /// Makes the page's certificates as the page says.
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/authorization.md");
        let cast = Self { dir: TempDir::new().unwrap(), page: std::fs::read_to_string(path).unwrap() };
        let blocks = cast.blocks();
        let script = blocks.iter().find(|block| block.info == ["sh"]).expect("the cast");
        sh(cast.dir.path(), &script.text);
        cast
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        blocks(&self.page)
    }

    /// `<SPKI of x>` by the page's own command, `<fingerprint of x>` as openssl prints it.
    fn with_hashes(&self, toml: &str) -> String {
        let blocks = self.blocks();
        let of_page = blocks.iter().find(|block| block.text.contains("-pubkey")).expect("a command");
        let mut out = String::new();
        let mut rest = toml;
        while let Some((before, after)) = rest.split_once('<') {
            let (what, after) = after.split_once('>').unwrap();
            let (kind, name) = what.split_once(" of ").unwrap();
            let printed = match kind {
                "SPKI" => {
                    sh(self.dir.path(), &of_page.text.replace("notes.pem", &format!("{name}.pem")))
                }
                _ => sh(
                    self.dir.path(),
                    &format!("openssl x509 -in {name}.pem -noout -fingerprint -sha256"),
                ),
            };
            out += before;
            out += printed.trim().rsplit(['=', ' ']).next().unwrap();
            rest = after;
        }
        out + rest
    }

    fn command(&self, subcommand: &str, toml: &str) -> ClawgateCommand {
        let config = self.dir.path().join("clawgate.toml");
        std::fs::write(&config, self.with_hashes(toml)).unwrap();
        let file = |name: &str| self.dir.path().join(name);
        ClawgateCommand::bare(subcommand)
            .arg("--config", config)
            .env("CLAWGATE_CERT", file("server.pem"))
            .env("CLAWGATE_KEY", file("server.key"))
            .env("CLAWGATE_CLIENT_CA", file("root.pem"))
    }

    fn explain(&self, toml: &str, client: &str) -> Output {
        self.command("explain", toml).word(self.dir.path().join(format!("{client}.pem"))).output()
    }

    fn explained(&self, toml: &str, client: &str) -> Value {
        let file = self.dir.path().join(format!("{client}.pem"));
        let output = self.command("explain", toml).word(file).word("--json").output();
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }
}

#[test]
fn every_recipe_admits_and_refuses_the_clients_it_says() {
    let cast = Cast::new();
    let blocks = cast.blocks();
    let recipes: Vec<_> = blocks.iter().filter(|block| block.info[0] == "toml").collect();
    assert!(recipes.len() >= 10, "{} recipes", recipes.len());
    for recipe in recipes {
        let toml = &recipe.text;
        let checked = cast.command("check", toml).output();
        assert_eq!(checked.code, Some(0), "{toml}{checked:?}");
        let loud = checked.stdout.contains("AUDIT ONLY");
        assert_eq!(loud, !recipe.named("audited").is_empty(), "{toml}{}", checked.stdout);
        let mut tried = 0;
        for (key, verdict, trial) in
            [("admits", "admitted", false), ("audited", "admitted", true), ("refuses", "refused", false)]
        {
            for client in recipe.named(key) {
                let explained = cast.explained(toml, client);
                assert_eq!(explained["verdict"], verdict, "{client}: {toml}{explained}");
                let detail = explained["checks"].to_string();
                assert_eq!(detail.contains("AUDIT ONLY"), trial, "{client}: {toml}{explained}");
                if verdict == "refused" {
                    assert_eq!(explained["reason"], "client_not_allowed", "{client}: {toml}{explained}");
                }
                tried += 1;
            }
        }
        assert!(tried > 0, "nobody is said to be let in or kept out: {toml}");
        for (key, expected) in [("may", true), ("may-not", false)] {
            for pair in recipe.named(key) {
                let (client, path) = pair.split_once(':').unwrap();
                let explained = cast.explained(toml, client);
                let routes = explained["routes"].as_array().unwrap();
                let route = routes.iter().find(|route| route["path"] == path).unwrap();
                assert_eq!(route["may_use"], expected, "{pair}: {toml}{route}");
            }
        }
    }
}

#[test]
fn what_the_page_shows_of_explain_is_what_explain_prints() {
    let cast = Cast::new();
    let blocks = cast.blocks();
    let mut shown = 0;
    for pair in blocks.windows(2) {
        let [settings, output] = pair else { unreachable!() };
        let [client] = output.named("explain")[..] else { continue };
        let printed = cast.explain(&settings.text, client);
        for line in output.text.lines() {
            assert!(printed.stdout.lines().any(|other| other == line), "{line:?}: {}", printed.stdout);
            shown += 1;
        }
    }
    assert!(shown > 4, "{shown} lines");
}

#[test]
fn the_hashes_that_a_rule_needs_are_those_that_explain_prints() {
    let cast = Cast::new();
    let explained = cast.explained("", "svid");
    let hash = |what: &str| cast.with_hashes(what).to_lowercase().replace(':', "");

    assert_eq!(explained["certificate"]["spki_sha256"], hash("<SPKI of svid>"));
    assert_eq!(explained["certificate"]["fingerprint_sha256"], hash("<fingerprint of svid>"));
    assert_eq!(explained["issuer_spki_sha256"][0], hash("<SPKI of partners>"));
    let printed = cast.explain("", "svid").stdout;
    for text in [hash("<SPKI of svid>"), hash("<SPKI of partners>")] {
        assert!(printed.contains(&text), "{text}: {printed}");
    }
}

#[test]
fn every_name_that_a_rule_may_look_at_is_in_the_table() {
    let page = Cast::new().page;
    let error = "x=y".parse::<clawgate::policy::Rule>().unwrap_err().to_string();
    let (_, names) = error.split_once("use ").unwrap();
    for name in
        names.replace(" or ", ", ").replace(" alone", "").replace('`', "").split(',').map(str::trim)
    {
        let listed =
            page.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{name}`")));
        assert!(name.is_empty() || listed, "{name:?} is not in the table");
    }
}

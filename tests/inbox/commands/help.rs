//! Help, completions and manual pages.

use crate::support::process::ClawgateCommand;

const COMMANDS: [&str; 8] = ["list", "show", "replay", "drop", "forget", "export", "recover", "stats"];

#[test]
fn each_command_has_a_help_whose_lines_fit_on_a_terminal() {
    let all = ClawgateCommand::bare("inbox").word("--help").output();
    assert_eq!(all.code, Some(0));
    let pages =
        COMMANDS.map(|command| ClawgateCommand::bare("inbox").word(command).word("--help").output());
    for page in pages.iter().chain([&all]) {
        assert!(page.stdout.contains("--inbox <FILE>"), "{page:?}");
        for line in page.stdout.lines() {
            assert!(line.chars().count() <= 105, "too long for a terminal: {line}");
        }
    }
    for command in COMMANDS {
        assert!(all.stdout.contains(&format!("\n  {command} ")), "{command} is not in {}", all.stdout);
    }
}

#[test]
fn the_help_of_replay_names_the_conditions() {
    let output = ClawgateCommand::bare("inbox").word("replay").word("--help").output();

    insta::assert_snapshot!(output.stdout, @r"
    Deliver events once more: dead ones, unless --state or --id says otherwise

    Usage: clawgate inbox replay [OPTIONS]

    Options:
          --yes            Do not ask before more than one event is changed
          --json           Print one JSON object instead of text
          --config <FILE>  The settings as a TOML file, of which `[inbox]` is read
                           [env: CLAWGATE_CONFIG] [default: none]
          --inbox <FILE>   The database; with it, no settings are read
                           [env: CLAWGATE_INBOX] [default: inbox.path of the settings]
      -h, --help           Print help

    Which events:
          --limit <COUNT>          How many events at most, the newest ones
          --id <ID>                This event; repeatable
          --route <PATH>           Events of the route with this path, as the settings have it
          --state <STATE>          Events in this state [possible values: waiting, delivered, dead]
          --key <KEY>              Events with this id of the sender
          --principal <PRINCIPAL>  Events of this sender, as `show` names it
          --since <TIME>           Events received since then: 2027-01-01T00:00:00Z, or 2h for two hours ago
          --until <TIME>           Events received before then, written in the same way
          --reason <REASON>        Events given up for this reason, such as rejected or too_old
    ");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let page = |words: &[&str]| {
        let command = ClawgateCommand::bare("generate").word("man").word("inbox");
        words.iter().fold(command, |command, word| command.word(*word)).output()
    };
    assert!(page(&[]).stdout.contains("clawgate\\-inbox\\-list(1)"));
    for command in COMMANDS {
        let page = page(&[command]);
        assert!(page.stdout.contains(&format!(".TH clawgate-inbox-{command}")), "{page:?}");
    }
    let unknown = page(&["nothing"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("`inbox nothing`"), "{unknown:?}");
}

#[test]
fn completions_know_the_commands_and_states() {
    let output = ClawgateCommand::bare("generate").word("completions").word("bash").output();

    for word in ["forget", "delivered", "too_many_attempts"] {
        assert!(output.stdout.contains(word), "{word}");
    }
}

//! What packages ship beside the binary, made from the command line itself: completions, manual pages.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::{Cli, Generated};

/// Writes it to `out`.
///
/// # Errors
/// When it cannot be written, or there is no such subcommand.
pub fn generate(what: &Generated, out: &mut impl Write) -> io::Result<()> {
    let mut cli = Cli::command();
    match what {
        Generated::Completions { shell } => {
            // Written at once: the crate panics where the reader has gone.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut cli, "clawgate", &mut text);
            out.write_all(&text)
        }
        Generated::Man { command: None } => Man::new(cli).render(out),
        Generated::Man { command: Some(name) } => {
            cli.build();
            let command = cli.find_subcommand(name).cloned();
            let command =
                command.ok_or_else(|| io::Error::other(format!("there is no command `{name}`")))?;
            Man::new(command).render(out)
        }
    }
}

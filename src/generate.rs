//! Shell completions and manual pages for packages, made from the definition of the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::{Cli, Generated};

/// Writes completions or a manual page to `out`.
///
/// # Errors
/// When `out` cannot be written, or there is no such subcommand.
pub fn generate(what: &Generated, out: &mut impl Write) -> io::Result<()> {
    let mut cli = Cli::command();
    match what {
        Generated::Completions { shell } => {
            // Into a buffer first: clap_complete panics if the reader of `out` has gone.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut cli, "clawgate", &mut text);
            out.write_all(&text)
        }
        Generated::Man { command } => {
            cli.build();
            let page = command.iter().try_fold(cli, |cli, name| cli.find_subcommand(name).cloned());
            let page = page.ok_or_else(|| {
                io::Error::other(format!("there is no command `{}`", command.join(" ")))
            })?;
            Man::new(page).render(out)
        }
    }
}

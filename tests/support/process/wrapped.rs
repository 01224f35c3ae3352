//! clawgate below a program that changes what it may use or is given.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Command;

use super::ClawgateCommand;

impl ClawgateCommand {
    /// Limits the number of files that it may have open.
    pub fn files(mut self, limit: usize) -> Self {
        let mut limited = Command::new("prlimit");
        limited.env_clear().arg(format!("--nofile={limit}:{limit}"));
        limited.arg(self.command.get_program()).args(self.command.get_args());
        limited.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = limited;
        self
    }

    /// Lets it leave core dumps, as far as this process may.
    pub fn core_files(mut self) -> Self {
        let mut limited = Command::new("/bin/sh");
        limited.env_clear().arg("-c").arg(r#"ulimit -S -c "$(ulimit -H -c)"; exec "$0" "$@""#);
        limited.arg(self.command.get_program()).args(self.command.get_args());
        limited.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = self.command.get_current_dir() {
            limited.current_dir(dir);
        }
        self.command = limited;
        self
    }

    /// With `listener` passed on, as a service manager does it (sd_listen_fds(3)).
    pub fn passed(self, listener: &TcpListener) -> Self {
        // It comes in on file descriptor 0, and has to be at 3.
        const SCRIPT: &str = r#"exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@""#;
        let mut command = Command::new("/bin/sh");
        command.env_clear().arg("-c").arg(SCRIPT).arg(self.command.get_program());
        command.args(self.command.get_args());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { command, stdin: OwnedFd::from(listener.try_clone().unwrap()).into() }
    }
}

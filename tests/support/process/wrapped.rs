//! clawgate below a program that changes what it may use or is given.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
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

    /// With `hosts` in place of `/etc/hosts`, in namespaces of its own; `None` where this machine does not permit them. What is written
    /// into the file later holds at the next look-up.
    pub fn hosts(self, hosts: &Path) -> Option<Self> {
        const SCRIPT: &str = r#"mount --bind "$0" /etc/hosts && exec "$@""#;
        let within = |hosts: &Path| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", SCRIPT]).arg(hosts);
            command
        };
        let permitted = within(hosts).args(["cmp", "/etc/hosts"]).arg(hosts).output();
        permitted.ok().filter(|output| output.status.success())?;
        let mut command = within(hosts);
        command.arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Some(Self { command, stdin: self.stdin })
    }
}

//! What the kernel says: of a process and all below it, and of the machine.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The core the proxies run on; `scripts/bench.sh` puts this program, which is load and upstream, on another.
pub const PROXY_CORE: &str = "0";

/// A process that was started here, with all its children; ended when dropped.
pub struct Process(Child);

impl Process {
    /// Starts `program` on these cores, to be ended by the kernel should this program die first.
    pub fn start(
        cores: &str,
        program: &str,
        arguments: &[String],
        variables: &[(String, String)],
        log: &str,
    ) -> Result<Self, String> {
        let file = fs::File::create(log).map_err(|error| format!("{log}: {error}"))?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "-c", cores, program])
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        Ok(Self(child))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Tells it to read its settings anew.
    pub fn hang_up(&self) {
        if let Some(pid) = Pid::from_raw(self.0.id() as i32) {
            let _ = kill_process(pid, Signal::HUP);
        }
    }

    /// CPU time, user and system, that it and its children have used.
    pub fn cpu(&self) -> Duration {
        let of = |pid: &u32| {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            let on_cpu = |task: fs::DirEntry| {
                let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
                text.split(' ').next()?.parse::<u64>().ok()
            };
            tasks.filter_map(on_cpu).sum::<u64>()
        };
        Duration::from_nanos(self.tree().iter().map(of).sum())
    }

    /// The same as user and system time, in the kernel's ticks: it looks a few hundred times a second at what runs.
    pub fn ticks(&self) -> (u64, u64) {
        let of = |pid: &u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name stands in brackets and may have spaces.
            let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(11);
            let mut ticks = || fields.next()?.parse::<u64>().ok();
            Some((ticks()?, ticks()?))
        };
        let (user, system): (Vec<_>, Vec<_>) = self.tree().iter().filter_map(of).unzip();
        (user.iter().sum(), system.iter().sum())
    }

    /// Memory in bytes: what its processes have each for itself, and the program's own pages once.
    pub fn memory(&self) -> u64 {
        let of = |pid: &u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let field = |name: &str| {
                let line = text.lines().find(|line| line.starts_with(name))?;
                line.split_whitespace().nth(1)?.parse::<u64>().ok()
            };
            let mapped = field("Rss:")?.saturating_sub(field("Anonymous:")?);
            Some((field("Pss_Anon:")?, mapped))
        };
        let (anonymous, mapped): (Vec<_>, Vec<_>) = self.tree().iter().filter_map(of).unzip();
        (anonymous.iter().sum::<u64>() + mapped.iter().max().copied().unwrap_or(0)) * 1024
    }

    fn tree(&self) -> Vec<u32> {
        let mut pids = vec![self.0.id()];
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            next += 1;
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            for task in tasks {
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
        }
        pids
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.0.id() as i32);
        let signal = |signal| {
            if let Some(pid) = pid {
                let _ = kill_process(pid, signal);
            }
        };
        signal(Signal::TERM);
        // nginx's workers end with their master only if it ends in order. A second signal hurries a
        // clawgate that drains.
        let start = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) {
            let waited = start.elapsed();
            if waited > Duration::from_secs(5) {
                signal(Signal::KILL);
            } else if waited > Duration::from_millis(300) {
                signal(Signal::TERM);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// CPU time of this thread, which is all of this program, so far.
pub fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The machine in a line.
pub fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
    format!(
        "{} (family {}, model {}), {} cores, {} GiB, Linux {}",
        field("model name").unwrap_or_default(),
        field("cpu family").unwrap_or_default(),
        field("model\t").unwrap_or_default(),
        cpu.matches("processor\t").count(),
        kib.div_ceil(1024 * 1024),
        kernel.trim().split('-').next().unwrap_or_default(),
    )
}

/// The load of the last minute: other work disturbs times, and CPU time a little.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Size of a program and of the libraries that come with it, but for those of every C program, in bytes.
pub fn size(program: &str) -> u64 {
    let length = |path: &str| fs::metadata(path).map(|file| file.len()).unwrap_or(0);
    let listed = Command::new("ldd").arg(program).output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let common = ["libc.", "ld-linux", "libm.", "libpthread", "libdl", "librt", "libgcc_s", "libresolv"];
    let libraries = listed.unwrap_or_default();
    let libraries = libraries.lines().filter(|line| !common.iter().any(|name| line.contains(name)));
    let libraries = libraries.filter_map(|line| line.split(" => ").nth(1)?.split(' ').next());
    length(program) + libraries.map(length).sum::<u64>()
}

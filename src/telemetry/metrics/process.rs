//! What the kernel reports about the process, under the names that Prometheus client libraries use.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// Reads the values again for each response.
#[derive(Debug)]
pub(super) struct Process {
    /// When the process started, in seconds since 1970.
    started: f64,
}

/// The fields of `/proc/self/stat` and `/proc/self/statm` that the metrics need.
struct Usage {
    cpu_seconds: f64,
    threads: u64,
    virtual_bytes: u64,
    resident_bytes: u64,
}

impl Process {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { started: since.map_or(0.0, |since| since.as_secs_f64()) }
    }
}

impl Usage {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field, in parentheses, is the program's name, which may contain anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let resident: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self {
            cpu_seconds: (number(14)? + number(15)?) as f64 / clock_ticks_per_second() as f64,
            threads: number(20)?,
            virtual_bytes: number(23)?,
            resident_bytes: resident * page_size() as u64,
        })
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge(
            "process_start_time_seconds",
            "When clawgate was started, in seconds since 1970.",
            self.started,
        )?;
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // Reading the folder opens one file itself.
            let open = files.count().saturating_sub(1);
            gauge("process_open_fds", "Open file descriptors.", open as f64)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            gauge("process_max_fds", "Limit of open file descriptors.", most as f64)?;
        }
        let Some(usage) = Usage::read() else { return Ok(()) };
        gauge("process_threads", "Threads.", usage.threads as f64)?;
        gauge(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            usage.virtual_bytes as f64,
        )?;
        gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            usage.resident_bytes as f64,
        )?;
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let help = "Total user and system CPU time in seconds.";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)
    }
}

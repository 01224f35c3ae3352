//! Prints the size of the console's page with much to show, and the CPU time that it takes to make it:
//! `cargo run --example console_cost`.

use clawgate::console::page;

mod console_data;

const PAGES: u64 = 100;

/// The CPU time of this thread so far, in nanoseconds.
fn cpu_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
}

fn main() {
    let data = console_data::large("CN=a rather long name of a client, O=Example, OU=Department");
    let before = cpu_time();
    let mut size = 0;
    for _ in 0..PAGES {
        size = page(&data).len();
    }
    let micros = (cpu_time() - before) / PAGES / 1000;
    println!("{size} bytes, {micros} µs of CPU time for a page");
}

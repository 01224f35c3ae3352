//! Measures clawgate beside other proxies that do the same job, on one machine, in one run.
//!
//! `scripts/bench.sh` builds everything, finds the other proxies and calls this. The proxies run on one
//! core, this program (load and upstream) on the other. CPU time is what the kernel counts for a proxy's
//! processes; the targets take turns in every round, so that whatever else goes on meets them all.

mod floor;
mod growth;
mod inbox;
mod load;
mod machine;
mod measures;
mod pki;
mod plan;
mod report;
mod scenarios;
mod targets;
mod upstream;

use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = match plan::Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(problem) => {
            eprintln!("compare: {problem}\n\n{}", plan::USAGE);
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("compare: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(plan.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("compare: {problem}");
            ExitCode::FAILURE
        }
    }
}

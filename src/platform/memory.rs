//! Memory: who may see it, and where it comes from.
//!
//! jemalloc takes less time than glibc's, and gives back what a crowd of clients needed once
//! they have gone (docs/performance.md has the figures).
//!
//! On x86-64 alone: elsewhere jemalloc must be built for the size of page of the machine that it will run on,
//! and the system's allocator is used.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Keeps what is in memory, keys among it, out of core dumps and out of the reach of other processes of the same user
/// (prctl(2), PR_SET_DUMPABLE). Both, since a core dump that goes to a program, such as systemd-coredump, does not heed
/// the limit. Where that is not to be had, the process runs all the same.
pub fn keep_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Starts a thread of the allocator's own that gives back memory which is not needed any more. Without it that
/// happens only while others allocate, so never in a gate that is idle, which serves as well all the same.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        use tikv_jemalloc_ctl::{background_thread, max_background_threads};
        // One is enough for any number of arenas.
        let _ = max_background_threads::write(1).and_then(|()| background_thread::write(true));
    }
}

//! Protection of the process's memory, and the allocator.
//!
//! jemalloc is faster than glibc's allocator, and gives memory back to the system after many clients have left
//! (docs/performance.md has the figures).
//!
//! It is used on x86-64 only. On other architectures jemalloc must be built for the page size of the machine that it
//! runs on, so the system's allocator is used there.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Keeps the memory of this process, which contains keys, out of core dumps and out of reach of other processes of the
/// same user (prctl(2), PR_SET_DUMPABLE). The limit on core dumps alone is not enough: it does not apply if they are
/// piped to a program such as systemd-coredump. Errors are ignored.
pub fn keep_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Starts a thread of the allocator that gives unused memory back to the system. Without this thread jemalloc does so
/// only when clawgate allocates memory, so an idle clawgate never gives memory back. Errors are ignored.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        use tikv_jemalloc_ctl::{background_thread, max_background_threads};
        // One thread is enough for any number of arenas.
        let _ = max_background_threads::write(1).and_then(|()| background_thread::write(true));
    }
}

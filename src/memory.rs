//! The allocator: jemalloc takes less time than glibc's, and gives back what a crowd of senders needed once
//! they have gone (docs/performance.md has the figures).
//!
//! On x86-64 alone: elsewhere jemalloc must be built for the size of page of the machine that it will run on,
//! and the system's allocator is used.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod jemalloc {
    use tikv_jemalloc_ctl::{background_thread, max_background_threads};
    use tikv_jemallocator::Jemalloc;

    #[global_allocator]
    static ALLOCATOR: Jemalloc = Jemalloc;

    pub(super) fn give_back() -> bool {
        // One is enough for any number of arenas.
        max_background_threads::write(1).and_then(|()| background_thread::write(true)).is_ok()
    }
}

/// Starts a thread of the allocator's own that gives back memory which is not needed any more; whether there
/// is one now. Without it that happens only while others allocate, so never in a gate that is idle.
pub fn give_back() -> bool {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    return jemalloc::give_back();
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    return false;
}

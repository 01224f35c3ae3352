//! The allocator: jemalloc takes less time than glibc's, and gives back what a crowd of senders needed once
//! they have gone (docs/performance.md has the figures).
//!
//! On x86-64 alone: elsewhere jemalloc must be built for the size of page of the machine that it will run on,
//! and the system's allocator is used.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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

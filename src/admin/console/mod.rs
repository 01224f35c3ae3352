//! The console: collects what it shows, and carries out its actions. [`crate::console`] has its pages.

mod act;
mod audit;
mod change;
mod collect;
mod form;
mod origin;
mod outcomes;
mod state;

pub use self::state::Console;

pub(super) use self::audit::Who;

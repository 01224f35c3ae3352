//! Stores of events. `contract/` has what every store must do; the other files have what SQLite alone can do wrong.

mod contract;
mod support;

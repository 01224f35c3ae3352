//! The `clawgate` command.
fn main() {}

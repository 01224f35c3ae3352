//! The pages of the console, and the same for a terminal. [`page()`], [`event_page`], [`confirm_page`], [`notice_page`] and [`text()`] take
//! [`ConsoleData`] and give HTML or text; they read nothing and decide nothing. The admin listener collects the data,
//! serves the pages and carries out the actions.
//!
//! All text that comes from clients is data: `maud` escapes it.

pub mod data;
pub mod history;

mod actions;
mod confirm;
mod event;
mod forms;
mod headline;
mod notice;
mod page;
mod panels;
mod principal;
mod sparkline;
mod text;
mod times;

pub use self::actions::Action;
pub use self::confirm::confirm_page;
pub use self::data::ConsoleData;
pub use self::event::event_page;
pub use self::headline::{Headline, Urgency, headline};
pub use self::notice::notice_page;
pub use self::page::page;
pub use self::text::text;

/// The only style sheet.
pub const STYLE_SHEET: &str = include_str!("assets/console.css");
/// The only script. All pages work without it.
pub const SCRIPT: &str = include_str!("assets/console.js");

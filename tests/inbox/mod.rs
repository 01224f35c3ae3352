//! The inbox: events are stored before their sender gets an answer, and delivered afterwards.

mod settings;
mod store;

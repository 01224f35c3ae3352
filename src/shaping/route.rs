//! The shape of one route, with what is remembered of the route.

use std::sync::atomic::{AtomicBool, Ordering};

use super::shape::Shape;

/// The shape of one route. All workers share it; a reload makes a new one.
#[derive(Debug)]
pub struct RouteShape {
    /// The rules.
    pub shape: Shape,
    has_warned: AtomicBool,
}

impl RouteShape {
    /// A route of which nothing is remembered yet.
    pub fn new(shape: Shape) -> Self {
        Self { shape, has_warned: AtomicBool::new(false) }
    }

    /// Whether this is the first call: a warning about the route is logged once.
    pub fn warns_now(&self) -> bool {
        !self.has_warned.swap(true, Ordering::Relaxed)
    }
}

//! Parts that are taken out of bodies: `[route.shape]`.

mod compressed;
mod headers;
mod inbox;
mod reading;
mod recipes;
mod reload;
mod settings;
mod signed;
mod sizes;
mod support;

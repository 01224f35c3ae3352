//! A small chart of the last hour, as SVG.

use std::fmt::Write;

use maud::{Markup, html};

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 40.0;
/// Between two values: an hour has 120.
const STEP: f64 = WIDTH / 119.0;

/// A line through `values`, the oldest first. `label` says for screen readers what it shows.
pub(super) fn sparkline(values: &[f64], label: &str) -> Markup {
    html! {
        svg class="spark" viewBox="0 0 240 40" role="img" aria-label=(label) preserveAspectRatio="none" {
            @if !values.is_empty() { path class="area" d={ (path(values)) "V40H" (format!("{:.1}", start(values))) "Z" } {} }
            path d=(path(values)) fill="none" stroke="currentColor" stroke-width="1.5"
                vector-effect="non-scaling-stroke" {}
        }
    }
}

/// Where the line begins.
fn start(values: &[f64]) -> f64 {
    WIDTH - STEP * f64::from(u32::try_from(values.len().saturating_sub(1)).unwrap_or(0))
}

/// The line as SVG path data. The newest value is at the right edge, the greatest at the upper one, 0 at the lower one.
fn path(values: &[f64]) -> String {
    let top = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut right = start(values);
    let mut path = String::new();
    for (number, value) in values.iter().enumerate() {
        let height = HEIGHT - 1.0 - value / top * (HEIGHT - 2.0);
        // Writing into a String cannot fail.
        let _ = write!(path, "{}{right:.1} {height:.1}", if number == 0 { 'M' } else { 'L' });
        right += STEP;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_is_at_the_right_and_the_greatest_at_the_top() {
        assert_eq!(path(&[0.0, 2.0, 1.0]), "M236.0 39.0L238.0 1.0L240.0 20.0");
        assert_eq!((path(&[]).as_str(), path(&[0.0]).as_str()), ("", "M240.0 39.0"));
        assert!(path(&[1.0; 120]).starts_with("M0.0 1.0L"));
    }
}

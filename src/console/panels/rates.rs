//! Request rate, latency and failures of the last hour.

use maud::{Markup, html};

use super::parts::nothing;
use crate::console::data::ConsoleData;
use crate::console::history::Sample;
use crate::console::sparkline::sparkline;

pub(super) fn content(data: &ConsoleData) -> Markup {
    if data.samples.is_empty() {
        return nothing("The first value comes a minute after the start.");
    }
    let of = |value: fn(&Sample) -> f64| data.samples.iter().map(value).collect::<Vec<_>>();
    html! {
        p class="facts" { "One value for 30 seconds; the newest at the right." }
        dl class="rates" {
            (chart("Requests per second", &of(|sample| sample.rate), "/s"))
            (chart("Mean time of a request", &of(|sample| sample.latency_ms), " ms"))
            (chart("Failed requests and refused connections", &of(failures), ""))
        }
    }
}

fn failures(sample: &Sample) -> f64 {
    f64::from(u32::try_from(sample.failures).unwrap_or(u32::MAX))
}

fn chart(title: &str, values: &[f64], unit: &str) -> Markup {
    let last = values.last().copied().unwrap_or_default();
    let top = values.iter().copied().fold(0.0, f64::max);
    let label =
        format!("{title}: now {}{unit}, at most {}{unit} in the last hour", short(last), short(top));
    html! {
        div {
            dt { (title) }
            dd {
                (sparkline(values, &label))
                span class="value" { (short(last)) (unit) " now, at most " (short(top)) (unit) }
            }
        }
    }
}

/// One digit after the point, without a zero there.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

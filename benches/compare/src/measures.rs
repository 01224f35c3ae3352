//! What is measured: each figure's name, unit and title, and the figures of a run.

use serde_json::{Map, Value, json};

/// A figure of which a run has one for each target and round.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    pub id: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    /// Digits after the point.
    pub digits: usize,
    /// The most that is aimed at, as a ratio to the best peer.
    pub aim: Option<f64>,
    /// Whether more is better.
    pub more: bool,
}

const fn less(
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    digits: usize,
    aim: Option<f64>,
) -> Measure {
    Measure { id, title, unit, digits, aim, more: false }
}

const fn more(id: &'static str, title: &'static str, unit: &'static str) -> Measure {
    Measure { id, title, unit, digits: 0, aim: None, more: true }
}

/// All of them, in the order of the table.
pub const MEASURES: &[Measure] = &[
    less("h1.cpu", "request, HTTP/1.1: CPU", "µs", 1, Some(0.85)),
    less("h2.cpu", "request, HTTP/2: CPU", "µs", 1, Some(0.7)),
    more("h1.rate", "request, HTTP/1.1: rate", "/s"),
    more("h2.rate", "request, HTTP/2: rate", "/s"),
    less("h1.p50", "latency at a fixed rate: p50", "µs", 0, None),
    less("h1.p99", "latency at a fixed rate: p99", "µs", 0, Some(1.0)),
    less("h1.p999", "latency at a fixed rate: p99.9", "µs", 0, None),
    less("full.p256.cpu", "full handshake and request, P-256, X25519: CPU", "µs", 0, Some(0.7)),
    less("full.rsa.cpu", "the same, RSA-2048", "µs", 0, Some(0.7)),
    less("full.mlkem.cpu", "the same, P-256, X25519MLKEM768", "µs", 0, Some(0.7)),
    less("full.tls12.cpu", "the same, P-256, X25519, TLS 1.2", "µs", 0, Some(0.7)),
    less("resumed.cpu", "resumed handshake and request: CPU", "µs", 0, None),
    more("full.p256.rate", "full handshakes, P-256, X25519: rate", "/s"),
    less("unknown.cpu", "refused, unknown CA: CPU", "µs", 0, Some(0.8)),
    less("missing.cpu", "refused, no certificate: CPU", "µs", 0, Some(0.8)),
    less("up.cpu", "bodies of 8 MiB up: CPU", "s/GB", 2, Some(1.0)),
    less("down.cpu", "bodies of 8 MiB down: CPU", "s/GB", 2, Some(1.0)),
    less("memory.start", "memory at start", "MiB", 1, None),
    less("memory.1000", "memory per idle connection, 1,000", "KiB", 1, Some(1.0)),
    less("memory.5000", "memory per idle connection, 5,000", "KiB", 1, Some(1.0)),
    less("memory.after", "memory after they have gone", "MiB", 1, None),
    less("start", "from exec to the first answer", "ms", 1, None),
    less("size", "program, with its libraries but libc", "MB", 1, None),
];

/// The figures of one run.
#[derive(Debug, Default)]
pub struct Figures {
    /// (measure, target, value), in the order they came.
    values: Vec<(String, String, f64)>,
}

/// The middle of several values, and how far they lie apart.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    pub median: f64,
    /// Half the distance between the quartiles, as a share of the median.
    pub spread: f64,
}

impl Figures {
    pub fn add(&mut self, measure: &str, target: &str, value: f64) {
        self.values.push((measure.to_owned(), target.to_owned(), value));
    }

    pub fn of(&self, measure: &str, target: &str) -> Option<Summary> {
        let of = |value: &&(String, String, f64)| value.0 == measure && value.1 == target;
        let mut values: Vec<f64> = self.values.iter().filter(of).map(|value| value.2).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (values.len().checked_sub(1)?) as f64;
            let (low, high) = (values.get(place.floor() as usize)?, values.get(place.ceil() as usize)?);
            Some(low + (high - low) * place.fract())
        };
        let median = at(0.5)?;
        let spread = (at(0.75)? - at(0.25)?) / 2.0 / median.abs().max(f64::MIN_POSITIVE);
        Some(Summary { median, spread })
    }

    /// The best among `targets`.
    pub fn best<'a>(&self, measure: &Measure, targets: &'a [String]) -> Option<(&'a str, f64)> {
        let values = targets
            .iter()
            .filter_map(|target| Some((target.as_str(), self.of(measure.id, target)?.median)));
        values.min_by(|(_, a), (_, b)| if measure.more { b.total_cmp(a) } else { a.total_cmp(b) })
    }

    /// Every single value, for other programs.
    pub fn json(&self) -> Value {
        let mut measures = Map::new();
        for (measure, target, value) in &self.values {
            let targets = measures.entry(measure.as_str()).or_insert_with(|| json!({}));
            if let Some(targets) = targets.as_object_mut()
                && let Some(values) =
                    targets.entry(target.as_str()).or_insert_with(|| json!([])).as_array_mut()
            {
                values.push(json!((value * 1000.0).round() / 1000.0));
            }
        }
        Value::Object(measures)
    }
}

//! The figures for people and for programs.

pub mod lines;
mod svg;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::measures::{Figures, MEASURES, Measure};

/// All there is to report on a run.
pub struct Report {
    /// The first is what the others are compared with.
    pub targets: Vec<String>,
    pub figures: Figures,
    pub machine: String,
    /// Of the machine, when the run began.
    pub load: String,
    pub rounds: usize,
    /// Requests a second, where latencies were taken.
    pub rate: f64,
    pub seconds: u64,
}

impl Report {
    /// Writes `report.md`, `report.json` and `report.svg`.
    pub fn write(&self, dir: &Path) -> Result<(), String> {
        let json = json!({
            "machine": self.machine,
            "load": self.load,
            "rounds": self.rounds,
            "rate": self.rate,
            "targets": self.targets,
            "figures": self.figures.json(),
        });
        for (name, text) in [
            ("report.md", self.markdown()),
            ("report.json", format!("{json:#}")),
            ("report.svg", svg::draw(self)),
        ] {
            fs::write(dir.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    /// The table.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_table(&mut text);
        let _ = self.write_floor(&mut text);
        let _ = writeln!(
            text,
            "\n{}; {} rounds, {} s; load of the machine at the start {}. Latencies at {} requests/s. \
             Median, and half the distance between the quartiles.",
            self.machine, self.rounds, self.seconds, self.load, self.rate
        );
        text
    }

    /// What is compared with the first target; other builds of it are not among them.
    pub fn peers(&self) -> Vec<String> {
        let known = ["nginx", "HAProxy", "Envoy", "pingora"];
        let is_peer = |name: &&String| known.iter().any(|known| name.starts_with(known));
        self.targets.iter().filter(is_peer).cloned().collect()
    }

    /// The first target's figure as a ratio to the best peer's; over 1 is worse.
    pub fn ratio(&self, measure: &Measure) -> Option<(f64, &'static str)> {
        let first = self.targets.first()?;
        let own = self.figures.of(measure.id, first)?.median;
        let (_, best) = self.figures.best(measure, &self.peers())?;
        let ratio = if measure.more { best / own } else { own / best };
        let verdict = match measure.aim {
            Some(aim) if ratio <= aim => " ✓",
            Some(_) => " ✗",
            None => "",
        };
        Some((ratio, verdict))
    }

    fn write_table(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "| | {} | to the best peer | aim |", self.targets.join(" | "))?;
        writeln!(text, "| --- |{} ---: | ---: |", " ---: |".repeat(self.targets.len()))?;
        for measure in MEASURES {
            let cell = |target: &String| match self.figures.of(measure.id, target) {
                Some(value) => {
                    let digits = measure.digits;
                    format!("{:.digits$} ±{:.0} %", value.median, value.spread * 100.0)
                }
                None => "–".to_owned(),
            };
            let cells: Vec<String> = self.targets.iter().map(cell).collect();
            if cells.iter().all(|cell| cell == "–") {
                continue;
            }
            let ratio = self.ratio(measure);
            let ratio =
                ratio.map_or("–".to_owned(), |(ratio, verdict)| format!("**{ratio:.2}**{verdict}"));
            let aim = measure.aim.map_or(String::new(), |aim| format!("≤ {aim}"));
            let Measure { title, unit, .. } = measure;
            writeln!(text, "| {title}, {unit} | {} | {ratio} | {aim} |", cells.join(" | "))?;
        }
        Ok(())
    }

    /// The handshakes beside the bare primitives.
    fn write_floor(&self, text: &mut String) -> std::fmt::Result {
        let floor = |id| self.figures.of(id, "floor").map(|value| value.median);
        if self.targets.iter().all(|target| self.figures.of("full.p256.cpu", target).is_none()) {
            return Ok(());
        }
        writeln!(text, "\n| floor: the bare primitives | CPU | {} |", self.targets.join(" | "))?;
        writeln!(text, "| --- | ---: |{}", " ---: |".repeat(self.targets.len()))?;
        for (id, request, cost, title) in [
            ("full.p256.cpu", "h1.cpu", "floor.p256.x25519", "handshake, P-256, X25519"),
            ("full.rsa.cpu", "h1.cpu", "floor.rsa.x25519", "handshake, RSA-2048, X25519"),
            ("full.mlkem.cpu", "h1.cpu", "floor.p256.mlkem", "handshake, P-256, X25519MLKEM768"),
            ("up.cpu", "", "floor.aes", "a GB through AES-128-GCM"),
        ] {
            let Some(cost) = floor(cost) else { continue };
            let cell = |target: &String| {
                let of = |id: &str| self.figures.of(id, target).map(|value| value.median);
                let own = of(id).map(|all| all - of(request).unwrap_or(0.0));
                own.map_or("–".to_owned(), |own| format!("{:.2} ×", own / cost))
            };
            let cells: Vec<String> = self.targets.iter().map(cell).collect();
            let unit =
                if request.is_empty() { format!("{cost:.3} s") } else { format!("{cost:.0} µs") };
            writeln!(text, "| {title} | {unit} | {} |", cells.join(" | "))?;
        }
        let part = |id| floor(id).unwrap_or(0.0);
        writeln!(
            text,
            "\nIn µs: sign P-256 {:.1}, verify {:.1}; sign RSA-2048 {:.1}, verify {:.1}; X25519 (both \
             steps) {:.1}; ML-KEM-768 encapsulation {:.1}. A handshake is one signature, two verifications, \
             one key agreement; the cost of a request on a kept connection is taken off the measured ones.",
            part("floor.sign.p256"),
            part("floor.verify.p256"),
            part("floor.sign.rsa"),
            part("floor.verify.rsa"),
            part("floor.x25519"),
            part("floor.mlkem"),
        )
    }
}

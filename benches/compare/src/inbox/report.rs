//! The tables of the inbox, for people and for programs.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

/// What one measurement gave.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Events stored in a second.
    pub rate: f64,
    /// Events delivered in a second, where there was an upstream.
    pub delivered: Option<f64>,
    /// Latencies in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// Microseconds of the server's CPU for each event, with its delivery where there was an upstream.
    pub cpu: f64,
}

/// What many waiting events change.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// The target.
    pub name: String,
    /// How many events wait.
    pub count: u64,
    /// What was stored beside them.
    pub cell: Cell,
    /// From exec until it accepts connections.
    pub start: Option<Duration>,
    /// Events delivered in a second after the start.
    pub delivered: Option<f64>,
}

/// All there is to report on a run.
pub struct Report {
    machine: String,
    load: String,
    rounds: usize,
    /// Body, senders, target, and what each round gave.
    rows: Vec<(usize, usize, String, Vec<Cell>)>,
    backlogs: Vec<Backlog>,
}

impl Report {
    pub fn new(machine: String, load: String, rounds: usize) -> Self {
        Self { machine, load, rounds, rows: Vec::new(), backlogs: Vec::new() }
    }

    pub fn add(&mut self, length: usize, senders: usize, target: &str, cell: Cell) {
        let same = |row: &&mut (usize, usize, String, Vec<Cell>)| {
            row.0 == length && row.1 == senders && row.2 == target
        };
        match self.rows.iter_mut().find(same) {
            Some(row) => row.3.push(cell),
            None => self.rows.push((length, senders, target.to_owned(), vec![cell])),
        }
    }

    pub fn backlog(&mut self, backlog: Backlog) {
        self.backlogs.push(backlog);
    }

    /// Writes `inbox.md` and `inbox.json`.
    pub fn write(&self, dir: &Path) -> Result<(), String> {
        for (name, text) in [("inbox.md", self.markdown()), ("inbox.json", format!("{:#}", self.json()))]
        {
            fs::write(dir.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let cell = |cell: &Cell| json!({"rate": cell.rate, "delivered": cell.delivered, "p50": cell.p50, "p99": cell.p99, "cpu": cell.cpu});
        let rows = self.rows.iter().map(|(length, senders, target, cells)| {
            let cells: Vec<Value> = cells.iter().map(cell).collect();
            json!({"body": length, "senders": senders, "target": target, "rounds": cells})
        });
        let backlogs = self.backlogs.iter().map(|backlog| {
            json!({
                "target": backlog.name,
                "waiting": backlog.count,
                "stored": cell(&backlog.cell),
                "start_ms": backlog.start.map(|start| start.as_secs_f64() * 1e3),
                "delivered": backlog.delivered,
            })
        });
        json!({
            "machine": self.machine,
            "load": self.load,
            "rows": rows.collect::<Vec<_>>(),
            "backlogs": backlogs.collect::<Vec<_>>(),
        })
    }

    /// The tables.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_rows(&mut text);
        let _ = self.write_backlogs(&mut text);
        let _ = writeln!(
            text,
            "\n{}; load of the machine at the start {}. Median of {} rounds.",
            self.machine, self.load, self.rounds
        );
        text
    }

    fn write_rows(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "| body | senders | | stored, /s | delivered, /s | p50, ms | p99, ms | CPU, µs |"
        )?;
        writeln!(text, "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |")?;
        for (length, senders, target, cells) in &self.rows {
            let of = |field: fn(&Cell) -> f64| median(cells.iter().map(field).collect());
            let delivered: Option<Vec<f64>> = cells.iter().map(|cell| cell.delivered).collect();
            let delivered =
                delivered.map_or("–".to_owned(), |values| format!("{:.0}", median(values)));
            writeln!(
                text,
                "| {} KiB | {senders} | {target} | {:.0} | {delivered} | {:.2} | {:.2} | {:.0} |",
                length / 1024,
                of(|cell| cell.rate),
                of(|cell| cell.p50),
                of(|cell| cell.p99),
                of(|cell| cell.cpu),
            )?;
        }
        Ok(())
    }

    fn write_backlogs(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n| waiting | | stored, /s | p99, ms | CPU, µs | start, ms | then delivered, /s |"
        )?;
        writeln!(text, "| ---: | --- | ---: | ---: | ---: | ---: | ---: |")?;
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.0}"));
        for Backlog { name, count, cell, start, delivered } in &self.backlogs {
            writeln!(
                text,
                "| {count} | {name} | {:.0} | {:.2} | {:.0} | {} | {} |",
                cell.rate,
                cell.p99,
                cell.cpu,
                number(start.map(|start| start.as_secs_f64() * 1e3)),
                number(*delivered),
            )?;
        }
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Name and version of that nats-server.
pub fn nats_name(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default().replace(": v", " ")
}

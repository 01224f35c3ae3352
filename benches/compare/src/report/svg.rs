//! A plot of the ratios: for each figure a row, for each target a mark, on a logarithmic scale.

use std::fmt::Write;

use super::Report;
use crate::measures::MEASURES;

const ROWS: [(&str, &str); 12] = [
    ("h1.cpu", "CPU, request over HTTP/1.1"),
    ("h2.cpu", "CPU, request over HTTP/2"),
    ("h1.p99", "latency, p99"),
    ("full.p256.cpu", "CPU, full handshake, P-256"),
    ("full.rsa.cpu", "CPU, full handshake, RSA"),
    ("full.mlkem.cpu", "CPU, full handshake, ML-KEM"),
    ("unknown.cpu", "CPU, refused: unknown CA"),
    ("missing.cpu", "CPU, refused: no certificate"),
    ("up.cpu", "CPU, a GB up"),
    ("down.cpu", "CPU, a GB down"),
    ("memory.1000", "memory, idle connection"),
    ("start", "time to first answer"),
];
const COLOURS: [&str; 9] =
    ["#d62728", "#1f77b4", "#6baed6", "#2ca02c", "#98df8a", "#9467bd", "#ff7f0e", "#8c564b", "#7f7f7f"];
/// Names in a line above the plot.
const LEGEND: usize = 4;
const LEFT: f64 = 210.0;
const WIDTH: f64 = 480.0;
const ROW: f64 = 24.0;

/// Ratios to the best peer, which stands at 1.
pub fn draw(report: &Report) -> String {
    let mut svg = String::new();
    // Writing into a String cannot fail.
    let _ = write(report, &mut svg);
    svg
}

fn write(report: &Report, svg: &mut String) -> std::fmt::Result {
    let rows: Vec<_> = ROWS
        .iter()
        .filter_map(|(id, title)| {
            let measure = MEASURES.iter().find(|measure| measure.id == *id)?;
            let (_, best) = report.figures.best(measure, &report.peers())?;
            let of = |target: &String| Some(report.figures.of(id, target)?.median / best);
            Some((*title, report.targets.iter().map(of).collect::<Vec<_>>()))
        })
        .collect();
    let values = rows.iter().flat_map(|(_, values)| values.iter().flatten().copied());
    let low = values.clone().fold(0.5_f64, f64::min).log2().floor();
    let high = values.fold(2.0_f64, f64::max).log2().ceil().min(5.0);
    let x = |ratio: f64| LEFT + (ratio.log2().min(high) - low) / (high - low) * WIDTH;
    let top = 20.0 + 16.0 * report.targets.len().div_ceil(LEGEND) as f64;
    let height = top + ROW * rows.len() as f64 + 34.0;
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0} {height:.0}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>"##,
        LEFT + WIDTH + 30.0
    )?;
    for (index, name) in report.targets.iter().enumerate() {
        let (column, line) = (index % LEGEND, index / LEGEND);
        let (at, y) = (20.0 + column as f64 * 170.0, 16.0 + line as f64 * 16.0);
        let colour = COLOURS[index % COLOURS.len()];
        writeln!(svg, r#"<circle cx="{at:.0}" cy="{y:.0}" r="5" fill="{colour}"/>"#)?;
        writeln!(svg, r#"<text x="{:.0}" y="{:.0}">{name}</text>"#, at + 10.0, y + 4.0)?;
    }
    let bottom = top + ROW * rows.len() as f64;
    let mut power = low;
    while power <= high {
        let at = x(power.exp2());
        let (colour, width) = if power == 0.0 { ("#444444", 1.5) } else { ("#dddddd", 1.0) };
        writeln!(
            svg,
            r##"<line x1="{at:.1}" x2="{at:.1}" y1="{top:.0}" y2="{bottom:.0}" stroke="{colour}" stroke-width="{width}"/>
<text x="{at:.1}" y="{:.0}" text-anchor="middle" fill="#444444">{}×</text>"##,
            bottom + 14.0,
            power.exp2()
        )?;
        power += 1.0;
    }
    for (row, (title, values)) in rows.iter().enumerate() {
        let y = top + ROW * (row as f64 + 0.5);
        writeln!(
            svg,
            r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{title}</text>"#,
            LEFT - 12.0,
            y + 4.0
        )?;
        // The first target last, so that it lies on top.
        for (index, value) in values.iter().enumerate().rev() {
            let Some(value) = value else { continue };
            let (colour, radius) = (COLOURS[index % COLOURS.len()], if index == 0 { 6.5 } else { 5.0 });
            writeln!(
                svg,
                r##"<circle cx="{:.1}" cy="{y:.1}" r="{radius}" fill="{colour}" stroke="#ffffff"/>"##,
                x(*value)
            )?;
        }
    }
    writeln!(
        svg,
        r##"<text x="{:.0}" y="{:.0}" text-anchor="middle" fill="#444444">cost as a ratio to the best other proxy: left of 1× is better than all of them</text>
</svg>"##,
        LEFT + WIDTH / 2.0,
        bottom + 30.0
    )
}

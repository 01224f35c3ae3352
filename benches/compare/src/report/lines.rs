//! A plot of cost against size: for each axis a line for requests and one for handshakes.

use std::fmt::Write;

use crate::growth::Row;

const COLOURS: [&str; 5] = ["#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b"];
/// What a panel shows of a row.
type Value = fn(&Row) -> f64;

const PANEL: (f64, f64) = (330.0, 220.0);

/// Both axes are logarithmic.
pub fn draw(rows: &[Row]) -> String {
    let mut svg = String::new();
    // Writing into a String cannot fail.
    let _ = write(rows, &mut svg);
    svg
}

fn write(rows: &[Row], svg: &mut String) -> std::fmt::Result {
    let mut axes: Vec<&str> = rows.iter().map(|row| row.axis.as_str()).collect();
    axes.dedup();
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 330" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>"##
    )?;
    let panels: [(&str, Value); 2] = [
        ("CPU a request, µs", |row| row.request),
        ("CPU a handshake with a request, µs", |row| row.handshake),
    ];
    for (index, (title, value)) in panels.into_iter().enumerate() {
        let left = 45.0 + index as f64 * (PANEL.0 + 45.0);
        panel(svg, title, left, rows, &axes, value)?;
    }
    for (index, axis) in axes.iter().enumerate() {
        let x = 45.0 + index as f64 * 140.0;
        let colour = COLOURS[index % COLOURS.len()];
        writeln!(
            svg,
            r#"<circle cx="{x}" cy="312" r="5" fill="{colour}"/><text x="{}" y="316">{axis}</text>"#,
            x + 9.0
        )?;
    }
    writeln!(svg, "</svg>")
}

fn panel(
    svg: &mut String,
    title: &str,
    left: f64,
    rows: &[Row],
    axes: &[&str],
    value: Value,
) -> std::fmt::Result {
    let top = 40.0;
    let highest = rows.iter().map(value).fold(1.0, f64::max) * 1.25;
    let x = |step: usize| left + (step.max(1) as f64).log10() / 6.0 * PANEL.0;
    let y = |value: f64| top + PANEL.1 * (1.0 - value / highest);
    writeln!(
        svg,
        r##"<text x="{left}" y="24">{title}</text><rect x="{left}" y="{top}" width="{}" height="{}" fill="none" stroke="#999999"/>"##,
        PANEL.0, PANEL.1
    )?;
    for power in 0..=6 {
        let at = left + f64::from(power) / 6.0 * PANEL.0;
        writeln!(
            svg,
            r#"<text x="{at:.0}" y="{:.0}" text-anchor="middle">10^{power}</text>"#,
            top + PANEL.1 + 16.0
        )?;
    }
    for share in [0.25, 0.5, 0.75] {
        let (at, label) = (y(highest * share), highest * share);
        writeln!(
            svg,
            r##"<line x1="{left}" x2="{}" y1="{at:.1}" y2="{at:.1}" stroke="#dddddd"/><text x="{:.0}" y="{:.0}" text-anchor="end">{label:.0}</text>"##,
            left + PANEL.0,
            left - 5.0,
            at + 4.0
        )?;
    }
    for (index, axis) in axes.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let of_axis = rows.iter().filter(|row| row.axis == *axis);
        let points: Vec<String> =
            of_axis.map(|row| format!("{:.1},{:.1}", x(row.step), y(value(row)))).collect();
        writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            points.join(" ")
        )?;
    }
    Ok(())
}

//! Ages, sizes and tables for people.

use std::time::{Duration, SystemTime};

use crate::finding::one_line;

/// How long ago something was: `3m ago`. Never negative, since the clock may have been set back.
pub(super) fn ago(time: SystemTime, now: SystemTime) -> String {
    match now.duration_since(time).unwrap_or_default() {
        short if short < Duration::from_secs(1) => "now".to_owned(),
        span => format!("{} ago", coarse(span)),
    }
}

/// When something will be: `in 4s`, or `now` if it is due.
pub(super) fn until(time: SystemTime, now: SystemTime) -> String {
    match time.duration_since(now) {
        Ok(span) if !span.is_zero() => format!("in {}", coarse(span)),
        _ => "now".to_owned(),
    }
}

/// A length of time in its largest sensible unit; less than a second counts as one.
pub(super) fn coarse(span: Duration) -> String {
    match span.as_secs() {
        seconds @ ..=119 => format!("{}s", seconds.max(1)),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds @ 7200..=172_799 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86400),
    }
}

/// A length of time with as much detail as a person needs: `12ms`, `5.2s`, `4m`.
pub(super) fn precise(span: Duration) -> String {
    match span.as_millis() {
        millis @ ..1000 => format!("{millis}ms"),
        1000..60_000 => format!("{:.1}s", span.as_secs_f64()),
        _ => coarse(span),
    }
}

/// A number of bytes, rounded: `1.2KiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
        // A size need not be exact to the byte here.
        Some((unit, factor)) => format!("{:.1}{unit}", bytes as f64 / *factor as f64),
        None => format!("{bytes}B"),
    }
}

/// `1 event`, `12 events`.
pub(super) fn events(count: u64) -> String {
    format!("{count} event{}", if count == 1 { "" } else { "s" })
}

/// Rows as columns of equal width, with two blanks between them. The cells are made safe to print.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    let rows: Vec<[_; N]> = rows.iter().map(|row| row.each_ref().map(|cell| one_line(cell))).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn ages_have_one_unit_and_are_never_negative() {
        let now = at(1_800_000_000);
        let ages: Vec<_> = [0, 1, 119, 120, 7199, 7200, 172_800]
            .map(|seconds| ago(now - Duration::from_secs(seconds), now))
            .into();
        assert_eq!(ages, ["now", "1s ago", "119s ago", "2m ago", "119m ago", "2h ago", "2d ago"]);
        assert_eq!(ago(now + Duration::from_secs(60), now), "now");
        assert_eq!(until(now + Duration::from_millis(200), now), "in 1s");
        assert_eq!(until(now - Duration::from_secs(60), now), "now");
    }

    #[test]
    fn sizes_are_rounded() {
        let sizes: Vec<_> = [0, 1023, 1024, 1_300_000, 5 << 30].map(size).into();
        assert_eq!(sizes, ["0B", "1023B", "1.0KiB", "1.2MiB", "5.0GiB"]);
    }

    #[test]
    fn a_table_has_columns_and_no_control_characters() {
        let rows = [["ROUTE", "DEAD"], ["/a\u{1b}[31m", "1"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "ROUTE         DEAD\n/a\\u{1b}[31m  1\n");
    }
}

//! The Prometheus text format 0.0.4, which most tools expect.

/// Converts OpenMetrics 1.0 to the text format 0.0.4. There, the name of a counter ends in `_total`, and there are no
/// units and no end mark.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    let mut counter = false;
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            // The type follows directly after the name.
            counter = lines.peek().is_some_and(|next| next.ends_with(" counter"));
            push_described(&mut text, "# HELP ", help, counter);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            push_described(&mut text, "# TYPE ", kind, counter);
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn push_described(text: &mut String, what: &str, rest: &str, counter: bool) {
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let suffix = if counter { "_total" } else { "" };
    text.push_str(&format!("{what}{name}{suffix} {rest}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_called_by_their_series_and_unit_and_end_go() {
        let open_metrics = "# HELP a_seconds Time.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
                            a_seconds_total{x=\"# y\"} 1\n# HELP b A gauge.\n# TYPE b gauge\nb 2\n# EOF\n";
        let expected = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\n\
                        a_seconds_total{x=\"# y\"} 1\n# HELP b A gauge.\n# TYPE b gauge\nb 2\n";
        assert_eq!(plain(open_metrics), expected);
    }
}

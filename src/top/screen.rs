//! What fits into a terminal of some size.

use std::fmt::Write;

/// Lines that the top line and what to do about it may have each.
const WRAPPED: usize = 3;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[1;32m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// A text for a terminal. It has no control characters of its own.
pub(super) struct Screen<'a> {
    pub(super) text: &'a str,
    pub(super) colour: bool,
}

impl Screen<'_> {
    /// What to write to a terminal of this size: each line in its place, and nothing else left.
    pub(super) fn draw(&self, rows: usize, columns: usize) -> String {
        let lines = self.lines(rows, columns);
        let mut out = String::from("\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            let end = if number + 1 < lines.len() { "\r\n" } else { "" };
            // Writing into a String cannot fail.
            let _ = match self.style(line) {
                "" => write!(out, "{line}\x1b[K{end}"),
                style => write!(out, "{style}{line}{PLAIN}\x1b[K{end}"),
            };
        }
        out + "\x1b[J"
    }

    /// The lines that fit, and how many do not.
    fn lines(&self, rows: usize, columns: usize) -> Vec<String> {
        let mut is_first = true;
        let mut lines = Vec::new();
        for line in self.text.lines() {
            is_first &= !line.is_empty();
            match is_first {
                true => lines.extend(wrapped(line, columns.max(20))),
                false => lines.push(line.chars().take(columns).collect()),
            }
        }
        let rows = rows.max(2);
        if lines.len() > rows {
            let left = lines.len() - (rows - 1);
            lines.truncate(rows - 1);
            lines.push(format!("… {left} more lines (`clawgate top --once` prints all)"));
        }
        lines
    }

    fn style(&self, line: &str) -> &'static str {
        let is_title = |line: &str| {
            line.chars().next().is_some_and(char::is_uppercase)
                && line.split(" (").next().is_some_and(|word| word == word.to_uppercase())
        };
        match line {
            _ if !self.colour => "",
            line if line.starts_with("clawgate: FAULT: ") => RED,
            line if line.starts_with("clawgate: warning: ") => YELLOW,
            "clawgate: all well" => GREEN,
            line if is_title(line) => BOLD,
            _ => "",
        }
    }
}

/// A line in several, between words, with the indentation of its first one.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let indent = " ".repeat(line.len() - line.trim_start().len());
    let mut lines = Vec::new();
    let mut current = indent.clone();
    for word in line.split_whitespace() {
        let is_empty = current.len() == indent.len();
        if !is_empty && current.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::replace(&mut current, indent.clone()));
        } else if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
    }
    lines.push(current);
    if lines.len() > WRAPPED {
        lines.truncate(WRAPPED);
        lines.last_mut().into_iter().for_each(|last| last.push('…'));
    }
    lines.into_iter().map(|line| line.chars().take(columns).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "clawgate: FAULT: No event is delivered to http://127.0.0.1:18789: it refuses\n  \
                        to do: start it\ngeneration 1\n\nREFUSED CLIENTS (2)\n  CN=a client_cert_expired\n";

    fn lines(rows: usize, columns: usize) -> Vec<String> {
        Screen { text: TEXT, colour: false }.lines(rows, columns)
    }

    #[test]
    fn the_top_line_is_wrapped_and_all_others_are_cut() {
        insta::assert_snapshot!(lines(20, 36).join("\n"), @r"
        clawgate: FAULT: No event is
        delivered to http://127.0.0.1:18789:
        it refuses
          to do: start it
        generation 1

        REFUSED CLIENTS (2)
          CN=a client_cert_expired
        ");
        assert_eq!(lines(20, 22).last().unwrap(), "  CN=a client_cert_exp");
    }

    #[test]
    fn the_last_line_says_how_much_is_left_out() {
        let shown = lines(4, 100);

        assert_eq!(shown.len(), 4);
        assert_eq!(shown[3], "… 3 more lines (`clawgate top --once` prints all)");
        assert_eq!(lines(6, 100).len(), 6);
        assert!(!lines(6, 100)[5].contains("more"));
    }

    #[test]
    fn each_line_is_overwritten_to_its_end_and_the_screen_is_never_cleared() {
        let drawn = Screen { text: "a\nb\n", colour: true }.draw(24, 80);

        assert_eq!(drawn, "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
    }

    #[test]
    fn colours_are_used_only_if_they_are_wanted() {
        let coloured = Screen { text: TEXT, colour: true }.draw(24, 200);
        let plain = Screen { text: TEXT, colour: false }.draw(24, 200);

        assert!(coloured.contains("\x1b[1;31mclawgate: FAULT: No event"));
        assert!(coloured.contains("\x1b[1mREFUSED CLIENTS (2)\x1b[0m"));
        assert!(!coloured.contains("\x1b[1mgeneration"));
        assert!(!plain.contains('m') || !plain.contains("\x1b[1"));
    }
}

//! Takes out of a text what differs from run to run, so that the rest can be compared with a snapshot.

use std::path::Path;

/// `text` with `DIR` for the folder, `DATE` for dates, `SHA-256`, `SERIAL` and `PORT`.
pub fn redacted(text: &str, dir: &Path) -> String {
    let text = text.replace(dir.to_str().unwrap(), "DIR");
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-');
    let mut redacted = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |length| start + length);
        let word = rest[start..end].trim_end_matches(':');
        redacted.push_str(&rest[..start]);
        redacted.push_str(&one(word));
        redacted.push_str(&rest[start + word.len()..end]);
        rest = &rest[end..];
    }
    let redacted = redacted + rest;
    [" days left", " s ago"].iter().fold(redacted, |text, unit| without_number_before(&text, unit))
}

/// `N` for a number before `unit` that is another one tomorrow, or in a second.
fn without_number_before(text: &str, unit: &str) -> String {
    let parts: Vec<_> = text.split(unit).collect();
    let [before @ .., last] = parts.as_slice() else { return String::new() };
    let cut = |part: &&str| format!("{}N{unit}", part.trim_end_matches(|c: char| c.is_ascii_digit()));
    before.iter().map(cut).collect::<String>() + last
}

fn one(word: &str) -> String {
    let is_hex = word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
        && word.contains(|c: char| c.is_ascii_digit());
    let is_date = word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    match word.rsplit_once(':') {
        _ if is_date => "DATE".to_owned(),
        _ if is_hex && word.len() == 64 => "SHA-256".to_owned(),
        _ if is_hex && word.len() > 30 => "SERIAL".to_owned(),
        _ if is_hex && word.len() == 16 => "SHA-256".to_owned(),
        Some((host, port)) if port.len() > 3 && port.parse::<u16>().is_ok() => format!("{host}:PORT"),
        _ => word.to_owned(),
    }
}

#[test]
fn what_differs_from_run_to_run_is_replaced_and_nothing_else() {
    let text = "/tmp/x/a.pem: serial 1b3256cc04fc062b2f0faf8399fb440fe642baf6, until 2028-11-26T07:39:30Z: \
                on 127.0.0.1:41455, limits 20000, http://localhost:8080/hooks, dns:notes.example, 89 days left, 7 s ago";
    assert_eq!(
        redacted(text, Path::new("/tmp/x")),
        "DIR/a.pem: serial SERIAL, until DATE: on 127.0.0.1:PORT, limits 20000, http://localhost:PORT/hooks, \
         dns:notes.example, N days left, N s ago"
    );
}

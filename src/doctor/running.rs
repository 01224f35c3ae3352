//! Compares what a running process uses with settings that it may not have loaded.

use serde_json::Value;

use super::admin::call;
use super::probe::Reply;
use crate::config::{AdminAddress, Difference, InUse, Settings};
use crate::finding::{Area, Check, Finding, Subject};

/// The maximum number of values that are listed for one setting.
const LISTED: usize = 5;

/// What would change if the running process loaded `settings`, or why that is not known.
pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let Some(address) = &settings.startup.admin else {
        let detail = "it is not known whether a process is running: admin.address is off";
        return vec![Subject::new(Area::Admin, "").note(Check::InUse, detail)];
    };
    let subject = Subject::new(Area::Admin, address);
    let note = |detail: String| vec![subject.note(Check::InUse, detail)];
    if matches!(address, AdminAddress::Tcp(address) if address.port() == 0) {
        return note(
            "it is not known whether a process is running: port 0 stands for any free port".to_owned(),
        );
    }
    let answer = match call(address, "/status").await {
        Ok(Reply::Http(answer)) => answer,
        Ok(Reply::Silence) => {
            return note("the server there does not answer within 5 s: nothing was compared".to_owned());
        }
        Ok(Reply::Other(_) | Reply::Closed) => {
            return note(
                "the server there does not speak HTTP, so it is not clawgate: nothing was compared"
                    .to_owned(),
            );
        }
        Err(_) => {
            return note(
                "no process is running with this admin.address: nothing was compared".to_owned(),
            );
        }
    };
    if matches!(answer.status.as_u16(), 401 | 403) {
        return note(
            "a process is running and requires a token, which is not sent to it: nothing was compared"
                .to_owned(),
        );
    }
    let status: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let status = status.filter(|_| answer.status.is_success());
    match status.as_ref().and_then(|status| Some((status, InUse::read(&status["settings"])?))) {
        Some((status, running)) => compared(&subject, status, &running.differences(&settings.in_use)),
        None => {
            note("the server there is not clawgate of this version: nothing was compared".to_owned())
        }
    }
}

fn compared(subject: &Subject, status: &Value, differences: &[Difference]) -> Vec<Finding> {
    let mut found = pending(subject, status).into_iter().collect::<Vec<_>>();
    let generation = &status["generation"];
    if differences.is_empty() {
        let detail =
            format!("a process is running with these settings and files (generation {generation})");
        found.insert(0, subject.pass(Check::InUse, detail));
        return found;
    }
    let count = match differences.len() {
        1 => "1 difference".to_owned(),
        count => format!("{count} differences"),
    };
    let detail =
        format!("a process is running with other settings or files (generation {generation}): {count}");
    let restarts = differences.iter().filter(|difference| difference.needs_restart).count();
    let hint = match restarts {
        0 => "a reload makes the change (kill -HUP PID, systemctl reload clawgate, POST /reload)",
        all if all == differences.len() => "a restart makes the change; a reload does not",
        _ => {
            "a reload makes the change (kill -HUP PID, systemctl reload clawgate, POST /reload), except for what needs a restart"
        }
    };
    found.insert(0, subject.note(Check::InUse, detail).hint(hint));
    found.extend(differences.iter().map(|difference| {
        let restart = if difference.needs_restart { " (needs a restart)" } else { "" };
        subject.note(Check::InUse, format!("{}{restart}", sentence(difference)))
    }));
    found
}

/// Settings that the process has loaded, but can use only after a restart.
fn pending(subject: &Subject, status: &Value) -> Option<Finding> {
    let keys: Vec<_> = status["needs_restart"].as_array()?.iter().filter_map(Value::as_str).collect();
    (!keys.is_empty()).then(|| {
        let detail = format!(
            "the process was reloaded with other values of {}, which take effect only after a restart",
            keys.join(", ")
        );
        subject.warning(Check::InUse, detail, "restart it, or restore these settings")
    })
}

fn sentence(difference: &Difference) -> String {
    let Difference { key, removed, added, .. } = difference;
    if key == "files" {
        return files(removed, added);
    }
    match (removed.as_slice(), added.as_slice()) {
        ([before], [after]) => format!("{key}: {before} becomes {after}"),
        (removed, []) => format!("{key}: drops {}", listed(removed)),
        ([], added) => format!("{key}: adds {}", listed(added)),
        (removed, added) => format!("{key}: drops {}; adds {}", listed(removed), listed(added)),
    }
}

/// Each value is a file's absolute path, a colon, and its SHA-256 or the time when it was written.
fn files(removed: &[String], added: &[String]) -> String {
    let name =
        |value: &String| value.rsplit_once(": ").map_or(value.clone(), |(path, _)| path.to_owned());
    let before: Vec<_> = removed.iter().map(name).collect();
    let after: Vec<_> = added.iter().map(name).collect();
    let (kept, new): (Vec<_>, Vec<_>) = after.into_iter().partition(|path| before.contains(path));
    let gone: Vec<_> = before.into_iter().filter(|path| !kept.contains(path)).collect();
    let parts = [
        ("changed or written since they were loaded", kept),
        ("named now", new),
        ("no longer named", gone),
    ];
    let parts = parts.iter().filter(|(_, paths)| !paths.is_empty());
    let parts: Vec<_> = parts.map(|(what, paths)| format!("{what}: {}", listed(paths))).collect();
    format!("files {}", parts.join("; "))
}

fn listed(values: &[String]) -> String {
    let mut text = values.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join("; ");
    if values.len() > LISTED {
        text.push_str(&format!("; and {} more", values.len() - LISTED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_said_in_words() {
        let of = |key: &str, removed: &[&str], added: &[&str]| {
            let texts = |values: &[&str]| values.iter().map(ToString::to_string).collect();
            let (removed, added) = (texts(removed), texts(added));
            sentence(&Difference { key: key.to_owned(), removed, added, needs_restart: false })
        };
        assert_eq!(of("limits.uri", &["1"], &["2"]), "limits.uri: 1 becomes 2");
        assert_eq!(of("clients.allow", &[], &["cn=a", "cn=b"]), "clients.allow: adds cn=a; cn=b");
        assert_eq!(
            of("clients.allow", &["cn=a", "cn=b"], &["cn=c"]),
            "clients.allow: drops cn=a; cn=b; adds cn=c"
        );
        assert_eq!(
            of("x", &["1", "2", "3", "4", "5", "6", "7"], &[]),
            "x: drops 1; 2; 3; 4; 5; and 2 more"
        );
        assert_eq!(
            of(
                "files",
                &["/a.pem: SHA-256 1", "/b: SHA-256 2"],
                &["/a.pem: SHA-256 3", "/c: written at 4"]
            ),
            "files changed or written since they were loaded: /a.pem; named now: /c; no longer named: /b"
        );
    }
}

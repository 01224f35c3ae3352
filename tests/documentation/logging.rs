//! `docs/logging.md` has every event and every field that the code can write, and no other.
//!
//! The code is read as text here: structs that are serialized, and the names that are given to `emit`. Besides, each test compares
//! all lines that its clawgate has written with the page (`support::log_page::compare`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use crate::support::log_page::{SECTIONS, compare};

/// The structs whose fields an event has, or a part that several events have.
const RECORDS: &[(&str, &[&str])] = &[
    ("`handshake_failed`", &["tls/report.rs Explained", "server/rejected_connections.rs SummaryLine"]),
    (
        "`connection_withdrawn`",
        &["tls/report.rs Explained", "server/rejected_connections.rs SummaryLine"],
    ),
    (
        "`connection_unused`",
        &["server/unused_connections.rs Line", "server/unused_connections.rs SummaryLine"],
    ),
    ("`connection_flooded`", &["server/session.rs Flooded"]),
    ("`would_refuse`", &["pipeline/audit_log.rs Line", "pipeline/audit_log.rs SummaryLine"]),
    (
        "`request`",
        &[
            "telemetry/access/line.rs RequestLine",
            "telemetry/access/line.rs RareFields",
            "telemetry/access/line.rs ConnectionFields",
        ],
    ),
    (
        "`delivery_failed`",
        &["pipeline/delivery_failures.rs Line", "pipeline/delivery_failures.rs SummaryLine"],
    ),
    (
        "`signature_refused`",
        &["pipeline/signature_refusals.rs Line", "pipeline/signature_refusals.rs SummaryLine"],
    ),
    ("`shaped_signature`", &["pipeline/shape.rs SignatureLeft"]),
    ("`relay_request`", &["telemetry/access/relay.rs Line"]),
    (
        "`relay_refused`",
        &["pipeline/relay/refused_callers.rs Line", "pipeline/relay/refused_callers.rs SummaryLine"],
    ),
    ("`event_key_reused`", &["pipeline/inbox.rs KeyReused"]),
    ("`inbox_set_aside`", &["app/inbox.rs SetAside"]),
    ("`inbox_unavailable`", &["app/inbox.rs Unavailable"]),
    ("`nats_connected`", &["inbox/jetstream/connection_log.rs Connected"]),
    ("`nats_disconnected`", &["inbox/jetstream/connection_log.rs Disconnected"]),
    ("`nats_error`", &["inbox/jetstream/connection_log.rs ErrorLine"]),
    ("`peer_message_ignored`", &["dispatch/log.rs PeerMessageIgnored"]),
    ("`replay_window_shared`", &["inbox/replay_log.rs Shared"]),
    ("`replay_window_local`", &["inbox/replay_log.rs Local"]),
    ("`challenge_secret`", &["pipeline/authenticate.rs ChallengeSecret"]),
    ("`upstream_misconfigured`", &["upstream/misconfiguration.rs Line"]),
    ("`identity_left_out`", &["upstream/misconfiguration.rs LeftOut"]),
    ("`delivered`", &["dispatch/log.rs Try"]),
    ("`delivery_attempt_failed`", &["dispatch/log.rs Try", "dispatch/log.rs Failed"]),
    ("`dead_lettered`", &["dispatch/log.rs Dead", "inbox/sqlite/unreadable.rs Line"]),
    ("`upstream_paused`", &["dispatch/log.rs UpstreamPaused"]),
    ("`upstream_resumed`", &["dispatch/log.rs UpstreamResumed"]),
    ("`route_paused`", &["dispatch/log.rs RoutePaused"]),
    ("`route_resumed`", &["dispatch/log.rs RouteResumed"]),
    ("`route_unknown`", &["dispatch/log.rs RouteUnknown"]),
    ("`inbox_failed`", &["dispatch/log.rs StoreFailed"]),
    ("`delivery_started`", &["dispatch/log.rs Started"]),
    ("`delivery_stopped`", &["dispatch/log.rs Stopped"]),
    ("`accept_failed`", &["server/listener.rs AcceptFailed"]),
    ("`started`", &["app/events.rs Started"]),
    ("`sandbox`", &["platform/sandbox/mod.rs Line"]),
    ("`settings_warning`", &["reload/warnings.rs Warning"]),
    ("`reloaded`", &["reload/events.rs Reloaded"]),
    ("`reload_failed`", &["reload/events.rs ReloadFailed"]),
    ("`watch_failed`", &["reload/events.rs WatchFailed"]),
    ("`certificate_expiring`", &["app/events.rs CertificateExpiring"]),
    ("`crl_expired`", &["pki/revocation/stale.rs StaleCrl"]),
    ("`admin_action`", &["admin/console/audit.rs Line"]),
    ("`signal_ignored`", &["platform/signals.rs Ignored"]),
    ("`draining`", &["app/events.rs Draining"]),
    ("`stopped`", &["app/events.rs Stopped"]),
    ("`replayed`", &["inbox_commands/change.rs Line"]),
    ("`dropped`", &["inbox_commands/change.rs Line"]),
    ("`forgotten`", &["inbox_commands/change.rs Line"]),
    ("`recovered`", &["inbox_commands/recover.rs Line"]),
    ("`span_export_failed`", &["telemetry/trace/exporter.rs Failed"]),
    ("`span_export_resumed`", &["telemetry/trace/exporter.rs Resumed"]),
    ("`spans_lost`", &["telemetry/trace/exporter.rs Lost"]),
    ("A connection", &["telemetry/access/line.rs ConnectionFields"]),
    ("A certificate", &["identity/certificate.rs Certificate"]),
    ("A certificate of a chain", &["tls/report.rs Link"]),
    ("More of the ClientHello", &["tls/report.rs Offered"]),
    ("Repetitions", &["telemetry/log_dedup/mod.rs Repeated"]),
];
/// Events that are not written by `emit`, and all their fields.
const BY_HAND: &[(&str, &[&str])] = &[
    ("`log`", &["message", "target"]),
    ("`log_lines_lost`", &["count", "hint"]),
    ("`panic`", &["detail", "message", "target"]),
];
/// Fields that are written by hand beside a record.
const BESIDE: &[(&str, &str)] = &[("`request`", "id")];

/// Each source file by its path below `src`.
fn sources() -> BTreeMap<String, String> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    walk(&root, &root, &mut found);
    found
}

/// What is between the braces of a struct or an enum.
fn body_of<'a>(source: &'a str, name: &str) -> &'a str {
    let starts = [format!("struct {name} {{"), format!("struct {name}<"), format!("enum {name} {{")];
    let at = starts.iter().find_map(|start| source.find(start)).unwrap_or_else(|| panic!("no {name}"));
    let (_, body) = source[at..].split_once("{\n").unwrap();
    body.split_once("\n}").unwrap().0
}

/// The fields of a struct or of an enum's variants as they are serialized; those of a flattened one are left out.
fn fields_of(body: &str) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut is_hidden = false;
    for line in body.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if line.starts_with('#') {
            is_hidden |= line.contains("serde(skip)") || line.contains("serde(flatten)");
            continue;
        }
        let name = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ");
        if let Some((field, _)) = name.split_once(": ")
            && !is_hidden
        {
            fields.insert(field.to_owned());
        }
        is_hidden = false;
    }
    fields
}

#[test]
fn every_event_that_the_code_emits_is_on_the_page_and_every_event_of_the_page_is_emitted() {
    let mut emitted = BTreeSet::new();
    for (_, source) in sources().iter().filter(|(name, _)| *name != "telemetry/event.rs") {
        for call in ["emit(", "emit_bounded(", "emit_json("] {
            for (_, after) in
                source.match_indices(call).map(|(at, call)| source.split_at(at + call.len()))
            {
                // Up to the record: the level, and the name.
                let arguments: Vec<_> = after.splitn(3, ',').map(str::trim).collect();
                if let [_, name, _] = arguments[..]
                    && let Some(name) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'))
                {
                    emitted.insert(format!("`{name}`"));
                }
            }
        }
    }
    emitted.extend(BY_HAND.iter().map(|(name, _)| (*name).to_owned()));

    let documented = SECTIONS.keys().filter(|name| name.starts_with('`')).cloned();

    assert_eq!(documented.collect::<BTreeSet<_>>(), emitted);
}

#[test]
fn every_field_of_every_event_is_on_the_page_and_no_other() {
    let sources = sources();
    for (section, records) in RECORDS {
        let mut expected = BTreeSet::new();
        for record in *records {
            let (file, name) = record.split_once(' ').unwrap();
            let body = body_of(&sources[file], name);
            expected.extend(fields_of(body));
            if body.contains("ConnectionFacts") {
                expected.extend(fields_of(body_of(
                    &sources["telemetry/access/line.rs"],
                    "ConnectionFields",
                )));
            }
        }
        expected
            .extend(BESIDE.iter().filter(|(of, _)| of == section).map(|(_, field)| (*field).to_owned()));
        let documented = SECTIONS[*section].fields().into_keys().map(str::to_owned);
        assert_eq!(documented.collect::<BTreeSet<_>>(), expected, "{section}");
    }
    for (section, fields) in BY_HAND {
        let documented: Vec<_> = SECTIONS[*section].fields().into_keys().collect();
        assert_eq!(documented, *fields, "{section}");
    }
    let known: BTreeSet<_> = RECORDS.iter().chain(BY_HAND).map(|(section, _)| *section).collect();
    assert_eq!(SECTIONS.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
#[should_panic(expected = "surprise is not in docs/logging.md")]
fn a_field_that_the_page_does_not_have_is_noticed() {
    let mut line = json!({"timestamp": "", "level": "warn", "event": "signal_ignored", "signal": "SIGUSR1", "hint": ""});
    compare(&line);
    line["surprise"] = 1.into();

    compare(&line);
}

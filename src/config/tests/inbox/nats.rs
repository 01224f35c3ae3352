//! Events that are stored in NATS.

use super::super::support::{Sources, assert_has};
use super::{ROUTE, with};

/// Settings with `before`, a store in NATS at this machine, and a route that stores events.
fn storing(before: &str) -> Sources {
    at("nats://127.0.0.1:4222", before)
}

fn at(store: &str, nats: &str) -> Sources {
    with(&format!("inbox.store = \"{store}\"\n{nats}"), &format!("{ROUTE}delivery = \"inbox\""))
}

#[cfg(not(feature = "jetstream"))]
#[test]
fn without_the_feature_nats_is_refused_and_the_feature_named() {
    let problem = storing("").problem();
    assert_has(
        &problem,
        &[
            "gate.toml:1: inbox.store |",
            "this build has no JetStream",
            "build with --features jetstream",
        ],
    );
}

#[test]
fn what_is_said_of_nats_without_a_store_there_is_refused() {
    let sources = with(
        "inbox.path = \"/x/y.db\"\ninbox.nats.name = \"a\"",
        &format!("{ROUTE}delivery = \"inbox\""),
    );
    assert_has(&sources.problem(), &["gate.toml:2: inbox.nats.name |", "inbox.store is not set"]);
}

#[cfg(feature = "jetstream")]
mod with_the_feature {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::config::keys::KEYS;
    use crate::inbox::StorePlace;
    use crate::inbox::{JetStreamSettings, NatsCredentials};

    const SEED: &str = "SUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM";

    fn nats(sources: &Sources) -> JetStreamSettings {
        match sources.settings().startup.inbox.unwrap().place {
            StorePlace::JetStream(nats) => (*nats).clone(),
            other => panic!("{other}"),
        }
    }

    /// With a file that only its owner can read, named in `key`.
    fn with_file(key: &str, content: &str) -> Sources {
        let sources = storing(&format!("inbox.nats.{key} = \"@secret\"")).file("secret", content);
        set_permissions(sources.path("secret"), Permissions::from_mode(0o600)).unwrap();
        sources
    }

    #[test]
    fn a_url_suffices() {
        let sources = storing("");
        assert_eq!(sources.warnings(), [""; 0]);
        assert_eq!(
            nats(&sources),
            JetStreamSettings {
                servers: vec!["nats://127.0.0.1:4222".parse().unwrap()],
                name: "clawgate".to_owned(),
                replicas: 3,
                credentials: NatsCredentials::None,
                ca_file: None,
                client_certificate: None,
                max_remembered: 500_000,
                monitoring: Vec::new(),
            }
        );
        let inbox = sources.settings().startup.inbox.unwrap();
        assert_eq!(inbox.min_free, 0);
    }

    #[test]
    fn several_servers_are_a_list_or_have_commas_between_them() {
        let list = with(
            "inbox.store = [\"nats://127.0.0.1:4222\", \"nats://localhost\"]",
            &format!("{ROUTE}delivery = \"inbox\""),
        );
        let route = format!("{ROUTE}delivery = \"inbox\"");
        let commas =
            with("", &route).env("CLAWGATE_INBOX_STORE", "nats://127.0.0.1:4222,nats://localhost");
        for sources in [list, commas] {
            assert_eq!(
                nats(&sources).to_string(),
                "nats://127.0.0.1:4222, nats://localhost:4222, stream clawgate"
            );
        }
    }

    #[test]
    fn the_database_of_an_image_gives_way_to_a_store_in_nats() {
        let sources = storing("").env("CLAWGATE_INBOX", "/inbox/inbox.db").env("STATE_DIRECTORY", "/s");
        assert_eq!(nats(&sources).name, "clawgate");
    }

    #[test]
    fn a_database_and_a_store_in_nats_exclude_each_other() {
        let problem = storing("inbox.path = \"/x/y.db\"").problem();
        assert_has(
            &problem,
            &[
                "gate.toml:2: inbox.path |",
                "names a database, and DIR/gate.toml:1: inbox.store names NATS",
            ],
        );
    }

    #[test]
    fn settings_of_a_database_are_refused_with_a_store_in_nats() {
        for key in ["min_free = \"1GiB\"", "on_corrupt = \"refuse\""] {
            let problem = storing(&format!("inbox.{key}")).problem();
            assert_has(&problem, &["gate.toml:2: inbox.", "events are stored in NATS", "remove it"]);
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_shown() {
        let sources = with("", &format!("{ROUTE}delivery = \"inbox\""));
        let problem = sources.env("CLAWGATE_INBOX_STORE", "nats://user:s3cret@127.0.0.1:4222").problem();
        assert_has(
            &problem,
            &["CLAWGATE_INBOX_STORE |", "nats://…@127.0.0.1:4222", "put it into a file"],
        );
        assert!(!problem.contains("s3cret"), "{problem}");
    }

    #[test]
    fn a_name_that_is_no_part_of_a_subject_is_refused() {
        let problem = storing("inbox.nats.name = \"a.b\"").problem();
        assert_has(&problem, &["inbox.nats.name |", "`a.b` is not 1 to 32 letters, digits"]);
    }

    #[test]
    fn a_stream_has_one_three_or_five_replicas() {
        assert_eq!(nats(&storing("inbox.nats.replicas = 5")).replicas, 5);
        let problem = storing("inbox.nats.replicas = 2").problem();
        assert_has(&problem, &["inbox.nats.replicas |", "`2` is none of 1, 3 and 5"]);
    }

    #[test]
    fn one_replica_is_worth_a_warning() {
        let warnings = storing("inbox.nats.replicas = 1").warnings().concat();
        assert_has(&warnings, &["inbox.nats.replicas", "on one NATS server only", "set it to 3"]);
    }

    #[test]
    fn each_form_of_credentials_is_read() {
        let creds = format!(
            "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
        );
        type Form = fn(PathBuf) -> NatsCredentials;
        let forms: [(&str, &str, Form); 3] = [
            ("token_file", "s3cret\n", NatsCredentials::TokenFile),
            ("nkey_file", SEED, NatsCredentials::NkeyFile),
            ("credentials_file", &creds, NatsCredentials::CredsFile),
        ];
        for (key, content, form) in forms {
            let sources = with_file(key, content);
            assert_eq!(nats(&sources).credentials, form(sources.path("secret")));
        }
        let sources = with_file("username = \"claw\"\ninbox.nats.password_file", "s3cret\n");
        let expected = NatsCredentials::UserPassword {
            user: "claw".to_owned(),
            password_file: sources.path("secret"),
        };
        assert_eq!(nats(&sources).credentials, expected);
    }

    #[test]
    fn what_is_wrong_with_a_file_of_credentials_is_told_without_its_content() {
        for (key, content, wrong) in [
            ("token_file", "", "is empty"),
            ("token_file", "s3cret\nmore", "has more than one line"),
            ("nkey_file", "s3cret", "has no seed of a user's key"),
            ("credentials_file", SEED, "has no part between"),
            ("username = \"claw\"\ninbox.nats.password_file", "\n", "is empty"),
        ] {
            let problem = with_file(key, content).problem();
            assert_has(&problem, &["inbox.nats.", wrong]);
            assert!(!problem.contains("s3cret") && !problem.contains(SEED), "{problem}");
        }
    }

    #[test]
    fn a_missing_file_of_credentials_is_refused() {
        let problem = storing("inbox.nats.token_file = \"@nowhere.txt\"").problem();
        assert_has(&problem, &["inbox.nats.token_file |", "cannot read", "nowhere.txt"]);
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_worth_a_warning() {
        let sources = with_file("token_file", "s3cret");
        set_permissions(sources.path("secret"), Permissions::from_mode(0o644)).unwrap();
        assert_has(
            &sources.warnings().concat(),
            &["inbox.nats.token_file", "can be read by every user"],
        );
    }

    #[test]
    fn two_forms_of_credentials_exclude_each_other() {
        let problem = with_file("token_file = \"x\"\ninbox.nats.nkey_file", SEED).problem();
        assert_has(&problem, &["is another credential than", "keep one of them"]);
    }

    #[test]
    fn a_user_has_a_name_and_a_password() {
        let problem = storing("inbox.nats.username = \"claw\"").problem();
        assert_has(&problem, &["inbox.nats.username |", "without its password"]);
        let problem = with_file("password_file", "s3cret").problem();
        assert_has(&problem, &["inbox.nats.password_file |", "without the user's name"]);
    }

    #[test]
    fn what_is_for_tls_is_refused_without_it() {
        let sources = storing("inbox.nats.ca = \"@ca.pem\"");
        assert_has(&sources.problem(), &["inbox.nats.ca |", "is for servers with tls://"]);
    }

    #[test]
    fn servers_with_and_without_tls_are_not_mixed() {
        let list = with(
            "inbox.store = [\"nats://127.0.0.1:4222\", \"tls://127.0.0.1\"]\ninbox.nats.ca = \"@ca.pem\"",
            &format!("{ROUTE}delivery = \"inbox\""),
        );
        assert_has(&list.problem(), &["inbox.store |", "make all of them tls://"]);
    }

    #[test]
    fn plain_text_to_another_machine_is_worth_a_warning() {
        let warnings = at("nats://192.0.2.7:4222", "").warnings().concat();
        assert_has(&warnings, &["nats://192.0.2.7:4222 gets events without encryption", "use tls://"]);
    }

    #[test]
    fn only_a_restart_changes_what_is_said_of_nats() {
        let before = storing("").settings();
        for (key, after) in [
            ("inbox.store", at("nats://127.0.0.1:4223", "")),
            ("inbox.nats.name", storing("inbox.nats.name = \"b\"")),
            ("inbox.nats.replicas", storing("inbox.nats.replicas = 1")),
        ] {
            let after = after.settings();
            assert_ne!(before.startup, after.startup, "{key}");
            assert_eq!(before.in_use.needs_restart(&after.in_use), [key]);
        }
        let of_nats = KEYS.iter().filter(|key| key.toml.starts_with("inbox.nats."));
        assert!(of_nats.clone().count() > 5 && of_nats.clone().all(|key| key.at_start));
    }

    #[test]
    fn the_way_from_a_database_to_nats_needs_a_restart() {
        let database =
            with("inbox.path = \"/x/y.db\"", &format!("{ROUTE}delivery = \"inbox\"")).settings();
        let changed = database.in_use.needs_restart(&storing("").settings().in_use);
        for key in ["inbox.path", "inbox.store"] {
            assert!(changed.contains(&key.to_owned()), "{changed:?}");
        }
    }

    #[test]
    fn the_files_of_credentials_are_watched() {
        let sources = with_file("token_file", "s3cret");
        let secret = sources.path("secret");
        assert!(sources.settings().files.paths().any(|path| path == secret));
        assert!(!serde_json::to_string(&sources.settings().in_use).unwrap().contains("s3cret"));
    }

    #[test]
    fn people_read_where_events_are_stored() {
        let sources = with_file("token_file", "s3cret");
        let inbox = sources.settings().startup.inbox.unwrap();
        let text = crate::config::inbox::lines(&inbox).join("\n");
        let text = text.replace(&sources.path("").display().to_string(), "DIR/");
        insta::assert_snapshot!(text, @r"
        nats://127.0.0.1:4222, stream clawgate
        on 3 servers, token in DIR/secret
        up to 100000 events and 1GiB
        events are remembered for 7days, dead ones for 30days
        tried again after 1s to 5m
        ");
    }
}

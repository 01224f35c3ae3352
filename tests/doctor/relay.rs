//! The listener of the relay.

use super::{Diagnosis, Setup, any, openclaw, says, secret};
use crate::support::backend::Backend;
use crate::support::process::Clawgate;

/// A clawgate that runs with a relay at a socket of its folder, and does not reload.
struct Relay {
    setup: Setup,
    clawgate: Clawgate,
    api: Backend,
}

impl Relay {
    fn start() -> Self {
        let (setup, api) = (Setup::new(openclaw().url()), Backend::ok());
        secret(&setup.pki, "relay-token", "the-token-of-the-callers");
        let config = setup.pki.file("clawgate.toml", "").display().to_string();
        let setup = setup.with("--config", config);
        write(&setup, &api, "relay.sock", "/track");
        let clawgate = setup.command("run", any()).start();
        Self { setup, clawgate, api }
    }

    /// With this socket and this path of the target in the settings from now on.
    fn with(self, socket: &str, path: &str) -> Self {
        write(&self.setup, &self.api, socket, path);
        self
    }

    fn examined(&self) -> Diagnosis {
        self.setup.examined(self.clawgate.address())
    }
}

fn write(setup: &Setup, api: &Backend, socket: &str, path: &str) {
    let (folder, url) = (setup.pki.dir().display(), api.url());
    let toml = format!(
        "[relay]\naddress = \"unix:{folder}/{socket}\"\ntoken_file = \"{folder}/relay-token\"\n\
         token_header = \"x-incoming-secret\"\n[[relay.target]]\nname = \"analytics\"\npath = \"{path}\"\n\
         url = \"{url}/v1/events\"\ndelivery = \"wait\"\ntimeout = \"2s\"\nallow_plain_http = true\n\
         allow_private = [\"127.0.0.0/8\"]\n"
    );
    setup.pki.file("clawgate.toml", toml);
}

#[test]
fn a_listener_that_refuses_a_wrong_token_and_has_all_paths_is_good() {
    let relay = Relay::start();

    let diagnosis = relay.examined();

    diagnosis.all_good();
    says(&diagnosis.text("relay/wrong_token", "pass"), &["refuses a wrong token"]);
    says(&diagnosis.text("relay/path", "pass"), &["has /track for analytics"]);
    assert_eq!(relay.api.received().len(), 0);
}

#[test]
fn a_token_that_the_listener_does_not_know_is_a_fault() {
    let relay = Relay::start();
    secret(&relay.setup.pki, "relay-token", "another-token-of-the-callers");

    let text = relay.examined().only_fault("relay/token");

    says(&text, &["refuses the token of relay.token_file", "reload clawgate"]);
    assert!(!text.contains("another-token"), "{text}");
}

#[test]
fn a_path_that_the_listener_does_not_know_is_a_fault() {
    let relay = Relay::start().with("relay.sock", "/other");

    let text = relay.examined().only_fault("relay/path");

    says(&text, &["does not have /other for analytics", "reload clawgate"]);
}

#[test]
fn a_listener_that_is_not_there_is_a_fault() {
    let relay = Relay::start().with("other.sock", "/track");

    let text = relay.examined().only_fault("relay/reachable");

    says(&text, &["nothing answers there", "set relay.address"]);
}

//! `route.allow` and `route.deny`.

use super::{says, with_uri};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::{Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

fn start(pki: &Pki, backend: &Backend, rules: &str) -> Clawgate {
    let toml = format!(
        "upstream.url = \"{}\"\n[[route]]\npath = \"/hooks/\"\n[[route]]\npath = \"/hooks/agent\"\n{rules}\n",
        backend.url()
    );
    ClawgateCommand::new(pki).arg("--config", pki.file("gate.toml", toml)).start()
}

fn post(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> Answer {
    Client::with_identity(pki, clawgate, identity).post("/hooks/agent", "{}")
}

#[test]
fn a_route_keeps_out_whom_its_deny_rules_name_and_the_log_says_which_did() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(
        &pki,
        &backend,
        "allow = [\"o=Example\"]\ndeny = [\"cn=x\", \"dns=calls.example, cn=calls\"]",
    );
    let calls = pki.client(Leaf::client("calls"));

    let refused = post(&pki, &clawgate, &calls);

    assert_eq!((refused.status, &*refused.reason()), (403, "identity_not_allowed"));
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(told, "O=Example,CN=calls is not allowed to use /hooks/agent");
    let line = clawgate.request();
    assert_eq!(
        (&line["reason"], &line["route"]),
        (&"identity_not_allowed".into(), &"/hooks/agent".into())
    );
    says(&line, "detail", &[&told, "the rule [dns=calls.example, cn=calls] of route.deny matches it"]);
    assert_eq!(backend.connections(), 0);

    assert_eq!(post(&pki, &clawgate, &pki.client).status, 200);
    assert_eq!(Client::with_identity(&pki, &clawgate, &calls).post("/hooks/wake", "{}").status, 200);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn one_connection_may_use_some_routes_and_not_others() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend, "allow = [\"uri=spiffe://example.org/*/agent\"]");
    let agent = pki.client(with_uri("a", "spiffe://example.org/prod/agent"));
    assert_eq!(post(&pki, &clawgate, &agent).status, 200);
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let mut ask = |path: &str| {
        connection.write(
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}")
                .as_bytes(),
        );
        connection.answer().status
    };

    assert_eq!([ask("/hooks/wake"), ask("/hooks/agent"), ask("/hooks/wake")], [200, 403, 200]);

    says(
        &clawgate.event("request", 3),
        "detail",
        &["no rule of route.allow matches it", "it has no uri"],
    );
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn a_route_may_be_for_one_issuers_clients() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let spki = clawgate::identity::sha256(&rcgen::PublicKeyData::subject_public_key_info(
        &pki.intermediate.key,
    ));
    let clawgate = start(&pki, &backend, &format!("allow = [\"issuer-spki={spki}\"]"));

    assert_eq!(post(&pki, &clawgate, &pki.client).status, 200);
    let direct = Leaf::client("direct").issued_by(&pki.root, &[]);
    assert_eq!(post(&pki, &clawgate, &direct).reason(), "identity_not_allowed");
    assert_eq!(backend.received().len(), 1);
}

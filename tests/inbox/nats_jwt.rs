//! A user of a server that knows its accounts by signed JWTs, with the file that `nsc` writes.

use clawgate::inbox::jetstream::inspect;
use clawgate::inbox::{JetStreamSettings, NatsCredentials};
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::support::nats::NatsServer;
use crate::support::pki::Pki;

/// A JWT about `subject`, signed by `issuer`, as NATS wants it (github.com/nats-io/jwt, version 2).
fn jwt(issuer: &KeyPair, subject: &KeyPair, claims: Value) -> String {
    let payload = json!({
        "jti": "1", "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(), "name": "test", "nats": claims,
    });
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed =
        format!("{}.{}", encode(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), encode(&payload));
    let signature = BASE64URL_NOPAD.encode(&issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

fn account(storage: i64) -> Value {
    json!({
        "type": "account", "version": 2, "default_permissions": {"pub": {}, "sub": {}},
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
        },
    })
}

fn user() -> Value {
    json!({"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1})
}

/// The file of a user, as `nsc generate creds` writes it.
fn creds_file(jwt: &str, user: &KeyPair) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         ************************* IMPORTANT *************************\n\
         NKEY Seed printed below can be used to sign and prove identity.\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    )
}

#[tokio::test]
async fn a_user_with_the_jwt_and_the_seed_of_a_file_is_accepted_and_one_of_another_account_is_refused() {
    let [operator, system, owner] =
        [KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account()];
    let server = NatsServer::start(&format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}",
        jwt(&operator, &operator, json!({"type": "operator", "version": 2})),
        system.public_key(),
        system.public_key(),
        jwt(&operator, &system, account(0)),
        owner.public_key(),
        jwt(&operator, &owner, account(-1)),
    ));
    let pki = Pki::new();
    let with = |issuer: &KeyPair, key: &KeyPair| JetStreamSettings {
        credentials: NatsCredentials::CredsFile(
            pki.file("user.creds", creds_file(&jwt(issuer, key, user()), key)),
        ),
        ..server.stream()
    };

    let inspection = inspect(&with(&owner, &KeyPair::new_user()), false).await.unwrap();
    assert_eq!((inspection.no_jetstream, inspection.stream), (None, Ok(None)));

    let why = inspect(&with(&KeyPair::new_account(), &KeyPair::new_user()), false).await.unwrap_err();
    assert!(why.contains("refuses the credentials"), "{why}");
}

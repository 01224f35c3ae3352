//! The printed command works with every preset, and the body arrives as it was signed.

use clawgate::signature::{Algorithm, Method, PRESETS, Preset};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

use super::{Setup, execute, route, secret};
use crate::support::backend::Backend;
use crate::support::pki::Pki;

/// What a route with this preset needs in addition.
fn lines(pki: &Pki, preset: &Preset) -> String {
    match preset.name {
        "hmac" => "signature = [\"header:x-signature\"]".to_owned(),
        "token" => "source = [\"bearer\"]".to_owned(),
        "meta" => {
            format!(
                "challenge_token_file = {:?}",
                secret(pki, "meta-token", "a token for the challenge")
            )
        }
        _ => String::new(),
    }
}

/// A route whose requests a public key verifies. The private key is in the file `NAME.key`.
fn route_with_public_key(pki: &Pki, preset: &Preset) -> String {
    let algorithm = preset.marks.first().map_or(Algorithm::Ed25519, |mark| mark.algorithm);
    let kind = if algorithm == Algorithm::Ed25519 { &PKCS_ED25519 } else { &PKCS_ECDSA_P256_SHA256 };
    let key = KeyPair::generate_for(kind).unwrap();
    let name = preset.name;
    secret(pki, &format!("{name}.key"), &key.serialize_pem());
    let public = pki.file(&format!("{name}.pub"), key.public_key_pem());
    let lines = match name {
        "public-key" => "algorithm = \"ed25519\"\nsignature = [\"header:x-signature\"]",
        _ => "",
    };
    format!(
        "[[route]]\npath = \"/hooks/{name}\"\nauthenticate = \"signature\"\n[route.verify]\nscheme = \
         \"{name}\"\npublic_key_file = [{public:?}]\n{lines}\n"
    )
}

#[test]
fn the_printed_command_is_answered_200_with_every_preset() {
    let backend = Backend::ok();
    let setup = Setup::new(backend.url(), |pki| {
        let route = |preset: &Preset| match preset.method {
            Method::PublicKey => route_with_public_key(pki, preset),
            _ => route(pki, preset.name, "signature", &lines(pki, preset)),
        };
        let routes: Vec<_> = PRESETS.iter().map(route).collect();
        format!("public_url = \"https://hooks.example.org\"\n{}", routes.concat())
    });
    let clawgate = setup.start();

    for (number, preset) in (1..).zip(PRESETS) {
        let mut command = setup.sign(&clawgate, &format!("/hooks/{}", preset.name)).word("--local");
        if preset.method == Method::PublicKey {
            command = command.arg("--private-key", setup.pki.dir().join(format!("{}.key", preset.name)));
        }
        let signed = command.output();
        let sent = execute(&signed);

        assert!(sent.status.starts_with('2'), "{}: {sent:?} {}", preset.name, signed.stdout);
        let received = backend.received();
        assert_eq!(received.len(), number, "{}: {sent:?}", preset.name);
        let body = String::from_utf8(received[number - 1].body.clone()).unwrap();
        assert!(signed.stdout.contains(&body), "{}: {body} is not in {}", preset.name, signed.stdout);
        assert_eq!(signed.stderr, "", "{}", preset.name);
    }
}

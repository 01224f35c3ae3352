use super::*;

#[test]
fn secrets_of_files_become_headers_that_show_nothing() {
    let key: HeaderName = "x-api-key".parse().unwrap();
    for (header, name, value) in [
        (bearer(b"s3cret\n"), AUTHORIZATION, "Bearer s3cret"),
        (own_header("X-Api-Key", b"Key s3cret\r\n"), key, "Key s3cret"),
        (basic("user", "s3crét:x".as_bytes()), AUTHORIZATION, "Basic dXNlcjpzM2Nyw6l0Ong="),
    ] {
        let header = header.unwrap();
        assert_eq!((&header.name, header.value.to_str().unwrap()), (&name, value));
        assert!(header.value.is_sensitive());
        let debug = format!("{:?}", Credential::Fixed(header));
        assert!(!debug.contains("s3cr") && !debug.contains("dXNl"), "{debug}");
    }
}

#[test]
fn secrets_that_cannot_be_sent_are_refused_and_not_quoted() {
    let long = vec![b's'; MAX_SECRET_FILE + 1];
    for (content, error) in [
        (&b""[..], CredentialError::Empty),
        (b"\n", CredentialError::Empty),
        (b"  \r\n", CredentialError::Empty),
        (&long, CredentialError::TooLong),
        (b"s3cret\n\n", CredentialError::NotOneLine),
        (b"s3cret\nx: y", CredentialError::NotOneLine),
        (b"s3cret\xff", CredentialError::NotOneLine),
        (b"s3 cret", CredentialError::Unsendable(3)),
        ("s3cr\u{e9}t".as_bytes(), CredentialError::Unsendable(5)),
        (b"bearer s3cret", CredentialError::WithScheme),
    ] {
        assert_eq!(bearer(content), Err(error.clone()));
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("s3"));
    }
    assert_eq!(own_header("x-key", b" s3cret"), Err(CredentialError::Unsendable(1)));
    assert_eq!(own_header("x-key", b"s3cret "), Err(CredentialError::Unsendable(7)));
    for name in
        ["host", "Content-Length", "transfer-encoding", "connection", "x key", "", "proxy-authorization"]
    {
        assert_eq!(own_header(name, b"s3cret"), Err(CredentialError::HeaderName(name.into())));
    }
    for user in ["", "a:b", "a\nb"] {
        assert_eq!(basic(user, b"s3cret"), Err(CredentialError::UserName));
    }
}

#[test]
fn a_fixed_credential_that_is_refused_cannot_be_renewed() {
    run(async {
        let now = Instant::now();
        for credential in [Credential::None, Credential::Fixed(bearer(b"s3cret").unwrap())] {
            let presented = credential.present(now).await.unwrap();
            assert_eq!(credential.after_refusal(&presented, now).await, Ok(None));
        }
    });
}

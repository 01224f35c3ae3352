use super::*;

#[test]
fn all_that_wait_share_one_request() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1")), (200, &token("t2"))]);
        let (credential, now) = (credential(&endpoint), Instant::now());
        let tasks = tokio::task::LocalSet::new();
        let all: Vec<_> = (0..20)
            .map(|_| {
                let credential = credential.clone();
                tasks.spawn_local(async move { credential.present(now).await.unwrap() })
            })
            .collect();
        tasks.await;
        for task in all {
            assert_eq!(sent(&task.await.unwrap()), "Bearer t1");
        }
        assert_eq!(endpoint.requests(), 1);
    });
}

#[test]
fn all_that_wait_share_one_failure_and_the_next_second_too() {
    run(async {
        let endpoint = Endpoint::with(&[(503, ""), (200, &token("t1"))]);
        let (credential, now) = (credential(&endpoint), Instant::now());
        let tasks = tokio::task::LocalSet::new();
        let all: Vec<_> = (0..20)
            .map(|_| {
                let credential = credential.clone();
                tasks.spawn_local(async move { credential.present(now).await })
            })
            .collect();
        tasks.await;
        let failure = Err(TokenError::Status(StatusCode::SERVICE_UNAVAILABLE));
        for task in all {
            assert_eq!(task.await.unwrap(), failure);
        }
        assert_eq!(credential.present(now + FAILURE_PAUSE / 2).await, failure);
        assert_eq!(endpoint.requests(), 1);
        assert_eq!(sent(&credential.present(later(now, 60)).await.unwrap()), "Bearer t1");
    });
}

#[test]
fn a_token_is_renewed_when_80_percent_of_its_time_have_passed() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1")), (200, &token("t2"))]);
        let (credential, start) = (credential(&endpoint), Instant::now());
        for (seconds, wanted) in
            [(0, "Bearer t1"), (79, "Bearer t1"), (80, "Bearer t2"), (159, "Bearer t2")]
        {
            assert_eq!(
                sent(&credential.present(later(start, seconds)).await.unwrap()),
                wanted,
                "{seconds}"
            );
        }
    });
}

#[test]
fn a_token_is_used_until_its_end_if_it_cannot_be_renewed() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1")), (500, ""), (500, ""), (500, "")]);
        let (credential, start) = (credential(&endpoint), Instant::now());
        for seconds in [0, 80, 99] {
            assert_eq!(sent(&credential.present(later(start, seconds)).await.unwrap()), "Bearer t1");
        }
        assert!(credential.present(later(start, 110)).await.is_err());
        assert_eq!(endpoint.requests(), 4);
    });
}

#[test]
fn the_old_token_is_used_while_somebody_renews_it() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1")), (200, &token("t2"))]);
        let (credential, start) = (credential(&endpoint), Instant::now());
        credential.present(start).await.unwrap();
        let aging = later(start, 90);

        let (first, second) = tokio::join!(credential.present(aging), credential.present(aging));

        assert_eq!((sent(&first.unwrap()), sent(&second.unwrap())), ("Bearer t2", "Bearer t1"));
    });
}

#[test]
fn a_request_that_is_given_up_lets_the_next_one_ask() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1"))]);
        let (credential, now) = (credential(&endpoint), Instant::now());
        {
            let mut given_up = Box::pin(credential.present(now));
            std::future::poll_fn(|context| {
                assert!(given_up.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        endpoint.under_way.store(0, Ordering::SeqCst);

        assert_eq!(sent(&credential.present(now).await.unwrap()), "Bearer t1");
    });
}

#[test]
fn the_time_of_a_token_may_be_missing_or_written_as_text() {
    for (expires_in, renewed_after) in [
        ("", None),
        (r#","expires_in":0"#, None),
        (r#","expires_in":null"#, None),
        (r#","expires_in":-5"#, None),
        (r#","expires_in":1e300"#, None),
        (r#","expires_in":[]"#, None),
        (r#","expires_in":"50""#, Some(40)),
        (r#","expires_in":50.0"#, Some(40)),
    ] {
        run(async {
            let first = format!(r#"{{"access_token":"t1"{expires_in}}}"#);
            let endpoint = Endpoint::with(&[(200, &first), (200, &token("t2"))]);
            let (credential, start) = (credential(&endpoint), Instant::now());
            credential.present(start).await.unwrap();
            let before = renewed_after.map_or(1_000_000, |seconds| seconds - 1);
            assert_eq!(
                sent(&credential.present(later(start, before)).await.unwrap()),
                "Bearer t1",
                "{first}"
            );
            if let Some(seconds) = renewed_after {
                assert_eq!(
                    sent(&credential.present(later(start, seconds)).await.unwrap()),
                    "Bearer t2",
                    "{first}"
                );
            }
        });
    }
}

#[test]
fn waiting_for_a_token_may_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let credential = credential(&Endpoint::with(&[(200, &token("t1"))]));
    let presented = run(is_send(credential.present(Instant::now())));
    assert_eq!(sent(&presented.unwrap()), "Bearer t1");
}

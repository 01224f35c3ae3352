use super::*;

#[test]
fn a_refused_token_is_renewed_once_and_never_more() {
    run(async {
        let answers: Vec<String> = (1..9).map(|number| token(&format!("t{number}"))).collect();
        let answers: Vec<_> = answers.iter().map(|answer| (200, &**answer)).collect();
        let endpoint = Endpoint::with(&answers);
        let (credential, start) = (credential(&endpoint), Instant::now());
        let first = credential.present(start).await.unwrap();

        let second = credential.after_refusal(&first, start).await.unwrap().unwrap();
        assert_eq!(sent(&second), "Bearer t2");
        assert_eq!(credential.after_refusal(&second, start).await, Ok(None));
        assert_eq!(credential.after_refusal(&second, start).await, Ok(None));
        assert_eq!(endpoint.requests(), 2);

        // Its usual renewal is no way around it.
        let third = credential.present(later(start, 90)).await.unwrap();
        assert_eq!(sent(&third), "Bearer t3");
        assert_eq!(credential.after_refusal(&third, later(start, 90)).await, Ok(None));
        assert_eq!(endpoint.requests(), 3);

        credential.accepted(&third);
        let fourth = credential.after_refusal(&third, later(start, 91)).await.unwrap().unwrap();
        assert_eq!(sent(&fourth), "Bearer t4");
    });
}

#[test]
fn all_whose_token_is_refused_share_one_renewal() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1")), (200, &token("t2"))]);
        let (credential, now) = (credential(&endpoint), Instant::now());
        let old = credential.present(now).await.unwrap();

        let (one, other) =
            tokio::join!(credential.after_refusal(&old, now), credential.after_refusal(&old, now));
        let late = credential.after_refusal(&old, now).await;

        for renewed in [one, other, late] {
            assert_eq!(sent(&renewed.unwrap().unwrap()), "Bearer t2");
        }
        // An answer to the old token says nothing about the new one.
        credential.accepted(&old);
        let new = credential.present(now).await.unwrap();
        assert_eq!(credential.after_refusal(&new, now).await, Ok(None));
    });
}

#[test]
fn a_renewal_that_fails_is_tried_again_later_and_counts_once() {
    run(async {
        let endpoint = Endpoint::with(&[(200, &token("t1")), (503, ""), (200, &token("t2"))]);
        let (credential, now) = (credential(&endpoint), Instant::now());
        let old = credential.present(now).await.unwrap();

        let error = credential.after_refusal(&old, now).await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry { after: None });
        let new = credential.present(later(now, 10)).await.unwrap();

        assert_eq!(sent(&new), "Bearer t2");
        assert_eq!(credential.after_refusal(&new, later(now, 10)).await, Ok(None));
    });
}

//! Signatures that the senders' documents and libraries give as examples.

/// A request with a signature that is known to be right.
pub struct Vector {
    /// The preset.
    pub scheme: &'static str,
    /// The content of the key file.
    pub key: &'static str,
    /// Path and query, after `https://` and the host.
    pub url: (&'static str, &'static str),
    /// The headers; the signature is in the last one.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: &'static str,
    /// When it was signed, in seconds since 1970; `None` if it says no time.
    pub time: Option<u64>,
}

const STANDARD: &[(&str, &str)] =
    &[("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("webhook-timestamp", "1614265330")];

const NOWHERE: (&str, &str) = ("https://hooks.example.org", "/hook");

const TWILIO: (&str, &str) = ("https://mycompany.com", "/myapp.php?foo=1&bar=2");

pub const VECTORS: &[Vector] = &[
    Vector {
        scheme: "standard-webhooks",
        key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        url: NOWHERE,
        headers: &[
            STANDARD[0],
            STANDARD[1],
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        body: r#"{"test": 2432232314}"#,
        time: Some(1614265330),
    },
    Vector {
        scheme: "standard-webhooks",
        key: "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        url: NOWHERE,
        headers: &[
            STANDARD[0],
            STANDARD[1],
            (
                "webhook-signature",
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
            ),
        ],
        body: r#"{"test": 2432232314}"#,
        time: Some(1614265330),
    },
    Vector {
        scheme: "svix",
        key: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        url: NOWHERE,
        headers: &[
            ("svix-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("svix-timestamp", "1649367553"),
            ("svix-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        ],
        body: r#"{"email":"test@example.com","username":"test_user"}"#,
        time: Some(1649367553),
    },
    Vector {
        scheme: "github",
        key: "It's a Secret to Everybody",
        url: NOWHERE,
        headers: &[(
            "x-hub-signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        )],
        body: "Hello, World!",
        time: None,
    },
    Vector {
        scheme: "slack",
        key: "8f742231b10e8888abcd99yyyzzz85a5",
        url: NOWHERE,
        headers: &[
            ("x-slack-request-timestamp", "1531420618"),
            ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ],
        body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
               channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
               response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
               96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        time: Some(1531420618),
    },
    Vector {
        scheme: "slack",
        key: "the-secret",
        url: NOWHERE,
        headers: &[
            ("x-slack-request-timestamp", "1590253817"),
            ("x-slack-signature", "v0=be81dff716fe0e1d65558f82a5152430fc03e1c1876e60097c7fd337ff7b22ea"),
        ],
        body: "hello, world!",
        time: Some(1590253817),
    },
    Vector {
        scheme: "stripe",
        key: "whsec_test_secret",
        url: NOWHERE,
        headers: &[(
            "stripe-signature",
            "t=1492774577,v1=22f7d74836ddad3284a2b80853dd2fe731655c1bfddcff3c3666a500cf3abd80",
        )],
        body: r#"{"id":"evt_test"}"#,
        time: Some(1492774577),
    },
    Vector {
        scheme: "hubspot",
        key: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        url: ("https://www.example.com", "/webhook_uri"),
        headers: &[
            ("x-hubspot-request-timestamp", "15000000"),
            ("x-hubspot-signature-v3", "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw="),
        ],
        body: "{'example_field':'example_value'}",
        time: Some(15000),
    },
    Vector {
        scheme: "twilio",
        key: "12345",
        url: TWILIO,
        headers: &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ],
        body: "To=%2B18005551212&Caller=%2B14158675309&CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309",
        time: None,
    },
    Vector {
        scheme: "twilio",
        key: "12345",
        url: (
            TWILIO.0,
            "/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        ),
        headers: &[
            ("content-type", "application/json"),
            ("x-twilio-signature", "a9nBmqA0ju/hNViExpshrM61xv4="),
        ],
        body: r#"{"property": "value", "boolean": true}"#,
        time: None,
    },
    Vector {
        scheme: "square",
        key: "signature-key",
        url: ("https://webhook.site", "/webhooks"),
        headers: &[("x-square-hmacsha256-signature", "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=")],
        body: r#"{"data":{"type":"webhooks","id":">id<"}}"#,
        time: None,
    },
    Vector {
        scheme: "box",
        key: "SamplePrimaryKey",
        url: NOWHERE,
        headers: &[
            ("box-delivery-timestamp", "2020-01-01T00:00:00-07:00"),
            ("box-signature-version", "1"),
            ("box-signature-algorithm", "HmacSHA256"),
            ("box-signature-primary", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI="),
        ],
        body: r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#,
        time: Some(1577862000),
    },
    Vector {
        scheme: "sendgrid",
        key: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA==",
        url: NOWHERE,
        headers: &[
            ("x-twilio-email-event-webhook-timestamp", "1588788367"),
            (
                "x-twilio-email-event-webhook-signature",
                "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0=",
            ),
        ],
        body: r#"{"category":"example_payload","event":"test_event","message_id":"message_id"}"#,
        time: Some(1588788367),
    },
];

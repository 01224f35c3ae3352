//! Fields with which a client could claim to be somebody else are removed; those that webhooks use are kept.

use super::{arrives, names, passes};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

/// Ways to tell an upstream who is calling, from where, and what is asked for.
const FORGERIES: &str = "
    Forwarded Forwarded-For Forwarded-Proto X-Forwarded X-Forwarded-For X-Forwarded-Proto
    X-Forwarded-Host X-Forwarded-User X-Forwarded-Client-Cert X-Forwarded-Tls-Client-Cert
    X-Forwarded-Access-Token X-Forwarded-Prefix X-Forward-For X-Real-IP X-Real-Port X-Client-IP
    X-Client-Host X-Client-Verify X-Client-DN X-ClientIP Client-IP X-Cluster-Client-IP
    Cluster-Client-IP X-Originating-IP X-Custom-IP-Authorization X-ProxyUser-Ip X-Proxy-User
    X-Original-URL X-Original-Method X-Original-Forwarded-For X-Rewrite-URL X-Override-URL X-Host
    X-Scheme X-Script-Name Front-End-Https X-Accel-Mapping X-Sendfile-Type X-Middleware-Subrequest
    X-HTTP-Method-Override X-HTTP-Method X-Method-Override Method-Override X-HTTP-Host-Override
    X-Envoy-External-Address X-Envoy-Original-Path X-Envoy-Peer-Metadata X-Istio-Attributes
    True-Client-IP X-True-Client-IP Fastly-Client-IP Fastly-SSL Fly-Client-IP Fly-Forwarded-Proto
    CF-Connecting-IP CF-Connecting-IPv6 CF-Visitor Cf-Access-Authenticated-User-Email
    Cf-Access-Jwt-Assertion CF-IPCountry CDN-Loop Incap-Client-IP X-Sucuri-ClientIP
    Akamai-Origin-Hop X-Akamai-Edgescape Ali-Cdn-Real-Ip DO-Connecting-IP X-NF-Client-Connection-IP
    X-Vercel-Forwarded-For X-Vercel-OIDC-Token Tailscale-User-Login X-Tailscale-User
    Teleport-Jwt-Assertion X-Teleport-User L5d-Client-Id L5d-Dst-Override X-Kuma-Tags
    X-OpenClaw-Scopes X-OpenClaw-Model X-Clawgate-Client-CN X-Clawgate-Client-Email
    X-Clawgate-Verified X-Request-Id Client-Cert Client-Cert-Chain X-Client-Cert
    X-Client-Cert-Subject X-SSL X-SSL-Cert X-SSL-Client-Verify X-SSL-Client-S-DN SSL-Client-Cert
    SSL-Client-Verify SSLClientCertSubject X-Mtls-Client-San X-Tls-Client-Cert X-Spiffe-Id
    X-ARR-ClientCert X-ARR-SSL X-Azure-ClientIP X-MS-Client-Principal X-MS-Client-Principal-Name
    X-MS-Token-AAD-Access-Token X-Amzn-Mtls-Clientcert X-Amzn-Oidc-Identity X-Amzn-Ava-User-Context
    X-Amzn-Tls-Version CloudFront-Viewer-Address X-Goog-Authenticated-User-Email
    X-Goog-IAP-JWT-Assertion X-Endpoint-API-UserInfo X-Apigateway-Api-Userinfo
    X-AppEngine-User-Email X-Appengine-Inbound-Appid X-Pomerium-Jwt-Assertion
    X-Pomerium-Claim-Email X-Authentik-Username X-Auth-Request-Email X-Auth-Request-User
    X-Auth-User X-Auth-Username X-Auth-Email X-Auth-Roles X-Remote-User X-Remote-Group Remote-User
    Remote-Groups Remote-Addr X-WEBAUTH-USER X-WEBAUTH-GROUPS X-Consumer-ID X-Consumer-Username
    X-Consumer-Groups X-Credential-Identifier X-Authenticated-Userid X-Authenticated-User
    X-Anonymous-Consumer X-Kong-Request-Id X-Userinfo X-ID-Token X-User X-User-Id X-User-Email
    X-Username X-Email X-Roles X-Groups X-JWT-Assertion X-JWT-Claim-Sub OIDC-Claim-Sub
    OIDC-Access-Token SM-User SM-UniversalID SMUser iv-user iv-groups OAM-Remote-User
    Shib-Session-ID X-Shib-Email Eppn Mellon-NAME-ID Impersonate-User Impersonate-Group
    X-Vouch-User Gap-Auth Ngrok-Auth-User-Email X-Replit-User-Id Sf-Context-Current-User
    X-Cf-Forwarded-Url X-Tyk-User X-Apigee-User X-Agw-Userid WL-Proxy-Client-IP Proxy-Client-IP
    Proxy-Host Proxy HTTP-Client-IP
";

/// What webhook clients, their libraries and tracers do send.
const HONEST: &str = "
    Accept Accept-Encoding Accept-Language Authorization Content-Type Content-Encoding
    Content-Digest Cookie Date Digest From Link Origin Referer Signature Signature-Input User-Agent
    Via Baggage Sentry-Trace X-B3-TraceId X-Cloud-Trace-Context X-Datadog-Trace-Id X-Amzn-Trace-Id
    X-Correlation-Id X-Request-UUID X-Request-Timestamp Idempotency-Key X-OpenClaw-Idempotency-Key
    X-OpenClaw-Token X-OpenClaw-Webhook-Secret X-Api-Key Api-Key X-Auth-Token X-Access-Token
    X-Token X-Nonce X-Signature X-Signature-Ed25519 X-Signature-Timestamp X-Timestamp
    X-GitHub-Event X-GitHub-Delivery X-GitHub-Hook-ID X-GitHub-Hook-Installation-Target-ID
    X-Hub-Signature X-Hub-Signature-256 X-Gitlab-Event X-Gitlab-Token X-Gitlab-Instance
    X-Gitlab-Webhook-UUID X-Gitea-Signature X-Gogs-Event X-Event-Key X-Hook-UUID X-Hook-Secret
    X-Hook-Signature X-Attempt-Number Stripe-Signature X-Slack-Signature X-Slack-Request-Timestamp
    X-Slack-Retry-Num Webhook-Id Webhook-Timestamp Webhook-Signature Svix-Id Svix-Timestamp
    Svix-Signature X-Webhook-Signature X-Webhook-Id X-Twilio-Signature I-Twilio-Idempotency-Token
    X-Twilio-Email-Event-Webhook-Signature X-Shopify-Topic X-Shopify-Hmac-Sha256
    X-Shopify-Shop-Domain X-Shopify-Webhook-Id Linear-Signature Linear-Event Linear-Delivery
    X-Goog-Channel-ID X-Goog-Channel-Token X-Goog-Resource-ID X-Goog-Resource-State
    X-Goog-Resource-URI X-Goog-Message-Number X-Goog-Changed X-Goog-Pubsub-Message-Id
    X-CloudTasks-QueueName X-CloudScheduler-JobName Ce-Id Ce-Type Ce-Source X-Amz-Sns-Message-Type
    X-Amz-Sns-Topic-Arn X-Amz-Firehose-Request-Id X-Amz-Firehose-Access-Key Aeg-Event-Type
    X-MS-Request-Id X-Zm-Signature X-Zm-Request-Timestamp X-Telegram-Bot-Api-Secret-Token
    X-Line-Signature X-Viber-Content-Signature Paddle-Signature X-HubSpot-Signature
    X-HubSpot-Signature-v3 X-HubSpot-Request-Timestamp X-DocuSign-Signature-1
    X-Square-Hmacsha256-Signature Paypal-Transmission-Sig Paypal-Cert-Url
    X-Zendesk-Webhook-Signature Sentry-Hook-Signature X-PagerDuty-Signature Plaid-Verification
    X-Okta-Verification-Challenge Typeform-Signature Calendly-Webhook-Signature X-Cal-Signature-256
    X-Dropbox-Signature X-Trello-Webhook X-WC-Webhook-Signature Twitch-Eventsub-Message-Signature
    X-Contentful-Topic X-Nylas-Signature X-Atlassian-Webhook-Identifier X-Airtable-Content-MAC
    X-Buildkite-Event Circleci-Signature X-Grafana-Alerting-Signature X-CC-Webhook-Signature
    X-Razorpay-Signature X-Paystack-Signature Verif-Hash X-Xero-Signature Intuit-Signature
    Persona-Signature ElevenLabs-Signature X-Event-Name X-Event-Id Cf-Webhook-Auth Sm-Signature
    Sm-Apikey Tailscale-Webhook-Signature X-Vercel-Signature X-User-Agent X-Consul-Index
    X-Hook0-Signature X-SmartSurvey-Signature
";

#[test]
fn no_forged_identity_or_forwarding_field_arrives_in_any_spelling() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let forgeries: Vec<_> = FORGERIES.split_whitespace().collect();
    for forgery in &forgeries {
        let (upper, underscored) = (forgery.to_uppercase(), forgery.replace('-', "_"));
        let mixed = forgery.replacen('-', "_", 1).to_lowercase();
        let fields: String = [*forgery, &upper, &underscored, &mixed, forgery]
            .iter()
            .map(|name| format!("{name}: forged\r\n"))
            .collect();
        let answer = Client::new(&pki, &clawgate).send(&format!(
            "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 0\r\n\r\n"
        ));
        assert_eq!(answer.status, 200, "{forgery}");
    }
    for (received, forgery) in backend.received().iter().zip(&forgeries) {
        assert!(!received.head.contains("forged"), "{forgery}: {}", received.head);
    }
    assert_eq!(backend.received().len(), forgeries.len());
}

#[test]
fn what_webhook_senders_send_arrives() {
    let pki = Pki::new();
    let honest: Vec<_> = HONEST.split_whitespace().collect();
    for names in honest.chunks(50) {
        let fields: String = names.iter().map(|name| format!("{name}: {name}\r\n")).collect();
        let received = arrives(&pki, &pki.client, &[], &fields);
        for name in names {
            assert_eq!(received.values(&name.to_ascii_lowercase()), [*name], "{name}");
        }
    }
}

#[test]
fn no_field_with_an_underscore_arrives_and_none_that_another_character_disguises() {
    let received = passes(
        "Content_Length: 7\r\nTransfer_Encoding: chunked\r\nX_GitHub_Event: push\r\nX-Hub_Signature: forged\r\n\
         X.Forwarded.For: forged\r\nRemote!User: forged\r\nX-Real+IP: forged\r\nX.GitHub.Event: kept\r\n",
    );
    let own = |name: &String| !name.starts_with("x-clawgate-");
    let mut left: Vec<_> = names(&received).into_iter().filter(own).collect();
    left.sort();
    assert_eq!(left, ["content-length", "host", "traceparent", "x-request-id", "x.github.event"]);
    assert_eq!(received.body, b"{}");
}

#[test]
fn a_forged_field_does_not_hide_in_what_connection_names() {
    let received = passes(
        "Connection: X-Forwarded-For, close\r\nX-Forwarded-For: forged\r\nX_Forwarded_For: forged\r\n",
    );
    assert!(!received.head.contains("forged"), "{}", received.head);
}

//! The names of header fields that only a proxy in front of the upstream may set.
//!
//! An upstream trusts what such a field says about the client, its address, the method or the path. [`CLAIMS`] has the
//! fields of well-known proxies and gateways, grouped by product. `docs/upstream.md` lists them for operators, and a
//! test compares both lists.

use std::sync::LazyLock;

/// The names that are removed, grouped by the product that sets them, in lower case. A name that ends in `*` stands for
/// all names with this prefix.
const CLAIMS: &[(&str, &[&str])] = &[
    (
        "Origin",
        &[
            "forwarded",
            "forwarded-*",
            "x-forwarded*",
            "x-forward-*",
            "x-real-*",
            "x-client-*",
            "x-clientip",
            "client-ip",
            "x-originating-*",
            "x-source-ip",
            "x-cluster-client-ip",
            "cluster-client-ip",
            "x-true-client-*",
            "true-client-*",
            "x-custom-ip-authorization",
            "x-proxy-*",
            "x-proxyuser-*",
            "proxy",
            "proxy-*",
            "wl-proxy-*",
            "http-client-ip",
            "http-forwarded*",
            "http-via",
            "http-x-*",
            "z-forwarded-for",
            "x-internal-*",
            "x-trusted-*",
        ],
    ),
    (
        "Host, path and scheme",
        &[
            "x-host",
            "x-original-*",
            "x-rewrite-*",
            "x-override-*",
            "x-request-uri",
            "request-uri",
            "x-script-name",
            "script-name",
            "path-info",
            "base-url",
            "http-url",
            "x-scheme",
            "x-url-scheme",
            "x-https",
            "front-end-https",
            "x-accel-*",
            "x-sendfile*",
            "x-middleware-*",
        ],
    ),
    (
        "Method",
        &["x-http-*", "x-method", "x-method-*", "method-override", "http-method", "http-method-*"],
    ),
    (
        "Identity",
        &[
            "remote-*",
            "x-remote-*",
            "x-user",
            "x-user-*",
            "x-userid",
            "x-userinfo",
            "x-username",
            "x-email",
            "x-group",
            "x-groups",
            "x-role",
            "x-roles",
            "x-identity",
            "x-identity-*",
            "x-principal",
            "x-principal-*",
            "x-authenticated*",
            "x-verified-*",
            "x-auth-request-*",
            "x-auth-audience",
            "x-auth-email*",
            "x-auth-groups",
            "x-auth-identity*",
            "x-auth-name",
            "x-auth-principal*",
            "x-auth-roles",
            "x-auth-subject*",
            "x-auth-user*",
            "x-ext-authz-*",
            "x-id-token",
            "x-jwt-assertion*",
            "x-jwt-claim*",
            "x-jwt-payload",
            "x-saml-*",
            "x-sso-*",
            "x-oidc-*",
            "impersonate-*",
            "x-impersonate-*",
        ],
    ),
    (
        "Certificate",
        &[
            "client-cert",
            "client-cert-*",
            "client-dn",
            "client-verify",
            "x-cert-*",
            "x-certificate*",
            "x-mtls-*",
            "x-peer-cert*",
            "x-spiffe-*",
            "x-ssl",
            "x-ssl-*",
            "x-svid*",
            "x-tls-*",
            "ssl-*",
            "sslclient*",
            "tls-client-*",
        ],
    ),
    ("clawgate", &["x-clawgate-*", "x-request-id"]),
    ("OpenClaw", &["x-openclaw-*"]),
    ("Akamai", &["akamai-*", "x-akamai-*"]),
    ("Alibaba Cloud", &["ali-cdn-*"]),
    ("Apigee", &["x-apigee-*"]),
    ("Authelia", &["x-authelia-*"]),
    ("authentik", &["x-authentik*"]),
    (
        "AWS",
        &[
            "cloudfront-*",
            "x-amz-cf-*",
            "x-amzn-apigateway-*",
            "x-amzn-ava-*",
            "x-amzn-lattice-*",
            "x-amzn-mtls-*",
            "x-amzn-oidc-*",
            "x-amzn-tls-*",
            "x-amzn-vpc*",
        ],
    ),
    (
        "Azure",
        &[
            "disguised-host",
            "was-default-hostname",
            "x-appservice-*",
            "x-arr-*",
            "x-azure-*",
            "x-fd-*",
            "x-ms-client-principal*",
            "x-ms-forwarded*",
            "x-ms-original-*",
            "x-ms-proxy*",
            "x-ms-token-*",
            "x-waws-*",
        ],
    ),
    ("bunny.net", &["cdn-*"]),
    ("Citrix", &["x-citrix-*"]),
    ("Cloud Foundry", &["x-cf-application*", "x-cf-forwarded-*", "x-cf-instance*", "x-cf-proxy-*"]),
    ("Cloudflare", &["cf-*"]),
    ("DigitalOcean", &["do-connecting-*"]),
    ("Envoy and Istio", &["x-envoy-*", "x-istio-*"]),
    ("F5", &["x-f5-*"]),
    ("Fastly", &["fastly-*"]),
    ("Fly.io", &["fly-*"]),
    (
        "Google Cloud",
        &[
            "x-apigateway-*",
            "x-appengine-*",
            "x-endpoint-api-*",
            "x-goog-authenticated-*",
            "x-goog-iap-*",
            "x-google-real-ip",
        ],
    ),
    ("Grafana", &["x-webauth-*"]),
    ("IBM Security Verify", &["iv-*"]),
    ("Imperva", &["incap-*"]),
    ("Kong", &["x-anonymous-*", "x-consumer-*", "x-credential-*", "x-kong-*"]),
    ("Kuma", &["x-kuma-*"]),
    ("Linkerd", &["l5d-*"]),
    ("mod_auth_mellon", &["mellon-*"]),
    ("mod_auth_openidc", &["oidc-*"]),
    ("MuleSoft", &["x-agw-*"]),
    ("Netlify", &["x-nf-*"]),
    ("ngrok", &["ngrok-*"]),
    ("oauth2-proxy", &["gap-*"]),
    ("Oracle Access Manager", &["oam-*", "osso-*"]),
    ("Pomerium", &["x-pomerium-*"]),
    ("Replit", &["x-replit-*"]),
    ("RSA", &["ct-remote-user"]),
    ("Shibboleth", &["eppn", "persistent-id", "shib-*", "targeted-id", "x-shib-*"]),
    ("SiteMinder", &["sm-*", "smuser"]),
    ("Snowflake", &["sf-context-*"]),
    ("Sucuri", &["x-sucuri-*"]),
    ("Tailscale", &["tailscale-*", "x-tailscale-*"]),
    ("Teleport", &["teleport-*", "x-teleport-*"]),
    ("Tyk", &["x-tyk-*"]),
    ("Vercel", &["x-vercel-*"]),
    ("Vouch Proxy", &["x-vouch-*"]),
];

/// Names that match one of [`CLAIMS`] but are not removed, because they say nothing about the client: signatures and
/// credentials of webhooks, and OpenClaw's idempotency key.
const EXCEPTIONS: &[&str] = &[
    "cf-webhook-auth",
    "sm-apikey",
    "sm-signature",
    "tailscale-webhook-signature",
    "x-openclaw-idempotency-key",
    "x-openclaw-token",
    "x-openclaw-webhook-secret",
    "x-user-agent",
    "x-vercel-signature",
];

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// [`CLAIMS`], prepared for fast look-ups.
#[derive(Debug)]
struct Index {
    /// The names without `*`, in ascending order. No name begins with a family before it.
    names: Vec<(&'static str, Extent)>,
    /// The second letters of all names, as bits, for each first letter; separately for names without and with `x-`
    /// (which is skipped). For most names in usual requests (host, content-type, x-github-event …) this check is
    /// enough.
    starts: [[u32; 256]; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    /// All names with this prefix.
    Family,
    /// Only this name.
    Name,
}

impl Index {
    fn new() -> Self {
        let all = CLAIMS.iter().flat_map(|(_, names)| *names);
        let extent = |name: &&'static str| match name.strip_suffix('*') {
            Some(start) => (start, Extent::Family),
            None => (*name, Extent::Name),
        };
        let mut names: Vec<_> = all.map(extent).collect();
        names.sort_unstable();
        names.dedup_by(|later, kept| kept.1 == Extent::Family && later.0.starts_with(kept.0));
        let mut starts = [[0; 256]; 2];
        for (name, _) in &names {
            if let Some((place, first, second)) = start(name) {
                starts[place][first] |= second;
            }
        }
        Self { names, starts }
    }

    fn holds(&self, name: &str) -> bool {
        let may =
            start(name).is_some_and(|(place, first, second)| self.starts[place][first] & second != 0);
        if !may {
            return false;
        }
        let after = self.names.partition_point(|(known, _)| *known <= name);
        let before = after.checked_sub(1).and_then(|place| self.names.get(place));
        before.is_some_and(|(known, extent)| match extent {
            Extent::Family => name.starts_with(known),
            Extent::Name => *known == name,
        })
    }
}

/// Whether `name` begins with `x-`, its first letter after that, and a bit for its second letter.
fn start(name: &str) -> Option<(usize, usize, u32)> {
    let (place, letters) = match name.as_bytes() {
        [b'x', b'-', rest @ ..] => (1, rest),
        all => (0, all),
    };
    let [first, second, ..] = letters else { return None };
    // All characters that are not letters share one bit.
    let second = if second.is_ascii_lowercase() { 1 << (second - b'a') } else { 1 << 26 };
    Some((place, usize::from(*first), second))
}

/// Whether only a proxy may set `name`, which is in lower case as in `HeaderName`.
///
/// This includes every name with `_`: CGI, WSGI, Rack and PHP read `_` as `-`, so `x_real_ip` would become `x-real-ip`,
/// and `content_length` would become `content-length`. Some servers also read other characters as `-`, so they are
/// compared as `-`.
pub(super) fn is_claim(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.bytes().all(plain) {
        return INDEX.holds(name) && !EXCEPTIONS.contains(&name);
    }
    name.contains('_') || INDEX.holds(&name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static str> {
        CLAIMS.iter().flat_map(|(_, names)| *names).copied()
    }

    #[test]
    fn every_name_and_prefix_is_found_and_similar_names_are_not() {
        for claim in all() {
            match claim.strip_suffix('*') {
                Some(family) => {
                    assert!(is_claim(&format!("{family}x")) && is_claim(family), "{claim}");
                }
                None => assert!(is_claim(claim), "{claim}"),
            }
            assert!(is_claim(&claim.replace('*', "x").replace('-', ".")), "{claim}");
        }
        for name in
            ["x", "x-", "", "-", "forwardedx", "x-hostx", "proxyx", "clientip-x", "x-sslx", "x-methods"]
        {
            assert!(!is_claim(name), "{name}");
        }
    }

    #[test]
    fn every_name_with_an_underscore_is_removed_even_if_it_would_pass_with_a_hyphen() {
        for name in ["content_length", "transfer_encoding", "x_anything", "_", "a_b"] {
            assert!(is_claim(name), "{name}");
        }
        for name in EXCEPTIONS {
            assert!(
                is_claim(&name.replacen('-', "_", 1)) && is_claim(&name.replacen('-', ".", 1)),
                "{name}"
            );
        }
    }

    #[test]
    fn every_exception_matches_a_prefix_and_passes() {
        for name in EXCEPTIONS {
            assert!(INDEX.holds(name) && !is_claim(name), "{name}");
        }
    }

    #[test]
    fn the_documentation_lists_the_same_prefixes_and_exceptions() {
        let page = include_str!("../../../docs/upstream.md");
        for (who, names) in CLAIMS {
            let row = page.lines().find(|line| line.starts_with(&format!("| {who} |")));
            let row = row.unwrap_or_else(|| panic!("{who} is missing"));
            let listed: Vec<_> =
                row.split('`').skip(1).step_by(2).map(str::to_ascii_lowercase).collect();
            assert_eq!(listed, *names, "{who}");
        }
        for name in EXCEPTIONS {
            let is_listed = page.to_ascii_lowercase().contains(&format!("`{name}`"));
            assert!(is_listed, "{name} is missing");
        }
    }
}

//! The names of severities, areas and checks: closed lists, for JSON and for people.

use serde::{Serialize, Serializer};

/// Defines an enum whose variants have stable names, for JSON and for people.
macro_rules! named {
    ($(#[$meta:meta])* $enum:ident { $($(#[$doc:meta])* $variant:ident => $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $enum { $($(#[$doc])* $variant,)+ }

        impl $enum {
            /// Its stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl Serialize for $enum {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

named! {
    /// The result of a check, from the least to the most serious.
    Severity {
        /// It could not be checked, or does not apply.
        Skipped => "skipped",
        /// Nothing is wrong.
        Pass => "pass",
        /// Worth knowing; it may be intended.
        Note => "note",
        /// It works, but should be changed now or soon.
        Warning => "warning",
        /// It does not work, or is not safe.
        Fail => "fail",
    }
}

named! {
    /// What was examined.
    Area {
        /// The settings themselves.
        Settings => "settings",
        /// The permissions of the files that they name.
        Files => "files",
        /// A server's certificate: clawgate's own, or that of a server given to `explain`.
        Certificate => "certificate",
        /// Which clients are admitted: CAs, CRLs, rules.
        Clients => "clients",
        /// One client's certificate.
        Client => "client",
        /// A captured request.
        Request => "request",
        /// A route that verifies signatures.
        Route => "route",
        /// The tokens for upstreams.
        Token => "token",
        /// This machine.
        Machine => "machine",
        /// A listener, as seen by a client.
        Listener => "listener",
        /// The admin listener.
        Admin => "admin",
        /// An upstream.
        Upstream => "upstream",
        /// The listener of the relay.
        Relay => "relay",
        /// An API that the relay sends events to.
        Target => "target",
        /// The collector of spans.
        Collector => "collector",
        /// The stored events.
        Inbox => "inbox",
    }
}

named! {
    /// What was checked.
    Check {
        /// The settings could be loaded.
        Load => "load",
        /// All other checks, which need settings.
        Rest => "rest",
        /// No other user can change the files or read a key.
        Modes => "modes",
        /// A certificate can be parsed; a key can be read by other users.
        Readable => "readable",
        /// Other users can change a file.
        Writable => "writable",
        /// The names that a certificate is for.
        Names => "names",
        /// The dates of a certificate.
        Dates => "dates",
        /// The dates of the CAs above it.
        ChainDates => "chain_dates",
        /// The key usages of a certificate.
        Purpose => "purpose",
        /// Each certificate is followed by the one that issued it.
        Order => "order",
        /// A client that has only the root can verify it.
        Chain => "chain",
        /// A client that has only the roots of this system can verify it.
        SystemRoots => "system_roots",
        /// The kind and size of its key.
        Key => "key",
        /// The algorithm that it was signed with.
        Signature => "signature",
        /// The private key is the certificate's.
        KeyFits => "key_fits",
        /// X.509 version 3, without unknown critical extensions.
        Version => "version",
        /// A client's certificate is not a CA certificate.
        NotACa => "not_a_ca",
        /// Admitted without a CA.
        Pinned => "pinned",
        /// Revoked by its CA.
        Revocation => "revocation",
        /// Refused by the operator's denylist.
        Denylist => "denylist",
        /// Admitted by a rule.
        Allow => "allow",
        /// A client CA.
        Ca => "ca",
        /// A client CA that issues certificates to the public.
        PublicCa => "public_ca",
        /// A CRL.
        Crl => "crl",
        /// A token is sent to an upstream.
        Token => "token",
        /// A token that can be guessed.
        Guessable => "guessable",
        /// One token for several upstreams.
        Reuse => "reuse",
        /// The clock.
        Clock => "clock",
        /// The limit of open files.
        OpenFiles => "open_files",
        /// It accepts connections.
        Reachable => "reachable",
        /// The server there is clawgate.
        Clawgate => "clawgate",
        /// It serves the certificate in the files.
        UpToDate => "up_to_date",
        /// A client without a certificate.
        NoCertificate => "no_certificate",
        /// The client of `--client-cert`.
        WithCertificate => "with_certificate",
        /// HTTP without TLS.
        PlainHttp => "plain_http",
        /// TLS 1.0.
        Tls10 => "tls_1_0",
        /// A connection without a PROXY header.
        ProxyHeader => "proxy_header",
        /// A PROXY header from this machine.
        ProxySource => "proxy_source",
        /// A request whose signature fits no key.
        WrongSignature => "wrong_signature",
        /// A request with a valid signature.
        ValidSignature => "valid_signature",
        /// A request with a wrong token.
        WrongToken => "wrong_token",
        /// A path is known.
        Path => "path",
        /// It is ready.
        Ready => "ready",
        /// It is alive.
        Alive => "alive",
        /// It runs with these settings and files.
        InUse => "in_use",
        /// It can be connected to.
        Connect => "connect",
        /// The addresses of its name.
        Address => "address",
        /// It accepts clawgate's credential.
        Credential => "credential",
        /// It speaks the expected protocol.
        Protocol => "protocol",
        /// A request reaches a route that verifies signatures.
        Route => "route",
        /// The body of a captured request is complete.
        Body => "body",
        /// The signature is there, in the form that the scheme has.
        SignatureForm => "signature_form",
        /// The time at which a request was signed.
        SigningTime => "signing_time",
        /// A secret or public key that the signature fits.
        SigningKey => "signing_key",
        /// What an event is known by if it comes again.
        Event => "event",
        /// The parts of a request that are signed.
        Covered => "covered",
        /// A hook answers.
        Hook => "hook",
        /// The upstream trusts clawgate's forwarding headers.
        Attribution => "attribution",
        /// The upstream accepts bodies as large as the route allows.
        BodyLimit => "body_limit",
        /// The collector accepts spans.
        Batch => "batch",
        /// The inbox has space on its disk.
        Space => "space",
        /// The inbox has room for more events.
        Room => "room",
        /// How long the oldest event has waited.
        Waiting => "waiting",
        /// Events that could not be delivered.
        Dead => "dead",
        /// Events of a route that the settings do not have.
        UnknownRoute => "unknown_route",
        /// Stored events are delivered.
        Deliveries => "deliveries",
        /// The stream of the inbox, as NATS has it.
        Stream => "stream",
        /// The stream of delivered requests, as NATS has it.
        Replays => "replays",
        /// What it means that NATS has confirmed an event.
        Durable => "durable",
        /// A damaged database was renamed.
        SetAside => "set_aside",
    }
}

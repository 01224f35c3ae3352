//! The long texts of the help: examples, exit codes, and what a command does.

pub(super) const EXAMPLES: &str = "\
Examples:
  Try it out: instead of an upstream, clawgate answers with the request that it would forward:
    scripts/gen-certs.sh
    clawgate run --cert certs/server.pem --key certs/server.key \\
      --client-ca certs/ca.pem --upstream echo:
    curl --cacert certs/ca.pem --cert certs/client.pem --key certs/client.key \\
      -d '{}' https://localhost:8443/hooks/wake

  Check a settings file before using it:
    clawgate check --config clawgate.toml

  Why is this client refused, and will it be next year?
    clawgate explain client.pem --config clawgate.toml --at 2027-01-01T00:00:00Z

Exit codes: 0 success; 1 failed at run time, or a check failed; 2 usage; 78 the settings are not valid.";

pub(super) const SETTINGS: &str = "\
Precedence: flags, then environment variables, then the TOML file, then the defaults.
A flag for a list is given several times. Its variable separates the values with commas,
CLAWGATE_ALLOW and CLAWGATE_DENY with semicolons. Put the hook token into a file, or into
CLAWGATE_HOOK_TOKEN. examples/full.toml explains every setting.

Examples:
  In front of OpenClaw on this machine, for the client `meeting-notes` only:
    clawgate run --cert server.pem --key server.key --client-ca ca.pem \\
      --hook-token-file hook-token --allow cn=meeting-notes

  With a settings file, but on another port:
    clawgate run --config clawgate.toml --listen 0.0.0.0:9999";

pub(super) const CHECK: &str = "\
Reads the settings as `run` does. Prints the effective settings, then the findings about the settings,
clawgate's certificates and the client CAs, CRLs and rules: notes, warnings, and failed checks, each
with a hint. Asks the running process over admin.address, and prints what a reload would change.
`clawgate doctor` makes the same checks, and also calls clawgate and its upstreams.

Examples:
  Is this file valid, and what would it change?
    clawgate check --config clawgate.toml

Exit codes: 0 no check failed (warnings do not count); 1 a check failed; 2 usage; 78 the settings are
not valid.";

pub(super) const EXPLAIN: &str = "\
Reads the settings as `run` does, and verifies the certificate with the same code. Needs only the
settings that decide about clients: clients.* (CAs, CRLs, rules) and the paths and rules of routes. The
server's certificate and key, tokens and upstreams are not needed. With --at the client certificate is
verified as of that time; the files of the settings are still checked as of now.

A server is called with a TLS handshake only: no request is sent. The report shows its certificate,
whether or not its CA is trusted. No settings are needed. A server that refuses over HTTP, such as
clawgate with --refuse-with http, completes the handshake, so that the refusal is not seen.

Examples:
  Would this client be admitted, and to which routes?
    clawgate explain client.pem --client-key client.key --config clawgate.toml

  Is it a certificate of this CA?
    clawgate explain client.pem --client-ca ca.pem

  What does clawgate require from clients, and does it admit this one?
    clawgate explain https://localhost:8443/ --client-cert client.pem --client-key client.key

Exit codes: 0 admitted (a server: the handshake completed without an alert); 1 refused, or a file
cannot be read, or the server not reached; 2 usage; 78 the settings are not valid.";

pub(super) const DOCTOR: &str = "\
Reads the settings as `run` does and changes nothing. Calls clawgate as clients do: without a
certificate, with plain HTTP, with TLS 1.0, and with --client-cert, if given. Each of these calls leaves
a line in its log. Sends each upstream a POST to a hook with a random name, with clawgate's token and
without, and one body as large as the route allows. Sends each route that verifies signatures a request
whose signature is wrong, and with --send-signed one whose signature is right: that one is delivered to
the upstream like an event, with a body that says that it is a test. Verifies the server's certificate as a client that
has only its root, and as a client that has only the roots of this system.

Examples:
  What is wrong with this clawgate?
    clawgate doctor --config clawgate.toml

  Would this client be admitted?
    clawgate doctor --config clawgate.toml --client-cert client.pem --client-key client.key

Exit codes: 0 no check failed (warnings do not count); 1 a check failed, or a file cannot be read;
2 usage.";

pub(super) const SIGN: &str = "\
Signs a request as the sender of the route would, with the first secret of its [route.verify], and prints
a curl command that sends it. Nothing is sent. The command is good for as long as the time in the signature
is accepted: a few minutes with most senders. A request that it sends is delivered to the upstream like any
other. Where the scheme has a token, the command shows it.

The command calls listen.public_url; without that, or with --local, the listener on this machine. Without
--body, a short body is made, with the fields that the scheme reads from it.

Examples:
  Would this route accept a signed request?
    clawgate sign /hooks/github --config clawgate.toml --local

  Send a saved event once more, with a fresh signature:
    clawgate sign /hooks/stripe --body event.json --config clawgate.toml | sh

Exit codes: 0 a command was printed; 1 the request cannot be signed, or a file cannot be read; 2 usage;
78 the settings are not valid.";

pub(super) const VERIFY: &str = "\
Reads one HTTP/1.1 request as it was received (request line, headers, an empty line, body), and says whether
the route would accept its signature, with each check and a hint if something is wrong. Nothing is sent, and
no clawgate need be running. Whether the event came before is not known here.

Examples:
  Why was this request refused? Was it valid when it came?
    clawgate verify /hooks/stripe request.http --config clawgate.toml
    clawgate verify /hooks/stripe request.http --config clawgate.toml --at 2027-01-01T00:00:00Z

Exit codes: 0 valid; 1 refused, or the file cannot be read; 2 usage; 78 the settings are not valid.";

pub(super) const RELAY: &str = "\
`try` reads the settings as `run` does, and an event from a file. It shows the request that the target
would get, with the mapped body and the id, and without the credential. Nothing is sent unless --send is
given; then the request is sent once, and the meaning of the answer is shown. Nothing is stored, and no
clawgate need be running.

Examples:
  What would the target get for this event?
    clawgate relay try analytics event.json --config clawgate.toml

  Does it accept that?
    clawgate relay try analytics event.json --send --config clawgate.toml

Exit codes: 0 the request can be made, and was accepted if it was sent; 1 it cannot be made, or was not
accepted; 2 usage; 78 the settings are not valid.";

pub(super) const INBOX: &str = "\
Reads the database of the inbox, whether or not a clawgate runs beside it. Finds it by --inbox,
CLAWGATE_INBOX or inbox.path in the TOML file; of the settings only `[inbox]` is read. These commands
deliver nothing: a replayed event is delivered by the clawgate that runs, or by the next one.

`replay`, `drop` and `forget` need at least one condition. Before they change more than one event, they
say how many it would be, and ask on a terminal; in scripts --yes is the answer. Each change is logged on
stderr as one line of JSON, with the events, the conditions and the user, unless stderr is a terminal.

Examples:
  What waits, and what was given up?
    clawgate inbox stats --config clawgate.toml
    clawgate inbox list --state dead --config clawgate.toml

  Why was this event given up?
    clawgate inbox show 0198f2c4-7d5a-7c3e-9b1d-2f6a8e4c0b17 --config clawgate.toml

  The upstream is corrected; deliver what it has refused today once more:
    clawgate inbox replay --route /hooks/github --reason rejected --since 24h --config clawgate.toml

Exit codes: 0 success, also if no event fits; 1 the database cannot be used, or an event that was named
is not there; 2 usage, or --yes is missing; 78 the settings are not valid.";

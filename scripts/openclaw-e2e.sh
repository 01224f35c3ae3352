#!/usr/bin/env bash
# Runs the real OpenClaw behind clawgate and checks which requests and headers arrive, and which must not.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: openclaw-e2e.sh [--keep] [--dir DIR]

Installs OpenClaw from npm (once: about a minute and 0.9 GB), starts it on loopback with hooks on and
clawgate in front of it, and checks hooks, identity headers, refusals, limits, a restart of OpenClaw
under load without and with an inbox, a meeting that is too long for OpenClaw, every form of the
identity and the address, and that `clawgate doctor` finds each misconfiguration. Takes about five
minutes after the installation. Exit code 0 means that every check passed.

  --keep      keep the folder of the run: logs, certificates and OpenClaw's records
  --dir DIR   where OpenClaw is installed (default: ~/.cache/clawgate-e2e)

Environment:
  CLAWGATE_BIN       an existing binary to test instead of building one (cargo build --release)
  OPENCLAW_VERSION   default 2026.9.6
  NODE_VERSION       default 24

Needs curl, jq, OpenSSL 3 and npm.
EOF
}

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
dir=
parse_options keep dir=.+ -- "$@"
# shellcheck source=scripts/openclaw.sh
. "$scripts/openclaw.sh"
need curl jq openssl npm
find_clawgate release

processes=(trickle clawgate other openclaw)
begin_run
clawgate=
other=
trickle=
token_file=$tmp/token

install_openclaw
cd "$tmp"
configure_openclaw '[{
  "id": "record", "match": { "path": "record" }, "action": "wake", "textTemplate": "recorded",
  "transform": { "module": "record.mjs" }
}, {
  "id": "fathom", "match": { "path": "fathom" }, "action": "wake", "textTemplate": "recorded",
  "transform": { "module": "record.mjs" }
}]' null

certs=$tmp/certs
"$scripts/gen-certs.sh" "$certs" >/dev/null

start_openclaw

# start_clawgate NAME FLAGS...: sets `started` to its process, and `address` and `proxied` to its listeners
start_clawgate() {
  local log=$1.log
  "$bin" run --listen 127.0.0.1:0 --upstream "$upstream" --hook-token-file "$token_file" \
    --admin off --log-format json --cert "$certs/server.pem" --key "$certs/server.key" \
    --client-ca "$certs/ca.pem" --crl "$certs/crl.pem" "${@:2}" >"$log" 2>&1 &
  started=$!
  local deadline=$((SECONDS + 10)) event='fromjson? | select(.event == "started")'
  until address=$(jq -rR "$event | .listen[0]" "$log") && [[ -n $address ]]; do
    kill -0 "$started" 2>/dev/null || die "clawgate did not start: $(cat "$log")"
    ((SECONDS < deadline)) || die "clawgate did not log that it had started within 10 s: $(cat "$log")"
    sleep 0.05
  done
  proxied=$(jq -rR "$event | .listen_proxy[0]? // empty" "$log")
}

start_clawgate clawgate
# shellcheck disable=SC2034 # for begin_run, which stops it
clawgate=$started
base=https://localhost:${address##*:}
clawgate_address=$address

anonymous=(curl -q --noproxy '*' -4 -sS --cacert "$certs/ca.pem")
client=("${anonymous[@]}" --cert "$certs/client.pem" --key "$certs/client.key")

# seen_by COMMAND...: sets `seen` to the status with clawgate's reason or the start of the body, or to
# curl's error; and `version` to the version of HTTP
seen_by() {
  local written status reason
  : >headers
  : >body
  if written=$("$@" -m 60 -D headers -o body -w '%{http_code} %{http_version}' 2>complaint); then
    read -r status version <<<"$written"
    reason=$(tr -d '\r' <headers | sed -n 's/^[Xx]-[Cc]lawgate-[Rr]eason: /clawgate: /p')
    seen="$status ${reason:-$(head -c 200 body | tr -d '\r\n')}"
  else
    version=
    seen=$(head -n 1 complaint)
  fi
}
call() { seen_by "${client[@]}" "$@"; }

# recorded ID FILTER: OpenClaw's record of that event, through jq
recorded() { jq -r --arg id "$1" "select(.payload.id == \$id) | $2" "$received"; }

echo
call "$base/hooks/wake" -d '{"text": "hello", "mode": "next-heartbeat"}'
expect 'wake' '200 *"ok":true*' "$seen"
call "$base/hooks/agent" -d '{"message": "hello", "deliver": false}'
expect 'agent' '200 *"runId":"*' "$seen"

call --http1.1 "$base/hooks/record" -d '{"id": "http1"}'
expect 'mapped hook over HTTP/1.1' '1.1 204 *' "$version $seen"
call --http2 "$base/hooks/record?a=b" -d '{"id": "http2"}'
expect 'mapped hook over HTTP/2' '2 204 *' "$version $seen"
expect 'path and query arrive' '*/hooks/record[?]a=b record' "$(recorded http2 '"\(.url) \(.path)"')"
expect 'identity of the client arrives' meeting-notes "$(recorded http2 '.headers["x-clawgate-client-cn"]')"
injected() { recorded "$1" ".headers.authorization == \"Bearer $token\""; }
expect 'token is added for a client without one' true "$(injected http2)"

forged=('X-Forwarded-For: 127.0.0.1' 'Forwarded: for=127.0.0.1' 'X-Real-IP: 127.0.0.1'
  'Tailscale-User-Login: root@example.com' 'X-Openclaw-Scopes: operator.admin'
  'X_Forwarded_For: 127.0.0.1' 'X-SSL-Client-Verify: SUCCESS')
arguments=(-H 'X-Clawgate-Client-CN: root' -H 'Authorization: Bearer bogus')
for header in "${forged[@]}"; do arguments+=(-H "$header"); done
call "${arguments[@]}" "$base/hooks/record" -d '{"id": "forged"}'
expect 'forged headers do no harm' '204 *' "$seen"
names=$(printf '%s\n' "${forged[@]%%:*}" | jq -R . | jq -sc 'map(ascii_downcase)')
expect 'forged headers that arrive' '' "$(recorded forged ".headers | keys[] | select(IN(${names}[]))")"
expect 'forged identity is replaced' meeting-notes "$(recorded forged '.headers["x-clawgate-client-cn"]')"
expect "client's own token is replaced" true "$(injected forged)"

refused='4[0-9][0-9] clawgate: *'
# Both methods: a browser would use GET, and the route allows POST.
for method in GET POST; do
  # shellcheck disable=SC1003 # browsers and OpenClaw treat backslashes as slashes
  for path in / '/hooks/../' '/hooks/%2e%2e/' '/hooks/.%2e/' '/hooks/..\' '/hooks\..\' '//hooks/../'; do
    call -X "$method" --path-as-is "$base$path"
    expect "no way to the control UI: $method $path" "$refused" "$seen"
  done
done

for method in GET POST; do
  call -X "$method" --http1.1 "$base/hooks/wake" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  expect "no WebSocket: $method" "$refused" "$seen"
done

call "$base/hooks/wake?token=$token" -d '{"text": "hello"}'
expect 'no token in the query' '400 *' "$seen"

seen_by "${anonymous[@]}" "$base/hooks/wake" -d '{"text": "hello"}'
expect 'no certificate' 'curl: *alert certificate required*' "$seen"

# body ID SIZE: a JSON object of exactly that many bytes
body() {
  local frame="{\"id\":\"$1\",\"text\":\"\"}"
  printf '{"id":"%s","text":"%s"}' "$1" "$(head -c "$2" /dev/urandom | base64 -w 0 | head -c $(($2 - ${#frame})))"
}
limit=262144
body fits $limit >largest
body exceeds $((limit + 1)) >too-large
chunked=(--http1.1 -H 'Transfer-Encoding: chunked')

call "$base/hooks/record" --data-binary @largest
expect "body of $(wc -c <largest) bytes" '204 *' "$seen"
digest() { tr -d '\n' | openssl dgst -sha256 -r | cut -d ' ' -f 1; }
expect 'it arrives intact, SHA-256' "$(jq -r .text largest | digest)" "$(recorded fits .payload.text | digest)"
call "$base/hooks/record" --data-binary @too-large
expect "body of $(wc -c <too-large) bytes" '413 *' "$seen"
call "${chunked[@]}" "$base/hooks/record" --data-binary @too-large
expect 'the same, chunked' '413 *' "$seen"

# OpenClaw closes connections that were idle for 6 s. clawgate must not use such a connection again.
for pause in 5.9 6.0 6.1; do
  sleep "$pause"
  call "$base/hooks/record" -d "{\"id\": \"idle-$pause\"}"
  expect "after $pause idle seconds" '204 *' "$seen"
done

# Sends ten events a second, each on its own connection, until the file `enough` exists; writes "ID STATUS" to answers.
trickle() {
  local n=0
  until [[ -e enough ]]; do
    n=$((n + 1))
    event "restart-$n" &
    sleep 0.1
  done
  wait
}
event() {
  local status
  status=$("${client[@]}" -m 60 -o /dev/null -w '%{http_code}' "$base/hooks/record" -d "{\"id\": \"$1\"}" 2>&1) ||
    status=$(head -n 1 <<<"$status")
  echo "$1 $status" >>answers
}
# accepted_after N: how many of the answers after the first N were 2xx
accepted_after() { tail -n "+$(($1 + 1))" answers | grep -c ' 2..$' || true; }
wait_for_accepted() {
  local deadline=$((SECONDS + 60))
  until (($(accepted_after "$1") >= 10)); do
    ((SECONDS < deadline)) || return 0 # the checks below report it
    sleep 0.1
  done
}

: >answers
trickle &
trickle=$!
wait_for_accepted 0
with_dots 'stopping OpenClaw under load' stop "$openclaw"
start_openclaw
up=$(wc -l <answers)
wait_for_accepted "$up"
touch enough
wait "$trickle"
trickle=

echo "      $(wc -l <answers) events were answered: $(cut -d ' ' -f 2- answers | sort | uniq -c |
  awk '{ n = $1; $1 = ""; printf "%s%s x%s", sep, n, $0; sep = ", " }')"
expect 'restart: answers other than 2xx, 502 and 503' '' "$(grep -vE ' (2..|502|503)$' answers | head -n 3)"
expect 'restart: events accepted afterwards' '[1-9]*' "$(accepted_after "$up")"
sed -n 's/ 2..$//p' answers | sort >accepted
jq -r '.payload.id // empty' "$received" | sort -u >arrived
expect 'restart: accepted events that were lost' '' "$(comm -23 accepted arrived | head -n 3)"

# The same with an inbox: OpenClaw is away for a while, and no sender notices it.
mkdir -m 700 inbox
webhook_secret=$(openssl rand -base64 32)
webhook_key=$(openssl base64 -d <<<"$webhook_secret" | od -An -v -tx1 | tr -d ' \n')
(umask 077 && echo "whsec_$webhook_secret" >fathom-secret)
cat >inbox.toml <<TOML
[listen]
signed_address = ["127.0.0.1:0"]

[inbox]
path = "$tmp/inbox/inbox.db"
min_free = "1MiB"

[limits]
body = "1MiB"          # more than OpenClaw accepts

[[route]]
path = "/hooks/record"
delivery = "inbox"

[[route]]
path = "/hooks/agent"
delivery = "try"

[route.inbox]
wait = "20s"

[[route]]
path = "/hooks/fathom"
authenticate = "signature"
delivery = "inbox"

[route.verify]
scheme = "standard-webhooks"
secret_file = "$tmp/fathom-secret"

[route.shape]
drop = ["/transcript"]
when_larger = "256KiB"
TOML
token_file=$tmp/inbox-token
cp token inbox-token
start_clawgate inbox --config inbox.toml
other=$started
stored_base=https://localhost:${address##*:}
signed_address=$(jq -rR 'fromjson? | select(.event == "started") | .listen_signed[0]' inbox.log)

# store ID [BODY]: sends an event that is to be stored; writes "ID STATUS" to `stored`
store() {
  local status body=${2:-}
  [[ -n $body ]] || body="{\"id\": \"$1\"}"
  status=$("${client[@]}" -m 60 -o /dev/null -w '%{http_code}' "$stored_base/hooks/record" \
    -H "Idempotency-Key: $1" --data-binary "$body" 2>&1) || status=$(head -n 1 <<<"$status")
  echo "$1 $status" >>stored
}
trickle_stored() {
  local n
  for n in {1..150}; do
    store "stored-$n" &
    sleep 0.1
  done
  wait
}
# arrived PREFIX: the ids of recorded events that begin so, sorted; one that came twice is there twice
arrived() { jq -r --arg prefix "$1" '.payload.id // empty | select(startswith($prefix))' "$received" | sort; }
# wait_for_arrival PREFIX COUNT
wait_for_arrival() {
  local deadline=$((SECONDS + 90))
  until (($(arrived "$1" | uniq | wc -l) >= $2)); do
    ((SECONDS < deadline)) || return 0 # the checks below report it
    sleep 0.2
  done
}

: >stored
trickle_stored &
trickle=$!
until (($(wc -l <stored) >= 20)); do sleep 0.1; done
with_dots 'stopping OpenClaw under load' stop "$openclaw"
start_openclaw
wait "$trickle"
trickle=
wait_for_arrival stored- 150
answers=$(cut -d ' ' -f 2- stored | sort | uniq -c | awk '{ printf "%s x %s; ", $1, $2 }')
expect 'inbox: answers to 150 events during a restart' '150 x 202; ' "$answers"
expect 'inbox: events that were lost' '' "$(comm -23 <(cut -d ' ' -f 1 stored | sort) <(arrived stored-) | head -n 3)"
expect 'inbox: events that arrived twice' '' "$(arrived stored- | uniq -d | head -n 3)"
expect 'inbox: the Idempotency-Key' 'cg-/hooks/record-????????-stored-7' "$(recorded stored-7 '.headers["idempotency-key"]')"
expect 'inbox: identity of the client arrives' meeting-notes \
  "$(recorded stored-150 '.headers["x-clawgate-client-cn"]')"
expect 'inbox: the token is added' true "$(injected stored-150)"
store stored-7
expect 'inbox: the same event again' 'stored-7 200' "$(tail -n 1 stored)"

call "$stored_base/hooks/agent" -H 'Idempotency-Key: run' -d '{"message": "hello", "deliver": false}'
expect "try: OpenClaw's own answer" '200 *"runId":"*' "$seen"
call "$stored_base/hooks/agent" -H 'Idempotency-Key: run' -d '{"message": "hello", "deliver": false}'
expect 'try: the same again starts no second run' '200 *"status":"duplicate"*' "$seen"

# A body that OpenClaw refuses is put aside; the event after it arrives.
store refused @too-large
expect 'inbox: a body that is too large for OpenClaw is accepted' 'refused 202' "$(tail -n 1 stored)"
store after-refused
wait_for_arrival after-refused 1
expect 'inbox: the event after it arrives' after-refused "$(arrived after-refused)"
inbox() { "$bin" inbox "$@" --inbox "$tmp/inbox/inbox.db" --json; }
expect 'inbox: it is a dead letter' 'refused rejected' "$(inbox list --state dead | jq -r '"\(.key) \(.reason)"')"

# A signed meeting whose transcript is too long for OpenClaw arrives without it, and a shorter one as it is.
# meeting ID TURNS: writes one to `meeting`, as Fathom sends it, with so many turns of its transcript
meeting() {
  jq -nc --arg id "$1" --argjson turns "$2" '{
    id: $id, title: "Planning", default_summary: { template_name: "general", markdown_formatted: "## Decided" },
    transcript: [range($turns) | { speaker: { display_name: "Ann" }, text: "turn \(.), and so on", timestamp: "00:00:01" }]
  }' >meeting
}
# send_signed ID: sends `meeting` as Fathom does, without a client certificate
send_signed() {
  local signature now
  now=$(date +%s)
  signature=$({ printf '%s.%s.' "$1" "$now"; cat meeting; } |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$webhook_key" -binary | base64 -w 0)
  seen_by "${anonymous[@]}" "https://localhost:${signed_address##*:}/hooks/fathom" -H "webhook-id: $1" \
    -H "webhook-timestamp: $now" -H "webhook-signature: v1,$signature" --data-binary @meeting
}
meeting long-meeting 8000
expect 'shape: KiB of a long meeting' '[6-9]??' "$(($(wc -c <meeting) / 1024))"
send_signed long-meeting
expect 'shape: it is accepted' '202 *"status":"accepted"*' "$seen"
meeting short-meeting 10
send_signed short-meeting
expect 'shape: a short one is accepted' '202 *"status":"accepted"*' "$seen"
wait_for_arrival long-meeting 1
wait_for_arrival short-meeting 1
expect 'shape: the long one arrives without its transcript' 'default_summary id title' \
  "$(recorded long-meeting '.payload | keys | join(" ")')"
expect 'shape: it is smaller than 256 KiB' true \
  "$(recorded long-meeting '.headers["content-length"] | tonumber < 262144')"
expect 'shape: the signature does not arrive, the id does' 'none long-meeting' \
  "$(recorded long-meeting '"\(.headers["webhook-signature"] // "none") \(.headers["webhook-id"])"')"
expect 'shape: the short one arrives with its transcript' 10 \
  "$(recorded short-meeting '.payload.transcript | length')"
expect 'shape: the log names what went' 'drop /transcript' \
  "$(jq -rR 'fromjson? | select(.event == "request" and .shaped) | .shaped | join(" ")' inbox.log)"

# reloaded N: waits until the clawgate with the inbox has reloaded its settings N times
reloaded() {
  local deadline=$((SECONDS + 20))
  until (($(jq -R 'fromjson? | select(.event == "reloaded")' inbox.log | grep -c '"event"') >= $1)); do
    ((SECONDS < deadline)) || die "clawgate did not reload: $(tail -n 3 inbox.log)"
    sleep 0.1
  done
}
# With a wrong token OpenClaw refuses all events. They wait until the token is right.
openssl rand -hex 32 >inbox-token
reloaded 1
store wrong-token
sleep 1
expect 'inbox: nothing arrives with a wrong token' '' "$(arrived wrong-token)"
expect 'inbox: clawgate says why' '*token*' \
  "$(jq -rR 'fromjson? | select(.event == "route_paused") | .hint' inbox.log)"
cat token >inbox-token
reloaded 2
wait_for_arrival wrong-token 1
expect 'inbox: it arrives when the token is right' wrong-token "$(arrived wrong-token)"
expect 'inbox: no other dead letters' 1 "$(inbox list --state dead | wc -l)"
stop "$other"
other=
token_file=$tmp/token

# diagnosed VARIABLE=VALUE...: the faults that `doctor` finds, with clawgate's settings changed by these
diagnosed() {
  local report
  report=$(env CLAWGATE_UPSTREAM="$upstream" CLAWGATE_HOOK_TOKEN_FILE="$tmp/token" CLAWGATE_ADMIN=off \
    CLAWGATE_MAX_CONNECTIONS=500 CLAWGATE_LISTEN="$clawgate_address" CLAWGATE_CERT="$certs/server.pem" \
    CLAWGATE_KEY="$certs/server.key" CLAWGATE_CLIENT_CA="$certs/ca.pem" CLAWGATE_CRL="$certs/crl.pem" \
    "$@" "$bin" doctor --json --client-cert "$certs/client.pem" --client-key "$certs/client.key") || true
  # Findings of the area `settings` are left out: this tests the others.
  jq -r '.findings[] | select(.area != "settings" and (.severity == "fail" or .severity == "warning"))
    | "\(.area)/\(.name) \(.severity): \(.detail)"' <<<"$report"
}
secure=("CLAWGATE_UPSTREAM=${upstream/http:/https:}" "CLAWGATE_UPSTREAM_CA=$certs/ca.pem")

expect 'doctor: all good' '' "$(diagnosed)"
(umask 077 && openssl rand -hex 32 >other-token)
expect 'doctor: wrong token' 'upstream/token fail: OpenClaw refuses the token *' \
  "$(diagnosed CLAWGATE_HOOK_TOKEN_FILE="$tmp/other-token")"
expect 'doctor: forwarding headers, clawgate not trusted' 'upstream/attribution fail: *' \
  "$(diagnosed CLAWGATE_FORWARDED=x-forwarded)"
expect 'doctor: larger bodies than OpenClaw accepts' 'upstream/body_limit warning: *413*' \
  "$(diagnosed CLAWGATE_MAX_BODY=1MiB)"
expect 'doctor: another hooks.path' "upstream/hook fail: *OpenClaw's gateway, but there are no hooks at /webhooks/" \
  "$(diagnosed CLAWGATE_PATHS=/webhooks/)"
expect 'doctor: https to plain HTTP' 'upstream/connect fail: it does not speak TLS*' "$(diagnosed "${secure[@]}")"
"$node" -e '
  const page = (_, answer) => { answer.setHeader("content-type", "text/html"); answer.end("<html></html>"); };
  const server = require("http").createServer(page);
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));' >web-port &
other=$!
until [[ -s web-port ]]; do sleep 0.05; done
web=http://127.0.0.1:$(cat web-port)
expect 'doctor: the port of another web server' 'upstream/hook fail: *a web page*' \
  "$(diagnosed CLAWGATE_UPSTREAM="$web")"
stop "$other"
other=
expect 'doctor: a port where nothing listens' 'upstream/connect fail: *refused*' \
  "$(diagnosed CLAWGATE_UPSTREAM="$web")"

# How OpenClaw reacts to each form of the identity and the address.
cat >balancer.cjs <<'EOF'
// A client behind a load balancer: PROXY header, TLS, one POST. Prints the status and the body.
const fs = require("node:fs"), net = require("node:net"), tls = require("node:tls");
const [, , port, source, certs, path, body] = process.argv;
const socket = net.connect(Number(port), "127.0.0.1", () => {
  socket.write(`PROXY ${source.includes(":") ? "TCP6" : "TCP4"} ${source} ${source} 40000 443\r\n`);
  const file = (name) => fs.readFileSync(`${certs}/${name}`);
  const secured = tls.connect({
    socket, servername: "localhost", ca: file("ca.pem"), cert: file("client.pem"), key: file("client.key"),
  });
  secured.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  let answer = "";
  secured.on("data", (data) => (answer += data));
  secured.on("close", () => console.log(answer.split(" ")[1], answer.split("\r\n\r\n")[1] ?? ""));
});
EOF

# call_from ID SOURCE FLAGS...: sets `seen` to the answer to a client at that address, through clawgate with FLAGS
call_from() {
  start_clawgate "$1" --listen-proxy 127.0.0.1:0 --proxy-source 127.0.0.1 "${@:3}"
  other=$started
  seen=$("$node" balancer.cjs "${proxied##*:}" "$2" "$certs" /hooks/record "{\"id\": \"$1\"}" 2>&1)
  stop "$other"
  other=
}
sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }
untrusted='403 *proxy_attribution_required*'

call_from forms 203.0.113.7 --identity clawgate --identity client-cert --identity client-cert-chain --identity ssl-client
expect 'identity in all forms but xfcc' '204 *' "$seen"
expect 'Client-Cert is the certificate that was sent, SHA-256' \
  "$(openssl x509 -in "$certs/client.pem" -outform DER | sha256)" \
  "$(recorded forms '.headers["client-cert"]' | tr -d : | openssl base64 -d -A | sha256)"
expect 'X-SSL-Client-CN arrives' meeting-notes "$(recorded forms '.headers["x-ssl-client-cn"]')"
call_from xfcc 203.0.113.7 --identity xfcc
expect 'xfcc, clawgate not trusted' "$untrusted" "$seen"
call_from forwarded 203.0.113.7 --forwarded x-forwarded
expect 'x-forwarded, clawgate not trusted' "$untrusted" "$seen"
expect 'clawgate says what to do' '*gateway.trustedProxies*' \
  "$(jq -rR 'fromjson? | select(.event == "upstream_misconfigured") | .hint' forwarded.log)"
call_from local 127.0.0.1 --forwarded x-forwarded
expect 'x-forwarded, client on loopback: no header is sent' '204 *' "$seen"
call_from preface 203.0.113.7 --upstream-proxy-protocol v2
expect 'PROXY header' '400 *' "$seen"

# reconfigured FILTER: restarts OpenClaw with its settings changed by a jq filter
reconfigured() {
  with_dots 'stopping OpenClaw' stop "$openclaw"
  jq "$1" state/openclaw.json >changed.json
  mv changed.json state/openclaw.json
  start_openclaw
}

reconfigured '.gateway.trustedProxies = ["127.0.0.1"]'
for source in 203.0.113.7 2001:db8::7; do
  call_from "trusted-$source" "$source" --forwarded x-forwarded
  expect "x-forwarded from $source, clawgate trusted" '204 *' "$seen"
  expect 'the address arrives' "$source" "$(recorded "trusted-$source" '.headers["x-forwarded-for"]')"
done
call_from trusted-xfcc 203.0.113.7 --forwarded x-forwarded --identity xfcc
expect 'xfcc beside x-forwarded, clawgate trusted' '204 *' "$seen"
call_from trusted-local 127.0.0.1 --forwarded x-forwarded
expect 'x-forwarded, client on loopback, clawgate trusted' '204 *' "$seen"
call_from trusted-rfc7239 203.0.113.7 --forwarded rfc7239
expect 'rfc7239, clawgate trusted' "$untrusted" "$seen"
expect 'doctor: x-forwarded, clawgate trusted' '' "$(diagnosed CLAWGATE_FORWARDED=x-forwarded)"

reconfigured '.hooks.enabled = false'
expect 'doctor: hooks switched off' "upstream/hook fail: *OpenClaw's gateway, but there are no hooks at /hooks/" \
  "$(diagnosed)"
scheme=https
reconfigured ".hooks.enabled = true
  | .gateway.tls = { enabled: true, certPath: \"$certs/server.pem\", keyPath: \"$certs/server.key\" }"
expect 'doctor: TLS switched on in OpenClaw' 'upstream/protocol fail: it speaks TLS*' "$(diagnosed)"
expect 'doctor: the same, with https in upstream.url' '' "$(diagnosed "${secure[@]}")"
kill "$openclaw"
expect 'doctor: OpenClaw while it stops' 'upstream/*fail: *' "$(diagnosed "${secure[@]}")"

report

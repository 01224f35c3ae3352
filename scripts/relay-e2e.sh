#!/usr/bin/env bash
# Sends events of curl and of the real OpenClaw's cron through clawgate's relay to an API that fails in many ways.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: relay-e2e.sh [--keep] [--dir DIR]

Installs OpenClaw from npm (once: about a minute and 0.9 GB), starts it on loopback with a webhook of its cron to clawgate's relay,
and checks that an API gets each event exactly as the settings say, and accepts it once, though it answers 429, 500 and 401 and
drops connections; and that the credential of the API is in no log and in no environment. Takes about two minutes after the
installation. Exit code 0 means that every check passed.

  --keep      keep the folder of the run: logs, settings and what the API got
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

processes=(clawgate api openclaw)
begin_run
clawgate=
api=

# eventually TITLE COMMAND...: waits until the command succeeds
eventually() {
  local deadline=$((SECONDS + 60))
  until "${@:2}" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { expect "$1" 'within 60 s' 'not'; return 0; }
    sleep 0.1
  done
}

install_openclaw
cd "$tmp"
umask 077

# The API. `plan` has the next answers, one a line; without one it accepts. It writes what it gets to `got.jsonl`.
cat >api.mjs <<'JS'
import fs from "node:fs";
import http from "node:http";
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const plan = fs.existsSync("plan") ? fs.readFileSync("plan", "utf8").split("\n").filter(Boolean) : [];
    let answer = plan.shift() ?? "200";
    fs.writeFileSync("plan", plan.join("\n"));
    const { authorization } = request.headers;
    if (authorization !== `Bearer ${fs.readFileSync("key-of-the-api", "utf8").trim()}`) answer = "401";
    const body = Buffer.concat(chunks).toString();
    const line = { answer, url: request.url, method: request.method, headers: request.headers, body };
    fs.appendFileSync("got.jsonl", JSON.stringify(line) + "\n");
    if (answer === "drop") return request.socket.destroy();
    if (answer === "429") response.setHeader("Retry-After", "1");
    response.writeHead(Number(answer), { "Content-Type": "application/json" }).end('{"ok":true}');
  });
});
server.listen(0, "127.0.0.1", () => fs.writeFileSync("api-port", String(server.address().port)));
JS
new_secret() { printf '%s-%s\n' "$1" "$(openssl rand -hex 24)"; }
new_secret key >key-of-the-api
cp key-of-the-api api-key
new_secret caller >caller-token
touch got.jsonl
"$node" api.mjs >api.out 2>&1 &
# shellcheck disable=SC2034 # for begin_run, which stops it
api=$!
eventually 'the API starts' test -s api-port

"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null

# settings HEADER: the settings with the callers' token in this header
settings() {
  cat >clawgate.toml.new <<TOML
[listen]
address = "127.0.0.1:0"

[tls]
certificate = "$tmp/certs/server.pem"
private_key = "$tmp/certs/server.key"

[clients]
ca = "$tmp/certs/ca.pem"

[log]
format = "json"

[admin]
address = "off"

[inbox]
path = "$tmp/inbox/inbox.db"
retry_first = "100ms"
retry_max = "1s"

[relay]
address = "127.0.0.1:0"
token_file = "$tmp/caller-token"
token_header = "$1"

[[relay.target]]
name = "analytics"
path = "/track"
url = "http://127.0.0.1:$(<api-port)/v1/events"
allow_plain_http = true
allow_private = ["127.0.0.1/32"]
auth = { bearer_file = "$tmp/api-key" }
id = "body:/eventId"
idempotency_header = "Idempotency-Key"
map = { name = "/eventName", user_id = { from = "/userId", as = "string" }, timestamp = { from = "/timestamp", as = "rfc3339" }, properties = "/properties" }
required = ["/eventName"]

[[relay.target]]
name = "runs"
path = "/runs"
url = "http://127.0.0.1:$(<api-port)/v1/runs"
allow_plain_http = true
allow_private = ["127.0.0.1/32"]
auth = { bearer_file = "$tmp/api-key" }
id = "{body:/jobId}-{body:/runAtMs}"
idempotency_header = "Idempotency-Key"
map = { job = "/jobId", status = "/status", output = "/summary", started = { from = "/runAtMs", as = "rfc3339" } }
TOML
  mv clawgate.toml.new clawgate.toml
}

settings x-incoming-secret
mkdir inbox
"$bin" run --config clawgate.toml --upstream echo: >clawgate.log 2>&1 &
clawgate=$!
event() { jq -cR --arg event "$1" 'fromjson? | select(.event == $event)' clawgate.log; }
started() { [[ -n $(event started) ]]; }
eventually 'clawgate starts' started
relay=$(event started | jq -r .relay)
[[ -n $relay && $relay != null ]] || die "clawgate did not start: $(cat clawgate.log)"

# accepted FILTER: the bodies that the API has accepted, in the order of arrival
accepted() { jq -r "select(.answer == \"200\") | select($1) | .body" got.jsonl; }
# is_accepted ID: whether the API has accepted the event with this id
is_accepted() { [[ -n $(accepted ".headers[\"idempotency-key\"] == \"$1\"") ]]; }
# track ID: sends an event; sets `seen` to clawgate's answer
track() {
  seen=$(curl -q --noproxy '*' -sS -X POST "http://$relay/track" \
    -H 'Content-Type: application/json' -H "x-incoming-secret: $(<caller-token)" \
    -d "{\"eventId\": \"$1\", \"eventName\": \"lead_qualified\", \"userId\": 42, \"timestamp\": 1798761600, \"properties\": {\"plan\": \"pro\", \"score\": 0.90}}" \
    -w ' %{http_code}' | tr -d '\n')
}
wanted='{"name":"lead_qualified","user_id":"42","timestamp":"2027-01-01T00:00:00Z","properties":{"plan": "pro", "score": 0.90}}'

echo
track first
expect 'an event of curl is accepted' '*"status":"accepted"*202' "$seen"
eventually 'it arrives' is_accepted first
expect 'it arrives as it is mapped' "$wanted" "$(accepted true)"
sent=$(jq -r '"\(.method) \(.url) \(.headers | keys | sort | join(" "))"' got.jsonl)
expect 'with these header fields' \
  'POST /v1/events authorization content-length content-type host idempotency-key traceparent user-agent' "$sent"
track first
expect 'the same event again is a duplicate' '*"status":"duplicate"*200' "$seen"

seen=$(curl -q --noproxy '*' -s -o /dev/null -w '%{http_code}' -X POST "http://$relay/track" -d '{"eventName": "x"}')
expect 'without the token' 401 "$seen"
seen=$(curl -q --noproxy '*' -s -o /dev/null -w '%{http_code}' -X POST "http://$relay/track" \
  -H "x-incoming-secret: $(<caller-token)" -H 'Origin: http://localhost' -d '{"eventName": "x"}')
expect 'with the token, but of a web page' 403 "$seen"

for answers in 429 500 '500 500 500' drop 'drop 429 500'; do
  id=after-${answers// /-}
  tr ' ' '\n' <<<"$answers" >plan
  track "$id"
  eventually "the event after $answers arrives" is_accepted "$id"
  expect "accepted once after $answers" "$wanted" "$(accepted ".headers[\"idempotency-key\"] == \"$id\"")"
  tries=$(jq -r --arg id "$id" 'select(.headers["idempotency-key"] == $id) | .answer' got.jsonl | tr '\n' ' ')
  expect "  with the same id at each try" "$answers 200 " "$tries"
done

new_secret renewed >key-of-the-api
for number in 1 2 3; do track "refused-$number"; done
paused() { [[ -n $(event route_paused | jq -c 'select(.class == "misconfigured")') ]]; }
eventually 'a refused key pauses the target' paused
hint=$(event route_paused | jq -r 'select(.class == "misconfigured") | .hint' | head -n 1)
expect 'the log says what to do' "*the target's \`auth\`*" "$hint"
cat key-of-the-api >api-key.new
mv api-key.new api-key
for number in 1 2 3; do eventually "event $number arrives after the new key" is_accepted "refused-$number"; done
all=$(accepted '.headers["idempotency-key"] | startswith("refused-")' | sort | uniq -c | tr -s ' ')
expect 'each is accepted once' " 3 $wanted" "$all"

echo
settings authorization
reloaded() { [[ $(event reloaded | wc -l) -ge 2 ]]; }
eventually 'clawgate takes the header of OpenClaw' reloaded

# cron FILTER: changes the settings of OpenClaw's cron
cron() {
  jq --arg token "$(<caller-token)" ".cron = ($1)" state/openclaw.json >openclaw.json.new
  mv openclaw.json.new state/openclaw.json
}
# run_job NAME TEXT: runs a command as a job whose result goes to the relay
run_job() {
  local job
  job=$("$tmp/openclaw" cron add --name "$1" --every 1d --command "echo $2" --webhook "http://$relay/runs" --json |
    jq -r '.id // .job.id')
  "$tmp/openclaw" cron run "$job" >>cron.out 2>&1 || true
}

configure_openclaw '[]' null
# shellcheck disable=SC2016 # a variable of jq
cron '{ webhookToken: $token }'
start_openclaw
run_job refused 'not-allowed'
blocked() { grep -qs 'cron: webhook delivery failed' openclaw.out openclaw.jsonl; }
eventually 'OpenClaw refuses to call loopback' blocked
expect 'the event of the job did not come' '' "$(accepted '.url == "/v1/runs"')"
stop "$openclaw"

# shellcheck disable=SC2016 # a variable of jq
cron '{ webhookToken: $token, webhookSsrfPolicy: { allowedHostnames: ["127.0.0.1"] } }'
start_openclaw
tr ' ' '\n' <<<'429 drop 500' >plan
run_job allowed 'done-by-the-job'
ran() { [[ -n $(accepted '.url == "/v1/runs"') ]]; }
eventually 'the event of the job arrives' ran
run=$(accepted '.url == "/v1/runs"')
expect 'it arrives as it is mapped, and once' '{"job":"*","status":"ok","output":"done-by-the-job","started":"20*Z"}' "$run"
expect '  with an id of the job and the time' "$(jq -r .job <<<"$run")-1[0-9]*" \
  "$(jq -r 'select(.answer == "200" and .url == "/v1/runs") | .headers["idempotency-key"]' got.jsonl)"

echo
dead=$(event dead_lettered | wc -l)
expect 'no event was given up' 0 "$dead"
for secret in api-key key-of-the-api caller-token; do
  leaked=$(grep -lF "$(<$secret)" clawgate.log inbox/* "/proc/$clawgate/environ" "/proc/$clawgate/cmdline" 2>/dev/null || true)
  expect "$secret is in no log, database, environment or argument" '' "$leaked"
done

report

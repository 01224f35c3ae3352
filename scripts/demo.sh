#!/usr/bin/env bash
# Runs clawgate, calls it with good and bad clients and signed requests, and checks that it logs the true reason for each
# refusal.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: demo.sh [--install] [--stay] [--release]

Builds clawgate, makes temporary certificates, starts clawgate with the built-in echo as its upstream,
and shows for each client and each signed request what clawgate logged (with detail and hint) and what
the client saw. Then `clawgate doctor` examines that clawgate. Exit code 0 means that every row was as expected and the
doctor found no fault.

  --install   install missing tools (on Debian, as root), also those that only the tests need
  --stay      keep clawgate running afterwards, until Ctrl-C
  --release   build and run the optimised binary

Needs cargo, curl, jq and OpenSSL 3. CLAWGATE_BIN names an existing binary to use instead of building.
EOF
}

install=no
stay=no
profile=dev
for arg; do
  case $arg in
    --install) install=yes ;;
    --stay) stay=yes ;;
    --release) profile=release ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl jq openssl
[[ $install == no ]] || need python3 cc=build-essential make
find_clawgate "$profile"

tmp=$(mktemp -d)
clawgate=
follower=
cleanup() {
  local pid
  for pid in $clawgate $follower; do
    kill "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

certs=$tmp/certs
log=$tmp/clawgate.log
"$scripts/gen-certs.sh" "$certs" >/dev/null

cat >"$tmp/clawgate.toml" <<EOF
[[route]]
path = "/hooks/"

[[route]]
path = "/hooks/signed"
authenticate = "signature"
verify = { scheme = "standard-webhooks", secret_file = "$certs/webhook-secret" }
EOF

# This limit of connections fits the usual limit of open files.
settings=(--config "$tmp/clawgate.toml" --upstream echo: --max-connections 500
  --cert "$certs/server.pem" --key "$certs/server.key"
  --client-ca "$certs/ca.pem" --crl "$certs/crl.pem")
"$bin" run "${settings[@]}" --listen 127.0.0.1:0 --listen-signed 127.0.0.1:0 --admin 127.0.0.1:0 --log-format json \
  >"$log" 2>"$tmp/stderr" &
clawgate=$!

# events FROM FILTER: clawgate's log events after line FROM. An incomplete last line is left out.
events() { tail -n "+$(($1 + 1))" "$log" | jq -cR "fromjson? | select($2)"; }

address=
deadline=$((SECONDS + 10))
until address=$(events 0 '.event == "started"' | jq -r '.listen[0]') && [[ -n $address ]]; do
  kill -0 "$clawgate" 2>/dev/null || die "clawgate did not start: $(cat "$tmp/stderr" "$log")"
  ((SECONDS < deadline)) || die "clawgate did not log that it had started within 10 s: $(cat "$log")"
  sleep 0.05
done
port=${address##*:}
admin=$(events 0 '.event == "started"' | jq -r .admin)
signed_address=$(events 0 '.event == "started"' | jq -r '.listen_signed[0]')
hook=https://localhost:$port/hooks/wake
signed_hook=https://localhost:${signed_address##*:}/hooks/signed

# Clients: each prints in one line what it saw.

hello='{"text":"hello"}'
# send CURL-ARGUMENT...: ignores the user's curlrc and proxies; writes the body of the answer to $tmp/answer
send() {
  local status
  : >"$tmp/answer"
  if status=$(curl -q --noproxy '*' -4 -sS --max-time 10 -o "$tmp/answer" -w '%{http_code}' \
    -d "${body:-$hello}" "$@" 2>"$tmp/complaint"); then
    echo "HTTP $status"
  else
    sed -E '1!d; s/OpenSSL.*SSL routines:[^:]*:+//; s/, errno 0$//' "$tmp/complaint"
  fi
}

# as NAME CURL-ARGUMENT...: a client with that certificate that trusts the demo CA
as() { send --cacert "$certs/ca.pem" --cert "$certs/$1.pem" --key "$certs/$1.key" "${@:2}"; }

# raw BYTES: sends them over bare TCP and waits until clawgate closes
raw() {
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf '%b' "$1" >&3
  local answer
  answer=$(timeout 10 cat <&3 | wc -c) && echo "closed after $answer bytes" || echo 'never closed'
  exec 3>&-
}

probe() {
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  exec 3>&-
  echo connected
}

forge() {
  local saw
  saw=$(as client -H 'X-Forwarded-For: 127.0.0.1' -H 'X-Clawgate-Client-CN: root' "$hook")
  if jq -e '.client.cn == "meeting-notes" and (.headers | has("x-forwarded-for") | not)
      and .headers["x-clawgate-client-cn"] == "meeting-notes"' "$tmp/answer" >/dev/null; then
    echo "$saw, forged headers gone"
  else
    echo "$saw, forged headers passed on: $(cat "$tmp/answer")"
  fi
}

# hex: bytes as openssl takes a key
hex() { od -An -v -tx1 | tr -d ' \n'; }
secret=$(cut -d_ -f2 "$certs/webhook-secret" | openssl base64 -d -A | hex)
now=$(date +%s)

# signed ID TIME [BODY [KEY]]: a sender that has signed hello with KEY, as Standard Webhooks says, and sends BODY
signed() {
  local signature saw status
  signature=$(printf '%s.%s.%s' "$1" "$2" "$hello" |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:${4:-$secret}" -binary | openssl base64 -A)
  saw=$(body=${3:-$hello} send --cacert "$certs/ca.pem" "$signed_hook" \
    -H "webhook-id: $1" -H "webhook-timestamp: $2" -H "webhook-signature: v1,$signature")
  status=$(jq -r '.status | strings' "$tmp/answer" 2>/dev/null) || true
  echo "$saw${status:+, $status}"
}

ok='ok  ' fail='FAIL' dim='' plain='' width=100
if [[ -t 1 ]]; then
  width=$(tput cols 2>/dev/null || echo 100)
  if [[ -z ${NO_COLOR:-} ]]; then
    ok=$'\e[32mok\e[0m  ' fail=$'\e[31mFAIL\e[0m' dim=$'\e[2m' plain=$'\e[0m'
  fi
fi

rows=0
failed=0
refused=0

row() { printf '%s  %-30s %-27s %s\n' "$@"; }

# check TITLE SAW LOGGED CLIENT...: SAW is a pattern: a refused client must get the TLS alert, not only
# a reset. LOGGED is a handshake_failed reason, or the status of a request and, if it was refused, its
# reason.
check() {
  local title=$1 saw_wanted=$2 logged_wanted=$3 saw event='' explained logged=nothing mark=$ok
  local from deadline=$((SECONDS + 5))
  from=$(wc -l <"$log")
  saw=$("${@:4}")
  until event=$(events "$from" '.event == "handshake_failed" or .event == "request"' | sed -n 1p) &&
    [[ -n $event ]]; do
    ((SECONDS < deadline)) || break
    sleep 0.02
  done
  if [[ -n $event ]]; then
    logged=$(jq -r 'if .event == "request" then [.status, .reason // empty] | join(" ") else .reason end' <<<"$event")
    [[ $event != *'"handshake_failed"'* ]] || refused=$((refused + 1))
  fi

  rows=$((rows + 1))
  # shellcheck disable=SC2053 # the right side is a pattern
  if [[ $saw != $saw_wanted || $logged != "$logged_wanted" ]]; then
    mark=$fail
    failed=$((failed + 1))
  fi
  row "$mark" "$title" "$logged" "$saw"
  if [[ -n $event ]]; then
    explained=$(events "$from" '.event == "signature_refused"' | sed -n 1p) # says more than the line of the request
    jq -r '(.detail // empty), (.hint // empty | "-> " + .)' <<<"${explained:-$event}" | fold -s -w $((width - 8)) |
      sed "s/^/$dim      /; s/\$/$plain/"
  fi
  [[ $mark == "$ok" ]] || echo "      expected: $logged_wanted, and the client to see: $saw_wanted"
}

row '    ' CASE 'CLAWGATE LOGGED' 'CLIENT SAW'
check 'ECDSA certificate' 'HTTP 200' 200 as client "$hook"
check 'RSA certificate' 'HTTP 200' 200 as client-rsa "$hook"
check 'Ed25519 certificate' 'HTTP 200' 200 as client-ed25519 "$hook"
check 'TLS 1.2' 'HTTP 200' 200 as client --tls-max 1.2 "$hook"
check 'forged identity headers' 'HTTP 200, forged headers gone' 200 forge
check 'path without a route' 'HTTP 404' '404 no_route' as client "https://localhost:$port/other"

alert='curl: * alert *'
check 'no certificate' "$alert" client_cert_missing send --cacert "$certs/ca.pem" "$hook"
check 'from an unknown CA' "$alert" client_cert_unknown_ca as other-ca "$hook"
check 'from a CA of the same name' "$alert" client_cert_wrong_ca_key as same-name-ca "$hook"
check 'self-signed' "$alert" client_cert_self_signed as self-signed "$hook"
check 'expired' "$alert" client_cert_expired as expired "$hook"
check 'not yet valid' "$alert" client_cert_not_yet_valid as not-yet-valid "$hook"
check 'for servers only' "$alert" client_cert_wrong_purpose as server-auth-only "$hook"
check 'X.509 version 1' "$alert" client_cert_unsupported as v1 "$hook"
check 'intermediate left out' "$alert" client_chain_incomplete as no-intermediate "$hook"
check 'revoked' "$alert" client_cert_revoked as revoked "$hook"
check "another certificate's key" "$alert" client_key_mismatch as key-mismatch "$hook"

check 'client does not trust our CA' 'curl: (60) *' server_cert_rejected \
  send --cert "$certs/client.pem" --key "$certs/client.key" "$hook"
check 'TLS 1.1 only' "$alert" tls_version \
  as client --tlsv1.0 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$hook"
check 'plain HTTP' 'HTTP 400' plain_http send "http://localhost:$port/hooks/wake"
check 'SSH' 'closed *' not_tls raw 'SSH-2.0-OpenSSH_9.2\r\n'
check 'connect and close' connected tcp_probe probe

check 'signed request' 'HTTP 200' 200 signed msg_1 "$now"
check 'the same again (replay)' 'HTTP 200, duplicate' 200 signed msg_1 "$now"
check 'signed with another secret' 'HTTP 401' '401 signature_invalid' signed msg_2 "$now" '' "$(openssl rand 32 | hex)"
check 'changed after it was signed' 'HTTP 401' '401 signature_invalid' signed msg_3 "$now" '{"text":"bye"}'
check 'signed an hour ago' 'HTTP 401' '401 signature_invalid' signed msg_4 $((now - 3600))
check 'not signed' 'HTTP 401' '401 signature_missing' send --cacert "$certs/ca.pem" "$signed_hook"
check 'route for certificates' 'HTTP 404' '404 no_route' \
  send --cacert "$certs/ca.pem" "${signed_hook%/signed}/wake"

# There must be one line for each refused connection, and none for an admitted one.
lines=$(events 0 '.event == "handshake_failed"' | wc -l)
if ((lines != refused)); then
  echo "$fail  $refused connections were refused, but the log has $lines handshake_failed lines"
  failed=$((failed + 1))
fi

echo
doctor=("$bin" doctor "${settings[@]}" --listen "$address" --listen-signed "$signed_address" --admin "$admin"
  --client-cert "$certs/client.pem" --client-key "$certs/client.key")
diagnosis=$("${doctor[@]}") || true
printf 'clawgate doctor\n\n%s\n' "$diagnosis"
if [[ $diagnosis != *$'\nall good ('* ]]; then
  echo "$fail  clawgate doctor found a fault"
  failed=$((failed + 1))
fi

echo
if ((failed == 0)); then
  echo "all $rows as expected"
else
  echo "$failed of $rows NOT as expected"
fi

if [[ $stay == yes ]]; then
  cat <<EOF

clawgate keeps running, and its log follows. Ctrl-C stops it. Call it with:

  curl --cert $certs/client.pem --key $certs/client.key --cacert $certs/ca.pem -d '{"text":"hello"}' $hook

Examine it with:

  ${doctor[*]}

EOF
  tail -n 0 -f "$log" &
  follower=$!
  wait "$clawgate" || true
fi
((failed == 0))

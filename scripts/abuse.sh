#!/usr/bin/env bash
# Attacks a gate on loopback in twelve ways, one after the other, with a good sender beside each; prints how that
# one fared and how much memory the gate took. Exit code 1 when one of its requests failed.
#
#   ./scripts/abuse.sh [SECONDS for each attack, 8 by default]
#
# CLAWGATE_BIN names a ready binary to attack instead of a release build of this tree. Takes about two minutes and a build.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need python3 openssl curl

seconds=${1:-8}
find_gate release
# The attacker needs a file for each of its connections.
ulimit -n "$(ulimit -Hn)"

work=$(mktemp -d)
pid=
stop() {
  [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
  [[ -z $pid ]] || wait "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

./scripts/gen-certs.sh "$work" >/dev/null
"$bin" run --cert "$work/server.pem" --key "$work/server.key" --client-ca "$work/ca.pem" \
  --upstream echo: --listen 127.0.0.1:0 --admin off --workers "${WORKERS:-2}" --log-format json >"$work/log" &
pid=$!
port=
for _ in $(seq 100); do
  port=$(sed -n 's/.*"event":"started".*"listen":\["127.0.0.1:\([0-9]*\)"\].*/\1/p' "$work/log")
  [[ -z $port ]] || break
  sleep 0.1
done
[[ -n $port ]] || { echo "the gate did not start:" >&2; cat "$work/log" >&2; exit 1; }

python3 benches/abuse/abuse.py "$work" "$port" "$pid" "$seconds"
printf '%s lines in the log, %s\n' "$(wc -l <"$work/log")" "$(du -h "$work/log" | cut -f1)"

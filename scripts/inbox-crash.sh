#!/usr/bin/env bash
# Kills clawgate again and again while senders fill its inbox: no acknowledged event may be lost.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: inbox-crash.sh [--release] [--kills N] [--seed N] [--keep]

Builds clawgate, makes temporary certificates, starts clawgate with an inbox, and ends it with SIGKILL at
random moments while eight senders send events and an upstream records them. Prints how many events
were acknowledged, delivered, lost, and delivered twice. Exit code 0 means that
  * every acknowledged event was delivered, with its body unchanged
  * an event was delivered twice only if clawgate was killed between the upstream's answer and its note,
    and then with the same Idempotency-Key
  * the events of a route with order = "strict" arrived in their order
  * the database has no fault

  --release   build and run the optimised binary
  --kills N   how often clawgate is killed (default 100, which takes about a minute)
  --seed N    chooses the moments (default: another one each time; it is printed)
  --keep      keep the folder of the run: settings, database, logs

Needs cargo, jq, OpenSSL 3 and Python 3. CLAWGATE_BIN names an existing binary to use instead of building.
EOF
}

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
kills=100
seed=$RANDOM
parse_options release keep kills='[1-9][0-9]*' seed='[0-9]+' -- "$@"
need jq openssl python3
find_clawgate dev

begin_run
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
measure python3 -B "$scripts/inbox_crash.py" "$bin" "$tmp/certs" "$tmp" "$kills" "$seed"

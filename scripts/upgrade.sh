#!/usr/bin/env bash
# Replaces a running clawgate under load, and stops one with 200 requests in flight: no request may be lost.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: upgrade.sh [--release] [--seconds N] [--keep]

Builds clawgate, makes temporary certificates, and prints how many requests were served and how many
failed:
  * during an upgrade with a socket that stays open (as with systemd's socket activation)
  * during an upgrade with listen.takeover (two processes on one address for a moment)
  * during both with an inbox, which both processes use: no event may be lost or delivered twice, and no
    answer may take a second
  * after SIGTERM with 200 requests in flight
Exit code 0 means that none failed.

  --release     build and run the optimised binary
  --seconds N   how long each kind of upgrade is under load (default 6)
  --keep        keep the folder of the run

Needs cargo, jq, OpenSSL 3 and Python 3. CLAWGATE_BIN names an existing binary to use instead of building.
EOF
}

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
seconds=6
parse_options release keep seconds='[0-9]+' -- "$@"
need jq openssl python3
find_clawgate dev

begin_run
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
measure python3 -B "$scripts/upgrade.py" "$bin" "$tmp/certs" "$tmp" "$seconds"

#!/usr/bin/env bash
# Replaces a running clawgate under load, and stops one with 200 requests in flight: no request may be lost.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: upgrade.sh [--release] [--seconds N]

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

Needs cargo, jq, OpenSSL 3 and Python 3. CLAWGATE_BIN names an existing binary to use instead of building.
EOF
}

profile=dev
seconds=6
while (($#)); do
  case $1 in
    --release) profile=release ;;
    --seconds) [[ ${2:-} =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }; seconds=$2; shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need jq openssl python3
find_clawgate "$profile"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
python3 -B "$scripts/upgrade.py" "$bin" "$tmp/certs" "$tmp" "$seconds"

#!/usr/bin/env bash
# Attacks a clawgate on loopback in many ways, one after the other, with a good client beside each; prints how that
# client fared, how much memory the proxy took and how much it logged. Exit code 1 when one of the good client's
# requests failed, or when a figure is over what docs/limits.md states in three runs of an attack one after the other.
#
#   ./scripts/abuse.sh [SECONDS for each attack, 8 by default]
#
# CLAWGATE_BIN names a ready binary to attack instead of a release build of this tree; ATTACK a part of the names of the
# attacks to make, instead of all. Takes about four minutes and a build.
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
trap 'rm -rf "$work"' EXIT

./scripts/gen-certs.sh "$work" >/dev/null
python3 benches/abuse/abuse.py "$bin" "$work" "$seconds"

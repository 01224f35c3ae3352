#!/usr/bin/env bash
# Attacks clawgate on loopback in many ways, one after the other, with a good client beside each attack. Prints how the
# good client fared, and how much memory and log clawgate needed. Exit code 1 if one of the good client's requests failed,
# or if a figure was above the limit in docs/limits.md in three runs of an attack in a row.
#
#   ./scripts/abuse.sh [SECONDS for each attack, 8 by default]
#
# CLAWGATE_BIN names an existing binary to attack instead of a release build of this tree. ATTACK selects the attacks with
# this text in their names. Takes about four minutes and a build.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need python3 openssl curl

seconds=${1:-8}
find_clawgate release
# The attacker needs a file for each of its connections.
ulimit -n "$(ulimit -Hn)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

./scripts/gen-certs.sh "$work" >/dev/null
python3 benches/abuse/abuse.py "$bin" "$work" "$seconds"

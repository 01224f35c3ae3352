#!/usr/bin/env bash
# Makes random chains of certificates and gives each to `clawgate explain` and to `openssl verify`. Prints the classes in
# which the results differ. Exit code 1 if only clawgate accepts a chain and docs/certificates.md has no reason for it.
#
#   ./scripts/trust-oracle.sh [COUNT of chains, 500 by default] [SEED] [NUMBER of one chain to show]
#
# The script prints the seed, which makes the same chains again. CLAWGATE_BIN names an existing binary to use instead of
# building. Needs OpenSSL 3 and Python 3 with the package cryptography (Debian: python3-cryptography).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

count=${1:-500}
seed=${2:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import cryptography' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[[ -n $python ]] || { echo "${0##*/}: needs Python 3 with cryptography (Debian: sudo apt install python3-cryptography)" >&2; exit 1; }
need openssl
find_clawgate dev

echo "seed $seed"
PYTHONWARNINGS=ignore exec "$python" -B scripts/trust_oracle "$bin" "$count" "$seed" ${3:+"$3"}

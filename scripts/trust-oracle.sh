#!/usr/bin/env bash
# Makes random chains of certificates and has each judged by `clawgate explain` and by `openssl verify`. Prints the
# classes in which they differ; exit code 1 when clawgate alone admits a chain for none of the reasons that
# docs/certificates.md lists.
#
#   ./scripts/trust-oracle.sh [N chains, 500 by default] [SEED] [NUMBER of the one chain to look at]
#
# The seed is printed: with it the same chains are made again. CLAWGATE_BIN names a ready binary instead of a build of this
# tree. Needs OpenSSL 3 and Python 3 with the package cryptography (Debian: python3-cryptography).
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
find_gate dev

echo "seed $seed"
PYTHONWARNINGS=ignore exec "$python" -B scripts/trust_oracle "$bin" "$count" "$seed" ${3:+"$3"}

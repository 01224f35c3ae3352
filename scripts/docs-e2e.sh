#!/usr/bin/env bash
# Runs the commands of the documentation as they are written there, and compares their output with the pages.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: docs-e2e.sh [PAGE...]

Runs every block ```sh of README.md, CONTRIBUTING.md and docs/*.md (or of the given pages), page by page and from top to
bottom, each page in a new folder. CONTRIBUTING.md explains the marks of blocks: which are not run, which start a server, and
whose output is compared. Exit code 0 means that each command ended as its page says, printed what the page shows, and left
no process and no port in use.

Needs the ports that the pages use (mainly 8443 and 9443), curl, HAProxy, jq, OpenSSL 3, promtool and Python 3.
CLAWGATE_BIN names an existing binary to use instead of building.
USAGE
}

case ${1:-} in
  -h | --help) usage; exit ;;
  -*) usage >&2; exit 2 ;;
esac

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl haproxy jq openssl promtool=prometheus python3
find_clawgate dev

cd "$scripts/.."
(($#)) || set -- README.md CONTRIBUTING.md docs/*.md
python3 -B "$scripts/docs_e2e.py" "$bin" "$@"

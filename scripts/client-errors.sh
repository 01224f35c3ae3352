#!/usr/bin/env bash
# Refuses real HTTP clients in every usual way, and shows what each of them prints.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: client-errors.sh [--write]

Starts clawgate and calls it with curl, wget, Python's requests, Node's https, fetch (undici), Go's net/http and Java's
HttpClient, so that it refuses them. Prints as Markdown what each client shows, with the reason in clawgate's log.

  --write   write it between the client-errors markers of docs/client-errors.md instead

Takes a minute. Needs curl, wget, Python 3 with requests, Node with npm (which fetches undici), Go, a JDK, jq and OpenSSL 3.
CLAWGATE_BIN names an existing binary to use instead of building.
USAGE
}

write=
for arg; do
  case $arg in
    --write) write=docs/client-errors.md ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl wget jq openssl python3 npm node=nodejs go=golang-go javac=default-jdk-headless
python3 -c 'import requests' 2>/dev/null || { echo 'client-errors.sh: needed and not installed: requests (pip install requests)' >&2; exit 1; }
find_clawgate dev

cd "$scripts/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
clients=$scripts/clients
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp/undici" undici@6 >/dev/null
javac -d "$tmp" "$clients/Client.java"
GOCACHE=$tmp/go GO111MODULE=off go build -o "$tmp/client" "$clients/client.go"
python3 -B "$scripts/client_errors.py" "$bin" "$tmp" "$clients" >"$tmp/table.md"

if [[ -n $write ]]; then
  python3 - "$write" "$tmp/table.md" <<'PYTHON'
import re, sys
page, table = (open(name, encoding="utf-8").read() for name in sys.argv[1:])
begin, end = "<!-- client-errors: begin -->", "<!-- client-errors: end -->"
before, _, rest = page.partition(begin)
_, found, after = rest.partition(end)
if not found:
    sys.exit(f"{sys.argv[1]} has no line {begin} with a line {end} after it")
open(sys.argv[1], "w", encoding="utf-8").write(f"{before}{begin}\n\n{table}\n{end}{after}")
PYTHON
else
  cat "$tmp/table.md"
fi

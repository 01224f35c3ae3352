#!/usr/bin/env bash
# Drives the admin console in a browser: reads its panels, carries out actions, and tries what must be refused.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: console-e2e.sh [--docs]

Starts clawgate with refused clients, a paused upstream and dead letters, and opens its console in
headless Chromium. Reads each panel, replays an event that then arrives, resumes an upstream, and puts
a client on the denylist that is then refused, with the script of the page and without it. A POST from
another site, a foreign host name, a missing token and markup in a certificate's name must have no
effect. There must be no error in the browser's console, no violation of the content security policy
and no request to another origin; axe-core must find no serious fault. Takes less than a minute.
Exit code 0 means that every check passed.

  --docs   write the screenshots into docs/

The versions of playwright-core and axe-core are in scripts/console/package-lock.json.
CLAWGATE_BIN names an existing binary to test instead of building one, CHROMIUM the browser. Needs
chromium, jq, npm, Node 20 or later and OpenSSL 3.
HELP
}

docs=
for arg; do
  case $arg in
    --docs) docs=yes ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
[[ -n ${CHROMIUM:-} ]] || need chromium
need jq npm openssl
find_clawgate dev

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cache=${XDG_CACHE_HOME:-$HOME/.cache}/clawgate-e2e/console
if ! cmp -s "$scripts/console/package-lock.json" "$cache/package-lock.json"; then
  rm -rf "$cache"
  mkdir -p "$cache"
  cp "$scripts/console/package.json" "$cache/"
  cp "$scripts/console/package-lock.json" "$tmp/package-lock.json"
  # npm ci needs both files; the copy that marks a complete installation is made last.
  cp "$tmp/package-lock.json" "$cache/npm-shrinkwrap.json"
  (cd "$cache" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund --silent)
  mv "$tmp/package-lock.json" "$cache/package-lock.json"
fi

certs=$tmp/certs
"$scripts/gen-certs.sh" "$certs" >/dev/null
# A name that would run a script if it were taken as markup.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$certs/markup.key" \
  -out "$certs/markup.pem" -subj '/CN=<img src=x onerror=alert(1)><script>alert(2)<\/script>' 2>/dev/null

export CLAWGATE="$bin" CERTS="$certs" WORK="$tmp" CHROMIUM=${CHROMIUM:-$(command -v chromium)}
export SCREENSHOTS="$tmp/screenshots" MODULES="$cache/node_modules"
[[ -z $docs ]] || SCREENSHOTS=$(cd "$scripts/../docs" && pwd)
mkdir -p "$SCREENSHOTS"
node "$scripts/console/drive.mjs"

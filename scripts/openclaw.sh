# shellcheck shell=bash
# Sourced by the scripts that run the real OpenClaw, after lib.sh.
#
# They set `dir`, where programs are installed, if the caller has chosen it, and call `begin_run`. `node`, `openclaw` (its process),
# `upstream` (its URL), `token` and `received` (the events that have arrived) are for them, and the commands `$tmp/openclaw`.

openclaw_version=${OPENCLAW_VERSION:-2026.9.6}
node_version=${NODE_VERSION:-24}
cache=${dir:-${XDG_CACHE_HOME:-$HOME/.cache}/clawgate-e2e}
openclaw=
scheme=http

# install_package PACKAGE VERSION [COMMAND...]: from npm, into its own folder. The stamp is written last, so an interrupted
# installation is repeated.
install_package() {
  local folder=$cache/$1-$2
  [[ ! -e $folder/.installed ]] || return 0
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder" || return
  echo '{"private": true}' >package.json
  with_dots "installing $1@$2" npm install --ignore-scripts --omit=dev --no-audit --no-fund "$1@$2"
  [[ -z ${3:-} ]] || (cd "node_modules/$1" && with_dots "setting up $1" "${@:3}")
  touch .installed
}

# Installs OpenClaw and the version of Node that runs it. Sets `cache` to its full path, and `node`.
install_openclaw() {
  mkdir -p "$cache"
  cache=$(cd "$cache" && pwd)
  # The install script of the `node` package fetches the binary for this platform. No other install script is needed.
  install_package node "$node_version" node installArchSpecificPackage.js
  install_package openclaw "$openclaw_version"
  node=$cache/node-$node_version/node_modules/node/bin/node
}

# configure_openclaw MAPPINGS ANSWER: chooses port and token, and writes the settings, with these `hooks.mappings` (JSON).
# The transform `record.mjs` writes each event to `received`, and ends with the JavaScript value ANSWER: with `null` the
# hook ends there, with `undefined` it goes on. `at` is the time in seconds, on the clock that Python calls `monotonic`.
# `$tmp/openclaw` runs a command of OpenClaw, without the caller's environment, so that other settings do not affect this one.
# shellcheck disable=SC2154 # begin_run sets `tmp`
configure_openclaw() {
  local port gateway_token
  token=hook-$(openssl rand -hex 16)
  gateway_token=$(openssl rand -hex 16)
  received=$tmp/received.jsonl
  port=$("$node" -e '
    const server = require("net").createServer();
    server.listen(0, "127.0.0.1", () => { console.log(server.address().port); server.close(); });')
  upstream=http://127.0.0.1:$port
  mkdir -p "$tmp/state/hooks/transforms" "$tmp/home"
  touch "$received"
  cat >"$tmp/state/hooks/transforms/record.mjs" <<JS
import fs from "node:fs";
export default ({ url, path, headers, payload }) => {
  const at = Number(process.hrtime.bigint()) / 1e9;
  fs.appendFileSync(process.env.RECEIVED, JSON.stringify({ at, url: String(url), path, headers, payload }) + "\n");
  return $2;
};
JS
  jq -n --arg token "$token" --arg gateway_token "$gateway_token" --argjson port "$port" \
    --arg log "$tmp/openclaw.jsonl" --argjson mappings "$1" '{
      gateway: { mode: "local", bind: "loopback", port: $port, auth: { mode: "token", token: $gateway_token } },
      logging: { file: $log },
      hooks: { enabled: true, token: $token, path: "/hooks", allowedAgentIds: ["main"], mappings: $mappings }
    }' >"$tmp/state/openclaw.json"
  (umask 077 && printf '%s\n' "$token" >"$tmp/token")
  {
    echo '#!/usr/bin/env bash'
    printf 'exec env -i'
    printf ' %q' PATH="${node%/*}:$PATH" HOME="$tmp/home" LANG=C.UTF-8 NO_COLOR=1 DO_NOT_TRACK=1 \
      OPENCLAW_STATE_DIR="$tmp/state" OPENCLAW_CONFIG_PATH="$tmp/state/openclaw.json" \
      OPENCLAW_DISABLE_BONJOUR=1 OPENCLAW_SKIP_GMAIL_WATCHER=1 RECEIVED="$received" \
      "$node" "$cache/openclaw-$openclaw_version/node_modules/openclaw/openclaw.mjs"
    echo ' "$@"'
  } >"$tmp/openclaw"
  chmod +x "$tmp/openclaw"
}

openclaw_ready() {
  local deadline=$((SECONDS + 180)) url=${upstream/http:/$scheme:}/readyz
  until [[ $(curl -q --noproxy '*' -sk -m 2 -o /dev/null -w '%{http_code}' "$url") == 200 ]]; do
    if ! kill -0 "$openclaw" 2>/dev/null || ((SECONDS >= deadline)); then
      tail -n 20 "$tmp/openclaw.out"
      return 1
    fi
    sleep 0.2
  done
}

start_openclaw() {
  "$tmp/openclaw" gateway run --port "${upstream##*:}" >>"$tmp/openclaw.out" 2>&1 </dev/null &
  openclaw=$!
  with_dots "starting OpenClaw $openclaw_version on port ${upstream##*:}" openclaw_ready
}

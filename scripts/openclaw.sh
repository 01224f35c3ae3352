# shellcheck shell=bash
# Sourced by the scripts that run the real OpenClaw, after lib.sh.
#
# They set `cache`, where programs are installed, and `tmp`, the folder of the run. `node`, `openclaw` (its process),
# `upstream` (its URL), `token` and `received` (the events that have arrived) are for them.

openclaw_version=${OPENCLAW_VERSION:-2026.9.6}
node_version=${NODE_VERSION:-24}
openclaw=
waited_for=
scheme=http

# begin_run [VARIABLE]...: makes the folder of the run, `tmp`. At the end of the script, the processes are stopped whose ids are in
# these variables, and the folder is removed unless `keep` is yes.
begin_run() {
  of_run=(waited_for "$@" openclaw)
  passed=0
  failed=0
  tmp=$(mktemp -d)
  trap end_run EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

end_run() {
  local variable pid
  for variable in "${of_run[@]}"; do
    for pid in ${!variable:-}; do stop "$pid"; done
  done
  if [[ ${keep:-no} == yes ]]; then echo "files of the run: $tmp" >&2; else rm -rf "$tmp"; fi
}

# expect TITLE PATTERN SEEN
expect() {
  # shellcheck disable=SC2053 # the right side is a pattern
  if [[ $3 == $2 ]]; then
    passed=$((passed + 1))
    printf 'ok    %s: %.120s\n' "$1" "${3:-none}"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s: %s\n        expected: %s\n' "$1" "${3:-none}" "${2:-none}"
  fi
}

# stop PID: ends the process, by force if it still runs after a minute
stop() {
  kill "$1" 2>/dev/null || return 0
  local deadline=$((SECONDS + 60))
  while kill -0 "$1" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
}

# with_dots TITLE COMMAND...: prints a dot each second while the command runs, and its output if it fails
with_dots() {
  printf '%s ' "$1"
  "${@:2}" >"${tmp:?}/output" 2>&1 &
  waited_for=$!
  local began=$SECONDS
  while kill -0 "$waited_for" 2>/dev/null; do
    printf .
    sleep 1
  done
  wait "$waited_for" || { echo; tail -n 20 "$tmp/output" >&2; die "$1: failed"; }
  waited_for=
  echo " $((SECONDS - began)) s"
}

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
# hook ends there, with `undefined` it goes on.
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
  fs.appendFileSync(process.env.RECEIVED, JSON.stringify({ url: String(url), path, headers, payload }) + "\n");
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

# An empty environment, so that the caller's own OpenClaw settings do not affect this one.
start_openclaw() {
  local port=${upstream##*:}
  env -i PATH="${node%/*}:$PATH" HOME="$tmp/home" LANG=C.UTF-8 NO_COLOR=1 DO_NOT_TRACK=1 \
    OPENCLAW_STATE_DIR="$tmp/state" OPENCLAW_CONFIG_PATH="$tmp/state/openclaw.json" \
    OPENCLAW_DISABLE_BONJOUR=1 OPENCLAW_SKIP_GMAIL_WATCHER=1 RECEIVED="$received" \
    "$node" "$cache/openclaw-$openclaw_version/node_modules/openclaw/openclaw.mjs" \
    gateway run --port "$port" >>"$tmp/openclaw.out" 2>&1 </dev/null &
  openclaw=$!
  with_dots "starting OpenClaw $openclaw_version on port $port" openclaw_ready
}

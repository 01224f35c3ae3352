#!/usr/bin/env bash
# Builds the image of deploy/docker and runs it as its Dockerfile says, to check that nothing is missing in it.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: container-e2e.sh

Builds a static clawgate from the files that the Dockerfile copies, and then the Dockerfile's last stage with podman. Runs
that image read-only, without capabilities and with nothing in it except the binary, and checks that it serves, resolves
the name of its upstream, is reported healthy, uses changed files, says what is missing for an https upstream, and loses
no request when it stops.

The first stage itself, which compiles on Alpine with musl, needs a registry and is not built here: the binary is
linked with glibc instead. Takes a minute for the first build, and ten seconds after it. Needs root, podman, curl,
jq, OpenSSL 3 and Python 3. Exit code 77: this machine cannot run the test; the last line says why.

CLAWGATE_STATIC_BIN names an existing static binary to use instead of building.
USAGE
}

cannot() { printf 'container-e2e.sh: SKIPPED: %s\n' "$*"; exit 77; }
ok() { printf 'ok    %s\n' "$*"; }

case ${1:-} in
  '') ;;
  -h | --help) usage; exit ;;
  *) usage >&2; exit 2 ;;
esac

((EUID == 0)) || cannot "reaching into a container's network needs root"
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl jq openssl python3
(need podman runc) || cannot 'no podman'

cd "$scripts/.."
CLAWGATE_BIN=${CLAWGATE_STATIC_BIN:-}
if [[ -z $CLAWGATE_BIN ]]; then
  # From the files that the Dockerfile copies, to check that they are enough.
  src=target/static/src
  rm -rf "$src"
  mkdir -p "$src"
  while read -r -a files; do
    cp -a --parents "${files[@]:0:${#files[@]}-1}" "$src"
  done < <(sed -n '/ AS build$/,/^FROM scratch/s/^COPY //p' deploy/docker/Dockerfile)
  # For a named target, because build scripts and macros cannot be static. In a folder of its own, because everything is
  # compiled again for it; without optimisation and debug information, to save time.
  host=$(rustc -vV | sed -n 's/^host: //p')
  (
    cd "$src"
    RUSTFLAGS='-C target-feature=+crt-static' CARGO_PROFILE_DEV_DEBUG=0 cargo build --locked --bin clawgate \
      --config 'profile.dev.package."*".opt-level=0' --target "$host" --target-dir ..
  )
  CLAWGATE_BIN=target/static/$host/debug/clawgate
fi
find_clawgate dev
[[ $(ldd "$bin" 2>&1) == *static* ]] || die "$bin is not static"

tmp=$(mktemp -d)
name=clawgate-e2e-$$
upstream=
# Its own storage, so that other images and containers are not touched.
parent=()
engine=(podman --root "$tmp/storage" --runroot "$tmp/run" --storage-driver vfs --log-level fatal)
# Without systemd, podman makes the cgroups, in a parent that can be removed afterwards. runc, because crun accepts only one
# kind of cgroups, and a machine may have both.
if [[ ! -d /run/systemd/system ]]; then
  engine+=(--cgroup-manager cgroupfs --events-backend file --runtime runc)
  parent=(--cgroup-parent "/$name")
fi
cleanup() {
  "${engine[@]}" rm --force --time 0 "$name" >/dev/null 2>&1 || true
  [[ -z $upstream ]] || kill "$upstream" 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -path "/sys/fs/cgroup/*$name*" -exec rmdir {} + || true
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p "$tmp/build/src/target/release" "$tmp/build/image/inbox"
chmod 700 "$tmp/build/image/inbox"
cp "$bin" "$tmp/build/src/target/release/clawgate"
# Replaces the stage `build`. The OCI format has no HEALTHCHECK.
"${engine[@]}" build --quiet --format docker --isolation chroot --build-context "build=$tmp/build" \
  -f deploy/docker/Dockerfile -t clawgate . >"$tmp/built" 2>&1 || die "the image: $(cat "$tmp/built")"
ok "the image: $("${engine[@]}" image inspect clawgate --format '{{.Size}}' | numfmt --to=iec-i --suffix=B)"

# As the Dockerfile says, and with limits that every machine can set.
run=("${engine[@]}" run --read-only --cap-drop ALL --security-opt no-new-privileges --network none
  --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" --ulimit nproc=1024:1024 "${parent[@]}")
"${run[@]}" --rm --entrypoint /clawgate clawgate --version >"$tmp/version" 2>&1 ||
  cannot "no container runs here: $(tail -n 1 "$tmp/version")"

certs=$tmp/certs
"$scripts/gen-certs.sh" "$certs" >/dev/null
mkdir "$tmp/etc"
cp "$certs"/{server.pem,server.key,ca.pem} "$tmp/etc/"
openssl rand -hex 32 >"$tmp/etc/hook-token"
chgrp 65532 "$tmp/etc"/{server.key,hook-token}
chmod 640 "$tmp/etc"/{server.key,hook-token}
# An upstream with a name, which the resolver must look up without other files in the image.
settings() {
  cat <<TOML
[tls]
certificate = "/etc/clawgate/server.pem"
private_key = "/etc/clawgate/server.key"
[clients]
ca = "/etc/clawgate/ca.pem"
allow = ["cn=$1"]
[upstream]
url = "$2"
token_file = "/etc/clawgate/hook-token"
TOML
}
# In one step, so that no process sees half of it.
put() { cat >"$tmp/new" && mv "$tmp/new" "$tmp/etc/clawgate.toml"; }
arguments=(--volume "$tmp/etc:/etc/clawgate:ro" --add-host openclaw:127.0.0.1 clawgate run --config /etc/clawgate/clawgate.toml)

settings meeting-notes https://openclaw:18789 | put
code=0
"${run[@]}" --rm "${arguments[@]}" >"$tmp/https" 2>&1 || code=$?
[[ $code == 78 && $(cat "$tmp/https") == *'the system has no CA'*'hint: name the CA'* ]] || die "$code: $(cat "$tmp/https")"
ok 'an https upstream without upstream.ca is refused, because the image has no CAs'

settings meeting-notes http://openclaw:18789 | put
"${run[@]}" --detach --name "$name" "${arguments[@]}" >/dev/null
inspect() { "${engine[@]}" inspect "$name" --format "$1"; }
pid=$(inspect '{{.State.Pid}}')
log() { "${engine[@]}" logs "$name" 2>&1; }
# Runs this machine's programs in the container's network.
outside() { nsenter --target "$pid" --net -- "$@"; }
# within SECONDS WHAT COMMAND...: waits until the command succeeds
within() {
  local deadline=$((SECONDS + $1))
  until "${@:3}" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die "not within $1 s: $2; the log: $(log | tail -n 15)"
    sleep 0.1
  done
}
logged() { grep -q -- "$1" <<<"$(log)"; }
# send CURL-ARGUMENT...: the status of a request by the good client
send() {
  outside curl -q -sS -m 20 -o "$tmp/answer" -w '%{http_code}' --cacert "$certs/ca.pem" --cert "$certs/client.pem" \
    --key "$certs/client.key" -d '{}' "https://localhost:8443/hooks/${1:-wake}" 2>&1
}

within 10 'the start' logged '"event":"started"'
logged '"listen":\["0.0.0.0:8443"\]' || die "it listens elsewhere: $(log | grep started)"
nsenter --target "$pid" --net -- python3 -B "$scripts/traffic.py" upstream 18789 < <(tail -f /dev/null --pid=$$) >"$tmp/upstream" &
upstream=$!
within 10 'the upstream' outside curl -q -s http://127.0.0.1:18789
[[ $(send) == 200 ]] || die "a good client: $(send), $(cat "$tmp/answer")"
ok "a good client is served, by an upstream with a name"

status=$(cat "/proc/$pid/status")
for line in $'Uid:\t65532' $'NoNewPrivs:\t1' $'Seccomp:\t2' $'CapBnd:\t0000000000000000'; do
  [[ $status == *$line* ]] || die "not so: $line"
done
grep -qE '^([^ ]+ ){4}/ ro,' "/proc/$pid/mountinfo" || die 'its file system can be written'
logged '"landlock":"enforced","no_new_privileges":true,"reads":\["/etc/clawgate"\]' || die "$(log | grep sandbox)"
! logged settings_warning.*token_file || die "$(log | grep settings_warning)"
ok 'it is restricted by the engine, and by itself (Landlock)'

"${engine[@]}" healthcheck run "$name" || die "HEALTHCHECK: $(inspect '{{json .State}}')"
ok 'HEALTHCHECK finds it healthy'

settings somebody-else http://openclaw:18789 | put
within 10 'the changed file is read' logged '"event":"reloaded","origin":"changed files"'
[[ $(send) == *alert* ]] || die "a client that is no longer allowed: $(send)"
settings meeting-notes http://openclaw:18789 | put
within 10 'the changed file is read' logged '"generation":3'
ok 'changed files of the host are used'

send hold >"$tmp/held" &
held=$!
within 10 'the request arrives' grep -q hold "$tmp/upstream"
"${engine[@]}" stop --time 40 "$name" >/dev/null
wait "$held" || true
[[ $(cat "$tmp/held") == 200 ]] || die "the request in progress: $(cat "$tmp/held")"
[[ $(inspect '{{.State.ExitCode}}') == 0 ]] || die "its exit code: $(inspect '{{.State.ExitCode}}')"
logged '"event":"stopped".*"forced":0' || die "$(log | tail -n 3)"
ok 'stopped with a request in progress: it is answered first'

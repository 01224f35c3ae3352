#!/usr/bin/env bash
# Runs the units of deploy/systemd under a real systemd, and checks that they work.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: systemd-e2e.sh [--root DIR]

Builds clawgate and boots this machine's systemd a second time, in a container (systemd-nspawn) with its own users,
settings, network and journal, which shares only /usr with this machine. Installs clawgate there as the head of
deploy/systemd/clawgate.service says, and checks that it starts, is restricted, reloads, is replaced under load without
a lost request, is restarted if it hangs, and stays stopped with broken settings.

Takes 15 seconds after the build. Needs root, systemd, curl, jq, OpenSSL 3 and Python 3. Exit code 77: this machine
cannot run the test; the last line says why.

  --root DIR   boot the systemd in DIR instead, the file tree of another system (made by
               debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus trixie DIR)

CLAWGATE_BIN names an existing binary to use instead of building.
USAGE
}

cannot() { printf 'systemd-e2e.sh: SKIPPED: %s\n' "$*"; exit 77; }
ok() { printf 'ok    %s\n' "$*"; }

root=/
while (($#)); do
  case $1 in
    --root) [[ -d ${2:-} ]] || { usage >&2; exit 2; }; root=$2; shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

((EUID == 0)) || cannot 'a container needs root'
unshare --mount --pid --net --uts --ipc --fork true 2>/dev/null || cannot 'this machine does not allow namespaces'
[[ -d /sys/fs/cgroup && /lib -ef /usr/lib ]] || cannot 'no cgroups, or a /lib beside /usr/lib'

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl jq openssl python3
(need systemctl=systemd systemd-nspawn=systemd-container) || cannot 'no systemd-nspawn'
find_clawgate dev

tmp=$(mktemp -d)
name=clawgate-e2e-$$
container=
init=
upstream=
load=
groups=()
cleanup() {
  local pid group
  for pid in $upstream $load; do kill "$pid" 2>/dev/null || true; done
  # When its first process ends, all others end.
  [[ -z $init ]] || kill -KILL "$init" 2>/dev/null || true
  [[ -z $container ]] || { kill "$container" 2>/dev/null; wait "$container" 2>/dev/null; } || true
  for group in "${groups[@]}"; do find "$group" -depth -type d -exec rmdir {} + || true; done
  rm -rf "$tmp" "/run/systemd/nspawn/propagate/$name"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

certs=$tmp/certs
"$scripts/gen-certs.sh" "$certs" >/dev/null

# Install as the head of the unit says.
etc=$tmp/etc
mkdir -p "$tmp/bin" "$etc"/{clawgate,sysusers.d,systemd/system}
cp "$bin" "$tmp/bin/clawgate"
cp "$scripts"/../deploy/systemd/clawgate.service "$scripts"/../deploy/systemd/clawgate{,-signed}.socket "$etc/systemd/system/"
cp "$scripts/../deploy/systemd/clawgate.sysusers" "$etc/sysusers.d/clawgate.conf"
cp "$certs"/{server.pem,server.key,ca.pem,crl.pem,webhook-secret} "$etc/clawgate/"
openssl rand -hex 32 >"$etc/clawgate/hook-token"
# An upstream with a name: the resolver must also work under the restrictions of the unit.
settings() {
  cat <<TOML
[tls]
certificate = "/etc/clawgate/server.pem"
private_key = "/etc/clawgate/server.key"
[clients]
ca = "/etc/clawgate/ca.pem"
crl = "/etc/clawgate/crl.pem"
allow = ["cn=$1"]
[upstream]
url = "http://localhost:18789"
token_file = "/etc/clawgate/hook-token"
TOML
}
# In one step, so that no process sees half of it.
put() { cat >"$etc/clawgate/new" && mv "$etc/clawgate/new" "$etc/clawgate/$1"; }
settings meeting-notes | put clawgate.toml
echo '127.0.0.1 localhost' >"$etc/hosts"
# With a machine ID this is not a first boot, so systemd does not enable units that happen to be in /usr.
tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
# The unit's 30 s would take too long here.
mkdir "$etc/systemd/system/clawgate.service.d"
printf '[Service]\nWatchdogSec=3s\n' >"$etc/systemd/system/clawgate.service.d/watchdog.conf"

# nspawn does not allow Landlock by default.
options=(--quiet --boot --console=pipe --machine="$name" --directory="$root" --volatile=yes --private-network
  --register=no --bind="$etc:/etc" --bind="$tmp/bin:/usr/local/bin"
  --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self')
# If no systemd runs outside, nothing makes a scope. Then make cgroups, and remove them at the end.
if [[ ! -d /run/systemd/system ]]; then
  options+=(--keep-unit)
  while read -r mounted; do
    mkdir "$mounted/$name" 2>/dev/null || cannot "no cgroup can be made in $mounted"
    groups+=("$mounted/$name")
  done < <(findmnt -n -t cgroup2 -o TARGET; findmnt -n -t cgroup -O name=systemd -o TARGET)
fi
(
  for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
  # Newer versions need cgroups v2; a machine with both kinds would offer v1.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn "${options[@]}" systemd.unit=multi-user.target
) </dev/null >"$tmp/console" 2>&1 &
container=$!

inside() { nsenter --target "$init" --all -- "$@"; }
# Runs this machine's programs in the container's network.
outside() { nsenter --target "$init" --net -- "$@"; }
deadline=$((SECONDS + 30))
until [[ -n $init ]] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
  if ! kill -0 "$container" 2>/dev/null || ((SECONDS > deadline)); then
    cannot "no systemd in a container: $(tail -n 3 "$tmp/console" | tr '\n' ' ')"
  fi
  init=$(pgrep -P "$container" systemd || true)
  sleep 0.1
done
inside systemd-sysusers
inside chgrp clawgate /etc/clawgate/{server.key,hook-token,webhook-secret}
inside chmod 640 /etc/clawgate/{server.key,hook-token,webhook-secret}
inside systemctl daemon-reload
ok "booted $(inside systemctl --version | head -n 1)"

journal() { inside journalctl --quiet --unit clawgate.service --output cat; }
property() { inside systemctl show clawgate.service --property "$1" --value; }
# within SECONDS WHAT COMMAND...: waits until the command succeeds
within() {
  local deadline=$((SECONDS + $1))
  until "${@:3}" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die "not within $1 s: $2; the journal: $(journal | tail -n 15)"
    sleep 0.1
  done
}
# is PROPERTY PATTERN
# shellcheck disable=SC2053 # the right side is a pattern
is() { [[ $(property "$1") == $2 ]]; }
logged() { grep -q -- "$1" <<<"$(journal)"; }
# send CURL-ARGUMENT...: the status of a request by the good client
send() {
  outside curl -q -sS -m 20 -o "$tmp/answer" -w '%{http_code}' --cacert "$certs/ca.pem" --cert "$certs/client.pem" \
    --key "$certs/client.key" -d '{}' "$@" https://localhost:8443/hooks/wake 2>&1
}

nsenter --target "$init" --net -- python3 -B "$scripts/traffic.py" upstream 18789 < <(tail -f /dev/null --pid=$$) >"$tmp/upstream" &
upstream=$!
within 10 'the upstream' outside curl -q -s http://127.0.0.1:18789

inside systemctl enable --quiet --now clawgate.socket clawgate.service || die "start: $(journal)"
is ActiveState active || die "the service is $(property ActiveState)"
is StatusText 'serving on *' || die "its status is $(property StatusText)"
ok 'systemctl enable --now returns when clawgate serves'

[[ $(send) == 200 ]] || die "a good client: $(send)"
[[ $(send --ipv6) == 200 ]] || die "a good client, over IPv6: $(send --ipv6)"
logged '"passed":true' || die 'the socket was not passed'
ok "a good client is served through systemd's socket, over IPv4 and IPv6, by an upstream with a name"

about() { inside cat "/proc/$(property MainPID)/$1"; }
for line in $'NoNewPrivs:\t1' $'Seccomp:\t2' $'CapBnd:\t0000000000000000' $'Umask:\t0077'; do
  [[ $(about status) == *$line$'\n'* ]] || die "not so: $line"
done
grep -qE '^([^ ]+ ){4}/ ro,' <<<"$(about mountinfo)" || die 'its file system can be written'
[[ $(about uid_map) != *4294967295* ]] || die 'it sees all users'
! logged settings_warning.*token_file || die "$(journal | grep settings_warning)"
logged '"landlock":"enforced","no_new_privileges":true,"reads":\["/etc/clawgate"\]' || die "$(journal | grep sandbox)"
ok 'it is restricted by systemd, and by itself (Landlock)'

group=$(inside id -g clawgate)
inside setpriv --reuid=65534 --regid=65534 --groups="$group" clawgate doctor --config /etc/clawgate/clawgate.toml \
  >"$tmp/doctor" || die "the doctor, as another user: $(cat "$tmp/doctor")"
ok "clawgate doctor, as another user of the group: $(tail -n 1 "$tmp/doctor")"

settings somebody-else | put clawgate.toml
within 10 'the changed file is read' is StatusText 'serving, generation 2'
[[ $(send) == *alert* ]] || die "a client that is no longer allowed: $(send)"
settings meeting-notes | put clawgate.toml
within 10 'the changed file is read' is StatusText 'serving, generation 3'
inside systemctl reload clawgate
within 10 'systemctl reload' is StatusText 'serving, generation 4'
[[ $(send) == 200 ]] || die "after a reload: $(send)"
echo '[tls' | put clawgate.toml
inside systemctl reload clawgate
within 10 'a reload of broken settings' is StatusText 'serving with the old settings*'
[[ $(send) == 200 ]] || die "with the old settings: $(send)"
ok 'changed files are used, systemctl reload works, and broken settings leave the old ones in use'

# With a setting that needs a restart, and whose folder the unit makes.
{ settings meeting-notes; printf '[admin]\naddress = "unix:/run/clawgate/admin.sock"\n'; } | put clawgate.toml
mkfifo "$tmp/enough"
nsenter --target "$init" --net -- python3 -B "$scripts/traffic.py" load "$certs" 127.0.0.1:8443 <"$tmp/enough" >"$tmp/served" 2>&1 &
load=$!
exec {enough}>"$tmp/enough"
for _ in 1 2 3 4 5; do
  inside systemctl reset-failed clawgate # otherwise there would be too many starts in 10 s
  before=$(property MainPID)
  cp "$bin" "$tmp/bin/new" && mv "$tmp/bin/new" "$tmp/bin/clawgate"
  inside systemctl restart clawgate || die "restart: $(journal | tail)"
  [[ $(property MainPID) != "$before" ]] || die 'systemctl restart replaced nothing'
  sleep 0.5
done
exec {enough}>&-
wait "$load" || die "under load: $(cat "$tmp/served")"
inside env CLAWGATE_ADMIN=unix:/run/clawgate/admin.sock clawgate probe >"$tmp/probe" || die "$(cat "$tmp/probe")"
ok "replaced 5 times under load: $(cat "$tmp/served")"

inside systemctl stop clawgate 2>/dev/null # it warns that the socket stays open
[[ $(send) == 200 ]] || die "a request that starts clawgate: $(send)"
ok 'stopped: the next client starts it and is served'

inside systemctl kill --signal=STOP clawgate
[[ $(send) == 200 ]] || die "a request while clawgate hangs: $(send)"
[[ $(property NRestarts) == 1 ]] || die "restarts: $(property NRestarts)"
ok 'hanging: the watchdog restarts it, and the waiting client is served'

check=(systemd-run --quiet --pipe --wait --uid=clawgate clawgate check --config /etc/clawgate/clawgate.toml)
inside "${check[@]}" >"$tmp/check" || die "clawgate check: $(cat "$tmp/check")"
echo '[tls' | put clawgate.toml
! inside "${check[@]}" >/dev/null 2>&1 || die 'clawgate check accepts broken settings'
! inside systemctl restart clawgate 2>/dev/null || die 'it starts with broken settings'
[[ $(property ActiveState) == failed && $(property ExecMainStatus) == 78 ]] || die "$(inside systemctl status clawgate)"
[[ $(property NRestarts) == 0 ]] || die 'systemd restarts it with broken settings'
[[ $(send) != 200 ]] || die 'it serves with broken settings'
within 10 'the socket gives up' inside systemctl is-failed clawgate.socket
settings meeting-notes | put clawgate.toml
inside systemctl reset-failed clawgate
inside systemctl start clawgate
[[ $(send) == 200 ]] || die "with corrected settings: $(send)"
ok 'broken settings: clawgate check finds them, and clawgate stays stopped until they are corrected'

inside systemctl stop clawgate 2>/dev/null
{
  settings meeting-notes
  cat <<'TOML'
[listen]
signed_address = "0.0.0.0:8445"
[[route]]
path = "/hooks/"
[[route]]
path = "/hooks/signed"
authenticate = "signature"
verify = { scheme = "standard-webhooks", secret_file = "/etc/clawgate/webhook-secret" }
TOML
} | put clawgate.toml
inside systemctl enable --quiet --now clawgate-signed.socket
unsigned() {
  outside curl -q -sS -m 20 -o "$tmp/answer" -w '%{http_code}' --cacert "$certs/ca.pem" -d '{}' https://localhost:8445/hooks/signed 2>&1
}
[[ $(unsigned) == 401 ]] || die "an unsigned request, which starts clawgate: $(unsigned)"
[[ $(send) == 200 ]] || die "a client with a certificate: $(send)"
ok "clawgate-signed.socket: a client without a certificate starts clawgate, and needs a signature"

inside systemctl stop clawgate 2>/dev/null
{
  settings meeting-notes
  cat <<'TOML'
[inbox]
path = "/var/lib/clawgate/inbox.db"
[[route]]
path = "/hooks/"
delivery = "inbox"
TOML
} | put clawgate.toml
kill "$upstream"
wait "$upstream" 2>/dev/null || true
inside systemctl start clawgate
[[ $(send) == 202 ]] || die "an event while the upstream is down: $(send)"
logged '"writes":\["/var/lib/clawgate"\]' || die "$(journal | grep sandbox)"
modes=$(inside stat -c '%U %a' /var/lib/clawgate /var/lib/clawgate/inbox.db | xargs)
[[ $modes == 'clawgate 700 clawgate 600' ]] || die "owner and mode of the inbox: $modes"
inside "${check[@]}" >"$tmp/check" || die "clawgate check: $(cat "$tmp/check")"
inside systemctl restart clawgate
nsenter --target "$init" --net -- python3 -B "$scripts/traffic.py" upstream 18789 < <(tail -f /dev/null --pid=$$) >"$tmp/later" &
upstream=$!
within 60 'the stored event is delivered' logged '"event":"delivered"'
grep -q /hooks/wake "$tmp/later" || die "the upstream got: $(cat "$tmp/later")"
ok 'StateDirectory: an event that arrives while the upstream is down is stored, and delivered after a restart'

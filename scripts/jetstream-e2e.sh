#!/usr/bin/env bash
# Several instances with one inbox in NATS: servers, instances and the upstream fail, and no acknowledged event may
# be lost.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: jetstream-e2e.sh [--release] [--events N] [--seed N] [--server new|old|debian]... [--keep]

Builds clawgate with the feature `jetstream`, makes temporary certificates, and starts three nats-servers as a
cluster and three instances of clawgate on loopback. Senders send events to all instances, some of them twice or
to two instances at once, while instances and NATS servers are killed and started again and the upstream
restarts. Then the NATS server of one instance is cut off from the others, and after that stopped. Prints a table
of what was acknowledged and delivered. Does the same with one older nats-server, which is killed and started again.
Exit code 0 means that
  * every acknowledged event was delivered, with its body unchanged
  * an event that was sent again was recognised, whichever instance got it
  * an event was delivered twice only if something failed between the two deliveries, and with the same
    Idempotency-Key
  * an instance whose NATS server is cut off acknowledges nothing, and goes on by itself afterwards

  --release      build and run the optimised binary
  --events N     how many events are sent before the servers are cut off (default 10000)
  --seed N       chooses instances and repetitions (default: another one each time; it is printed)
  --server WHICH new: a cluster of the newest nats-server that clawgate is tested with. old: of the oldest. debian:
                 of the Debian release; if it is older than 2.10, it is one server, of which nobody is cut off. May be
                 given several times (default: new and debian)
  --keep         keep the folder of the run: settings, streams, logs

Needs cargo, jq, OpenSSL 3 and Python 3; for debian apt-get and dpkg. CLAWGATE_BIN names an existing binary with the
feature to use instead of building.
EOF
}

profile=dev
events=10000
seed=$RANDOM
which=()
keep=no
while (($#)); do
  case $1 in
    --release) profile=release ;;
    --events) [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }; events=$2; shift ;;
    --seed) [[ ${2:-} =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }; seed=$2; shift ;;
    --server) [[ ${2:-} =~ ^(new|old|debian)$ ]] || { usage >&2; exit 2; }; which+=("$2"); shift ;;
    --keep) keep=yes ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need jq openssl python3
find_clawgate "$profile" jetstream

((${#which[@]})) || which=(new debian)
servers=()
for name in "${which[@]}"; do
  case $name in
    new) servers+=("$("$scripts/install-nats.sh")") ;;
    *) servers+=("$("$scripts/install-nats.sh" "--$name")") ;;
  esac
done

# Not in /tmp if that is in memory: streams belong on a disk.
tmp=$(mktemp -d -p "${TMPDIR:-/var/tmp}")
cleanup() {
  if [[ $keep == yes ]]; then echo "settings, streams and logs: $tmp"; else rm -rf "$tmp"; fi
}
trap cleanup EXIT
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
for number in "${!servers[@]}"; do
  mkdir "$tmp/$number"
  python3 -B "$scripts/jetstream_e2e.py" "$bin" "${servers[number]}" "$tmp/certs" "$tmp/$number" "$events" "$seed" ||
    { keep=yes; exit 1; }
done

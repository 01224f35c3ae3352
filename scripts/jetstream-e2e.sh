#!/usr/bin/env bash
# Several instances with one inbox in NATS, in front of the real OpenClaw: servers, instances and OpenClaw fail, and no
# acknowledged event may be lost.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: jetstream-e2e.sh [--release] [--events N] [--seed N] [--server new|old|debian]... [--keep] [--dir DIR]

Installs OpenClaw from npm (once: about a minute and 0.9 GB), builds clawgate with the feature `jetstream`, makes
temporary certificates, and starts on loopback OpenClaw, three nats-servers as a cluster and three instances of clawgate.
Senders send events to all instances, some of them twice or to two instances at once, while instances and NATS
servers are killed and started again, and OpenClaw is restarted. Then the NATS server of one instance is cut off from
the others, while OpenClaw is killed and started again, and after that stopped. Prints a table of what was
acknowledged and what has arrived at OpenClaw. Does the same with one older nats-server, which is killed and started
again. Takes about four minutes after the installation. Exit code 0 means that
  * every acknowledged event has arrived, with its body unchanged
  * an event that was sent again was recognised, whichever instance got it
  * an event arrived twice only if something failed between the two deliveries, and with the same Idempotency-Key
  * an instance whose NATS server is cut off acknowledges nothing
  * all instances go on by themselves within 30 s after the last failure, and from then on no request fails

  --release      build and run the optimised binary
  --events N     how many events are sent before the servers are cut off (default 10000)
  --seed N       chooses instances and repetitions (default: another one each time; it is printed)
  --server WHICH new: a cluster of the newest nats-server that clawgate is tested with. old: of the oldest. debian:
                 of the Debian release; if it is older than 2.10, it is one server, of which nobody is cut off. May be
                 given several times (default: new and debian)
  --keep         keep the folder of the run: settings, streams, logs, OpenClaw's records
  --dir DIR      where OpenClaw is installed (default: ~/.cache/clawgate-e2e)

Environment:
  CLAWGATE_BIN       an existing binary with the feature to use instead of building one
  OPENCLAW_VERSION   default 2026.9.6
  NODE_VERSION       default 24

Needs cargo, curl, jq, npm, OpenSSL 3 and Python 3; for debian apt-get and dpkg.
HELP
}

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
events=10000
seed=$RANDOM
server=
dir=
parse_options release keep events='[1-9][0-9]*' seed='[0-9]+' server+='new|old|debian' dir=.+ -- "$@"
# shellcheck source=scripts/openclaw.sh
. "$scripts/openclaw.sh"
need curl jq npm openssl python3
find_clawgate dev jetstream

servers=()
for name in ${server:-new debian}; do
  case $name in
    new) servers+=("$("$scripts/install-nats.sh")") ;;
    *) servers+=("$("$scripts/install-nats.sh" "--$name")") ;;
  esac
done

begin_run
install_openclaw
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
# It wakes its agent for every path below /hooks.
configure_openclaw '[{
  "id": "record", "action": "wake", "wakeMode": "next-heartbeat", "textTemplate": "event at {{path}}",
  "transform": { "module": "record.mjs" }
}]' undefined
measure python3 -B "$scripts/jetstream_e2e.py" "$bin" "$tmp/certs" "$tmp" "$events" "$seed" "${servers[@]}"

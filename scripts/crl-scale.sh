#!/usr/bin/env bash
# Measures the cost of revocation lists of growing size: start, memory, handshake, reload.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: crl-scale.sh [COUNT …]

For each COUNT (default: 10, 10000 and 1000000) makes a CRL with that many serials with openssl, runs clawgate with
it, and prints as Markdown: the size of the file, the time from exec to the event `started`, the peak and the idle
memory, the time of a full mutual TLS handshake (median of 50, with curl), and time and peak memory of a reload.

Needs cargo, curl, jq and OpenSSL 3. CLAWGATE_BIN names an existing binary to use instead of building.
USAGE
}

case ${1:-} in -h | --help) usage; exit ;; esac
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl jq openssl
find_clawgate release

tmp=$(mktemp -d)
clawgate=
cleanup() {
  [[ -z $clawgate ]] || kill "$clawgate" 2>/dev/null || true
  rm -rf "$tmp"
}
trap cleanup EXIT
"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
cd "$tmp"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=scale -keyout ca.key \
  -out ca.pem -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=client -keyout client.key -out client.csr 2>/dev/null
printf 'keyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n' >ext
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 9 -extfile ext -out client.pem 2>/dev/null
cat >ca.cnf <<'CNF'
[ca]
default_ca = it
[it]
database = index.txt
crlnumber = number
default_md = sha256
default_crl_days = 9
[ext]
authorityKeyIdentifier = keyid
CNF

ms() { echo $((($(date +%s%N) - $1) / 1000000)); }
memory() { awk -v key="$1:" '$1 == key { printf "%.0f", $2 / 1024 }' "/proc/$clawgate/status"; }
wait_for() { until grep -q "\"event\":\"$1\"" log; do sleep 0.002; done; }

echo '| serials | CRL, PEM | start, ms | peak, MiB | at rest, MiB | handshake, ms | reload, ms | its peak, MiB |'
echo '| --- | --- | --- | --- | --- | --- | --- | --- |'
counts=("$@")
((${#counts[@]})) || counts=(10 10000 1000000)
for count in "${counts[@]}"; do
  # Random serials of 16 octets, as CAs give them; none of them the client's.
  openssl rand -hex $((count * 16)) | fold -w 32 |
    awk '{ printf "R\t351231235959Z\t261101000000Z,keyCompromise\t40%s\tunknown\t/CN=%d\n", toupper(substr($0, 3)), NR }' >index.txt
  echo unique_subject=no >index.txt.attr
  echo 01 >number
  openssl ca -config ca.cnf -gencrl -cert ca.pem -keyfile ca.key -crlexts ext -out crl.pem 2>/dev/null
  : >log
  begun=$(date +%s%N)
  "$bin" run --cert certs/server.pem --key certs/server.key --client-ca ca.pem --crl crl.pem --upstream echo: \
    --listen 127.0.0.1:0 --admin off --workers 1 --log-format json >log &
  clawgate=$!
  wait_for started
  start=$(ms "$begun")
  port=$(jq -r 'select(.event == "started").listen[0]' log)
  call() {
    curl -sS -o /dev/null -w '%{time_appconnect}\n' --cacert certs/ca.pem --cert client.pem --key client.key \
      -d '{}' --resolve "localhost:${port##*:}:127.0.0.1" "https://localhost:${port##*:}/hooks/wake"
  }
  call >/dev/null
  handshake=$(for _ in $(seq 50); do call; done | sort -n | awk '{ t[NR] = $1 } END { printf "%.1f", t[25] * 1000 }')
  peak=$(memory VmHWM)
  rest=$(memory VmRSS)
  begun=$(date +%s%N)
  kill -HUP "$clawgate"
  wait_for reloaded
  reload=$(ms "$begun")
  both=$(memory VmHWM)
  size=$(stat -c %s crl.pem | numfmt --to=iec-i --suffix=B)
  echo "| $count | $size | $start | $peak | $rest | $handshake | $reload | $both |"
  kill "$clawgate"
  wait "$clawgate" 2>/dev/null || true
  clawgate=
done

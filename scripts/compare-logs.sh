#!/usr/bin/env bash
# Calls clawgate, nginx and HAProxy with the same faulty clients, and shows what each of them logs.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: compare-logs.sh [--write]

Starts clawgate, nginx and HAProxy with the same temporary certificates, calls each of them with the
same faulty clients, and prints as Markdown what each of them logged: nginx and HAProxy with their
default log line, and with the most detailed one that their documentation offers.

  --write   write it between the compare-logs markers of docs/handshake-failures.md instead

Needs cargo, curl, jq, OpenSSL 3, nginx and HAProxy.
CLAWGATE_BIN names an existing binary to use instead of building.
EOF
}

write=no
for arg; do
  case $arg in
    --write) write=yes ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
PATH=$PATH:/usr/sbin # where Debian has both servers
installed=()
for server in nginx haproxy; do
  command -v "$server" >/dev/null || installed+=("$server")
done
need curl jq openssl nginx haproxy
# Debian starts each service that it installs, but only the programs are needed here. A service that
# was installed before keeps running.
for server in "${installed[@]}"; do
  service "$server" stop >/dev/null 2>&1 || true
done

find_clawgate dev

# Checked before the run, which takes a while.
doc=$scripts/../docs/handshake-failures.md
begin='<!-- compare-logs: begin -->'
end='<!-- compare-logs: end -->'
if [[ $write == yes && -e $doc ]]; then
  [[ $(sed -n "/^$begin\$/,/^$end\$/p" "$doc" | sed -n '$p') == "$end" ]] ||
    die "docs/handshake-failures.md has no line '$begin' with a line '$end' after it"
fi

tmp=$(mktemp -d)
pids=()
cleanup() {
  local pid
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

certs=$tmp/certs
"$scripts/gen-certs.sh" "$certs" >/dev/null

# Neither nginx nor HAProxy can take any free port and say which.
servers=(clawgate nginx-default nginx-best haproxy-default haproxy-best)
declare -A port
next=$((20000 + RANDOM % 10000))
for server in "${servers[@]}"; do
  while
    next=$((next + 1))
    (: <>"/dev/tcp/127.0.0.1/$next") 2>/dev/null
  do :; done
  port[$server]=$next
done

# `error` and `combined` are the defaults of nginx.
cat >"$tmp/nginx.conf" <<EOF
daemon off;
master_process off;
pid $tmp/nginx.pid;
error_log stderr;
events {}
http {
  client_body_temp_path $tmp;
  proxy_temp_path $tmp;
  fastcgi_temp_path $tmp;
  uwsgi_temp_path $tmp;
  scgi_temp_path $tmp;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $certs/server.pem;
  ssl_certificate_key $certs/server.key;
  ssl_verify_client on;
  ssl_verify_depth 2;
  ssl_client_certificate $certs/ca.pem;
  ssl_crl $certs/crl.pem;
  log_format best '\$remote_addr:\$remote_port [\$time_local] "\$request" \$status \$ssl_protocol '
    'verify="\$ssl_client_verify" subject="\$ssl_client_s_dn" issuer="\$ssl_client_i_dn" '
    'serial=\$ssl_client_serial not_before="\$ssl_client_v_start" not_after="\$ssl_client_v_end"';
  server {
    listen 127.0.0.1:${port[nginx-default]} ssl;
    error_log $tmp/nginx-default.log error;
    access_log $tmp/nginx-default.log combined;
    return 200;
  }
  server {
    listen 127.0.0.1:${port[nginx-best]} ssl;
    error_log $tmp/nginx-best.log info;
    access_log $tmp/nginx-best.log best;
    return 200;
  }
}
EOF

# Without error-log-format, HAProxy writes a fixed line about a failed handshake.
cat "$certs/server.pem" "$certs/server.key" >"$tmp/server.pem"
ssl="ssl crt $tmp/server.pem verify required ca-file $certs/ca.pem crl-file $certs/crl.pem"
cat >"$tmp/haproxy.cfg" <<EOF
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend default
  bind 127.0.0.1:${port[haproxy-default]} $ssl
  log stdout format raw local0
  option httplog
  http-request return status 200
frontend best
  bind 127.0.0.1:${port[haproxy-best]} $ssl
  log fd@3 format raw local0
  option httpslog
  error-log-format '%ci:%cp [%tr] %ft %sslv fc_err="%[fc_err_str]" ssl_fc_err="%[ssl_fc_err_str]" ssl_c_err=%[ssl_c_err] ssl_c_ca_err=%[ssl_c_ca_err] subject="%[ssl_c_s_dn]" issuer="%[ssl_c_i_dn]" serial=%[ssl_c_serial,hex] not_before=%[ssl_c_notbefore] not_after=%[ssl_c_notafter]'
  http-request return status 200
EOF

for server in "${servers[@]}"; do : >"$tmp/$server.log"; done
"$bin" run --listen "127.0.0.1:${port[clawgate]}" --upstream echo: --admin off --log-format json \
  --cert "$certs/server.pem" --key "$certs/server.key" \
  --client-ca "$certs/ca.pem" --crl "$certs/crl.pem" >"$tmp/clawgate.log" 2>"$tmp/clawgate.err" &
pids+=($!)
nginx -e stderr -c "$tmp/nginx.conf" 2>"$tmp/nginx.err" &
pids+=($!)
haproxy -db -f "$tmp/haproxy.cfg" \
  >"$tmp/haproxy-default.log" 3>"$tmp/haproxy-best.log" 2>"$tmp/haproxy.err" &
pids+=($!)

# send SERVER CERTIFICATE: prints in a few words what a client with this certificate sees; `none`: no certificate
send() {
  local status identity=(--cert "$certs/$2.pem" --key "$certs/$2.key")
  [[ $2 != none ]] || identity=()
  if status=$(curl -q --noproxy '*' -4 -sS --tlsv1.3 --max-time 10 -o /dev/null -w '%{http_code}' \
    --cacert "$certs/ca.pem" "${identity[@]}" -d '{"text":"hello"}' \
    "https://localhost:${port[$1]}/hooks/wake" 2>"$tmp/complaint"); then
    echo "HTTP $status"
  else
    sed -E '1!d; s/.* alert /TLS alert /; s/, errno 0$//' "$tmp/complaint"
  fi
}

# mark: remembers where each log ends. written SERVER: what the server has logged since then
declare -A seen
mark() {
  local server
  for server in "${servers[@]}"; do seen[$server]=$(wc -l <"$tmp/$server.log"); done
}
written() { tail -n "+$((seen[$1] + 1))" "$tmp/$1.log"; }

# settle: waits until every server has logged something
settle() {
  local server deadline=$((SECONDS + 5))
  for server in "${servers[@]}"; do
    until [[ -n $(written "$server") ]]; do
      ((SECONDS < deadline)) || die "$server logged nothing"
      sleep 0.05
    done
  done
  sleep 0.2 # for a second line
}

# stable: replaces everything that differs from run to run with placeholders
stable() {
  local month='[A-Z][a-z]{2}' clock='[0-9]{2}:[0-9]{2}:[0-9]{2}'
  sed -E "s|$tmp|<dir>|g
    s/(127\.0\.0\.1|localhost):[0-9]+/\1:<port>/g
    s/ [0-9]+#[0-9]+: \*[0-9]+ / <pid>#<tid>: *<connection> /
    s#[0-9]{4}/[0-9]{2}/[0-9]{2} $clock#<time>#g
    s#[0-9]{2}/$month/[0-9]{4}:$clock( [-+][0-9]{4}|\.[0-9]{3})#<time>#g
    s/[0-9]{4}-[0-9]{2}-[0-9]{2}T${clock}Z/<time>/g
    s/$month [ 0-9][0-9] $clock [0-9]{4} GMT/<time>/g
    s/\b[0-9]{12}Z/<time>/g
    s/\b[0-9a-fA-F]{34,40}\b/<serial>/g
    s/\b[0-9a-f]{16}…/<hash>…/g"
}

# block TITLE: standard input as a code block under that title
block() {
  printf '\n%s\n\n```text\n' "$1"
  stable
  echo '```'
}

# explained: the fields of clawgate's line that explain the refusal
explained() {
  written clawgate | jq -r 'select(.event == "handshake_failed")
    | "reason  \(.reason)", "detail  \(.detail)", "hint    \(.hint)"' | stable |
    fold -s -w 92 | sed -E 's/ +$//; /^(reason|detail|hint) /!s/^/        /'
}

# fault TITLE CERTIFICATE
fault() {
  local server title
  local -A saws
  echo "$1 ..." >&2
  mark
  for server in "${servers[@]}"; do saws[$server]=$(send "$server" "$2"); done
  settle
  [[ ${saws[clawgate]} != 'HTTP 200' ]] || die "clawgate admits $2.pem"
  printf '\n### %s\n' "$1"
  for server in "${servers[@]}"; do
    title=${server/haproxy/HAProxy}
    title=${title/-/, }
    [[ ${saws[$server]} != 'HTTP 200' ]] || title+=', ADMITS IT'
    title="**$title** (the client saw: ${saws[$server]})"
    if [[ $server == clawgate ]]; then explained; else written "$server"; fi | block "$title"
  done
}

# A refusal proves something only if a good client is admitted.
mark
deadline=$((SECONDS + 10))
for server in "${servers[@]}"; do
  until saw=$(send "$server" client) && [[ $saw == 'HTTP 200' ]]; do
    ((SECONDS < deadline)) || die "$server does not admit a good client ($saw): $(cat "$tmp"/*.err)"
    sleep 0.05
  done
done
settle

versions=(
  "$("$bin" --version)"
  "$(nginx -V 2>&1 | sed -nE 's|^nginx version: nginx/|nginx |p')"
  "$(haproxy -v | sed -nE '1s/^HAProxy version ([^ ]+).*/HAProxy \1/p')"
  "$(haproxy -vv | sed -nE 's/^Running on (OpenSSL) version : OpenSSL ([^ ]+).*/\1 \2/p')"
)
{
  cat <<EOF

Written by \`scripts/compare-logs.sh\` with ${versions[0]}, ${versions[1]} and
${versions[2]}, the last two with ${versions[3]}. All have the same server
certificate, CA and revocation list and require a client certificate; the client is curl with TLS 1.3.
These are the lines as logged, except that \`<…>\` replaces text that differs in every run, and of
clawgate's JSON only the three fields that explain the refusal are shown. \`default\` is the default log
of nginx and HAProxy; \`best\` is the most detailed log of a refused certificate that their documentation
offers (the settings are at the end). HAProxy's \`ssl_c_err\` is a number of OpenSSL's \`X509_V_ERR_…\` list.
EOF
  fault 'No certificate' none
  fault 'From an unknown CA' other-ca
  fault 'From a CA of the same name, but with another key' same-name-ca
  fault 'Intermediate left out' no-intermediate
  fault 'Expired' expired
  fault 'Not yet valid' not-yet-valid
  fault 'Meant for servers only' server-auth-only
  fault 'Revoked' revoked
  fault 'X.509 version 1' v1
  printf '\n### Settings\n'
  block nginx <"$tmp/nginx.conf"
  block HAProxy <"$tmp/haproxy.cfg"
  echo
} >"$tmp/report.md"

if [[ $write == no ]]; then
  cat "$tmp/report.md"
  exit
fi
if [[ ! -e $doc ]]; then
  mkdir -p "$(dirname "$doc")"
  printf '%s\n' '# Why a connection was refused' '' "$begin" "$end" >"$doc"
fi
{
  sed "/^$begin\$/q" "$doc"
  cat "$tmp/report.md"
  sed -n "/^$end\$/,\$p" "$doc"
} >"$tmp/new.md"
cat "$tmp/new.md" >"$doc"
echo "wrote docs/handshake-failures.md" >&2

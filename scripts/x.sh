#!/usr/bin/env bash
# Refuses the same bad senders with clawgate, nginx and HAProxy, and shows what each wrote about them.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: compare-logs.sh [--write]

Runs a gate, an nginx and an HAProxy with the same throw-away certificates, calls each with the same
bad senders, and prints as Markdown what each wrote in its log. nginx and HAProxy log once as they do
by default and once with the best line that their documentation offers.

  --write   put it into docs/handshake-failures.md, between the compare-logs markers

Needs cargo, curl, jq, OpenSSL 3, nginx and HAProxy; root on Debian gets the last two installed.
CLAWGATE_BIN names a ready binary to use instead of building.
EOF
}

die() { printf 'compare-logs.sh: %s\n' "$*" >&2; exit 1; }

write=no
for arg; do
  case $arg in
    --write) write=yes ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/need.sh
. "$scripts/need.sh"
PATH=$PATH:/usr/sbin # where Debian puts both servers
new=()
for server in nginx haproxy; do
  command -v "$server" >/dev/null || new+=("$server")
done
need curl jq openssl nginx haproxy
# Debian starts the services that it installs; only the programs are wanted. (What had been there
# before is left alone.)
for server in "${new[@]}"; do
  service "$server" stop >/dev/null 2>&1 || true
done

cd "$scripts/.."
if [[ -n ${CLAWGATE_BIN:-} ]]; then
  bin=$CLAWGATE_BIN
else
  command -v cargo >/dev/null || die "cargo is needed, or a ready binary in CLAWGATE_BIN"
  cargo build --bin clawgate
  bin=$(cargo metadata --no-deps --format-version 1 | jq -r .target_directory)/debug/clawgate
fi
# The caller's own settings must not leak into the gate.
unset "${!CLAWGATE_@}"

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
cat "$certs/server.pem" "$certs/server.key" >"$tmp/haproxy.pem"

# Neither nginx nor HAProxy can take any free port and say which.
free_port() {
  local port
  while
    port=$((20000 + RANDOM % 10000))
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
  do :; done
  echo "$port"
}
nginx=$(free_port)
haproxy=$(free_port)
haproxy_best=$(free_port)

cat >"$tmp/nginx.conf" <<EOF
daemon off;
master_process off;
pid $tmp/nginx.pid;
error_log $tmp/nginx-default.log error;
error_log $tmp/nginx-best.log info;
events {}
http {
  client_body_temp_path $tmp/body;
  proxy_temp_path $tmp/proxy;
  fastcgi_temp_path $tmp/fastcgi;
  uwsgi_temp_path $tmp/uwsgi;
  scgi_temp_path $tmp/scgi;
  log_format best '\$remote_addr:\$remote_port [\$time_local] "\$request" \$status \$ssl_protocol '
                  'verify="\$ssl_client_verify" subject="\$ssl_client_s_dn" issuer="\$ssl_client_i_dn" '
                  'serial=\$ssl_client_serial not_after="\$ssl_client_v_end"';
  access_log $tmp/nginx-default.log combined;
  access_log $tmp/nginx-best.log best;
  server {
    listen 127.0.0.1:$nginx ssl;
    ssl_certificate $certs/server.pem;
    ssl_certificate_key $certs/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_client_certificate $certs/ca.pem;
    ssl_crl $certs/crl.pem;
    ssl_verify_client on;
    ssl_verify_depth 2;
    location / { return 200; }
  }
}
EOF

bind="ssl crt $tmp/haproxy.pem ca-file $certs/ca.pem crl-file $certs/crl.pem verify required"
cat >"$tmp/haproxy.cfg" <<EOF
global
  log stdout format raw local0 info
defaults
  mode http
  log global
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend default
  bind 127.0.0.1:$haproxy $bind
  option httplog
  http-request return status 200
frontend best
  bind 127.0.0.1:$haproxy_best $bind
  option httpslog
  error-log-format '%ci:%cp [%tr] %ft %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err] %sslv fc_err="%[fc_err_str]" ssl_fc_err="%[ssl_fc_err_str]" subject="%[ssl_c_s_dn]" issuer="%[ssl_c_i_dn]" serial=%[ssl_c_serial,hex] not_after=%[ssl_c_notafter]'
  http-request return status 200
EOF

# All append, so that a log can be emptied between two senders.
"$bin" run --listen 127.0.0.1:0 --upstream echo: --admin off --log-format json \
  --cert "$certs/server.pem" --key "$certs/server.key" \
  --client-ca "$certs/ca.pem" --crl "$certs/crl.pem" >>"$tmp/clawgate.log" 2>>"$tmp/clawgate.err" &
pids+=($!)
nginx -e "$tmp/nginx.err" -c "$tmp/nginx.conf" 2>>"$tmp/nginx.err" &
pids+=($!)
haproxy -db -f "$tmp/haproxy.cfg" >>"$tmp/haproxy.log" 2>>"$tmp/haproxy.err" &
pids+=($!)
sleep 2
clawgate=$(jq -r 'select(.event=="started").listen[0]|split(":")|last' $tmp/clawgate.log)
cat $tmp/*.err
for f in expired not-yet-valid server-auth-only revoked v1; do
  for l in $tmp/*.log; do :>$l; done
  echo "=== $f"
  c=(--cert "$certs/$f.pem" --key "$certs/$f.key")
  [[ $f != none ]] || c=()
  for p in $clawgate $nginx $haproxy $haproxy_best; do
    curl -q --noproxy '*' -4 -sS --max-time 10 -o /dev/null -w '%{http_code}\n' -d '{}' --cacert $certs/ca.pem "${c[@]}" https://localhost:$p/hooks/wake 2>&1||true
  done
  sleep 0.4
  (cd $tmp; tail -n+1 *.log)
done

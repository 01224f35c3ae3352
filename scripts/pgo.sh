#!/usr/bin/env bash
# Builds clawgate with profile-guided optimisation (PGO).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

usage() {
  cat <<'EOF'
usage: pgo.sh

Builds an instrumented clawgate, runs the load of the benchmark on it for some seconds, and builds clawgate again with
the recorded profile: about a tenth less CPU for a request, a twentieth for a handshake. The result is
target/pgo/release/clawgate. Takes about five minutes. Needs two cores, and llvm-profdata of rustc's version of LLVM
(rustup's llvm-tools, or the system's package llvm-NN).
EOF
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit ;;
  *) usage >&2; exit 2 ;;
esac

(($(nproc) > 1)) || { echo 'pgo.sh: two cores are needed, one for clawgate and one for the load' >&2; exit 1; }
need taskset setpriv # both in util-linux

# The format of a profile depends on the version of LLVM.
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

# With --target the flags apply only to clawgate, not to build scripts and macros.
build() {
  RUSTFLAGS=$2 cargo build --release --locked --quiet --target "$host" --target-dir "$dir/$1"
}

echo 'pgo.sh: 1 of 3: building an instrumented clawgate (minutes)' >&2
build counting "-Cprofile-generate=$dir/counts"
cargo build --release --locked --quiet --manifest-path benches/compare/Cargo.toml --target-dir target

echo 'pgo.sh: 2 of 3: running the load' >&2
# At its end it writes the profile, which the sandbox would not allow.
CLAWGATE_SANDBOX=false taskset -c 1 target/release/compare --quick --rounds 1 \
  --only h1,h2,handshakes,refused,bodies --out "$dir/load" "clawgate=$dir/counting/$host/release/clawgate" >/dev/null
"$profdata" merge -o "$dir/clawgate.profdata" "$dir"/counts/*.profraw

echo 'pgo.sh: 3 of 3: building clawgate (minutes)' >&2
build using "-Cprofile-use=$dir/clawgate.profdata"
install -m 755 "$dir/using/$host/release/clawgate" "$dir/release/clawgate"
echo "$dir/release/clawgate"

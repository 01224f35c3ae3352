#!/usr/bin/env bash
# Builds small faults into one module, one after the other, and lists those that no test notices (cargo-mutants).
#
#   ./scripts/mutants.sh MODULE [ARGS]      ARGS go to cargo-mutants: --list, --re REGEX, --shard 1/4 …
#   ./scripts/mutants.sh                    lists the modules
#
# All unit tests run against each fault. If they do not notice it, the integration tests of the module run, as listed
# below. The script works in a copy of this tree in target/mutants, with a target folder of its own, where the first run
# compiles everything. Faults without a visible effect are listed in .cargo/mutants.toml. Exit code 1 if a fault was not
# noticed.
set -euo pipefail
cd "$(dirname "$0")/.."

# For each module its files, then its integration tests.
declare -A files=(
  [bounds]='src/pki/path/bounds/mod.rs'
  [client_limits]='src/limits/client_limits.rs'
  [client_verifier]='src/tls/client_verifier/mod.rs'
  [connection_limit]='src/limits/connection_limit.rs'
  [denylist]='src/pki/denylist/mod.rs'
  [eviction]='src/limits/eviction.rs'
  [headers]='src/upstream/sanitize/*.rs'
  [http1_guard]='src/http1_guard/mod.rs'
  [issuer]='src/pki/path/issuer.rs src/pki/signature/verify.rs'
  [path_validation]='src/pki/path/validation/mod.rs'
  [policy]='src/policy/*.rs'
  [request]='src/pipeline/admit.rs src/pipeline/check.rs src/pipeline/client_connection.rs src/pipeline/host.rs src/pipeline/route.rs src/pipeline/authorize.rs'
  [resumption]='src/tls/resumption.rs'
  [revalidation]='src/pipeline/revalidation.rs'
  [revocation]='src/pki/revocation/*.rs'
  [route]='src/route/*.rs'
  [sandbox]='src/platform/sandbox/mod.rs'
  [token_bucket]='src/limits/token_bucket.rs'
  [trust_store]='src/pki/trust_store.rs src/pki/ca/mod.rs'
)
declare -A tests=(
  [bounds]='hostile'
  [client_limits]='limits::requests limits::frames'
  [client_verifier]='tls:: authorization refuse_with_http diagnosis::certificates'
  [connection_limit]='limits::connections proxy_protocol::limits'
  [denylist]='denylist'
  [eviction]='limits::connections limits::slow limits::memory'
  [headers]='headers identity_headers'
  [http1_guard]='ambiguous_requests pipelining bodies'
  [issuer]='authorization explain'
  [path_validation]='tls:: pinned denylist revocation diagnosis::certificates diagnosis::issuers'
  [policy]='authorization'
  [request]='ambiguous_requests tls http2'
  [resumption]='resumption'
  [revalidation]='reload::withdrawn identity_headers'
  [revocation]='revocation doctor::crls'
  [route]='routes'
  [sandbox]='sandbox'
  [trust_store]='tls:: pinned revocation denylist diagnosis::issuers'
)

module=${1:-}
if [[ -z $module || -z ${files[$module]:-} ]]; then
  echo "usage: ${0##*/} MODULE [ARGS]; modules: $(printf '%s\n' "${!files[@]}" | sort | paste -sd ' ')" >&2
  exit 2
fi
shift
cargo mutants --version >/dev/null 2>&1 ||
  { echo "${0##*/}: needed and not installed: cargo install cargo-mutants --locked" >&2; exit 1; }

mutants=$PWD/target/mutants
tree=$mutants/tree
rm -rf "$tree"
mkdir -p "$tree"
# With new time stamps, so that a file is compiled again after a fault was removed from it.
git ls-files -z --cached --others --exclude-standard |
  tar --null --files-from=- --ignore-failed-read -cf - | tar -xmf - -C "$tree"
cd "$tree"
export CARGO_TARGET_DIR=$mutants/target

read -ra globs <<<"${files[$module]}"
# cargo-mutants exits with 2 if faults were missed, and with 3 if some made the tests hang, which counts as noticed.
run() {
  local code=0
  nice -n 15 cargo mutants --in-place --output "$mutants" "${globs[@]/#/--file=}" --build-timeout 900 "$@" || code=$?
  ((code == 0 || code == 2 || code == 3)) || exit "$code"
}
count() { { cat "${@/#/$mutants/mutants.out/}" 2>/dev/null || true; } | wc -l; }

rm -rf "$mutants/mutants.out" "$mutants/mutants.out.old"
run --timeout 60 "$@" -- --lib
[[ -e $mutants/mutants.out/outcomes.json ]] || exit 0
by_unit_tests=$(count caught.txt timeout.txt)
by_others=0
if (($(count missed.txt))) && [[ -n ${tests[$module]:-} ]]; then
  echo "integration tests against the faults that no unit test has noticed"
  read -ra names <<<"${tests[$module]}"
  run --iterate --timeout 240 "$@" -- --test integration -- "${names[@]}"
  by_others=$(count caught.txt timeout.txt)
fi
missed=$(count missed.txt)
noticed=$((by_unit_tests + by_others))
echo "$module: $noticed of $((noticed + missed)) faults noticed, $by_unit_tests by unit tests and $by_others by" \
  "integration tests; not noticed: $missed"
sed 's/^/  /' "$mutants/mutants.out/missed.txt"
exit "$((missed > 0))"

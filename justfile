# What a contributor runs, and what CI runs: `.ci/run` and the workflows call these recipes.
# `just` alone lists them. Install just with `cargo install just`, or `pip install rust-just`.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Where the tests of the feature `otlp` are.
otlp_tests := "otlp trace collector"

[private]
default:
    @just --list --unsorted

# Formats all Rust code
fmt:
    cargo fmt --all
    cargo fmt --manifest-path benches/compare/Cargo.toml
    cargo fmt --manifest-path benches/pingora/Cargo.toml

# Looks at the code without running it: format, lints, shell scripts
check: check-fmt check-scripts clippy

[private]
check-fmt:
    cargo fmt --all --check
    cargo fmt --check --manifest-path benches/compare/Cargo.toml
    cargo fmt --check --manifest-path benches/pingora/Cargo.toml

[private]
check-scripts:
    shellcheck -x .ci/run scripts/*.sh

# Lints; the proxy made with pingora takes minutes to build, so only its format is checked
clippy:
    cargo clippy --all-targets --locked -- -D warnings
    cargo clippy --all-targets --locked --manifest-path benches/compare/Cargo.toml --target-dir target -- -D warnings

# Runs the tests, or those with NAME in their path: `just test limits::idle`
test *NAME:
    cargo test --locked {{ if NAME == "" { "" } else { "-- " + NAME } }}

# Lints and tests with the feature `otlp`
test-otlp:
    cargo clippy --all-targets --locked --features otlp -- -D warnings
    cargo test --locked --features otlp -- {{ otlp_tests }}

# Counts the instructions of the hot paths and compares them with benches/hot_paths.txt (needs valgrind)
bench:
    cargo bench --locked

# Builds the documentation of the code
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

# Checks the licences, sources and duplicates of the dependencies (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

# Looks for known vulnerabilities in the dependencies; needs the advisory database, from GitHub
deny-advisories:
    cargo deny check advisories

# Checks that the fuzz targets compile
fuzz-check:
    cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target

# Fuzzes one target for some seconds (needs a nightly toolchain and cargo-fuzz)
fuzz TARGET SECONDS="300":
    cargo +nightly fuzz run {{ TARGET }} -- -max_total_time={{ SECONDS }}

# Names the fuzz targets, one a line
@fuzz-targets:
    ls fuzz/fuzz_targets | sed 's/\.rs$//'

# Attacks a running clawgate in many ways, each for SECONDS, with a good client beside it
abuse SECONDS="8":
    ./scripts/abuse.sh {{ SECONDS }}

# Has random certificate chains judged by clawgate and by OpenSSL
trust-oracle COUNT="500" SEED="":
    ./scripts/trust-oracle.sh {{ COUNT }} {{ SEED }}

# Shows clawgate real certificates and CRLs, NIST's PKITS among them
real-certificates:
    ./scripts/real-certificates.sh

# Everything against real programs: demo, the commands of the docs, hand-over, deployment files, systemd, podman, OpenClaw
e2e: demo docs-e2e upgrade check-deploy systemd container openclaw

[private]
demo:
    ./scripts/demo.sh

# Runs the commands of README and docs as they stand there, or those of some PAGES
docs-e2e *PAGES:
    ./scripts/docs-e2e.sh {{ PAGES }}

[private]
upgrade:
    ./scripts/upgrade.sh

[private]
check-deploy:
    ./scripts/check-deploy.sh

# Exit code 77: this machine cannot boot a systemd, and the script has said why
[private]
systemd:
    ./scripts/systemd-e2e.sh || (($? == 77))

# The same for podman
[private]
container:
    ./scripts/container-e2e.sh || (($? == 77))

[private]
openclaw:
    ./scripts/openclaw-e2e.sh

# Packs a release: an archive in target/dist with its SHA-256 sum
dist:
    ./scripts/dist.sh

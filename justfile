# The commands of contributors and of CI: `.ci/run` and the workflows call these recipes.
# `just` alone lists them. Install just with `cargo install just`, or `pip install rust-just`.

set shell := ["bash", "-euo", "pipefail", "-c"]

# The test modules of the features `otlp`, `protobuf` and `jetstream`.
feature_tests := "otlp trace collector protobuf each_recipe jetstream nats shared_replays"

[private]
default:
    @just --list --unsorted

# Formats all Rust code
fmt:
    cargo fmt --all
    cargo fmt --manifest-path benches/compare/Cargo.toml
    cargo fmt --manifest-path benches/pingora/Cargo.toml

# Checks format, lints and shell scripts
check: check-fmt check-scripts clippy

[private]
check-fmt:
    cargo fmt --all --check
    cargo fmt --check --manifest-path benches/compare/Cargo.toml
    cargo fmt --check --manifest-path benches/pingora/Cargo.toml

[private]
check-scripts:
    shellcheck -x .ci/run scripts/*.sh

# Runs the lints (not on the proxy made with pingora, which takes minutes to build)
clippy:
    cargo clippy --all-targets --locked -- -D warnings
    cargo clippy --all-targets --locked --manifest-path benches/compare/Cargo.toml --target-dir target -- -D warnings

# Runs all tests, or those with NAME in their path: `just test limits::idle`
test *NAME:
    cargo test --locked {{ if NAME == "" { "" } else { "-- " + NAME } }}

# Lints and tests with all features: one build, since most of it is the same. The store in NATS is tested with two versions of it
test-features:
    ./scripts/install-nats.sh
    cargo clippy --all-targets --locked --all-features -- -D warnings
    cargo test --locked --all-features -- {{ feature_tests }}
    CLAWGATE_NATS_SERVER=$(./scripts/install-nats.sh --debian) cargo test --locked --all-features -- store::contract store::jetstream nats_faults

# Counts the instructions of the hot paths and compares them with benches/hot_paths.txt (needs valgrind)
bench:
    cargo bench --locked

# Builds what `just bench` runs, and target/release/clawgate
[private]
build-optimised:
    cargo bench --locked --no-run

# Builds the documentation of the code
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked

# Checks the licences, sources and duplicates of the dependencies (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

# Looks for known vulnerabilities in the dependencies (needs the advisory database from GitHub)
deny-advisories:
    cargo deny check advisories

# Checks that the fuzz targets compile
fuzz-check:
    cargo check --locked --manifest-path fuzz/Cargo.toml --target-dir target

# Fuzzes one target for some seconds (needs a nightly toolchain and cargo-fuzz)
fuzz TARGET SECONDS="300":
    cargo +nightly fuzz run {{ TARGET }} -- -max_total_time={{ SECONDS }}

# Lists the fuzz targets, one a line
@fuzz-targets:
    ls fuzz/fuzz_targets | sed 's/\.rs$//'

# Attacks a running clawgate in many ways, each for SECONDS, with a good client beside each attack
abuse SECONDS="8":
    ./scripts/abuse.sh {{ SECONDS }}

# Compares clawgate's decisions about random certificate chains with OpenSSL's
trust-oracle COUNT="500" SEED="":
    ./scripts/trust-oracle.sh {{ COUNT }} {{ SEED }}

# Tests clawgate with real certificates and CRLs, including NIST's PKITS
real-certificates:
    ./scripts/real-certificates.sh

# Kills clawgate KILLS times while its inbox fills: no acknowledged event may be lost
inbox-crash KILLS="100":
    ./scripts/inbox-crash.sh --kills {{ KILLS }}

# Measures how fast the inbox stores events, beside nats-server, SQLite and the disk alone
bench-inbox *FLAGS:
    ./scripts/bench.sh --inbox {{ FLAGS }}

# Lets instances, NATS servers and the real OpenClaw fail while events arrive: no acknowledged event may be lost
jetstream-e2e *FLAGS:
    ./scripts/jetstream-e2e.sh {{ FLAGS }}

# Tests with real programs: demo, the commands of the docs, takeover, deployment files, systemd, podman, OpenClaw
e2e: demo docs-e2e upgrade check-deploy systemd container openclaw relay

[private]
demo:
    ./scripts/demo.sh

# Runs the commands of README and docs as they are written there, or those of PAGES
docs-e2e *PAGES:
    ./scripts/docs-e2e.sh {{ PAGES }}

[private]
upgrade:
    ./scripts/upgrade.sh

[private]
check-deploy:
    ./scripts/check-deploy.sh

# Exit code 77: this machine cannot boot a systemd; the script says why
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

[private]
relay:
    ./scripts/relay-e2e.sh

# Drives the admin console in headless Chromium; --docs writes the screenshots into docs/
console *FLAGS:
    ./scripts/console-e2e.sh {{ FLAGS }}

# Sends requests signed by the official SDKs of webhook senders through clawgate to the real OpenClaw
senders *FLAGS:
    ./scripts/senders-e2e.sh {{ FLAGS }}

# Packs a release: an archive in target/dist with its SHA-256 sum
dist:
    ./scripts/dist.sh

#!/usr/bin/env bash
# Builds a release and packs it: target/dist/clawgate-VERSION-TARGET.tar.gz and a file with its SHA-256 sum.
#
#   ./scripts/dist.sh
#
# The archive has the binary, the licences, README, CHANGELOG, the example settings, deployment files, manual pages and shell
# completions. CLAWGATE_BIN names an existing binary to pack instead of a build of this tree.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
need sha256sum=coreutils tar
find_clawgate release

version=$("$bin" --version | cut -d' ' -f2)
target=$(rustc -vV | sed -n 's/^host: //p')
name=clawgate-$version-$target
folder=target/dist/$name
rm -rf "$folder"
mkdir -p "$folder/man" "$folder/completions"
cp "$bin" LICENSE LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md "$folder/"
cp -r examples deploy "$folder/"
"$bin" generate man >"$folder/man/clawgate.1"
for command in run check explain sign verify doctor inbox relay probe; do
  "$bin" generate man "$command" >"$folder/man/clawgate-$command.1"
done
for command in list show replay drop forget export recover stats; do
  "$bin" generate man inbox "$command" >"$folder/man/clawgate-inbox-$command.1"
done
"$bin" generate man relay try >"$folder/man/clawgate-relay-try.1"
for shell in bash zsh fish; do
  "$bin" generate completions "$shell" >"$folder/completions/clawgate.$shell"
done

# Reproducible: the same content gives the same archive.
tar --create --gzip --file "target/dist/$name.tar.gz" --directory target/dist --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="@$(git log -1 --format=%ct)" "$name"
(cd target/dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")

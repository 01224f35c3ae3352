# shellcheck shell=bash
# Sourced by the other scripts.

# need TOOL[=PACKAGE]...: ends the script if a tool is missing, and says what to install. In CI, or if the caller has set
# install=yes, it installs the packages itself, on Debian and as root. The package has the name of the tool unless
# PACKAGE is given.
need() {
  local tool missing=()
  for tool; do
    command -v "${tool%%=*}" >/dev/null || missing+=("${tool#*=}")
  done
  ((${#missing[@]})) || return 0
  if [[ ${install:-} == yes || ${CI:-} == true ]] && ((EUID == 0)) && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}" >&2
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null; then
      return 0
    fi
  fi
  echo "${0##*/}: needed and not installed: ${missing[*]} (Debian: sudo apt install ${missing[*]})" >&2
  exit 1
}

# find_clawgate dev|release [FEATURES]: sets `bin` to the binary in CLAWGATE_BIN, or builds one. It removes the caller's clawgate settings
# from the environment, so that they do not affect the processes that a script starts.
find_clawgate() {
  local profile=$1 target
  if [[ -n ${CLAWGATE_BIN:-} ]]; then
    bin=$(realpath -e "$CLAWGATE_BIN") || exit 1
  else
    command -v cargo >/dev/null ||
      { echo "${0##*/}: cargo is needed, or an existing binary in CLAWGATE_BIN" >&2; exit 1; }
    need jq
    cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
    cargo build --locked --bin clawgate --profile "$profile" --features "${2:-}" || exit 1
    target=$(cargo metadata --locked --no-deps --format-version 1 | jq -r .target_directory) || exit 1
    cd "$OLDPWD" || exit 1
    # shellcheck disable=SC2034 # for the caller
    bin=$target/${profile/dev/debug}/clawgate
  fi
  unset "${!CLAWGATE_@}"
}

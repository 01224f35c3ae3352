# shellcheck shell=bash
# Sourced by the other scripts.

# die TEXT: ends the script with this message.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# parse_options OPTION... -- ARGUMENT...: reads the script's arguments. An option sets the variable of its name:
#   keep         --keep sets `keep` to yes; without it, it is no
#   seed=REGEX   --seed VALUE sets `seed` to the value, which must match the regular expression
#   dir+=REGEX   the same; if it is given several times, `dir` has all values, with a blank between two
# --help prints what the function `usage` prints. Anything else ends the script with exit code 2.
parse_options() {
  local options=() option name
  while [[ $1 != -- ]]; do
    options+=("$1")
    [[ $1 == *=* ]] || printf -v "$1" no
    shift
  done
  shift
  while (($#)); do
    case $1 in -h | --help) usage; exit ;; esac
    # The empty one ends the loop if no other does.
    for option in "${options[@]}" ''; do
      name=${option%%[+=]*}
      [[ $1 != "--$name" ]] || break
    done
    case $option in
      '') usage >&2; exit 2 ;;
      *=*)
        [[ ${2:-} =~ ^(${option#*=})$ ]] || { usage >&2; exit 2; }
        if [[ $option == "$name+="* && -n ${!name:-} ]]; then
          printf -v "$name" '%s %s' "${!name}" "$2"
        else
          printf -v "$name" %s "$2"
        fi
        shift
        ;;
      *) printf -v "$name" yes ;;
    esac
    shift
  done
}

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
  die "needed and not installed: ${missing[*]} (Debian: sudo apt install ${missing[*]})"
}

# find_clawgate dev|release [FEATURES]: sets `bin` to the binary in CLAWGATE_BIN, or builds one, always optimised if the option
# --release is given. It removes the caller's clawgate settings from the environment, so that they do not affect the processes
# that a script starts.
find_clawgate() {
  local profile=$1 target
  [[ ${release:-} != yes ]] || profile=release
  if [[ -n ${CLAWGATE_BIN:-} ]]; then
    bin=$(realpath -e "$CLAWGATE_BIN") || exit 1
  else
    command -v cargo >/dev/null || die 'cargo is needed, or an existing binary in CLAWGATE_BIN'
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

# Makes the folder of the run, `tmp`. At the end of the script, the processes are stopped whose ids are in the variables that
# the array `processes` names, and the folder is removed unless `keep` is yes.
processes=()
begin_run() {
  passed=0
  failed=0
  # Not in /tmp if that is in memory: what is stored belongs on a disk.
  tmp=$(mktemp -d -p "${TMPDIR:-/var/tmp}")
  trap end_run EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

end_run() {
  local variable pid
  for variable in waited_for "${processes[@]}"; do
    for pid in ${!variable:-}; do stop "$pid"; done
  done
  if [[ ${keep:-no} == yes ]]; then echo "files of the run: $tmp" >&2; else rm -rf "$tmp"; fi
}

# stop PID: ends the process, by force if it still runs after a minute
stop() {
  kill "$1" 2>/dev/null || return 0
  local deadline=$((SECONDS + 60))
  while kill -0 "$1" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
}

# measure COMMAND...: runs it beside this script, so that signals reach the script at once. If it fails, the script ends, and
# keeps the folder of the run.
measure() {
  "$@" &
  waited_for=$!
  wait "$waited_for" || { keep=yes; exit 1; }
  waited_for=
}

# with_dots TITLE COMMAND...: prints a dot each second while the command runs, and its output if it fails
with_dots() {
  printf '%s ' "$1"
  "${@:2}" >"${tmp:?}/output" 2>&1 &
  waited_for=$!
  local began=$SECONDS
  while kill -0 "$waited_for" 2>/dev/null; do
    printf .
    sleep 1
  done
  wait "$waited_for" || { echo; tail -n 20 "$tmp/output" >&2; die "$1: failed"; }
  waited_for=
  echo " $((SECONDS - began)) s"
}

# expect TITLE PATTERN SEEN: a check, which `report` counts
expect() {
  # shellcheck disable=SC2053 # the right side is a pattern
  if [[ $3 == $2 ]]; then
    passed=$((passed + 1))
    printf 'ok    %s: %.120s\n' "$1" "${3:-none}"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s: %s\n        expected: %s\n' "$1" "${3:-none}" "${2:-none}"
  fi
}

# Says how many checks have passed. If one has failed, the script ends with exit code 1, and keeps the folder of the run.
report() {
  printf '\n%d checks passed, %d failed\n' "$passed" "$failed"
  ((failed == 0)) || { keep=yes; exit 1; }
}

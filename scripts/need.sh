# shellcheck shell=bash
# Sourced by the other scripts.

# need TOOL...: sees to it that the tools are there. On Debian and its relatives root gets them
# installed; anybody else is told what to install. Each is in the package of its own name.
need() {
  local tool missing=()
  for tool; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]})) || return 0
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}" >&2
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null; then
      return 0
    fi
  fi
  echo "${0##*/}: needed and not installed: ${missing[*]} (Debian: sudo apt install ${missing[*]})" >&2
  exit 1
}

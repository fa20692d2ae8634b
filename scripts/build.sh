# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What demo.sh and test.sh share: packages, the build, and how steps look.
# Sourced; expects ROOT.

if [[ -t 1 ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' CYAN=$'\e[36m' PLAIN=$'\e[0m'
else
  # shellcheck disable=SC2034 # some callers use only some of them
  BOLD='' DIM='' RED='' GREEN='' CYAN='' PLAIN=''
fi

need_root() {
  if ((EUID != 0)); then
    printf '%s: network namespaces and BPF need root; run: sudo %s\n' "${0##*/}" "$0" >&2
    exit 1
  fi
}

# step TEXT COMMAND...: a line that says how it went; output only if it fails.
step() {
  local text=$1 log start=$SECONDS
  shift
  log=$(mktemp)
  printf '  %-44s' "$text"
  if "$@" >"$log" 2>&1; then
    printf '%sdone%s %s(%d s)%s\n' "$GREEN" "$PLAIN" "$DIM" $((SECONDS - start)) "$PLAIN"
    rm -f "$log"
  else
    printf '%sfailed%s\n' "$RED" "$PLAIN"
    tail -n 40 "$log" >&2
    rm -f "$log"
    exit 1
  fi
}

# Ubuntu's bpftool is a wrapper that wants the package of the very kernel that
# runs; any other version will do for us.
find_bpftool() {
  local tool
  for tool in "$(command -v bpftool || true)" /usr/sbin/bpftool /usr/lib/linux-tools/*/bpftool; do
    if "$tool" version >/dev/null 2>&1; then
      printf '%s\n' "$tool"
      return
    fi
  done
  printf 'no bpftool that runs\n' >&2
  return 1
}

# Root builds, but the tree may be a person's: what we make is to be theirs.
build() {
  BPFTOOL=$(find_bpftool) || return
  export BPFTOOL
  make -C "$ROOT" -j "$(nproc)" "O=$O" "BPFTOOL=$BPFTOOL" all || return
  case $O in "$ROOT"/*) chown -R --reference="$ROOT/Makefile" "$O" ;; esac
}

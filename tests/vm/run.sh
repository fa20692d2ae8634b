#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Runs guest.sh on kernels from 5.10 on, each booted in a virtual machine:
#
#   run.sh [-u] [FILTER...]
#
# A filter is the beginning of a kernel's version. -u looks for newer packages of
# the kernels. O is the build directory, STATIC_O that of static programs,
# KERNELS where unpacked kernels are kept; more in boot.sh. Neither root nor KVM
# is needed; "deps.sh vm" installs what is.
#
# Prints a line a kernel, with the instructions that the verifier followed in the
# program where these were most, then what failed, and the counts at the end.
# All that a guest said is in $O/tests/vm/KERNEL.log.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
O=$(realpath -m "${O:-$ROOT/build}")
STATIC_O=$(realpath -m "${STATIC_O:-$O/static}")
KERNELS=${KERNELS:-${XDG_CACHE_HOME:-${HOME:-$O}/.cache}/l4gate/kernels}
LOGS=$O/tests/vm
TOOLS='qemu-system-x86_64 busybox dash cpio xz ip ethtool'
PASSED=0 FAILED=0 SKIPPED=0

# Debian's users have no sbin in their path.
PATH=$PATH:/usr/sbin:/sbin
# Two to three minutes, and more where others want the processors, too.
export BOOT_SECONDS=${BOOT_SECONDS:-900}
export PROGRAMS='ip ethtool' MODS="veth sch_ingress cls_bpf ipip ip6_tunnel 8021q ${MODS:-}"

finish() {
  printf 'check-vm: %d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
  ((FAILED == 0))
  exit
}

skip() {
  printf 'SKIP: %s\n' "$*"
  SKIPPED=$((SKIPPED + 1))
}

missing_tools() {
  local tool
  for tool in $TOOLS; do
    command -v "$tool" >/dev/null || printf '%s ' "$tool"
  done
}

# What the guests get, the same for all.
collect() {
  local demo=$ROOT/scripts/demo test
  cp "$STATIC_O/l4gate" "$STATIC_O/tests/bench/verifier" \
    "$STATIC_O/tests/vm/traffic" "$STATIC_O"/bpf/{xdp,tc}.bpf.o \
    "$HERE/guest.sh" "$demo"/{gateway,services,routes-50-50}.yaml "$1"
  cp "$O/tests/netns/pass.bpf.o" "$ROOT/tests/netns/backend.sh" "$1"
  for test in "$O"/tests/prog_run/test_*; do
    if [[ -x $test ]]; then
      cp "$test" "$1"
    fi
  done
}

count() {
  grep -Ec "$1" "$2" || true
}

# The most instructions that the verifier followed in a program, of those loaded.
most_processed() {
  awk '/^l4gate_[a-z]+ +[0-9]+ +[0-9]+ / && $3 > most {most = $3} END {print most ? most : "-"}' "$1"
}

show_failures() {
  grep -E '^not ok' "$1" | sed 's/^/    /' || true
  if ! grep -q '^DONE' "$1"; then
    printf '    the guest ended early:\n'
    tail -n 15 "$1" | sed 's/^/      /'
  fi
  printf '    log: %s\n' "$1"
}

test_kernel() {
  local kernel=$1 files=$2 log passed failed skipped start=$SECONDS
  log=$LOGS/${kernel##*/}.log
  "$HERE/boot.sh" "$kernel" "$files" guest.sh >"$log" 2>&1 || true
  skipped=$(count '^ok .*# [Ss][Kk][Ii][Pp]' "$log")
  passed=$(($(count '^ok ' "$log") - skipped))
  failed=$(count '^not ok ' "$log")
  # One that did not come to its end failed at least there.
  grep -q '^DONE' "$log" || failed=$((failed + 1))
  printf '%-28s %9s %7d %7d %8d %5d s\n' "${kernel##*/}" "$(most_processed "$log")" \
    "$passed" "$failed" "$skipped" $((SECONDS - start))
  ((failed == 0)) || show_failures "$log"
  sed -n 's/^SKIP: /    skipped: /p' "$log" | sort -u
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
}

is_chosen() {
  local version=$1 filter
  shift
  (($#)) || return 0
  for filter in "$@"; do
    [[ $version != "$filter"* ]] || return 0
  done
  return 1
}

main() {
  local update=() kernels kernel tools files
  while getopts u option; do
    case $option in
      u) update=(-u) ;;
      *) exit 2 ;;
    esac
  done
  shift $((OPTIND - 1))
  tools=$(missing_tools)
  [[ -z $tools ]] || skip "not installed: $tools(scripts/deps.sh vm)"
  [[ $(uname -m) == x86_64 ]] || skip 'the kernels are for x86-64'
  ((SKIPPED == 0)) || finish

  mapfile -t kernels < <("$HERE/kernels.sh" "${update[@]}" "$KERNELS")
  files=$(mktemp -d)
  # shellcheck disable=SC2064 # the directory of now
  trap "rm -rf '$files'" EXIT
  collect "$files"
  mkdir -p "$LOGS"
  printf '%-28s %9s %7s %7s %8s %7s\n' kernel processed passed failed skipped time
  for kernel in "${kernels[@]}"; do
    if [[ $kernel == SKIP:* ]]; then
      skip "${kernel#SKIP: }"
    elif is_chosen "${kernel##*/}" "$@"; then
      test_kernel "$kernel" "$files"
    fi
  done
  finish
}

main "$@"

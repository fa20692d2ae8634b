#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Runs the tests of this directory, each alone in namespaces of its own:
#
#   run.sh [-l] [-k] [FILTER...]
#
# A filter is a part of "file/function". -l lists, -k keeps each test's work
# directory. O is the build directory, L4GATE the program, JOBS how many run at
# once, TEST_SECONDS the limit for one. Prints a line a test, the output of those
# that fail, and the counts at the end; those also go to $O/tests/netns/counts.
# A test skips by exit code 77 with a line "SKIP: reason".
set -euo pipefail

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export O L4GATE

TEST_SECONDS=${TEST_SECONDS:-300}
# Tests wait more than they work.
JOBS=${JOBS:-3}
KEEP=
LIST=

usage() {
  sed -n 's/^# \{0,1\}//; 3,11p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

all_tests() {
  local file
  for file in "$NETNS_DIR"/test_*.sh; do
    sed -n 's/^\(test_[a-z0-9_]*\)() {.*/\1/p' "$file" |
      sed "s|^|$(basename "$file" .sh)/|"
  done
}

chosen_tests() {
  local filters=("$@") t f
  while read -r t; do
    ((${#filters[@]})) || printf '%s\n' "$t"
    for f in "${filters[@]}"; do
      if [[ $t == *"$f"* ]]; then
        printf '%s\n' "$t"
        break
      fi
    done
  done < <(all_tests)
}

# Inside of the sandbox: FILE/FUNCTION
run_inside() {
  local name=$1
  # shellcheck disable=SC1090 # one of test_*.sh
  . "$NETNS_DIR/${name%/*}.sh"
  say_where
  prepare_sandbox
  "${name#*/}"
}

# What a person needs to see what went wrong.
show_failure() {
  awk '!/^stopped at/ || !stops++ {print "    " $0}' "$1/output" | tail -n 60
}

run_one() {
  local name=$1 work code=0 start result
  work=$(mktemp -d "$RESULTS/work.XXXXXX")
  start=$(date +%s%N)
  # unshare ignores TERM; KILL makes the kernel take down all inside.
  WORK=$work timeout --foreground --signal=KILL "$TEST_SECONDS" \
    unshare --mount --pid --net --ipc --fork --kill-child --mount-proc \
    bash "${BASH_SOURCE[0]}" --inside "$name" >"$work/output" 2>&1 </dev/null || code=$?
  local ms=$((($(date +%s%N) - start) / 1000000))
  case $code in
    0) result=PASS ;;
    77) result=SKIP ;;
    137) result=FAIL; printf 'killed after %s s\n' "$TEST_SECONDS" >>"$work/output" ;;
    *) result=FAIL ;;
  esac
  local why=
  [[ $result != SKIP ]] || why=" ($(sed -n 's/^SKIP: //p' "$work/output" | tail -n 1))"
  printf '%s\n' "$result" >>"$RESULTS/results"
  {
    printf '%s %s %d.%d s%s\n' "$result" "$name" $((ms / 1000)) $((ms % 1000 / 100)) "$why"
    [[ $result != FAIL ]] || show_failure "$work"
  } | flock "$RESULTS/lock" cat
  if [[ -n $KEEP ]]; then
    printf '    work: %s\n' "$work"
  else
    rm -rf "$work"
  fi
}

run_all() {
  local name
  for name in "$@"; do
    while (($(jobs -rp | wc -l) >= JOBS)); do wait -n || true; done
    run_one "$name" &
  done
  wait
}

count() {
  grep -c "^$1" "$RESULTS/results" || true
}

main() {
  while getopts lkh option; do
    case $option in
      l) LIST=1 ;;
      k) KEEP=1 ;;
      *) usage ;;
    esac
  done
  shift $((OPTIND - 1))
  local tests summary
  mapfile -t tests < <(chosen_tests "$@")
  if [[ -n $LIST ]]; then
    printf '%s\n' "${tests[@]}"
    return
  fi
  ((${#tests[@]})) || fail 'no test matches'
  ((EUID == 0)) || fail 'network namespaces need root'
  [[ -x $L4GATE ]] || fail "$L4GATE: not there; run make first"
  mkdir -p "$O/tests/netns"
  RESULTS=$(mktemp -d "${TMPDIR:-/tmp}/l4gate-netns.XXXXXX")
  chmod 711 "$RESULTS"
  touch "$RESULTS/results"
  test_object pass >/dev/null
  test_object decap >/dev/null
  test_object quote >/dev/null
  run_all "${tests[@]}"
  summary="$(count PASS) passed, $(count FAIL) failed, $(count SKIP) skipped"
  printf '%s\n' "$summary" | tee "$O/tests/netns/counts"
  local failed
  failed=$(count FAIL)
  [[ -n $KEEP ]] || rm -rf "$RESULTS"
  ((failed == 0))
}

if [[ ${1:-} == --inside ]]; then
  run_inside "$2"
else
  main "$@"
fi

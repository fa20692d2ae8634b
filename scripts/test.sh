#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Builds and runs every test:
#
#   sudo ./scripts/test.sh
#
# Installs what is missing first. The last line says "N passed, N failed, N
# skipped" over all runners; it exits 1 if anything failed, also where that was
# no test (the build of a runner, lint). What failed is said again before that
# line: of a long log often the end alone is kept.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=build.sh
. "$ROOT/scripts/build.sh"
O=$(realpath -m "${O:-$ROOT/build}")
PASSED=0 FAILED=0 SKIPPED=0 WRONG=

# How runners, compilers and checkers begin what they have to say of a failure.
SAYS_WRONG='^ *FAIL|^not ok |FAILED|^\[  ERROR|[Ee]rror: |ERROR: |UNEXPLAINED| failed[: ]'
SAYS_WRONG+='|^ *stopped at |^  (expected|got) |^In .* line [0-9]+:$'

# Counts of one runner's output: cmocka's closing lines, TAP (bats), and the
# plain line of run.sh and others. Prints "passed failed skipped".
counts() {
  awk '
    # Colours, and what cmocka puts before a closing line.
    {gsub(/\033\[[0-9;]*m/, "")}
    /^\[  PASSED  \] [0-9]+ test/ {passed += $4}
    /^\[  FAILED  \] [0-9]+ test/ {failed += $4}
    /^\[  SKIPPED \] [0-9]+ test/ {skipped += $4}
    /^ok [0-9]+ .*# [Ss][Kk][Ii][Pp]/ {skipped++; next}
    /^ok [0-9]+/ {passed++}
    /^not ok [0-9]+/ {failed++}
    /^([a-z_-]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
      sub(/^[a-z_-]+: /, "")
      passed += $1; failed += $3; skipped += $5
    }
    END {print passed + 0, failed + 0, skipped + 0}' "$1"
}

# said LOG: what failed there: the last lines that say so or, if none does, the last.
said() {
  local lines
  lines=$(sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -aE "$SAYS_WRONG" | tail -n 20 |
    cut -c 1-300) || true
  [[ -n $lines ]] || lines=$(tail -n 10 "$1")
  printf '%s\n' "$lines"
}

run() {
  make -C "$ROOT" --no-print-directory "O=$O" "BPFTOOL=$BPFTOOL" "$1" </dev/null 2>&1
}

# add TARGET LOG CODE SECONDS: what a target's output says goes to the sums.
add() {
  local passed failed skipped
  read -r passed failed skipped < <(counts "$2")
  # A target that breaks without a failed test counts as one.
  if (($3 != 0 && failed == 0)); then failed=1; fi
  ((failed == 0)) || WRONG+=$'\n'"== make $1 failed:"$'\n'$(said "$2")$'\n'
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
  printf '== %s: %d s\n' "$1" "$4"
}

# check TARGET: one make target, its output as it comes.
check() {
  local code=0 log start=$SECONDS
  log=$(mktemp)
  printf '\n%s== make %s%s\n' "$BOLD" "$1" "$PLAIN"
  run "$1" | tee "$log" || code=$?
  add "$1" "$log" "$code" $((SECONDS - start))
  rm -f "$log"
}

# in_turn DIRECTORY TARGET...: the output, code and seconds of each in files there.
in_turn() {
  local to=$1 target code start
  shift
  for target in "$@"; do
    code=0 start=$SECONDS
    run "$target" >"$to/$target" || code=$?
    printf '%d %d\n' "$code" $((SECONDS - start)) >"$to/$target.end"
  done
}

# with_chaos TARGET...: beside it, for the one waits where the others compute. Lint is
# no test: it counts only when it fails.
with_chaos() {
  local to job target code=0 seconds=0 passed
  to=$(mktemp -d)
  in_turn "$to" "$@" &
  job=$!
  check check-chaos
  wait "$job" || true
  for target in "$@"; do
    printf '\n%s== make %s%s\n' "$BOLD" "$target" "$PLAIN"
    cat "$to/$target"
    read -r code seconds <"$to/$target.end"
    passed=$PASSED
    add "$target" "$to/$target" "$code" "$seconds"
    [[ $target != lint ]] || PASSED=$passed
  done
  rm -rf "$to"
}

main() {
  need_root
  step 'packages' "$ROOT/scripts/deps.sh" test
  step 'build' build
  check check
  check check-scale
  check check-bpf
  check check-clang
  check check-netns
  with_chaos check-survive check-sets fuzz lint
  case $O in "$ROOT"/*) chown -R --reference="$ROOT/Makefile" "$O" ;; esac
  printf '%s\n%d passed, %d failed, %d skipped\n' "$WRONG" "$PASSED" "$FAILED" "$SKIPPED"
  ((FAILED == 0))
}

main

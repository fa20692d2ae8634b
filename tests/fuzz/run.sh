#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Runs the fuzzers on the committed corpus and on from there:
#
#   tests/fuzz/run.sh BUILD_DIR SECONDS
#
# SECONDS is for all of them together. What breaks one is kept below
# BUILD_DIR/fuzz/findings; run the fuzzer on that file to see it again
# (FUZZ_SHOW=1 prints the manifest that compile makes of it).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FUZZERS=(reader compile)
O=${1:?build directory} SECONDS_EACH=$((${2:?seconds} / ${#FUZZERS[@]}))
FINDINGS=$O/fuzz/findings
PASSED=0 FAILED=0

declare -A OPTIONS=(
  [reader]="-max_len=20000 -dict=$ROOT/tests/fuzz/manifest.dict"
  [compile]='-max_len=1200'
)

# The number behind a name in the log, 0 if it is not there.
statistic() {
  awk -v name="$1" '$1 == name {n = $2} END {print n + 0}' "$2"
}

# run NAME: one fuzzer. It fails, too, when it has not even run its corpus.
run() {
  local name=$1 work corpus log code=0 runs files
  corpus=$ROOT/tests/fuzz/corpus/$name
  work=$(mktemp -d "$O/fuzz/$name.XXXXXX")
  log=$work/log
  mkdir "$work/new"
  # shellcheck disable=SC2086 # a list of words on purpose
  nice "$O/fuzz/$name" ${OPTIONS[$name]} -max_total_time="$SECONDS_EACH" \
    -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$FINDINGS/$name-" "$work/new" "$corpus" >"$log" 2>&1 || code=$?
  runs=$(statistic stat::number_of_executed_units: "$log")
  files=$(find "$corpus" -type f | wc -l)
  if ((code == 0 && runs > files && files > 0)); then
    PASSED=$((PASSED + 1))
    printf 'fuzz %s: %d files, %d runs, nothing found\n' "$name" "$files" "$runs"
  else
    FAILED=$((FAILED + 1))
    tail -n 60 "$log" >&2
    printf 'fuzz %s: failed after %d runs (exit code %d)\n' "$name" "$runs" "$code" >&2
  fi
  rm -rf "$work"
}

mkdir -p "$FINDINGS"
for fuzzer in "${FUZZERS[@]}"; do
  run "$fuzzer"
done
printf 'fuzz: %d passed, %d failed, 0 skipped\n' "$PASSED" "$FAILED"
((FAILED == 0))

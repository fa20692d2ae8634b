#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Runs test programs, as many at a time as there are processors:
#
#   run.sh PROGRAM...
#
# Each has namespaces and maps of its own. What one says is printed when it is over.
# Exits 1 if any of them failed; root.
set -euo pipefail

# one PROGRAM: run by xargs.
one() {
  local code=0 said
  said=$("$1" 2>&1) || code=1
  # No other's lines in between.
  flock "$0" printf '%s\n' "$said"
  return "$code"
}

if [[ ${1:-} == --one ]]; then
  one "$2"
else
  # 123: some of them failed.
  printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" "${BASH_SOURCE[0]}" --one || exit 1
fi

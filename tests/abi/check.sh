#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# The BTF of both objects against the C compiler's view of include/: every
# struct of a map has the size and the member offsets that user space assumes.
#   check.sh BUILD_DIR BPFTOOL
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
O=$1 BPFTOOL=$2
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
passed=0 failed=0

# The layout that user space compiles in, from its own debug information.
layout_of_user() {
  printf '#include "l4gate/trace.h"\n' >"$WORK/abi.c"
  grep -ohE '^(struct|union) l4gate_[a-z_]+ \{' "$ROOT"/include/l4gate/{abi,trace}.h |
    sed 's/ {$//' | sort -u >"$WORK/types"
  while read -r kind name; do
    printf '%s %s sample_%s;\n' "$kind" "$name" "$name"
  done <"$WORK/types" >>"$WORK/abi.c"
  # BTF by the same compiler family, for the host's ABI rather than BPF's.
  clang -g -c -I"$ROOT/include" -I"/usr/include/$(gcc -print-multiarch)" -target bpf -o "$WORK/abi.o" "$WORK/abi.c"
}

# layout FILE TYPE: "size member:offset ..." of a struct.
layout() {
  "$BPFTOOL" btf dump -j file "$1" | jq -r --arg name "$2" '
    .types[] | select(.name == $name and (.kind == "STRUCT" or .kind == "UNION")) |
    "\(.size) " + ([.members[] | "\(.name):\(.bits_offset)"] | join(" "))' | head -n 1
}

layout_of_user
while read -r _ name; do
  want=$(layout "$WORK/abi.o" "$name")
  for object in xdp tc; do
    have=$(layout "$O/bpf/$object.bpf.o" "$name")
    # A struct that a program does not use is not in its BTF.
    [[ -n $have ]] || continue
    if [[ $have == "$want" ]]; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      printf 'FAIL %s in %s: %s, include/ says %s\n' "$name" "$object" "$have" "$want"
    fi
  done
done <"$WORK/types"
printf 'abi: %d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))

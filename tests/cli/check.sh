#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What a shell sees of the offline commands: exit codes, pipes, what is on which
# stream. No root.
#
#   tests/cli/check.sh L4GATE
set -uo pipefail
L4GATE=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../golden/compile" || exit 1
GOOD=rule-14-oldest-wins.yaml
BAD=rule-25-backend-not-found.yaml
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
passed=0 failed=0

# outcome WHAT CODE: of the last command.
outcome() {
  if (($2 == 0)); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$1"
    head -n 5 "$WORK/out" "$WORK/err"
  fi
}

# exits CODE ARGUMENTS...: of l4gate, into $WORK/out and $WORK/err.
exits() {
  local want=$1 code=0
  shift
  "$L4GATE" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || code=$?
  outcome "l4gate $*: exit code $code, not $want" $((code != want))
}

# says STREAM REGEX: what the last one said.
says() {
  grep -qE -- "$2" "$WORK/$1"
  outcome "no /$2/ on $1" $?
}

silent() {
  [[ ! -s $WORK/$1 ]]
  outcome "something on $1" $?
}

exits 0 validate -f "$GOOD"
says out '^[0-9]+ objects are valid$'
exits 1 validate -f nosuch.yaml
silent out
says err '^nosuch.yaml: error: '
exits 2 validate
exits 2 validate -f "$GOOD" --dry-run
exits 2 compile -f "$GOOD" -o xml
says err 'expected one of text, json, yaml'
exits 2 nosuch
exits 2 diff
exits 2 diff -f nosuch.yaml
exits 0 diff --help
silent err

# Strict: errors with their place, and no output that somebody could take.
exits 0 compile -f "$BAD" -o json
exits 1 compile -f "$BAD" -o json --strict
silent out
says err "^$BAD:[0-9]+:[0-9]+: error: TCPRoute .*: ResolvedRefs is False, BackendNotFound: "
exits 0 validate --strict -f "$GOOD"

# A Gateway of nobody's class: a warning, or what was asked for.
sed '/kind: GatewayClass/,/^---/d; 0,/^apiVersion.*/s///' "$GOOD" >"$WORK/classless.yaml"
exits 0 validate -f "$WORK/classless.yaml"
says err 'warning: .*left alone'
exits 1 validate --strict -f "$WORK/classless.yaml"
says err 'error: .*left alone'
exits 0 validate --strict --gateway-class l4 -f "$WORK/classless.yaml"

# Its own output is input, again and again; status and tables are not read.
for form in json yaml; do
  exits 0 compile -f "$GOOD" -o "$form"
  mv "$WORK/out" "$WORK/first"
  exits 0 validate -f "$WORK/first"
  silent err
  exits 0 compile -f "$WORK/first" -o "$form"
  mv "$WORK/out" "$WORK/second"
  "$L4GATE" compile -f - -o yaml <"$WORK/second" | "$L4GATE" compile -f - -o "$form" >"$WORK/third"
  cmp -s "$WORK/third" "$WORK/second"
  outcome "-o $form is not what comes of it" $?
done

# Text that can't be written is an error, not half a document.
"$L4GATE" compile -f "$GOOD" -o yaml >/dev/full 2>"$WORK/err"
outcome 'a full disk goes unnoticed' $(($? != 1))

# A directory for each namespace.
mkdir -p "$WORK/dir/a"
cp "$GOOD" "$WORK/dir/a/"
exits 1 validate --namespace-from-dir -f "$WORK/dir"
says err 'GatewayClass: is in no namespace, and this is the directory of namespace a'
sed '/kind: GatewayClass/,/^---/d; 0,/^apiVersion.*/s///; s/, namespace: a//' "$GOOD" \
  >"$WORK/dir/a/$GOOD"
exits 0 compile -f "$WORK/dir" --namespace-from-dir --gateway-class l4
says out '^TCPRoute a/older$'
exits 1 validate --namespace-from-dir -f "$GOOD"

# Colour is for terminals, unless it is asked for.
exits 1 validate -f nosuch.yaml
says err '^nosuch.yaml: error: '
exits 1 --color always validate -f nosuch.yaml
says err $'\033\\[1;31merror:'

printf 'cli: %d passed, %d failed\n' "$passed" "$failed"
((failed == 0))

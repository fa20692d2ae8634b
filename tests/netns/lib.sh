# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Hosts as network namespaces, servers and clients in them. Sourced by the tests
# (through run.sh) and by scripts/demo.sh.
#
# Everything happens in namespaces of our own for mounts, processes and network
# (enter_sandbox): bpffs, /run/netns and every process vanish with them, however
# we end. So nothing here has to clean up, and nothing can collide or be left.

NETNS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$NETNS_DIR/../.." && pwd)
O=$(realpath -m "${O:-$ROOT/build}")
L4GATE=$(realpath -m "${L4GATE:-$O/l4gate}")
TOOLS=$NETNS_DIR/tools
PIN_DIR=/sys/fs/bpf/l4gate
# The distribution's own, which has what deps.sh installed; another python3 may
# come first in PATH.
PYTHON=/usr/bin/python3

# on: leave checksum and segmentation offloads of the veth pairs as they are, as
# in containers of this node. off: make every packet as complete as on a wire.
OFFLOAD=off
# Put an XDP program on the far ends of the gateway's links.
PASS=on

# ---------------------------------------------------------------- results

fail() {
  printf 'FAIL: %s\n' "$*" >&2
  exit 1
}

skip() {
  printf 'SKIP: %s\n' "$*"
  exit 77
}

# Called for every level of functions and subshells: the first line says most.
stopped_at() {
  printf 'stopped at %s:%s: %s\n' "${BASH_SOURCE[1]##*/}" "${BASH_LINENO[0]}" \
    "${BASH_COMMAND%%$'\n'*}" >&2
}

# From here on a command that fails, and so ends the test, is named.
say_where() {
  set -E
  trap stopped_at ERR
}

# expect WHAT GOT WANT
expect() {
  [[ $2 != "$3" ]] || return 0
  if [[ $2$3 == *$'\n'* ]]; then
    diff <(printf '%s\n' "$3") <(printf '%s\n' "$2") | head -n 30 >&2
    fail "$1: differs (< wanted, > got)"
  fi
  fail "$1: got '$2', want '$3'"
}

# expect_match WHAT TEXT REGEX, case ignored
expect_match() {
  grep -Eqi -- "$3" <<<"$2" || fail "$1: no match of /$3/ in: $2"
}

expect_no_match() {
  ! grep -Eqi -- "$3" <<<"$2" || fail "$1: unexpected match of /$3/ in: $2"
}

# expect_json WHAT JSON FILTER: the filter must be true. (jq alone is content with
# no JSON at all.)
expect_json() {
  [[ -n $2 ]] || fail "$1: no JSON"
  jq -e "$3" <<<"$2" >/dev/null 2>&1 || fail "$1: not '$3' in: $2"
}

# retry SECONDS COMMAND...: until it succeeds.
retry() {
  local end=$((SECONDS + $1 + 1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

# wait_for SECONDS WHAT COMMAND...: bounded, with a name for the failure.
wait_for() {
  local seconds=$1 what=$2
  shift 2
  retry "$seconds" "$@" || fail "waited $seconds s in vain for $what"
}

# ---------------------------------------------------------------- sandbox

# enter_sandbox COMMAND...: runs it as process 1 of its own little machine. If
# we die, the kernel kills all that is inside.
enter_sandbox() {
  unshare --mount --pid --net --ipc --fork --kill-child --mount-proc "$@"
}

# To be called first inside. $WORK is a directory for files.
prepare_sandbox() {
  # Process 1 has no default action for signals.
  trap 'exit 130' INT TERM
  mkdir -p /run/netns
  mount -t tmpfs -o mode=755 netns /run/netns
  mount_bpffs
  ip link set lo up
  ulimit -n 4096
}

# Ours, and what this machine may have below it.
unmount_bpffs() {
  while umount /sys/fs/bpf 2>/dev/null; do :; done
}

mount_bpffs() {
  mount -t bpf -o mode=0755 bpf /sys/fs/bpf
}

# ---------------------------------------------------------------- l4gate

# l4 ARGUMENTS...: on the gateway.
l4() {
  timeout 30 nsenter --net="/run/netns/${GATEWAY:-gw}" -- \
    "$L4GATE" --pin-dir "$PIN_DIR" "$@"
}

# l4_fails ARGUMENTS...: it must, with 1; prints what it said.
l4_fails() {
  local code=0
  l4 "$@" >"$WORK/l4.out" 2>&1 || code=$?
  [[ $code == 1 ]] || fail "exit code $code, not 1, of: l4gate $* : $(<"$WORK/l4.out")"
  cat "$WORK/l4.out"
}

# attach [--mode MODE]: to the devices of the topology. Native unless told
# otherwise: on its own, the program would choose TC for a veth.
attach() {
  local mode=(--mode native)
  [[ $* != *--mode* ]] || mode=()
  # shellcheck disable=SC2086 # a list of devices
  l4 attach $GATEWAY_DEVICES "${mode[@]}" "$@"
}

# get KIND: as JSON, without what traffic and the numbering of slots change.
get() {
  l4 get "$1" -o json | jq -S 'walk(if type == "object" then
    del(.stats, .active, .halfOpen, .id, .route, .generation, .applied, .chunk, .digest) else . end)'
}

# What is configured, as a program would read it.
config() {
  get gateways
  get routes
  get backends
}

# apply FILE...
apply() {
  local arguments=() f
  for f in "$@"; do arguments+=(-f "$f"); done
  l4 apply "${arguments[@]}"
}

# shellcheck source=hosts.sh
. "$NETNS_DIR/hosts.sh"
# shellcheck source=servers.sh
. "$NETNS_DIR/servers.sh"
# shellcheck source=traffic.sh
. "$NETNS_DIR/traffic.sh"
# shellcheck source=manifests.sh
. "$NETNS_DIR/manifests.sh"
# shellcheck source=checks.sh
. "$NETNS_DIR/checks.sh"

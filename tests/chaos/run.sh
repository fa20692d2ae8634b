#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Long streams through two nodes while everything happens to them that may:
#
#   run.sh [-m MINUTES] [-s SEED] [-k] [MODE...]
#
# A mode is nat or transparent; both without one, one after the other, and each has
# its part of the time. Prints each operation when it is done, and at the end what
# nothing explains. -k keeps the work directory. The same seed makes the same
# operations, though not at the same packets. Root; all is in namespaces of its own.
set -euo pipefail

CHAOS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../netns/lib.sh
. "$CHAOS_DIR/../netns/lib.sh"
# shellcheck source=../netns/nodes.sh
. "$CHAOS_DIR/../netns/nodes.sh"
export O L4GATE

STREAMS=${STREAMS:-500}
UDP_FLOWS=${UDP_FLOWS:-60}
# Ports of the streams: those that the kernel gives out.
EPHEMERAL=32768-60999

usage() {
  sed -n 's/^# \{0,1\}//; 3,11p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

now() {
  printf '%s\n' "$EPOCHREALTIME"
}

# below N: into $DRAWN; a function's output would be that of a subshell, whose
# RANDOM goes its own way.
below() {
  DRAWN=$(((RANDOM << 15 | RANDOM) % $1))
}

# pick WORD...: into $PICKED
pick() {
  below $#
  shift "$DRAWN"
  PICKED=$1
}

nap() {
  local ms
  printf -v ms '%04d' "$1"
  sleep "${ms%???}.${ms: -3}"
}

# ---------------------------------------------------------------- config

# Two Services of two backends each; of each, one is always there.
declare -A IN=([b1]=1 [b2]=1 [b3]=1 [b4]=1)
WEIGHT_A=50 WEIGHT_B=50

members() {
  local b
  for b in "$@"; do
    [[ -z ${IN[$b]} ]] || printf '%s\n' "$b"
  done
}

manifest() {
  local kind
  gateway_class
  parameters mode "$MODE" 00112233445566778899aabbccddeeff
  PARAMETERS=mode gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000
  for kind in TCP UDP; do
    route "${kind}Route" "${kind,,}" "gw/${kind,,}" \
      "${kind,,}-a:7000:$WEIGHT_A" "${kind,,}-b:7000:$WEIGHT_B"
    # shellcheck disable=SC2046 # a list
    service "${kind,,}-a" "$kind" 7000 "$PORT_IDENTIFY" $(members b1 b2)
    # shellcheck disable=SC2046 # a list
    service "${kind,,}-b" "$kind" 7000 "$PORT_IDENTIFY" $(members b3 b4)
  done
}

apply_all() {
  manifest >"$WORK/chaos.yaml"
  on_all apply "$WORK/chaos.yaml" >>"$WORK/apply.log" 2>&1 || fail "apply: $(tail -n 3 "$WORK/apply.log")"
}

# ---------------------------------------------------------------- operations
# Each sets DID, what it did; judge.py knows the names.

op_weights() {
  below 100
  WEIGHT_A=$((DRAWN + 1))
  below 100
  WEIGHT_B=$((DRAWN + 1))
  DID="weights $WEIGHT_A $WEIGHT_B"
  apply_all
}

# One that is there goes, if its Service has another; one that is not comes.
op_churn() {
  local -A other=([b1]=b2 [b2]=b1 [b3]=b4 [b4]=b3)
  # shellcheck disable=SC2086 # a list
  pick $BACKENDS
  if [[ -z ${IN[$PICKED]} ]]; then
    IN[$PICKED]=1
    DID="add $PICKED"
  elif [[ -n ${IN[${other[$PICKED]}]} ]]; then
    IN[$PICKED]=
    DID="remove $PICKED"
  else
    IN[${other[$PICKED]}]=1
    DID="add ${other[$PICKED]}"
  fi
  apply_all
}

# Killed in the middle, then said again.
op_kill() {
  local ms pid
  below 15
  ms=$DRAWN
  below 100
  WEIGHT_A=$((DRAWN + 1))
  pick gw gw2
  DID="kill apply on $PICKED after $ms ms"
  manifest >"$WORK/killed.yaml"
  # The program itself, not a shell that waits for it.
  (exec nsenter --net="/run/netns/$PICKED" -- "$L4GATE" --pin-dir "/sys/fs/bpf/$PICKED" \
    apply -f "$WORK/killed.yaml" >>"$WORK/apply.log" 2>&1) &
  pid=$!
  nap "$ms"
  kill -KILL "$pid" 2>/dev/null || DID+=' (too late)'
  wait "$pid" 2>/dev/null || true
  apply_all
}

# The cable out and in again.
op_flap() {
  local ms
  below 700
  ms=$((DRAWN + 50))
  pick gw gw2
  DID="flap $PICKED $ms ms"
  ip -n sw link set "$PICKED-eth0" down
  nap "$ms"
  ip -n sw link set "$PICKED-eth0" up
}

op_neighbours() {
  pick gw gw2 r
  DID="neighbours $PICKED flushed"
  ip -n "$PICKED" neigh flush all
  ip -n "$PICKED" -6 neigh flush all
}

op_swap() {
  pick gw gw2
  DID="swap programs of $PICKED"
  on "$PICKED" attach >>"$WORK/apply.log" 2>&1 || fail "attach: $(tail -n 3 "$WORK/apply.log")"
}

inject() {
  local name=$1
  shift
  below 1000000
  at "$name" "$PYTHON" "$CHAOS_DIR/inject.py" "$@" --seed "$DRAWN"
}

# From where the clients are, in their name, at the streams' own ports.
op_blind() {
  local source flags
  pick 10.1.0.2 10.1.0.3 fd00:1::2 fd00:1::3
  source=$PICKED
  # shellcheck disable=SC2086 # a list
  pick $BLIND
  flags=$PICKED
  DID="blind $flags from $source"
  case $source in
    *:*) inject cl "$flags" 4000 --src "$source-$EPHEMERAL" --dst "$VIP6-7000-7000" ;;
    *) inject cl "$flags" 4000 --src "$source-$EPHEMERAL" --dst "$VIP4-7000-7000" ;;
  esac
}

# In the name of a backend, at the ports that it knows.
op_blind_back() {
  local name
  # shellcheck disable=SC2086 # a list
  pick $BACKENDS
  name=$PICKED
  pick gw gw2
  DID="blind RST from $name by $PICKED"
  if [[ $MODE == nat ]]; then
    inject "$name" RST 4000 --src "${ADDRESS4[$name]}-$PORT_IDENTIFY-$PORT_IDENTIFY" \
      --dst "${NODE4[$PICKED]}-10240-32767"
  else
    local -A client=([gw]=10.1.0.2 [gw2]=10.1.0.3)
    inject "$name" RST 4000 --src "${ADDRESS4[$name]}-$PORT_IDENTIFY-$PORT_IDENTIFY" \
      --dst "${client[$PICKED]}-$EPHEMERAL"
  fi
}

op_flood() {
  # What no rule of the router is about goes by gw, see apart().
  DID='flood gw 100000 SYNs'
  inject cl SYN 100000 --src 10.1.128.0/17-1024-65535 --dst "$VIP4-7000-7000"
}

OPERATIONS=${OPERATIONS:-'weights weights weights churn kill flap flap neighbours
  swap blind blind blind_back flood'}
# What is sent in the clients' name.
BLIND=${BLIND:-RST}

# ---------------------------------------------------------------- the run

operate() {
  local begin end
  while ((SECONDS < END)); do
    below 2000
    nap $((DRAWN + 200))
    # shellcheck disable=SC2086 # a list
    pick $OPERATIONS
    DID=$PICKED
    begin=$(now)
    "op_$PICKED"
    end=$(now)
    printf '%s %s %s\n' "$begin" "$end" "$DID" >>"$WORK/operations"
    awk -v s="$START" -v b="$begin" -v e="$end" -v d="$DID" \
      'BEGIN {printf "%+.3f..%.3f %s\n", b - s, e - s, d}'
    kill -0 "$(<"$WORK/ready")" 2>/dev/null || fail 'the clients ended'
  done
}

start_clients() {
  local peer=client
  [[ $MODE != nat ]] || peer=10.2.0.1,10.2.0.2,fd00:2::1,fd00:2::2
  at cl "$PYTHON" "$CHAOS_DIR/streams.py" --address "$VIP4" --address "$VIP6" \
    --source 10.1.0.2 --source 10.1.0.3 --source fd00:1::2 --source fd00:1::3 \
    --streams "$STREAMS" --udp "$UDP_FLOWS" --peer "$peer" \
    --events "$WORK/events" --ready "$WORK/ready" >"$WORK/summary" &
  CLIENTS=$!
  wait_for 60 'the streams' test -s "$WORK/ready"
}

# In the sandbox: MODE SEED SECONDS
run_inside() {
  local code=0 n
  MODE=$1 RANDOM=$2
  say_where
  prepare_sandbox
  two_nodes
  apart
  start_identify
  on_all attach >>"$WORK/apply.log"
  apply_all
  start_clients
  START=$EPOCHREALTIME END=$((SECONDS + $3))
  : >"$WORK/operations"
  operate
  # What was done last has its time, too.
  sleep 2
  kill -TERM "$(<"$WORK/ready")"
  wait "$CLIENTS" || fail 'the clients failed'
  for n in $NODES; do
    printf 'packets of %s by reason:\n' "$n"
    node_counters "$n" | sed 's/^/  /'
  done
  printf 'clients: %s\n' "$(<"$WORK/summary")"
  "$PYTHON" "$CHAOS_DIR/judge.py" "$START" "$WORK/operations" "$WORK/events" || code=1
  # A run in which nothing moved proves nothing.
  jq -e --argjson s "$3" '.exchanges > $s * 50 and .datagrams > $s * 5' "$WORK/summary" \
    >/dev/null || fail 'too little traffic'
  expect_checksums
  exit "$code"
}

# reason MODE OUTPUT: why it failed, for those who see the end alone.
reason() {
  printf 'chaos: MODE=%s SEED=%s failed:\n' "$1" "$SEED"
  grep -E 'UNEXPLAINED|^FAIL|^stopped at' "$2" | cut -c 1-200 | head -n 8 || true
}

run_mode() {
  local code=0
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/l4gate-chaos.XXXXXX")
  printf 'chaos: MODE=%s SEED=%s %s s\n' "$1" "$SEED" "$2"
  WORK=$WORK unshare --mount --pid --net --ipc --fork --kill-child --mount-proc \
    bash "${BASH_SOURCE[0]}" --inside "$1" "$SEED" "$2" 2>&1 | tee "$WORK/output" || code=1
  ((code == 0)) || REASONS+=$(reason "$1" "$WORK/output")$'\n'
  if [[ -n $KEEP ]]; then
    printf 'work: %s\n' "$WORK"
  else
    rm -rf "$WORK"
  fi
  return "$code"
}

main() {
  local minutes=5 passed=0 failed=0 mode seconds
  KEEP='' REASONS=''
  SEED=$((RANDOM << 15 | RANDOM))
  while getopts m:s:kh option; do
    case $option in
      m) minutes=$OPTARG ;;
      s) SEED=$OPTARG ;;
      k) KEEP=1 ;;
      *) usage ;;
    esac
  done
  shift $((OPTIND - 1))
  (($#)) || set -- nat transparent
  ((EUID == 0)) || fail 'network namespaces need root'
  seconds=$((minutes * 60 / $#))
  test_object pass >/dev/null
  for mode in "$@"; do
    if run_mode "$mode" "$seconds"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  printf '%schaos: %s passed, %s failed\n' "$REASONS" "$passed" "$failed"
  ((failed == 0))
}

if [[ ${1:-} == --inside ]]; then
  shift
  run_inside "$@"
else
  main "$@"
fi

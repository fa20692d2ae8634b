#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Packets and connections through l4gate, end to end over veth pairs, beside what
# else could stand there: the least that XDP can do, the kernel's forwarding,
# nftables, HAProxy. Each stands in namespaces of its own, all at once, and rounds
# take turns.
#
#   wire.sh [-n ROUNDS] [-s SECONDS] [-c COMMIT]
#
# Writes wire.json and wire-tcp.txt to $O/bench; report.py makes a table of them.
set -euo pipefail

BENCH_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../netns/lib.sh
. "$BENCH_DIR/../netns/lib.sh"
export O L4GATE

ROUNDS=5
ROUND_SECONDS=1
COMMIT=unknown

BACKEND=10.2.0.2
# The backend's ports; clients ask for 80 and 5201.
PORT_BACKEND=8080
PORT_IPERF=5201

# ---------------------------------------------------------------- systems

# A client NAME-cl, a gateway NAME-gw and, unless it is one-armed, a backend
# NAME-be. MAC addresses are those of the generator's frames.
place_hosts() {
  local name=$1
  host "$name-cl"
  router "$name-gw"
  wire "$name-cl" eth0 "$name-gw" cl0
  ip -n "$name-gw" link set cl0 address 02:00:00:00:00:01
  ip -n "$name-cl" link set eth0 address 02:00:00:00:00:02
  address "$name-cl" eth0 10.1.0.2/24
  address "$name-gw" cl0 10.1.0.1/24
  ip -n "$name-gw" neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev cl0
  ip -n "$name-cl" neigh add 10.1.0.1 lladdr 02:00:00:00:00:01 dev eth0
  ip -n "$name-cl" route add default via 10.1.0.1
}

place_backend() {
  local name=$1
  host "$name-be"
  wire "$name-gw" be0 "$name-be" eth0
  ip -n "$name-gw" link set be0 address 02:00:00:00:00:03
  ip -n "$name-be" link set eth0 address 02:00:00:00:00:04
  address "$name-gw" be0 10.2.0.1/24
  address "$name-be" eth0 "$BACKEND/24"
  ip -n "$name-gw" neigh add "$BACKEND" lladdr 02:00:00:00:00:04 dev be0
  ip -n "$name-be" neigh add 10.2.0.1 lladdr 02:00:00:00:00:03 dev eth0
  ip -n "$name-be" route add default via 10.2.0.1
}

two_arms() {
  place_hosts "$1"
  place_backend "$1"
}

# Frames of the generator reach a stack only through NAPI.
with_gro() {
  at "$1-gw" ethtool -K cl0 gro on >/dev/null
}

# start_l4gate NAME BACKEND MODE DEVICE...
start_l4gate() {
  # shellcheck disable=SC2034 # read by the functions of lib.sh
  local GATEWAY=$1-gw PIN_DIR=/sys/fs/bpf/$1 FAMILIES=4
  local xdp_or_tc=$3
  # shellcheck disable=SC2034 # likewise
  local -A ADDRESS4=([be]="$2") ADDRESS6=([be]="")
  {
    gateway_class
    gateway gw "$VIP4" web:TCP:80 iperf:TCP:$PORT_IPERF udp:UDP:80
    route TCPRoute web gw/web web:80
    route TCPRoute iperf gw/iperf iperf:$PORT_IPERF
    route UDPRoute udp gw/udp udp:80
    service web TCP 80 $PORT_BACKEND be
    service iperf TCP $PORT_IPERF $PORT_IPERF be
    service udp UDP 80 $PORT_BACKEND be
  } >"$WORK/$1.yaml"
  shift 3
  # Warns of veth peers without a program, which get theirs later.
  l4 attach --mode "$xdp_or_tc" "$@" >>"$WORK/attach.log" 2>&1 ||
    fail "attach: $(<"$WORK/attach.log")"
  apply "$WORK/${GATEWAY%-gw}.yaml" >/dev/null
}

start_nft() {
  at "$1-gw" nft -f - <<NFT
table ip bench {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr $VIP4 udp dport 80 dnat to $BACKEND:$PORT_BACKEND
    ip daddr $VIP4 tcp dport 80 dnat to $BACKEND:$PORT_BACKEND
    ip daddr $VIP4 tcp dport $PORT_IPERF dnat to $BACKEND:$PORT_IPERF
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "be0" masquerade
  }
}
NFT
}

start_haproxy() {
  address "$1-gw" lo "$VIP4/32"
  cat >"$WORK/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 1000
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen web
  bind $VIP4:80
  server be $BACKEND:$PORT_BACKEND
listen iperf
  bind $VIP4:$PORT_IPERF
  server be $BACKEND:$PORT_IPERF
CONF
  fast "0-$(($(nproc) - 1))" "$1-gw" haproxy -db -f "$WORK/haproxy.cfg" \
    >"$WORK/haproxy.log" 2>&1 &
  wait_for 10 HAProxy listening "$1-gw" tcp "$VIP4" 80
}

# ---------------------------------------------------------------- packets

measure_packets() {
  # shellcheck disable=SC2034 # read by wire()
  local OFFLOAD=off name
  for name in redirect l4gate tc kernel nft; do two_arms "$name"; done
  place_hosts tx
  place_hosts one
  ip -n one-gw neigh add 10.1.0.3 lladdr 02:00:00:00:00:02 dev cl0
  for name in tc kernel nft; do with_gro "$name"; done
  start_l4gate l4gate "$BACKEND" native cl0 be0
  start_l4gate tc "$BACKEND" tc cl0 be0
  start_l4gate one 10.1.0.3 native cl0
  start_nft nft
  "$O/tests/bench/wire" -n "$ROUNDS" -s "$ROUND_SECONDS" -c "$COMMIT" \
    -o "$O/bench/wire.json" \
    "redirect:redirect-cl:redirect-be:$BACKEND:80:redirect=redirect-gw" \
    "l4gate:l4gate-cl:l4gate-be:$VIP4:80" \
    "l4gate-tc:tc-cl:tc-be:$VIP4:80" \
    "kernel:kernel-cl:kernel-be:$BACKEND:80" \
    "nft:nft-cl:nft-be:$VIP4:80" \
    "tx:tx-cl:tx-cl:$VIP4:80:tx=tx-gw" \
    "l4gate-one-armed:one-cl:one-cl:$VIP4:80"
}

# ---------------------------------------------------------------- TCP

# Where clients of a system connect to: address and port of web.
target() {
  if [[ $1 == t-kernel ]]; then
    printf '%s %s\n' "$BACKEND" "$PORT_BACKEND"
  else
    printf '%s 80\n' "$VIP4"
  fi
}

record() {
  printf '%s\n' "$*" >>"$O/bench/wire-tcp.txt"
}

# fast CPU NAMESPACE COMMAND...: with as much of the CPU as it can get. Among
# sessions, nice values count only where the kernel groups none.
fast() {
  local cpu=$1 name=$2
  shift 2
  # shellcheck disable=SC2016 # for the inner shell
  at "$name" setsid --wait nice -n -20 taskset -c "$cpu" bash -c \
    '{ echo -20 >/proc/self/autogroup; } 2>/dev/null || true; exec "$@"' fast "$@"
}

# The client on the first CPU, the server on the last.
measure_tcp_of() {
  local name=$1 address port rate p50 p99 errors bits
  read -r address port < <(target "$name")
  read -r rate p50 p99 errors < <(fast 0 "$name-cl" "$O/tests/bench/connect" \
    "$address" "$port" 8 "$ROUND_SECONDS")
  record "${name#t-}" rate "$rate" errors "$errors"
  read -r rate p50 p99 errors < <(fast 0 "$name-cl" "$O/tests/bench/connect" \
    "$address" "$port" 1 "$ROUND_SECONDS")
  record "${name#t-}" p50 "$p50" p99 "$p99" errors "$errors"
  bits=$(fast 0 "$name-cl" iperf3 -J -t "$ROUND_SECONDS" -c "$address" |
    jq '.end.sum_received.bits_per_second')
  record "${name#t-}" gbit "$(jq -n "$bits / 1e9")"
}

measure_tcp() {
  # shellcheck disable=SC2034 # read by wire()
  local OFFLOAD=on name round cpu
  cpu=$(($(nproc) - 1))
  : >"$O/bench/wire-tcp.txt"
  for name in t-kernel t-l4gate-tc t-nft t-haproxy; do
    two_arms "$name"
    fast "$cpu" "$name-be" iperf3 -s >/dev/null &
    fast "$cpu" "$name-be" "$O/tests/bench/connect" $PORT_BACKEND &
    wait_for 10 iperf3 listening "$name-be" tcp '' $PORT_IPERF
  done
  start_l4gate t-l4gate-tc "$BACKEND" tc cl0 be0
  start_nft t-nft
  start_haproxy t-haproxy
  for ((round = 0; round < ROUNDS; round++)); do
    for name in t-kernel t-l4gate-tc t-nft t-haproxy; do
      measure_tcp_of "$name"
    done
  done
}

main() {
  while getopts n:s:c: option; do
    case $option in
      n) ROUNDS=$OPTARG ;;
      s) ROUND_SECONDS=$OPTARG ;;
      c) COMMIT=$OPTARG ;;
      *) exit 2 ;;
    esac
  done
  mkdir -p "$O/bench"
  prepare_sandbox
  measure_packets
  measure_tcp
}

if [[ ${1:-} == --inside ]]; then
  shift
  main "$@"
else
  ((EUID == 0)) || fail 'network namespaces need root'
  for tool in nft haproxy iperf3 jq; do
    command -v $tool >/dev/null || fail "no $tool here (scripts/deps.sh bench installs it)"
  done
  WORK=$(mktemp -d)
  export WORK
  trap 'rm -rf "$WORK"' EXIT
  enter_sandbox bash "${BASH_SOURCE[0]}" --inside "$@"
fi

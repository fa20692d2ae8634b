# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Two nodes side by side, "gw" and "gw2", behind a router "r" that spreads clients
# over them; they and the backends "b1" to "b4" are on one switch.
#
#   cl --- r --- sw --- gw, gw2, b1, b2, b3, b4
#
# Sourced by what needs it, after lib.sh.
# shellcheck disable=SC2034,SC2004 # what is set here is for the files beside this, and theirs

NODES='gw gw2'
declare -A NODE4=([gw]=10.2.0.1 [gw2]=10.2.0.2)
declare -A NODE6=([gw]=fd00:2::1 [gw2]=fd00:2::2)

two_nodes() {
  local n b
  BACKENDS='b1 b2 b3 b4'
  GATEWAY_DEVICES=eth0
  host cl
  router r
  switch sw
  wire cl eth0 r cl0
  address cl eth0 10.1.0.2/24 10.1.0.3/24 fd00:1::2/64 fd00:1::3/64
  address r cl0 10.1.0.1/24 fd00:1::1/64
  default_route cl 10.1.0.1 fd00:1::1
  plug sw r mid
  address r mid 10.2.0.254/24 fd00:2::fe/64
  for n in $NODES; do
    router "$n"
    plug sw "$n" eth0
    # A reply that comes when its flow has moved on is none of l4gate's, and the stack
    # would tell the backend of a shorter way to all clients: past us.
    at "$n" sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
    pass_program sw "$n-eth0"
    # What is for the one is never seen by the other.
    bridge -n sw link set dev "$n-eth0" flood off
    address "$n" eth0 "${NODE4[$n]}/24" "${NODE6[$n]}/64"
    default_route "$n" 10.2.0.254 fd00:2::fe
  done
  backends_on sw 10.2.0 fd00:2 10.2.0.254 fd00:2::fe
  for b in $BACKENDS; do
    at "$b" sysctl -qw net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.eth0.accept_redirects=0
  done
}

# on NODE COMMAND...: of this library, with that node as the gateway.
on() {
  local GATEWAY=$1 PIN_DIR=/sys/fs/bpf/$1
  shift
  "$@"
}

# on_all COMMAND...: on each node.
on_all() {
  local n
  for n in $NODES; do
    on "$n" "$@"
  done
}

# node_counters NODE: packets by reason and hook, of those that were counted.
node_counters() {
  on "$1" l4 stats -o prometheus | sed -n \
    's/^l4gate_reason_packets_total{\(.*\)} \([1-9][0-9]*\)$/\2 \1/p' | sort -rn
}

# spread NODE...: the router sends each flow to one of these, by its ports.
spread() {
  local hops4=() hops6=() n
  for n in "$@"; do
    hops4+=(nexthop via "${NODE4[$n]}")
    hops6+=(nexthop via "${NODE6[$n]}")
  done
  at r sysctl -qw net.ipv4.fib_multipath_hash_policy=1 \
    net.ipv6.fib_multipath_hash_policy=1
  ip -n r route replace "$VIP4" "${hops4[@]}"
  ip -n r -6 route replace "$VIP6" "${hops6[@]}"
}

# replies_by NODE: what backends send to clients goes there.
replies_by() {
  local b
  for b in $BACKENDS; do
    ip -n "$b" route replace default via "${NODE4[$1]}"
    ip -n "$b" -6 route replace default via "${NODE6[$1]}"
  done
}

# apart: one client address by gw, the other by gw2, in both directions.
apart() {
  local i=1 n b
  # Of strangers, who don't wait for an answer.
  ip -n r route add "$VIP4" via "${NODE4[gw]}"
  for n in $NODES; do
    i=$((i + 1))
    ip -n r rule add from "10.1.0.$i" lookup "10$i"
    ip -n r -6 rule add from "fd00:1::$i" lookup "10$i"
    ip -n r route add "$VIP4" via "${NODE4[$n]}" table "10$i"
    ip -n r -6 route add "$VIP6" via "${NODE6[$n]}" table "10$i"
    for b in $BACKENDS; do
      ip -n "$b" route add "10.1.0.$i" via "${NODE4[$n]}"
      ip -n "$b" -6 route add "fd00:1::$i" via "${NODE6[$n]}"
    done
  done
}

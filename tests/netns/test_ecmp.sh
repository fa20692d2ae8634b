# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Two nodes with the same objects and seed, of which one dies: the flows of the
# modes that keep the client's address go on through the other one.
# shellcheck disable=SC2034 # addresses that servers.sh reads

# shellcheck source=nodes.sh
. "$NETNS_DIR/nodes.sh"

SEED=00112233445566778899aabbccddeeff

# pair_config MODE WEIGHT-A WEIGHT-B BACKENDS-OF-B...
pair_config() {
  local mode=$1 a=$2 b=$3
  shift 3
  gateway_class
  parameters mode "$mode" "$SEED"
  PARAMETERS=mode gateway gw "$VIP4 $VIP6" tcp:TCP:7000
  route TCPRoute tcp gw/tcp "a:7000:$a" "b:7000:$b"
  service a TCP 7000 "$PORT_IDENTIFY" b1 b2
  service b TCP 7000 "$PORT_IDENTIFY" "$@"
}

# On the listeners' addresses and port, where a mode asks for it.
start_in() {
  local b
  if [[ $1 != dsr-* ]]; then
    start_identify
    return
  fi
  # shellcheck disable=SC2086 # a list
  backend "$1" $BACKENDS
  local -A ADDRESS4 ADDRESS6
  local PORT_IDENTIFY=7000
  for b in $BACKENDS; do
    ADDRESS4[$b]=$VIP4 ADDRESS6[$b]=$VIP6
  done
  start_identify
}

apply_pair() {
  pair_config "$@" >"$WORK/pair.yaml"
  on_all apply "$WORK/pair.yaml"
}

# pair_ready MODE: 500 connections, in dsr over both nodes.
pair_ready() {
  local mode=$1
  two_nodes
  start_in "$mode"
  on_all attach
  apply_pair "$mode" 50 50 b3
  if [[ $mode == transparent ]]; then
    spread gw
    replies_by gw
  else
    spread gw gw2
  fi
  live_start four "$VIP4" 7000 --count 250 --interval 0.3
  live_start six "$VIP6" 7000 --count 250 --interval 0.3
  if [[ $mode == transparent ]]; then
    has_flows gw 500
  else
    has_flows gw 100
    has_flows gw2 100
  fi
}

# has_flows NODE NUMBER: at least so many.
has_flows() {
  expect_json "flows of $1" "$(on "$1" l4 stats -o json)" ".active_flows >= $2"
}

# gw dies, and a little later the router knows. What backends send has to follow
# last: the other node translates it only once it has seen the flow's client.
node_dies() {
  local mode=$1
  ip -n gw link set eth0 down
  sleep 0.3
  spread gw2
  if [[ $mode == transparent ]]; then
    sleep 2
    replies_by gw2
  fi
  sleep 3
}

all_live() {
  local tag json
  for tag in four six; do
    json=$(live_stop "$tag")
    no_harm "connections of '$tag'" "$json"
    expect_json "connections of '$tag'" "$json" \
      '.flows == 250 and .exchanges > 1000 and .last_backend == .by_backend
        and (.by_backend | length) == 3'
  done
  expect_checksums
}

pair_loses_one() {
  pair_ready "$1"
  node_dies "$1"
  all_live
}

test_node_dies_dsr_l2() {
  pair_loses_one dsr-l2
}

test_node_dies_dsr_ipip() {
  pair_loses_one dsr-ipip
}

test_node_dies_transparent() {
  pair_loses_one transparent
}

# The same after both nodes had one change: weights, and a backend more.
pair_changes_and_loses_one() {
  pair_ready "$1"
  apply_pair "$1" 70 30 b3 b4
  sleep 1
  node_dies "$1"
  all_live
}

test_node_dies_after_change_dsr_l2() {
  pair_changes_and_loses_one dsr-l2
}

test_node_dies_after_change_dsr_ipip() {
  pair_changes_and_loses_one dsr-ipip
}

test_node_dies_after_change_transparent() {
  pair_changes_and_loses_one transparent
}

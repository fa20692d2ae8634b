# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Two nodes on a switch that shows each what is for the other: neither touches it.

# shellcheck source=test_modes.sh
. "$NETNS_DIR/test_modes.sh"
# shellcheck source=test_ecmp.sh
. "$NETNS_DIR/test_ecmp.sh"

# The switch learns no addresses of the nodes.
flood() {
  local n
  for n in $NODES; do
    bridge -n sw link set dev "$n-eth0" flood on learning off
    bridge -n sw fdb del "$(mac_of "$n" eth0)" dev "$n-eth0" master 2>/dev/null || :
  done
}

# datagrams In|Out NAME...
datagrams() {
  local way=$1 name
  shift
  for name in "$@"; do
    at "$name" nstat -asz "Udp${way}Datagrams" "Udp6${way}Datagrams"
  done | awk '!/^#/ {s += $2} END {print s + 0}'
}

# flooded MODE [ARGUMENTS-OF-ATTACH]: gw has all clients; gw2 had some before, and
# knows their flows.
flooded() {
  local mode=$1 tag sent got forwarded
  shift
  two_nodes
  start_in "$mode"
  on_all attach "$@"
  in_mode "$mode" split_manifest 1 1 1 >"$WORK/pair.yaml"
  on_all apply "$WORK/pair.yaml"
  spread gw2
  replies_by gw2
  live_start both4 "$VIP4" 7000 --udp --count 20 --interval 0.1
  live_start both6 "$VIP6" 7000 --udp --count 20 --interval 0.1
  spread gw
  replies_by gw
  flood
  sleep 1
  forwarded=$(on gw2 reason to_backend)
  sent=$(datagrams Out cl)
  # shellcheck disable=SC2086 # a list
  got=$(datagrams In $BACKENDS)
  live_start four "$VIP4" 7000 --count 50
  live_start six "$VIP6" 7000 --count 50
  at cl ping -c 3 -i 0.2 -W 1 "$VIP4" >"$WORK/ping" || fail 'no echo'
  sleep 2
  for tag in four six both4 both6; do
    no_harm "flows of '$tag'" "$(live_stop "$tag")"
  done
  expect_no_match 'echo' "$(<"$WORK/ping")" 'DUP'
  expect 'forwarded by the other' "$(on gw2 reason to_backend)" "$forwarded"
  expect 'rejected by the other' "$(on gw2 reason reject_no_flow)" 0
  (($(on gw2 reason not_ours) > 500)) || fail 'the other saw nothing'
  sent=$(($(datagrams Out cl) - sent))
  # shellcheck disable=SC2086
  got=$(($(datagrams In $BACKENDS) - got))
  # On their way when they were counted.
  ((sent > 500 && got >= sent - 40 && got <= sent + 40)) || fail "$sent sent, $got arrived"
}

test_flooded_nat() {
  flooded nat
}

test_flooded_nat_tc() {
  flooded nat --mode tc
}

test_flooded_transparent() {
  flooded transparent
}

test_flooded_dsr_l2() {
  flooded dsr-l2
}

# attach knows the address that a device had: with another one it is slower, not deaf.
test_address_changed() {
  local b
  two_armed
  start_identify
  attach
  use_mode nat 1 1 1
  ip -n gw link set cl0 address 02:00:00:00:00:88
  ip -n gw link set be0 address 02:00:00:00:00:99
  ip -n cl neigh flush all
  for b in $BACKENDS; do ip -n "$b" neigh flush all; done
  only_backends "$(split tcp "$VIP4" 7000 --count 30)" 30 'TCP'
  only_backends "$(split udp "$VIP6" 7000 --count 30)" 30 'UDP'
  apply "$WORK/split.yaml"
  only_backends "$(split tcp "$VIP6" 7000 --count 30)" 30 'TCP'
}

# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Neighbours, routes and devices that change under flows that go on.
# shellcheck disable=SC2034 # addresses that hosts.sh reads

# shellcheck source=test_modes.sh
. "$NETNS_DIR/test_modes.sh"

# identify_in MODE: its servers, attached, applied.
identify_in() {
  local mode=$1
  if [[ $mode == dsr-* ]]; then
    # shellcheck disable=SC2086 # a list
    backend "$mode" $BACKENDS
    on_listeners start_identify
  else
    start_identify
  fi
  attach
  use_mode "$mode" 1 1 1
}

# The way of the replies in dsr is not ours: one_armed has it past us.
topology_of() {
  if [[ $1 == dsr-* ]]; then
    one_armed
  else
    two_armed
  fi
}

FLOWS='tcp4 tcp6 udp4 udp6'

# Twenty of each protocol and family; an exchange every 0.1 s.
flows_start() {
  live_start tcp4 "$VIP4" 7000 --count 20 --interval 0.1
  live_start tcp6 "$VIP6" 7000 --count 20 --interval 0.1
  live_start udp4 "$VIP4" 7000 --udp --count 20 --interval 0.1 --udp-wait 0.8
  live_start udp6 "$VIP6" 7000 --udp --count 20 --interval 0.1 --udp-wait 0.8
}

# flows_stop WHAT [LOST]: all live, with the backend that they had. A flow of UDP
# waited in vain for at most LOST answers, 0 if not given.
flows_stop() {
  local tag json
  for tag in $FLOWS; do
    json=$(live_stop "$tag")
    expect_json "$1: $tag" "$json" '.resets + .mismatches + .refused + .moves == 0
      and .errors == {} and .exchanges > 3 * .flows and .last_backend == .by_backend'
    if [[ $tag == tcp* ]]; then
      expect_json "$1: $tag" "$json" '.timeouts == 0'
    else
      expect_json "$1: $tag" "$json" ".timeouts <= .flows * ${2:-0}"
    fi
  done
  expect_checksums
}

# ---------------------------------------------------------------- neighbours

# Nobody is known at first, and all are forgotten again and again: what waits for a
# neighbour to be found is not lost.
flushed() {
  local mode=$1 kind a
  topology_of "$mode"
  identify_in "$mode"
  for kind in udp tcp; do
    for a in $VIPS; do
      ip -n gw neigh flush all
      expect_json "first of $kind to $a" "$(split "$kind" "$a" 7000 --count 1 --timeout 2)" \
        '(.answers | add) == 1 and .slowest_answer_ms < 900'
    done
  done
  flows_start
  for _ in {1..15}; do
    ip -n gw neigh flush all
    sleep 0.2
  done
  [[ $(reason defer_next_hop) -gt 0 ]] || fail 'no neighbour had to be found'
  flows_stop 'neighbours flushed'
}

test_flushed_nat() {
  flushed nat
}

test_flushed_transparent() {
  flushed transparent
}

test_flushed_dsr_l2() {
  flushed dsr-l2
}

# A backend gets another MAC address, and says so. We believe in the old one for a
# second.
mac_changes() {
  local mode=$1 b
  topology_of "$mode"
  for b in $BACKENDS; do
    at "$b" sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1
  done
  identify_in "$mode"
  flows_start
  for b in $BACKENDS; do
    ip -n "$b" link set eth0 address "02:00:00:00:01:${b#b}0"
    sleep 1.5
  done
  sleep 1
  flows_stop 'MAC addresses changed' 2
}

test_mac_changes_nat() {
  mac_changes nat
}

test_mac_changes_transparent() {
  mac_changes transparent
}

test_mac_changes_dsr_l2() {
  mac_changes dsr-l2
}

# Another host takes over a backend's address: datagrams go on to it, and it is for
# that host to say that it has no such connection.
test_backend_replaced() {
  local tag json
  two_armed
  BACKENDS=b1
  start_identify
  attach
  use_mode nat 1 0 0
  host b9
  plug sw b9 eth0
  flows_start
  ip -n b1 link set eth0 down
  at b9 sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1
  address b9 eth0 "${ADDRESS4[b1]}/24" "${ADDRESS6[b1]}/64"
  default_route b9 10.2.0.1 fd00:2::1
  ADDRESS4[b9]=${ADDRESS4[b1]} ADDRESS6[b9]=${ADDRESS6[b1]}
  start_identify b9
  # Which makes it tell all of it.
  ip -n b9 link set eth0 address 02:00:00:00:01:90
  sleep 3
  for tag in udp4 udp6; do
    json=$(live_stop $tag)
    expect_json "datagrams: $tag" "$json" '.moves == 20 and .last_backend == {b9: 20}'
  done
  for tag in tcp4 tcp6; do
    json=$(live_stop $tag)
    expect_json "connections: $tag" "$json" '.resets == 20 and .timeouts == 0'
  done
  reaches tcp 7000 b9
  reaches udp 7000 b9
}

# ---------------------------------------------------------------- routes

# Clients or backends, the far ones, behind two routers "ra" and "rb" of the gateway's.
# through_routers clients|backends
through_routers() {
  local device=cl0 r i=250
  [[ $1 == clients ]] || device=be0
  host cl
  router gw
  switch mid
  switch far
  plug mid gw $device
  pass_program mid gw-$device
  address gw $device 10.4.0.1/24 fd00:4::1/64
  for r in ra rb; do
    i=$((i + 1))
    router $r
    plug mid $r mid
    plug far $r far
    address $r mid 10.4.0.$i/24 fd00:4::$i/64
    address $r far 10.5.0.$i/24 fd00:5::$i/64
    default_route $r 10.4.0.1 fd00:4::1
  done
  if [[ $1 == clients ]]; then
    FAR=cl
    plug far cl eth0
    address cl eth0 10.5.0.2/24 fd00:5::2/64
    switch sw
    plug sw gw be0
    pass_program sw gw-be0
    address gw be0 10.2.0.1/24 fd00:2::1/64
    backends_on sw 10.2.0 fd00:2 10.2.0.1 fd00:2::1
  else
    FAR=$BACKENDS
    wire cl eth0 gw cl0
    pass_program cl eth0
    address gw cl0 10.1.0.1/24 fd00:1::1/64
    address cl eth0 10.1.0.2/24 fd00:1::2/64
    default_route cl 10.1.0.1 fd00:1::1
    backends_on far 10.5.0 fd00:5
  fi
  GATEWAY_DEVICES='cl0 be0'
  route_by 251
}

# route_by NUMBER: that router is everybody's, from now on.
route_by() {
  local name
  ip -n gw route replace default via "10.4.0.$1"
  ip -n gw -6 route replace default via "fd00:4::$1"
  for name in $FAR; do
    ip -n "$name" route replace default via "10.5.0.$1"
    ip -n "$name" -6 route replace default via "fd00:5::$1"
  done
}

# forwarded ROUTER: packets
forwarded() {
  at "$1" nstat -asz IpForwDatagrams Ip6OutForwDatagrams | awk '!/^#/ {s += $2} END {print s + 0}'
}

# The route changes, and a second and a half later nobody goes by the old one: its
# router can be taken away. Nothing is lost.
route_changes() {
  local mode=$1 before
  through_routers "$2"
  identify_in "$mode"
  flows_start
  sleep 1
  route_by 252
  sleep 1.5
  before=$(forwarded ra)
  sleep 0.5
  expect 'packets by the old router' "$(forwarded ra)" "$before"
  ip -n ra link set mid down
  ip -n ra link set far down
  sleep 1.5
  flows_stop 'route changed'
  (($(forwarded rb) > 1000)) || fail "by the new router: $(forwarded rb) packets"
}

test_route_to_clients_nat() {
  route_changes nat clients
}

test_route_to_clients_transparent() {
  route_changes transparent clients
}

test_route_to_backends_nat() {
  route_changes nat backends
}

test_route_to_backends_transparent() {
  route_changes transparent backends
}

test_route_to_backends_dsr_ipip() {
  route_changes dsr-ipip backends
}

# ---------------------------------------------------------------- devices

# flap DEVICE: down for a second; what it had of IPv6 addresses stays.
flap() {
  at gw sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1
  ip -n gw link set "$1" down
  sleep 1
  ip -n gw link set "$1" up
}

# Each with a device that is down; ready when it is up.
begin_while_down() {
  local tag options starting=()
  for tag in $FLOWS; do
    options=(--udp --udp-wait 0.8)
    [[ $tag != tcp* ]] || options=()
    live_start "begun-$1-$tag" "$([[ $tag == *4 ]] && echo "$VIP4" || echo "$VIP6")" 7000 \
      --count 20 --interval 0.1 "${options[@]}" &
    starting+=($!)
  done
  for tag in "${starting[@]}"; do wait "$tag"; done
}

# A device goes down and up while there are flows, and new ones begin meanwhile. What
# is sent into the gap is lost: two datagrams of a flow each time, and one before it
# is seen.
flapped() {
  local mode=$1 device b tag flapping
  topology_of "$mode"
  # In nat backends know the way to the node alone.
  [[ $mode != nat ]] || for b in $BACKENDS; do
    ip -n "$b" route del default
    ip -n "$b" -6 route del default
  done
  # The client has its own opinion of a router that is not heard.
  for b in 10.1.0.1 fd00:1::1; do
    ip -n cl neigh replace $b dev eth0 nud permanent \
      lladdr "$(mac_of gw "${GATEWAY_DEVICES% *}")"
  done
  identify_in "$mode"
  flows_start
  for device in $GATEWAY_DEVICES; do
    flap "$device" &
    flapping=$!
    sleep 0.2
    begin_while_down "$device"
    wait "$flapping"
    sleep 2
  done
  flows_stop 'devices down and up' 6
  # The node's stack may have told some that there is no way.
  for device in $GATEWAY_DEVICES; do
    for tag in $FLOWS; do
      expect_json "$tag begun while $device was down" "$(live_stop "begun-$device-$tag")" \
        '.resets + .refused + .mismatches + .moves == 0 and (.errors.OSError // 0) <= 5
          and .timeouts <= 6 * .flows and .last_backend == .by_backend and .exchanges > 100'
    done
  done
}

test_flapped_nat() {
  flapped nat
}

test_flapped_transparent() {
  flapped transparent
}

test_flapped_dsr_l2() {
  flapped dsr-l2
}

# Clients behind two devices, backends behind a third. One client has both: what it
# sends comes by the one, and what it gets goes by the other, as the route is.
three_armed() {
  local mode=$1 kind a
  two_armed
  wire cl eth1 gw cl1
  pass_program cl eth1
  address gw cl1 10.3.0.1/24 fd00:3::1/64
  address cl eth1 10.3.0.2/24 fd00:3::2/64
  GATEWAY_DEVICES='cl0 cl1 be0'
  identify_in "$mode"
  flows_start
  # From now on by the other device, and a second later from its address, too.
  ip -n cl route add "$VIP4" via 10.3.0.1 src 10.1.0.2
  ip -n cl -6 route add "$VIP6" via fd00:3::1 src fd00:1::2
  sleep 1
  ip -n cl route replace "$VIP4" via 10.3.0.1 src 10.3.0.2
  ip -n cl -6 route replace "$VIP6" via fd00:3::1 src fd00:3::2
  for kind in udp tcp; do
    for a in $VIPS; do
      only_backends "$(split "$kind" "$a" 7000 --count 30)" 30 "$kind to $a by the second device"
    done
  done
  flows_stop 'by both devices'
}

test_three_armed_nat() {
  three_armed nat
}

test_three_armed_transparent() {
  three_armed transparent
}

test_three_armed_dsr_l2() {
  three_armed dsr-l2
}

# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Every topology with every server: HTTP, DNS, redis, bulk data, TCP and UDP,
# IPv4 and IPv6, in the modes that the topology allows.
# shellcheck disable=SC2034 # knobs and addresses that hosts.sh reads

# serve_all FAMILY...: servers up, attached, applied.
serve_all() {
  start_identify
  start_http
  start_dns
  start_redis b1
  full_manifest >"$WORK/full.yaml"
  attach "$@"
  apply "$WORK/full.yaml"
}

in_mode() {
  expect_json "mode in status" "$(l4 status -o json)" \
    "[.. | objects | .mode? // empty] | length > 0 and all(. == \"$1\")"
}

test_two_armed_native() {
  two_armed
  serve_all --mode native
  in_mode native
  check_traffic
  peers_are gateway
}

test_one_armed_native() {
  one_armed
  serve_all --mode native
  check_traffic
  peers_are gateway
}

test_two_armed_generic() {
  two_armed
  serve_all --mode generic
  in_mode generic
  check_traffic
}

test_one_armed_generic() {
  one_armed
  serve_all --mode generic
  check_traffic
}

test_two_armed_tc() {
  two_armed
  serve_all --mode tc
  in_mode tc
  check_traffic
}

test_one_armed_tc() {
  one_armed
  serve_all --mode tc
  check_traffic
}

# Superframes and unfinished checksums, as local containers send them.
test_two_armed_tc_offloads() {
  OFFLOAD=on PASS=off
  two_armed
  serve_all --mode tc
  check_traffic
  check_iperf
}

test_one_armed_tc_offloads() {
  OFFLOAD=on PASS=off
  one_armed
  serve_all --mode tc
  check_traffic
}

# Generic XDP linearizes superframes, and may not send them on.
test_two_armed_generic_offloads() {
  OFFLOAD=on PASS=off
  two_armed
  serve_all --mode generic
  check_traffic
  check_iperf
}

# attach chooses; whatever it is, it must work.
test_two_armed_auto() {
  two_armed
  serve_all --mode auto
  check_traffic
}

# iperf3 for two seconds each way; at least something worth the name of bulk.
check_iperf() {
  local json direction
  serve b1 iperf3 -s -1 -p 5201
  wait_for 5 iperf3 listening b1 tcp '' 5201
  {
    cat "$WORK/full.yaml"
    gateway bulk "$VIP4" iperf:TCP:5201
    route TCPRoute iperf bulk/iperf iperf:5201
    service iperf TCP 5201 5201 b1
  } >"$WORK/iperf.yaml"
  apply "$WORK/iperf.yaml"
  for direction in '' -R; do
    listening b1 tcp '' 5201 || serve b1 iperf3 -s -1 -p 5201
    wait_for 5 iperf3 listening b1 tcp '' 5201
    json=$(at cl timeout 20 iperf3 -J -c "$VIP4" -t 2 ${direction:+"$direction"})
    expect_json "iperf3 $direction" "$json" '.end.sum_received.bits_per_second > 1e8'
  done
  expect_checksums
}

test_local_processes_native() {
  local_processes
  serve_all --mode native
  check_traffic
  peers_are client
}

test_local_processes_tc() {
  local_processes
  serve_all --mode tc
  check_traffic
  peers_are client
}

test_containers_on_bridge_native() {
  containers_on_bridge
  serve_all --mode native
  check_traffic
  peers_are client
}

test_containers_on_bridge_tc() {
  OFFLOAD=on PASS=off
  containers_on_bridge
  serve_all --mode tc
  check_traffic
  peers_are client
}

test_containers_on_veth_native() {
  containers_on_veth
  serve_all --mode native
  check_traffic
  peers_are client
}

# Backends on the wire and on this node behind the same listener.
test_mixed_near_and_far() {
  two_armed
  host near
  OFFLOAD=on wire gw veth-near near eth0
  ADDRESS4["near"]=10.8.1.2 ADDRESS6["near"]=fd00:8:1::2
  address gw veth-near 10.8.1.1/24 fd00:8:1::1/64
  address near eth0 10.8.1.2/24 fd00:8:1::2/64
  default_route near 10.8.1.1 fd00:8:1::1
  BACKENDS='b1 near'
  start_identify
  {
    gateway_class
    gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000
    route TCPRoute tcp gw/tcp tcp:7000
    route UDPRoute udp gw/udp udp:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" b1 near
    service udp UDP 7000 "$PORT_IDENTIFY" b1 near
  } >"$WORK/near.yaml"
  attach
  apply "$WORK/near.yaml"
  local a kind
  for a in "$VIP4" "$VIP6"; do
    for kind in tcp udp; do
      expect_json "$kind on $a" "$(split "$kind" "$a" 7000 --count 100)" \
        '.answers.b1 > 30 and .answers.near > 30 and (.answers | add) == 100'
    done
    expect_json "10 MB on $a" "$(transfer "$a" 7000)" .same
  done
  expect_checksums
}

# Without spec.addresses the listeners are on the attached devices' addresses.
test_own_addresses() {
  local a
  one_armed
  start_identify
  ADDRESSES='' split_manifest 1 1 1 >"$WORK/own.yaml"
  attach
  apply "$WORK/own.yaml"
  for a in 10.1.0.1 fd00:1::1; do
    only_backends "$(split tcp "$a" 7000 --count 60)" 60 "TCP on $a"
    only_backends "$(split udp "$a" 7000 --count 60)" 60 "UDP on $a"
    expect_json "10 MB on $a" "$(transfer "$a" 7000)" .same
  done
  at cl ping -c 2 -i 0.2 -W 2 -q 10.1.0.1 >/dev/null || fail 'the gateway no longer answers ping'
  expect_checksums
}

# A family without endpoints rejects, the other one works.
test_one_family_of_endpoints() {
  two_armed
  start_identify
  attach
  FAMILIES=4 split_manifest 1 1 1 >"$WORK/four.yaml"
  apply "$WORK/four.yaml"
  only_backends "$(split tcp "$VIP4" 7000 --count 30)" 30 'IPv4 of IPv4 endpoints'
  expect_json 'IPv6 of IPv4 endpoints' "$(split tcp "$VIP6" 7000 --count 10)" '.refused == 10'
  FAMILIES=6 split_manifest 1 1 1 >"$WORK/six.yaml"
  apply "$WORK/six.yaml"
  only_backends "$(split udp "$VIP6" 7000 --count 30)" 30 'IPv6 of IPv6 endpoints'
  expect_json 'IPv4 of IPv6 endpoints' "$(split tcp "$VIP4" 7000 --count 10)" '.refused == 10'
}

test_ipv4_only_hosts() {
  two_armed
  start_identify
  local name
  for name in cl gw b1 b2 b3; do
    at "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
  done
  ADDRESSES=$VIP4 FAMILIES=4 split_manifest 1 1 1 >"$WORK/four.yaml"
  attach
  apply "$WORK/four.yaml"
  only_backends "$(split tcp "$VIP4" 7000 --count 30)" 30 TCP
  only_backends "$(split udp "$VIP4" 7000 --count 30)" 30 UDP
  expect_checksums
}

test_ipv6_only_hosts() {
  two_armed
  start_identify
  local name
  for name in cl gw b1 b2 b3; do
    ip -n "$name" -4 address flush scope global
  done
  ADDRESSES=$VIP6 FAMILIES=6 split_manifest 1 1 1 >"$WORK/six.yaml"
  attach
  apply "$WORK/six.yaml"
  only_backends "$(split tcp "$VIP6" 7000 --count 30)" 30 TCP
  only_backends "$(split udp "$VIP6" 7000 --count 30)" 30 UDP
  expect_checksums
}

# Neighbours that the kernel does not know yet: XDP leaves those to TC.
test_cold_neighbours() {
  local round
  two_armed
  start_identify
  split_manifest 1 1 1 >"$WORK/split.yaml"
  attach
  apply "$WORK/split.yaml"
  for round in 1 2 3; do
    ip -n gw neigh flush all
    only_backends "$(split tcp "$VIP4" 7000 --count 20 --concurrency 4)" 20 "TCP, round $round"
    ip -n gw neigh flush all
    only_backends "$(split udp "$VIP6" 7000 --count 20 --concurrency 4)" 20 "UDP, round $round"
  done
}

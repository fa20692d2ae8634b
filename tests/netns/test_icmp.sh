# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# ICMP with real routers and stacks: path MTU discovery in both directions, errors,
# traceroute, echo.
# shellcheck disable=SC2034 # addresses that hosts.sh reads

# shellcheck source=test_modes.sh
. "$NETNS_DIR/test_modes.sh"

# small_way ROUTER DEVICE MTU NETWORK...
small_way() {
  local name=$1 device=$2 mtu=$3 network
  for network in "${@:4}"; do
    ip -n "$name" route del "$network" dev "$device"
    ip -n "$name" route add "$network" dev "$device" mtu lock "$mtu"
  done
}

# A router "n" between client and gateway, and "f" between gateway and backends. The
# links beyond them, seen from the gateway, have these MTUs.
# narrow CLIENT-MTU BACKEND-MTU
narrow() {
  host cl
  router n
  router gw
  router f
  switch sw
  wire cl eth0 n cl0
  wire n gw0 gw cl0
  wire gw be0 f gw0
  plug sw f be0
  pass_program n gw0
  pass_program f gw0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address n cl0 10.1.0.1/24 fd00:1::1/64
  address n gw0 10.3.0.1/24 fd00:3::1/64
  address gw cl0 10.3.0.2/24 fd00:3::2/64
  address gw be0 10.4.0.1/24 fd00:4::1/64
  address f gw0 10.4.0.2/24 fd00:4::2/64
  address f be0 10.2.0.1/24 fd00:2::1/64
  default_route cl 10.1.0.1 fd00:1::1
  default_route n 10.3.0.2 fd00:3::2
  default_route f 10.4.0.1 fd00:4::1
  ip -n gw route add 10.1.0.0/24 via 10.3.0.1
  ip -n gw route add fd00:1::/64 via fd00:3::1
  ip -n gw route add 10.2.0.0/24 via 10.4.0.2
  ip -n gw route add fd00:2::/64 via fd00:4::2
  backends_on sw 10.2.0 fd00:2 10.2.0.1 fd00:2::1
  # Of the way, not of the device: a veth takes in no more than it sends.
  small_way n cl0 "$1" 10.1.0.0/24 fd00:1::/64
  small_way f be0 "$2" 10.2.0.0/24 fd00:2::/64
  GATEWAY_DEVICES='cl0 be0'
}

# 10 MB in ten seconds, where a stall would take minutes.
transfers_pass() {
  local a sum start
  sum=$(sha256sum <"$WORK/data" | cut -d' ' -f1)
  for a in $VIPS; do
    start=$SECONDS
    expect "download from $a" "$(download_sum "$a")" "$sum"
    ((SECONDS - start < 10)) || fail "download from $a: $((SECONDS - start)) s"
  done
}

# There and back, through a server that echoes.
echoes_pass() {
  local a
  for a in $VIPS; do
    transfer "$a" 7000 --timeout 10 >"$WORK/transfer.json" ||
      fail "10 MB there and back, $a: $(<"$WORK/transfer.json")"
  done
}

# pmtu MODE CLIENT-MTU BACKEND-MTU REASON: errors are counted as that.
pmtu() {
  narrow "$2" "$3"
  serve_in "$1"
  transfers_pass
  echoes_pass
  [[ $(reason "$4") -ge 2 ]] || fail "$4: $(reason "$4") errors"
  expect_checksums
}

test_icmp_pmtu_client_nat() {
  pmtu nat 1280 1500 icmp_to_backend
}

test_icmp_pmtu_client_transparent() {
  pmtu transparent 1280 1500 icmp_to_backend
}

test_icmp_pmtu_backend_nat() {
  pmtu nat 1500 1280 icmp_to_client
}

test_icmp_pmtu_backend_transparent() {
  pmtu transparent 1500 1280 icmp_to_client
}

# Gateway, backends and a router "n" on a switch; the client behind the router, whose
# link to it has a small MTU. Backends answer through the router.
narrow_dsr() {
  host cl
  router n
  router gw
  switch sw
  wire cl eth0 n cl0
  plug sw n sw0
  plug sw gw eth0
  pass_program sw gw-eth0
  address cl eth0 10.5.0.2/24 fd00:5::2/64
  address n cl0 10.5.0.1/24 fd00:5::1/64
  address n sw0 10.1.0.254/24 fd00:1::fe/64
  address gw eth0 10.1.0.1/24 fd00:1::1/64
  default_route cl 10.5.0.1 fd00:5::1
  default_route n 10.1.0.1 fd00:1::1
  default_route gw 10.1.0.254 fd00:1::fe
  backends_on sw 10.1.0 fd00:1 10.1.0.254 fd00:1::fe
  ip -n n link set cl0 mtu 1280
  GATEWAY_DEVICES=eth0
}

pmtu_dsr() {
  narrow_dsr
  serve_in "$1"
  transfers_pass
  [[ $(reason icmp_to_backend) -ge 2 ]] ||
    fail "icmp_to_backend: $(reason icmp_to_backend) errors"
}

test_icmp_pmtu_dsr_l2() {
  pmtu_dsr dsr-l2
}

test_icmp_pmtu_dsr_ipip() {
  pmtu_dsr dsr-ipip
}

test_icmp_traceroute_and_echo() {
  local a out
  narrow 1500 1500
  serve_in nat
  for a in $VIPS; do
    at cl ping -c 3 -i 0.05 -W 2 "$a" >/dev/null || fail "no echo from $a"
    out=$(at cl traceroute -n -q 1 -w 2 -m 5 -p 53 "$a" 2>&1)
    expect_match "UDP traceroute to $a" "$out" '^ ?2  (10\.3\.0\.2|fd00:3::2) '
    out=$(at cl traceroute -n -q 1 -w 2 -m 6 -T -p 80 "$a" 2>&1)
    expect_match "TCP traceroute to $a" "$out" '^ ?2  (10\.3\.0\.2|fd00:3::2) '
    # The far router, behind us: its error is translated.
    expect_match "TCP traceroute to $a" "$out" '^ ?3  (10\.4\.0\.2|fd00:4::2) '
    expect_match "TCP traceroute to $a" "$out" "^ ?4  $a "
  done
  [[ $(reason told_ttl) -gt 0 ]] || fail 'no hop was told'
  [[ $(reason answer_echo) == 6 ]] || fail 'echoes were not ours'
  expect_checksums
}

# Nobody listens at the backends: the port unreachable of each reaches its client.
# nobody_listens MODE WHERE...: namespaces of the backends
nobody_listens() {
  local a name mode=$1
  shift
  for name in "$@"; do
    at "$name" sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
  done
  in_mode "$mode" full_manifest >"$WORK/full.yaml"
  attach
  apply "$WORK/full.yaml"
  for a in $VIPS; do
    expect_json "UDP to $a" "$(split udp "$a" 7000 --count 10 --timeout 2)" \
      '.refused == 10'
  done
  expect 'errors to the client' "$(reason icmp_to_client)" 20
  expect_checksums
}

test_icmp_port_unreachable_nat() {
  two_armed
  nobody_listens nat b1 b2 b3
}

test_icmp_port_unreachable_transparent() {
  two_armed
  nobody_listens transparent b1 b2 b3
}

test_icmp_port_unreachable_processes() {
  local_processes
  nobody_listens nat gw
}

test_icmp_port_unreachable_containers() {
  containers_on_veth
  nobody_listens nat b1 b2 b3
}

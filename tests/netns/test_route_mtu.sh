# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Routers with a small MTU that say nothing of it, and a node that knows: by its routes
# (`ip route ... mtu lock`), or because its kernel has learned of it.
# shellcheck disable=SC2034 # addresses that hosts.sh reads

# shellcheck source=test_quotes.sh
. "$NETNS_DIR/test_quotes.sh"

# Kernels before 5.12 say nothing of MTUs to programs.
needs_mtu_of_routes() {
  local major minor
  IFS=. read -r major minor _ < <(uname -r)
  ((major > 5 || (major == 5 && minor >= 12))) ||
    skip "Linux $(uname -r) says no MTU of routes to programs"
}

# says_nothing ROUTER DEVICE: no error about an MTU leaves it by this device.
says_nothing() {
  at "$1" tc qdisc add dev "$2" clsact
  at "$1" tc filter add dev "$2" egress bpf direct-action \
    object-file "$(test_object quote)" section tc/only_short
}

# node_knows MTU NETWORK VIA...
node_knows() {
  local mtu=$1
  shift
  while (($#)); do
    # shellcheck disable=SC2086 # "via ADDRESS" or "dev NAME"
    ip -n gw route replace "$1" $2 mtu lock "$mtu"
    shift 2
  done
}

# client_is_told MTU4 MTU6: by this node, and by nobody else.
client_is_told() {
  knows cl "$VIP4" "$1" || fail "the client does not know of $1 bytes"
  knows cl "$VIP6" "$2" || fail "the client does not know of $2 bytes"
  [[ $(reason told_too_big) -ge 2 ]] || fail "told_too_big: $(reason told_too_big)"
  expect 'errors from routers' "$(($(reason icmp_to_client) + $(reason icmp_to_backend)))" 0
  expect_checksums
}

# megabytes_pass: there and back.
megabytes_pass() {
  local a
  for a in $VIPS; do
    expect_json "1 MB to $a" "$(transfer "$a" 7000 --bytes 1000000 --timeout 10)" '.same'
  done
}

to_backends_in() {
  needs_mtu_of_routes
  narrow 1500 1280
  says_nothing f gw0
  node_knows 1280 10.2.0.0/24 'via 10.4.0.2' fd00:2::/64 'via fd00:4::2'
  serve_in "$1"
  megabytes_pass
  client_is_told 1280 1280
}

test_route_mtu_nat() {
  to_backends_in nat
}

test_route_mtu_transparent() {
  to_backends_in transparent
}

# On a link, where it can't be but known.
test_route_mtu_dsr_l2() {
  needs_mtu_of_routes
  one_armed
  node_knows 1400 10.1.0.0/27 'dev eth0' fd00:1::/123 'dev eth0'
  serve_in dsr-l2
  megabytes_pass
  client_is_told 1400 1400
}

test_route_mtu_dsr_ipip() {
  needs_mtu_of_routes
  narrow_tunnel
  says_nothing r eth0
  node_knows 1400 10.2.0.0/24 'via 10.1.0.254' fd00:2::/64 'via fd00:1::fe'
  serve_in dsr-ipip
  megabytes_pass
  client_is_told 1380 1360
}

# Backends learn it of the way to the client.
to_client_in() {
  needs_mtu_of_routes
  narrow 1280 1500
  says_nothing n gw0
  node_knows 1280 10.1.0.0/24 'via 10.3.0.1' fd00:1::/64 'via fd00:3::1'
  serve_in "$1"
  transfers_pass
  [[ $(reason told_too_big) -ge 2 ]] || fail "told_too_big: $(reason told_too_big)"
  expect_checksums
}

test_route_mtu_to_client_nat() {
  to_client_in nat
  backends_know 10.4.0.1 fd00:4::1
}

test_route_mtu_to_client_transparent() {
  to_client_in transparent
  backends_know 10.1.0.2 fd00:1::2
}

# What the node's own packets have found out counts for those of clients.
test_learned_mtu() {
  local b a
  needs_mtu_of_routes
  narrow_tunnel
  serve_in dsr-ipip
  for b in $BACKENDS; do
    for a in "${ADDRESS4[$b]}" "${ADDRESS6[$b]}"; do
      # The first one is too big.
      at gw ping -M 'do' -s 1430 -c 2 -i 0.1 -W 1 "$a" >/dev/null 2>&1 || true
      knows gw "$a" 1400 || fail "the node does not know the MTU to $a"
    done
  done
  says_nothing r eth0
  sleep 1.2
  megabytes_pass
  client_is_told 1380 1360
}

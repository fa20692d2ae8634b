# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Path MTU discovery where it is made hard: by errors that quote as little as they may,
# that arrive at another node than the flow's packets, or that quote our own header.
# shellcheck disable=SC2034 # addresses that hosts.sh reads

# shellcheck source=test_icmp.sh
. "$NETNS_DIR/test_icmp.sh"
# shellcheck source=test_ecmp.sh
. "$NETNS_DIR/test_ecmp.sh"

# quotes_little ROUTER DEVICE: in the errors that it sends by this device.
quotes_little() {
  at "$1" tc qdisc add dev "$2" clsact
  at "$1" tc filter add dev "$2" egress bpf direct-action \
    object-file "$(test_object quote)" section tc
}

# takes_little NAME DEVICE: lets in no error that quotes more.
takes_little() {
  at "$1" tc qdisc add dev "$2" clsact
  at "$1" tc filter add dev "$2" ingress bpf direct-action \
    object-file "$(test_object quote)" section tc/only_short
}

# knows NAME DESTINATION MTU: its route cache does.
knows() {
  ip -n "$1" route get "$2" | grep -Eq " mtu $3( |\$)"
}

# Which of the backends know that there is a small MTU on the way there.
# that_know DESTINATION MTU
that_know() {
  local b
  for b in $BACKENDS; do
    ! knows "$b" "$1" "$2" || printf '%s\n' "$b"
  done
}

# pmtu_little MODE CLIENT-MTU BACKEND-MTU REASON: both routers quote little.
pmtu_little() {
  local b mode=$1
  narrow "$2" "$3"
  quotes_little n gw0
  quotes_little f gw0
  for b in cl $BACKENDS; do
    takes_little "$b" eth0
  done
  serve_in "$mode"
  transfers_pass
  echoes_pass
  [[ $(reason "$4") -ge 2 ]] || fail "$4: $(reason "$4") errors"
  expect_checksums
}

# backends_know ADDRESS...: somebody does, of each.
backends_know() {
  local a
  for a in "$@"; do
    [[ -n $(that_know "$a" 1280) ]] || fail "no backend knows the MTU to $a"
  done
}

test_quotes_little_client_nat() {
  pmtu_little nat 1280 1500 icmp_to_backend
  backends_know 10.4.0.1 fd00:4::1
}

test_quotes_little_client_transparent() {
  pmtu_little transparent 1280 1500 icmp_to_backend
  backends_know 10.1.0.2 fd00:1::2
}

client_knows() {
  local a
  for a in $VIPS; do
    knows cl "$a" 1280 || fail "the client does not know the MTU to $a"
  done
}

test_quotes_little_backend_nat() {
  pmtu_little nat 1500 1280 icmp_to_client
  client_knows
}

test_quotes_little_backend_transparent() {
  pmtu_little transparent 1500 1280 icmp_to_client
  client_knows
}

pmtu_little_dsr() {
  narrow_dsr
  quotes_little n sw0
  takes_little sw n-sw0
  serve_in "$1"
  transfers_pass
  backends_know 10.5.0.2 fd00:5::2
  [[ $(reason icmp_to_backend) -ge 2 ]] ||
    fail "icmp_to_backend: $(reason icmp_to_backend) errors"
}

test_quotes_little_dsr_l2() {
  pmtu_little_dsr dsr-l2
}

test_quotes_little_dsr_ipip() {
  pmtu_little_dsr dsr-ipip
}

# ---------------------------------------------------------------- two nodes

# errors_to NODE: what the router itself sends to listeners. A rule about lo is one
# about packets that nobody brought.
errors_to() {
  ip -n r rule add iif lo lookup 100
  ip -n r -6 rule add iif lo lookup 100
  ip -n r route add "$VIP4" via "${NODE4[$1]}" table 100
  ip -n r route add "$VIP6" via "${NODE6[$1]}" table 100
}

# many_transfers ADDRESS: 1 MB there and back, to a backend that hears of the client's
# MTU, or else the connection gets stuck. Prints their names.
many_transfers() {
  local i json
  for i in 1 2 3 4 5 6 7 8 9 10; do
    json=$(transfer "$1" 7000 --bytes 1000000 --timeout 5) ||
      fail "transfer $i by $1: $json"
    jq -r .name <<<"$json"
  done | sort -u
}

# All flows by gw, and all errors about what the backends send by gw2.
errors_at_other() {
  local mode=$1 names total=0 a client
  two_nodes
  small_way r cl0 1280 10.1.0.0/24 fd00:1::/64
  start_in "$mode"
  on_all attach
  apply_pair "$mode" 50 50 b3 b4
  spread gw
  errors_to gw2
  [[ $mode != transparent ]] || replies_by gw
  for a in $VIPS; do
    names=$(many_transfers "$a")
    [[ $names == *$'\n'* ]] || fail "one backend alone: $names"
    client=$(ip -j -n cl route get "$a" | jq -r '.[0].prefsrc')
    expect "backends that know the MTU to $client" "$(that_know "$client" 1280)" "$names"
    total=$((total + $(wc -l <<<"$names")))
  done
  expect_json 'errors at gw2' "$(on gw2 reason icmp_to_backend)" ". >= $total"
  expect 'errors at gw' "$(on gw reason icmp_to_backend)" 0
  expect 'clients at gw2' "$(on gw2 reason to_backend)" 0
  expect_checksums
}

test_errors_at_other_dsr_l2() {
  errors_at_other dsr-l2
}

test_errors_at_other_dsr_ipip() {
  errors_at_other dsr-ipip
}

test_errors_at_other_transparent() {
  errors_at_other transparent
}

# ---------------------------------------------------------------- our own header

# counts_of NAME...: the sum of these counters of the kernel's, of the router "r".
counts_of() {
  at r nstat -asz "$@" | awk '!/^#/ {s += $2} END {print s + 0}'
}

# advertise BYTES: the segments that backends ask their clients for.
advertise() {
  local b
  for b in $BACKENDS; do
    ip -n "$b" route replace default via 10.2.0.1 advmss "$1"
    ip -n "$b" -6 route replace default via fd00:2::1 advmss "$1"
  done
}

# The router between node and backends takes 1400 bytes, and says so to the node, whose
# header is the outer one.
narrow_tunnel() {
  routed
  small_way r below 1400 10.2.0.0/24 fd00:2::/64
}

# The client hears of it, and what it sends comes through.
test_outer_header_is_heard() {
  local a
  narrow_tunnel
  serve_in dsr-ipip
  for a in $VIPS; do
    expect_json "1 MB to $a" "$(transfer "$a" 7000 --bytes 1000000 --timeout 10)" '.same'
  done
  knows cl "$VIP4" 1380 || fail 'the client does not know the MTU of IPv4'
  knows cl "$VIP6" 1360 || fail 'the client does not know the MTU of IPv6'
  [[ $(reason icmp_to_client) -ge 2 ]] || fail "icmp_to_client: $(reason icmp_to_client)"
  expect_checksums
}

# It has no way to the backends at all: who wants to connect is told, at once.
test_outer_header_unreachable() {
  local a
  narrow_tunnel
  serve_in dsr-ipip
  ip -n r route del 10.2.0.0/24 dev below
  ip -n r route del fd00:2::/64 dev below
  ip -n r route add unreachable 10.2.0.0/24
  ip -n r route add unreachable fd00:2::/64
  for a in $VIPS; do
    expect_match "connect to $a" \
      "$(at cl timeout 5 bash -c "exec 3<>/dev/tcp/$a/7000" 2>&1)" 'No route to host'
  done
  expect_checksums
}

# A quote that ends where the inner header begins is of no use: what the client sends
# gets stuck, unless the backend asks for less.
test_outer_header_alone() {
  local a before errors
  narrow_tunnel
  quotes_little r eth0
  serve_in dsr-ipip
  # Acknowledgements are all that comes through.
  transfers_pass
  for a in $VIPS; do
    before=$(reason not_ours)
    errors=$(counts_of IcmpOutDestUnreachs Icmp6OutPktTooBigs)
    expect_json "1 MB to $a" "$(transfer "$a" 7000 --bytes 1000000 --timeout 3)" \
      '.same | not'
    errors=$(($(counts_of IcmpOutDestUnreachs Icmp6OutPktTooBigs) - errors))
    ((errors > 0)) || fail "the router said nothing about $a"
    (($(reason not_ours) - before >= errors)) || fail "not_ours: less than $errors for $a"
  done
  expect 'errors to the client' "$(reason icmp_to_client)" 0
  expect 'errors to a backend' "$(reason icmp_to_backend)" 0

  advertise 1300
  for a in $VIPS; do
    expect_json "1 MB in small segments to $a" \
      "$(transfer "$a" 7000 --bytes 1000000 --timeout 10)" '.same'
  done
  expect_checksums
}

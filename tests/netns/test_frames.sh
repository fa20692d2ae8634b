# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Frames as they are in real networks: tags, jumbo frames, superframes, offloads.
# shellcheck disable=SC2034 # knobs that hosts.sh reads

# All that a link may carry, the outer tag first: none, one, a priority, two, and
# two of the same kind with a priority.
TAGS=(--tags= --tags=0x8100:10 --tags=0x8100:0xa000 "--tags=0x88a8:5,0x8100:10"
  "--tags=0x8100:5,0x8100:0x600a")

# frames_in MODE BACKEND...: a Gateway on 7000 whose backends they are, and on 7001
# one without a route.
frames_in() {
  local PARAMETERS=mode mode=$1
  shift
  {
    parameters mode "$mode"
    gateway_class
    gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000 none:TCP:7001 nor:UDP:7001
    route TCPRoute tcp gw/tcp tcp:7000
    route UDPRoute udp gw/udp udp:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" "$@"
    service udp UDP 7000 "$PORT_IDENTIFY" "$@"
  } >"$WORK/frames.yaml"
  apply "$WORK/frames.yaml"
}

# tagged COMMAND ARGUMENTS...
tagged() {
  local command=$1
  shift
  timeout 120 "$PYTHON" "$TOOLS/tagged.py" "$command" "$VIP4" "$VIP6" --client cl eth0 "$@"
}

# ---------------------------------------------------------------- tags

# Client and backend on one trunk, and a hook: there and back with the same tags.
trunk() {
  local mode json one_way back
  one_armed
  # As on a wire: what is kept beside a frame is lost to native XDP.
  at sw ethtool -K gw-eth0 txvlan off tx-vlan-stag-hw-insert off >/dev/null
  attach "$@"
  for mode in nat transparent dsr-l2; do
    frames_in "$mode" b1
    # Neighbours speak without tags here.
    at gw ping -c 1 -W 2 "${ADDRESS4[b1]}" >/dev/null
    at gw ping -c 1 -W 2 "${ADDRESS6[b1]}" >/dev/null
    # In dsr the backend's answer is none of our business.
    one_way=() back='true'
    if [[ $mode == dsr-l2 ]]; then
      one_way=(--one-way)
    else
      back='.back == {tags: .sent, checksums: true, reset: false}'
    fi
    json=$(tagged flow --backend b1 eth0 --gateway "$(mac_of gw eth0)" "${one_way[@]}" "${TAGS[@]}")
    expect_json "mode $mode" "$json" "length == 20 and all(.[];
      .there == {tags: .sent, checksums: true} and $back)"
  done
  json=$(tagged flow --backend b1 eth0 --gateway "$(mac_of gw eth0)" --to 7001 --refused \
    "${TAGS[@]}")
  expect_json 'rejected' "$json" 'length == 20 and all(.[]; .back.tags == .sent
    and .back.checksums and (.protocol == "UDP" or .back.reset))'
}

test_tags_native() {
  trunk --mode native
}

test_tags_generic() {
  trunk --mode generic
}

test_tags_tc() {
  trunk --mode tc
}

# What leaves by another device leaves without them.
test_tags_end_with_the_link() {
  local json
  two_armed
  attach --mode tc
  frames_in nat b1
  at gw ping -c 1 -W 2 "${ADDRESS4[b1]}" >/dev/null
  at gw ping -c 1 -W 2 "${ADDRESS6[b1]}" >/dev/null
  json=$(tagged flow --backend b1 eth0 --gateway "$(mac_of gw cl0)" "${TAGS[@]}")
  expect_json 'to another device' "$json" 'length == 20 and all(.[];
    .there == {tags: [], checksums: true} and .back == {tags: [], checksums: true, reset: false})'
}

# Behind our programs a bridge of the gateway, which brings frames on as they are.
test_tags_of_others() {
  local mode
  host cl
  host b1
  router gw
  wire cl eth0 gw eth0
  wire gw x0 b1 eth0
  ip -n gw link add br0 type bridge mcast_snooping 0
  ip -n gw link set br0 up
  ip -n gw link set eth0 master br0
  ip -n gw link set x0 master br0
  address gw br0 10.1.0.1/24 fd00:1::1/64
  ADDRESS4[b1]=10.1.0.11 ADDRESS6[b1]=fd00:1::11
  GATEWAY_DEVICES=eth0
  for mode in native generic tc; do
    attach --mode "$mode"
    frames_in transparent b1
    expect_json "$mode" "$(tagged pass --backend b1 eth0 "${TAGS[@]}")" \
      '.sent == 65 and .same == .sent'
  done
}

# ---------------------------------------------------------------- sizes

# servers_in MODE: all of b1, where the mode wants them.
servers_in() {
  local PORT_IDENTIFY=$PORT_IDENTIFY
  local -A ADDRESS4=([b1]=${ADDRESS4[b1]}) ADDRESS6=([b1]=${ADDRESS6[b1]})
  if [[ $1 == dsr-* ]]; then
    backend "$1" b1
    ADDRESS4[b1]=$VIP4 ADDRESS6[b1]=$VIP6 PORT_IDENTIFY=7000
  fi
  start_identify b1
}

# Datagrams that the sender's stack leaves to be cut up later: all of them arrive,
# each whole.
udp_superframes() {
  local a mode=$1
  OFFLOAD=on PASS=off
  "$2"
  attach --mode tc
  frames_in "$mode" b1
  servers_in "$mode"
  for a in "$VIP4" "$VIP6"; do
    expect_json "mode $mode, $a" \
      "$(at cl timeout 60 "$PYTHON" "$TOOLS/segments.py" "$a" 7000)" '.answers == .sent'
  done
  expect_checksums
}

test_udp_superframes_nat() {
  udp_superframes nat routed
}

test_udp_superframes_transparent() {
  udp_superframes transparent two_armed
}

# Also those that the outer header makes too large for the link, each told so.
test_udp_superframes_dsr_ipip() {
  local a
  udp_superframes dsr-ipip routed
  expect 'too big' "$(reason told_too_big)" 0
  for a in "$VIP4 1453" "$VIP6 1440"; do
    # shellcheck disable=SC2086 # two words
    set -- $a
    expect_json "$2 bytes to $1" "$(at cl timeout 60 "$PYTHON" "$TOOLS/segments.py" "$1" 7000 \
      --size "$2" --rounds 1)" '.answers == 0'
  done
  (($(reason told_too_big) >= 2)) || fail "told_too_big: $(reason told_too_big)"
  expect 'not written' "$(reason drop_write)" 0
}

# Jumbo frames, of which each is in one piece.
jumbo() {
  local host device a
  # Native XDP, which the test has on far ends, has a limit of its own.
  PASS=off
  two_armed
  for host in cl:eth0 gw:cl0 gw:be0 sw:gw-be0 sw:b1-eth0 sw:b2-eth0 sw:b3-eth0 sw:br0 b1:eth0 \
    b2:eth0 b3:eth0; do
    device=${host#*:} host=${host%%:*}
    ip -n "$host" link set "$device" mtu 9000
  done
  start_identify
  start_http
  start_dns
  start_redis b1
  full_manifest >"$WORK/full.yaml"
  attach "$@"
  apply "$WORK/full.yaml"
  check_traffic
  for a in "$VIP4" "$VIP6"; do
    expect_json "8,000 bytes to $a" "$(at cl timeout 60 "$PYTHON" "$TOOLS/segments.py" "$a" 7000 \
      --size 8000 --count 1)" '.answers == .sent'
  done
}

test_jumbo_tc() {
  jumbo --mode tc
}

test_jumbo_generic() {
  jumbo --mode generic
}

# Checksums that the sender's stack leaves to the device, in the modes and on the
# hooks that are not tested so elsewhere: tags and superframes apart, all traffic.
test_offloads_generic_one_armed() {
  OFFLOAD=on PASS=off
  one_armed
  start_identify
  start_http
  start_dns
  start_redis b1
  full_manifest >"$WORK/full.yaml"
  attach --mode generic
  apply "$WORK/full.yaml"
  check_traffic
}

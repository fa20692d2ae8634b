# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Datagrams in fragments: in order and not, there and back, in all modes.
# shellcheck disable=SC2034 # addresses that hosts.sh reads

# Datagrams of 4 KB of each kind; 100000 for the figure that is published.
FRAGMENTED=${FRAGMENTED:-60}
# Bytes of a fragment, datagrams that may be lost, and seconds to wait for one.
FRAGMENT=1448
LOSS=0
WAIT=3

mac_of() {
  ip -j -n "$1" link show dev "$2" | jq -r ".[0].address"
}

# A Gateway on 7000/UDP and 53/UDP in a mode.
fragments_in() {
  local PARAMETERS=mode mode=$1
  {
    parameters mode "$mode"
    gateway_class
    gateway gw "$VIP4 $VIP6" udp:UDP:7000 dns:UDP:53
    route UDPRoute udp gw/udp udp:7000
    route UDPRoute dns gw/dns dns:53
    # shellcheck disable=SC2086 # a list
    service udp UDP 7000 "${FRAGMENTS_PORT:-$PORT_IDENTIFY}" $BACKENDS
    # shellcheck disable=SC2086 # a list
    service dns UDP 53 "$PORT_DNS" $BACKENDS
  } >"$WORK/fragments.yaml"
  apply "$WORK/fragments.yaml"
}

# fragments WHAT ARGUMENTS...
fragments() {
  timeout 900 nsenter --net="/run/netns/${FROM:-cl}" -- "$PYTHON" "$TOOLS/fragments.py" "$@"
}

# serve_fragments DEVICE-OF-GATEWAY [ORDER]: backends; in an order if the answers,
# too, are fragments made by hand.
serve_fragments() {
  local b a hand=()
  [[ -z ${2:-} ]] || hand=(--order "$2" --to "$(mac_of gw "$1")")
  for b in $BACKENDS; do
    for a in "${FRAGMENTS_ON4:-${ADDRESS4[$b]}}" "${FRAGMENTS_ON6:-${ADDRESS6[$b]}}"; do
      serve "$(place "$b")" "$PYTHON" "$TOOLS/fragments.py" serve --name "$b" --source "$a" \
        --port "${FRAGMENTS_PORT:-$PORT_IDENTIFY}" "${hand[@]}"
    done
  done
  for b in $BACKENDS; do
    wait_for 10 "$b" listening "$(place "$b")" udp \
      "[${FRAGMENTS_ON6:-${ADDRESS6[$b]}}]" "${FRAGMENTS_PORT:-$PORT_IDENTIFY}"
  done
}

# echoed ADDRESS DEVICE-OF-GATEWAY ARGUMENTS...: if some are lost, once more: what
# waits is lost on a machine that stands still for a second.
echoed() {
  local a=$1 device=$2 source=10.1.0.2 json
  shift 2
  [[ $a != *:* ]] || source=fd00:1::2
  for _ in 1 2 3; do
    json=$(fragments echo --source "$source" --listener "$a" --to "$(mac_of gw "$device")" \
      --fragment "$FRAGMENT" --timeout "$WAIT" "$@")
    (($(jq .lost <<<"$json") > LOSS)) || break
  done
  printf '%s\n' "$json"
}

# any_distance HOST: else the kernel gives a datagram up when 64 fragments of other
# ones of the same address have come in between; three backends answer from one.
any_distance() {
  at "$1" sysctl -qw net.ipv4.ipfrag_max_dist=0
}

# all_echoed DEVICE-OF-GATEWAY: of all sizes, in any order.
all_echoed() {
  local a order size
  any_distance cl
  for a in "$VIP4" "$VIP6"; do
    # The neighbours are known then.
    echoed "$a" "$1" --order order --size 100 --count 32 >/dev/null
    for order in order reverse shuffle; do
      expect_json "$a, $order" "$(echoed "$a" "$1" --order "$order" --count "$FRAGMENTED")" \
        "(.answers | add) + .lost == .sent and (.answers | length) >= 2 and .wrong == 0 and .lost <= $LOSS"
      for size in 9000 60000; do
        expect_json "$a, $order, $size bytes" \
          "$(echoed "$a" "$1" --order "$order" --size "$size" --count 16)" \
          "(.answers | add) + .lost == .sent and .wrong == 0 and .lost <= $LOSS"
      done
    done
  done
  expect_checksums
}

more_than() {
  (($(reason "$1") > $2))
}

held_some() {
  more_than held_fragment 100 || fail "held: $(reason held_fragment)"
}

test_fragments_nat() {
  two_armed
  serve_fragments be0
  attach
  fragments_in nat
  all_echoed cl0
  held_some
}

test_fragments_nat_answers_in_disorder() {
  two_armed
  serve_fragments be0 shuffle
  attach
  fragments_in nat
  all_echoed cl0
}

test_fragments_transparent() {
  two_armed
  serve_fragments be0
  attach
  fragments_in transparent
  all_echoed cl0
  held_some
}

# Who sends fragments is known by those of the last two seconds: the first answers of
# each backend are lost, and of more than one backend if one has to wait for them.
test_fragments_transparent_answers_in_disorder() {
  local LOSS=12 WAIT=0.4
  two_armed
  serve_fragments be0 shuffle
  attach
  fragments_in transparent
  all_echoed cl0
}

test_fragments_tc_offloads() {
  OFFLOAD=on PASS=off
  two_armed
  serve_fragments be0
  attach --mode tc
  fragments_in nat
  all_echoed cl0
}

# Answers leave through TC egress.
test_fragments_processes() {
  local_processes
  any_distance gw
  serve_fragments cl0
  attach
  for mode in nat transparent; do
    fragments_in "$mode"
    all_echoed "$GATEWAY_DEVICES"
  done
}

test_fragments_containers() {
  OFFLOAD=on PASS=off
  containers_on_bridge
  serve_fragments docker0
  attach --mode tc
  fragments_in nat
  all_echoed "$GATEWAY_DEVICES"
}

in_dsr() {
  local FRAGMENTS_ON4=$VIP4 FRAGMENTS_ON6=$VIP6 FRAGMENTS_PORT=7000
  # shellcheck disable=SC2086 # a list
  backend "$1" $BACKENDS
  serve_fragments eth0
  attach
  fragments_in "$1"
  all_echoed eth0
  held_some
}

test_fragments_dsr_l2() {
  one_armed
  in_dsr dsr-l2
}

# The client's fragments leave room for the outer header.
test_fragments_dsr_ipip() {
  local FRAGMENT=1400
  routed
  in_dsr dsr-ipip
}

# A real server, whose answer and a query that are longer than a frame.
test_fragments_dns() {
  local b a i text records=()
  two_armed
  for i in {1..16}; do
    printf -v text '%0200d' "$i"
    records+=(--txt-record="big.test,$text")
  done
  for b in $BACKENDS; do
    serve "$b" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
      --user=root --pid-file= --bind-interfaces --listen-address="${ADDRESS4[$b]}" \
      --listen-address="${ADDRESS6[$b]}" --port="$PORT_DNS" --edns-packet-max=8192 "${records[@]}"
  done
  for b in $BACKENDS; do
    wait_for 10 "dnsmasq on $b" listening "$b" udp "${ADDRESS4[$b]}" "$PORT_DNS"
  done
  attach
  for mode in nat transparent; do
    fragments_in "$mode"
    for a in "$VIP4" "$VIP6"; do
      for i in {1..10}; do
        expect "records of $a in mode $mode" "$(at cl dig +short +ignore +bufsize=8000 +tries=1 \
          +time=2 "@$a" big.test TXT | wc -l)" 16
      done
    done
  done
  expect_checksums
}

# What is not for a listener, or for the node itself, in any order.
test_fragments_of_others() {
  local a before
  two_armed
  serve gw "$PYTHON" "$TOOLS/fragments.py" serve --name gw --source 10.1.0.1 --port 9999
  serve gw "$PYTHON" "$TOOLS/fragments.py" serve --name gw --source fd00:1::1 --port 9999
  serve_fragments be0
  any_distance gw
  attach
  # The node's own address is a listener's as well, on another port.
  VIP4=10.1.0.1 VIP6=fd00:1::1 fragments_in nat
  for a in 10.1.0.1 fd00:1::1; do
    for order in order reverse shuffle; do
      expect_json "to the node, $a, $order" \
        "$(echoed "$a" cl0 --order "$order" --port 9999 --count 100)" \
        '.answers == {gw: .sent} and .lost + .wrong == 0'
      expect_json "to a listener, $a, $order" \
        "$(echoed "$a" cl0 --order "$order" --count 100)" \
        '(.answers | add) == .sent and .answers.gw == null and .lost + .wrong == 0'
    done
  done
  # Through the node, past l4gate.
  before=$(reason held_fragment)
  for a in "${ADDRESS4[b1]}" "${ADDRESS6[b1]}"; do
    for order in order reverse; do
      expect_json "through the node, $a, $order" \
        "$(echoed "$a" cl0 --order "$order" --port "$PORT_IDENTIFY" --count 50)" \
        '.answers == {b1: .sent} and .lost + .wrong == 0'
    done
  done
  expect 'held for others' "$(reason held_fragment)" "$before"
  expect_checksums
}

# Fragments that no first one belongs to: from one sender, to a listener.
test_fragments_flood() {
  local a source=10.1.0.99
  two_armed
  serve_fragments be0
  attach
  fragments_in nat
  for a in "$VIP4" "$VIP6"; do
    [[ $a != *:* ]] || source=fd00:1::99
    fragments flood --source "$source" --listener "$a" --to "$(mac_of gw cl0)" \
      --timeout 8 >"$WORK/flood" &
    for order in order reverse shuffle; do
      expect_json "$a, $order, in a flood" \
        "$(echoed "$a" cl0 --order "$order" --count 100)" \
        '(.answers | add) == .sent and .lost + .wrong == 0'
    done
    wait_for 20 'the end of the flood' test -s "$WORK/flood"
    (($(<"$WORK/flood") > 10000)) || fail "flood: $(<"$WORK/flood")"
    rm "$WORK/flood"
  done
  more_than drop_fragment 10000 || fail "dropped: $(reason drop_fragment)"
  # A second's worth of one sender at a time.
  (($(reason held_fragment) < 10000)) || fail "held: $(reason held_fragment)"
}

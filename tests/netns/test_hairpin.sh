# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Clients in unusual places: backends of the very listener that they ask.

# shellcheck source=test_modes.sh
. "$NETNS_DIR/test_modes.sh"

# live_from NAME ADDRESS [OPTION...]: twenty flows of a second; what became of them.
live_from() {
  local name=$1 address=$2
  shift 2
  LIVE_FROM=$name live_start "$name" "$address" 7000 --count 20 --interval 0.1 "$@"
  sleep 1
  live_stop "$name"
  rm "$WORK/live-$name".*
}

# In nat a backend sees the node, even if the client is itself.
hairpin_nat() {
  local a kind json
  "$1"
  start_identify
  attach
  for a in $VIPS; do
    [[ $1 == two_armed ]] || ip -n b1 route add "$a" via "$([[ $a == *:* ]] && echo fd00:1::1 || echo 10.1.0.1)"
  done
  use_mode nat 1 1 0
  for a in $VIPS; do
    for kind in '' --udp; do
      json=$(live_from b1 "$a" ${kind:+"$kind"})
      no_harm "b1 to $a $kind" "$json"
      expect_json "b1 to $a $kind" "$json" '.by_backend.b1 + .by_backend.b2 == 20
        and .by_backend.b1 > 0 and .by_backend == .last_backend'
    done
  done
  expect_checksums
}

test_hairpin_nat_two_armed() {
  hairpin_nat two_armed
}

test_hairpin_nat_one_armed() {
  hairpin_nat one_armed
}

# In transparent what a backend asks comes to it from itself: it takes that for forged.
test_hairpin_transparent() {
  local a
  two_armed
  start_identify
  attach
  use_mode transparent 1 0 0
  for a in $VIPS; do
    timeout 8 nsenter --net=/run/netns/b1 -- "$PYTHON" "$TOOLS/split.py" udp "$a" 7000 \
      --count 3 --timeout 0.3 --ports "$WORK/ports-b1" >"$WORK/hairpin.json"
    expect_json "b1 to $a" "$(<"$WORK/hairpin.json")" '.timeouts == 3'
  done
  (($(packets_of backend from_client) >= 6)) || fail 'not counted'
}

# What the node itself sends to a listener goes where its routes lead: not to us.
test_client_on_node() {
  local a
  two_armed
  start_identify
  attach
  use_mode nat 1 1 1
  ip -n gw route add default via 10.1.0.2
  ip -n gw -6 route add default via fd00:1::2
  for a in $VIPS; do
    timeout 8 nsenter --net=/run/netns/gw -- "$PYTHON" "$TOOLS/split.py" udp "$a" 7000 \
      --count 3 --timeout 0.3 --ports "$WORK/ports-gw" >"$WORK/node.json"
    expect_json "the node to $a" "$(<"$WORK/node.json")" '.answers == {}'
  done
  expect 'packets of clients' "$(packets_of backend from_client)" 0
  only_backends "$(split udp "$VIP4" 7000 --count 10)" 10 'a client beside it'
}

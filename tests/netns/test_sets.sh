# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# ListenerSets: they are served, told apart, and in nobody's way.

ready() {
  two_armed
  start_identify
  attach
}

# sets NAME:BACKEND:PORT...: a Gateway with TCP and UDP on port 7000 to b1, and
# ListenerSets whose listeners are all called tcp and udp.
sets() {
  local s name backend port
  gateway_class
  ALLOWED=Same gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000
  route TCPRoute own gw/tcp tcp-b1:7000
  route UDPRoute own gw/udp udp-b1:7000
  for s in "$@"; do
    IFS=: read -r name backend port <<<"$s"
    listener_set "$name" gw "tcp:TCP:$port" "udp:UDP:$port"
    PARENT_KIND=ListenerSet route TCPRoute "$name" "$name/tcp" "tcp-$backend:7000"
    PARENT_KIND=ListenerSet route UDPRoute "$name" "$name/udp" "udp-$backend:7000"
  done
  for backend in b1 b2 b3; do
    service "tcp-$backend" TCP 7000 "$PORT_IDENTIFY" "$backend"
    service "udp-$backend" UDP 7000 "$PORT_IDENTIFY" "$backend"
  done
}

# answers PORT BACKEND: all new flows to the port, of both protocols and families.
answers() {
  local vip
  for vip in "$VIP4" "$VIP6"; do
    expect_json "TCP $vip $1" "$(split tcp "$vip" "$1" --count 20)" ".answers == {$2: 20}"
    expect_json "UDP $vip $1" "$(split udp "$vip" "$1" --count 20)" ".answers == {$2: 20}"
  done
}

# flows_of LISTENER-SET: new flows of its listeners, by their metrics.
flows_of() {
  l4 stats -o prometheus | awk -v set="listener_set=\"$1\"" '
    /^l4gate_listener_flows_total/ && index($0, set) {s += $NF}
    END {print s + 0}'
}

test_listeners_of_the_same_name() {
  local table
  ready
  sets one:b2:7001 two:b3:7002 >"$WORK/sets.yaml"
  apply "$WORK/sets.yaml"
  answers 7000 b1
  answers 7001 b2
  answers 7002 b3
  expect 'flows of the Gateway' "$(flows_of '')" 80
  expect 'flows of one' "$(flows_of default/one)" 80
  expect 'flows of two' "$(flows_of default/two)" 80
  l4 stats -o prometheus >"$WORK/metrics"
  expect 'what promtool has to say' "$(promtool check metrics <"$WORK/metrics" 2>&1)" ''
  expect 'duplicate series' \
    "$(grep -v '^#' "$WORK/metrics" | sed 's/ [^ ]*$//' | sort | uniq -d)" ''
  expect_json 'get listeners' "$(l4 get listeners tcp -o json)" \
    '[.listeners[].listenerSet] == [null, "default/one", "default/two"]'
  table=$(l4 get listeners tcp)
  expect_match 'get listeners' "$table" 'gw +default/one +tcp'
  expect_match 'get listeners' "$table" 'gw +- +tcp'
  expect_match 'stats' "$(l4 stats)" 'default/gw/default/one/tcp'
  expect 'the same again' "$(apply "$WORK/sets.yaml")" unchanged
  expect_checksums
}

# One comes and goes; flows of the others don't notice, nor do their counters.
test_rule_47_deleted_under_traffic() {
  local before json tag
  ready
  sets one:b2:7001 two:b3:7002 >"$WORK/both.yaml"
  sets two:b3:7002 >"$WORK/two.yaml"
  apply "$WORK/both.yaml"
  live_start own "$VIP4" 7000 --count 50 --interval 0.02
  live_start two "$VIP6" 7002 --count 50 --interval 0.02
  live_start udp "$VIP4" 7002 --count 50 --udp --interval 0.02
  before=$(flows_of default/two)
  for _ in 1 2 3 4; do
    expect 'what goes' "$(apply "$WORK/two.yaml" | LC_ALL=C sort)" \
      $'- ListenerSet/default/one\n- listener default/gw/default/one/tcp\n- listener default/gw/default/one/udp
- route TCPRoute/default/one\n- route UDPRoute/default/one
~ status of Gateway/default/gw'
    expect_json 'nobody listens' "$(split tcp "$VIP4" 7001 --count 3 --timeout 1)" '.answers == {}'
    apply "$WORK/both.yaml" >/dev/null
    answers 7001 b2
  done
  for tag in own two udp; do
    json=$(live_stop "$tag")
    expect_json "flows '$tag'" "$json" \
      '.resets + .mismatches + .timeouts + .refused == 0 and .errors == {} and .exchanges > 500'
    expect_json "flows '$tag'" "$json" '.moves // 0 == 0'
  done
  expect 'flows of the one that stayed' "$(flows_of default/two)" "$before"
  expect_checksums
}

# Who goes first has the port; when it goes, the next one does.
test_rule_19_next_in_turn() {
  ready
  sets one:b2:7001 two:b3:7001 >"$WORK/both.yaml"
  sets two:b3:7001 >"$WORK/two.yaml"
  apply "$WORK/both.yaml"
  answers 7001 b2
  apply "$WORK/two.yaml"
  answers 7001 b3
  apply "$WORK/both.yaml"
  answers 7001 b2
  # The Gateway's own port is never a ListenerSet's.
  sets one:b2:7000 >"$WORK/own.yaml"
  apply "$WORK/own.yaml"
  answers 7000 b1
}

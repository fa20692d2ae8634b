# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Flows that could be mistaken for one another, and packets that are not ours.

ready() {
  two_armed
  start_identify
  attach "$@"
}

pair() {
  at cl timeout 30 "$PYTHON" "$TOOLS/pair.py" "$@"
}

# Two listeners, one backend: a client that uses the same source port for both.
test_same_client_port_to_two_listeners() {
  local a
  ready
  {
    gateway_class
    gateway gw "$VIP4 $VIP6 192.0.2.11" one:TCP:7000 two:TCP:7001 \
      three:UDP:7000 four:UDP:7001
    route TCPRoute one gw/one tcp:7000
    route TCPRoute two gw/two tcp:7000
    route UDPRoute three gw/three udp:7000
    route UDPRoute four gw/four udp:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" b1
    service udp UDP 7000 "$PORT_IDENTIFY" b1
  } >"$WORK/two.yaml"
  apply "$WORK/two.yaml"
  for a in "$VIP4" "$VIP6"; do
    expect_json "TCP to two ports of $a" "$(pair tcp "$a:7000" "$a:7001" --rounds 40)" .ok
    expect_json "UDP to two ports of $a" "$(pair udp "$a:7000" "$a:7001" --rounds 40)" .ok
  done
  expect_json 'TCP to two addresses' "$(pair tcp "$VIP4:7000" 192.0.2.11:7000 --rounds 40)" .ok
  expect_json 'UDP to two addresses' "$(pair udp "$VIP4:7000" 192.0.2.11:7000 --rounds 40)" .ok
  expect_checksums
}

# The gateway's own connections to a backend and the clients' through it share
# two addresses and a port; neither may see the other's data.
test_own_connections_of_the_node() {
  local json
  ready
  split_manifest 1 '' '' >"$WORK/one.yaml"
  apply "$WORK/one.yaml"
  live_start client "$VIP4" 7000 --count 150
  live_start udp "$VIP4" 7000 --count 50 --udp
  LIVE_FROM=gw live_start node "${ADDRESS4[b1]}" "$PORT_IDENTIFY" --count 150
  LIVE_FROM=gw live_start node-udp "${ADDRESS4[b1]}" "$PORT_IDENTIFY" --count 50 --udp
  sleep 1
  for tag in client udp node node-udp; do
    json=$(live_stop "$tag")
    expect_json "flows of '$tag'" "$json" \
      '.resets + .mismatches + .timeouts + .refused == 0 and .errors == {} and .exchanges > 50'
  done
  expect_checksums
}

# Reused client ports while the old flow's state is still there.
test_same_client_port_again_and_again() {
  ready
  split_manifest 1 1 1 >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
  expect_json 'the same port 100 times over' \
    "$(at cl timeout 60 "$PYTHON" "$TOOLS/again.py" "$VIP4" 7000 --count 100)" \
    '.ok == 100'
}

# Forwarding by the kernel, and the gateway's own traffic, as before.
test_not_ours_is_forwarded() {
  local a
  ready "$@"
  split_manifest 1 1 1 >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
  for a in "${ADDRESS4[b1]}" "${ADDRESS6[b1]}" 10.1.0.1 fd00:1::1; do
    at cl ping -c 3 -i 0.1 -W 2 -q "$a" >/dev/null || fail "no ping to $a"
  done
  at cl ping -c 2 -i 0.1 -W 2 -q -s 4000 "${ADDRESS4[b1]}" >/dev/null ||
    fail 'no fragmented ping'
  for a in "${ADDRESS4[b1]}" "${ADDRESS6[b1]}"; do
    expect_json "TCP straight to $a" "$(split tcp "$a" "$PORT_IDENTIFY" --count 20)" \
      '.answers.b1 == 20'
    expect_json "client address kept to $a" "$(split tcp "$a" "$PORT_IDENTIFY" --count 5)" \
      '.peers | keys - ["10.1.0.2", "fd00:1::2"] == []'
    expect_json "UDP straight to $a" "$(split udp "$a" "$PORT_IDENTIFY" --count 20)" \
      '.answers.b1 == 20'
    expect_json "10 MB straight to $a" "$(transfer "$a" "$PORT_IDENTIFY")" .same
  done
  expect_checksums
}

test_not_ours_is_forwarded_tc() {
  test_not_ours_is_forwarded --mode tc
}

# Frames of every kind, sent raw, must reach the stack byte for byte.
test_not_ours_is_untouched() {
  ready --mode native
  split_manifest 1 1 1 >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
  expect_json 'frames that arrived as they were sent' "$(frames)" \
    '.missing == [] and .changed == [] and .same == .sent'
}

frames() {
  timeout 60 "$PYTHON" "$TOOLS/frames.py" --from cl eth0 --to gw cl0 \
    --client 10.1.0.2 --client6 fd00:1::2 --listener "$VIP4" --listener6 "$VIP6" \
    --backend "${ADDRESS4[b1]}" --backend6 "${ADDRESS6[b1]}"
}

# No daemon: nothing of ours runs, and all goes on.
test_forwarding_without_a_process() {
  ready
  split_manifest 1 1 1 >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
  expect 'processes of ours' "$(pgrep -x l4gate || true)" ''
  expect_json TCP "$(split tcp "$VIP4" 7000 --count 60)" '(.answers | add) == 60'
  expect_json UDP "$(split udp "$VIP6" 7000 --count 60)" '(.answers | add) == 60'
}

# A thousand short connections in a row: state is freed or reused, none fails.
test_many_short_connections() {
  local round json
  ready
  split_manifest 1 1 1 >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
  for round in 1 2 3; do
    json=$(split tcp "$VIP4" 7000 --count 2000 --concurrency 20)
    expect_json "round $round" "$json" '(.answers | add) == 2000'
  done
  expect_checksums
}

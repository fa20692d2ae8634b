# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# The ground that the other tests stand on: hosts, servers and clients work over
# plain kernel forwarding, without l4gate. If these fail, look here first.

# reach BACKEND...: every server of a backend answers the client directly.
reach() {
  local b a
  for b in "$@"; do
    for a in "${ADDRESS4[$b]}" "${ADDRESS6[$b]}"; do
      expect_json "identify tcp $a" "$(split tcp "$a" "$PORT_IDENTIFY" --count 20)" \
        ".answers == {\"$b\": 20}"
      expect_json "identify udp $a" "$(split udp "$a" "$PORT_IDENTIFY" --count 20)" \
        ".answers == {\"$b\": 20}"
      expect_json "nginx $a" "$(split http "$a" "$PORT_HTTP" --count 20)" \
        ".answers == {\"$b\": 20}"
      expect_json "dnsmasq $a" "$(split dns "$a" "$PORT_DNS" --count 20)" \
        ".answers == {\"$b\": 20}"
      expect 'redis' "$(at cl redis-cli -h "$a" -p "$PORT_REDIS" ping)" PONG
      expect_json 'transfer' "$(transfer "$a" "$PORT_IDENTIFY")" '.same'
    done
  done
}

check_ground() {
  start_identify
  start_http
  start_dns
  start_redis
  reach b1 b2
  expect_checksums
}

test_two_armed() {
  two_armed
  check_ground
}

test_one_armed() {
  one_armed
  check_ground
}

test_local_processes() {
  local_processes
  check_ground
}

test_containers_on_bridge() {
  containers_on_bridge
  check_ground
}

test_containers_on_veth() {
  containers_on_veth
  check_ground
}

test_refusals_and_live_flows() {
  local a json
  two_armed
  start_identify
  a=${ADDRESS4[b1]}
  json=$(split tcp "$a" 1 --count 20)
  expect_json 'RST is seen as refusal' "$json" '.refused == 20 and .slowest_refusal_ms < 1000'
  json=$(split udp "$a" 1 --count 3 --timeout 2)
  expect_json 'port unreachable is seen as refusal' "$json" '.refused == 3'
  live_start tcp "$a" "$PORT_IDENTIFY" --count 200
  live_start udp "$a" "$PORT_IDENTIFY" --count 50 --udp
  sleep 1
  expect_json 'live TCP' "$(live_stop tcp)" \
    '.by_backend.b1 == 200 and .exchanges > 400 and .resets + .mismatches + .timeouts == 0'
  expect_json 'live UDP' "$(live_stop udp)" \
    '.by_backend.b1 == 50 and .exchanges > 100 and .moves + .mismatches + .timeouts == 0'
}

# The tools of test_flows.sh, over plain forwarding.
test_frames_and_ports() {
  local a
  two_armed
  start_identify
  a=${ADDRESS4[b1]}
  expect_json 'the same port again' "$(at cl timeout 60 "$PYTHON" "$TOOLS/again.py" \
    "$a" "$PORT_IDENTIFY" --count 40)" '.ok == 40'
  expect_json 'pair tcp' "$(at cl timeout 30 "$PYTHON" "$TOOLS/pair.py" tcp \
    "$a:$PORT_IDENTIFY" "${ADDRESS4[b2]}:$PORT_IDENTIFY")" .ok
  expect_json 'pair udp' "$(at cl timeout 30 "$PYTHON" "$TOOLS/pair.py" udp \
    "$a:$PORT_IDENTIFY" "${ADDRESS4[b2]}:$PORT_IDENTIFY")" .ok
  expect_json 'frames' "$(timeout 60 "$PYTHON" "$TOOLS/frames.py" --from cl eth0 --to gw cl0 \
    --client 10.1.0.2 --client6 fd00:1::2 --listener "$VIP4" --listener6 "$VIP6" \
    --backend "$a" --backend6 "${ADDRESS6[b1]}")" '.same == .sent'
}

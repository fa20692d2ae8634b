# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What explain says of packets, and what becomes of such packets then.

CLIENT4=10.1.0.2 CLIENT6=fd00:1::2

ready() {
  two_armed
  start_identify
  attach
  {
    gateway_class
    gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000 bad:TCP:7001 none:TCP:7002
    route TCPRoute tcp gw/tcp tcp:7000
    route UDPRoute udp gw/udp udp:7000
    route TCPRoute bad gw/bad nosuch:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" b1
    service udp UDP 7000 "$PORT_IDENTIFY" b2
  } >"$WORK/explain.yaml"
  apply "$WORK/explain.yaml" 2>/dev/null
}

# All neighbours known to the gateway.
resolve() {
  split tcp "$VIP4" 7000 --count 1 >/dev/null
  split tcp "$VIP6" 7000 --count 1 >/dev/null
  split udp "$VIP4" 7000 --count 1 >/dev/null
  split udp "$VIP6" 7000 --count 1 >/dev/null
}

# says ARGUMENTS... FILTER: explain -o json of these fulfils it.
says() {
  local arguments=("${@:1:$#-1}") filter=${!#}
  expect_json "explain ${arguments[*]}" "$(l4 explain "${arguments[@]}" -o json)" "$filter"
}

# Text, with what is another number each time as N.
text() {
  l4 explain "$@" | sed -E 's/slot      [0-9]+ of/slot      N of/
    s/(sent as   [^ ]*:)[0-9]+ to/\1N to/; s/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/'
}

# Whole texts: nothing is left out, and nothing is said twice.
test_explain_text() {
  ready
  expect 'a first packet' "$(text tcp $CLIENT4:5000 "$VIP4:7000")" \
    'packet    TCP 10.1.0.2:5000 to 192.0.2.10:7000, SYN, in by cl0 (native)
listener  tcp of Gateway default/gw, mode nat
route     TCPRoute default/tcp
flow      a new one
slot      N of 1021: of a backendRef that has 100.00 % of new flows
backend   10.2.0.11:9000 of Service default/tcp port 7000, active
next hop  10.2.0.11 by be0, whose MAC address is not known yet: the kernel asks for it
XDP       defer_next_hop: neighbour or route that XDP can'"'"'t use: TC decides
TC        to_backend: translated and sent towards a backend
sent as   10.2.0.1:N to 10.2.0.11:9000
verdict   sent on, by TC'
  resolve
  expect 'the neighbour is known' "$(text udp "[$CLIENT6]:5000" "[$VIP6]:7000" | tail -n 5)" \
    'backend   [fd00:2::12]:9000 of Service default/udp port 7000, active
next hop  fd00:2::12 by be0, MAC
XDP       to_backend: translated and sent towards a backend
sent as   [fd00:2::1]:N to [fd00:2::12]:9000
verdict   sent on, by XDP'
  expect 'not ours' "$(text tcp $CLIENT4:5000 "$VIP4:99")" \
    'packet    TCP 10.1.0.2:5000 to 192.0.2.10:99, SYN, in by cl0 (native)
XDP       not_ours: not for a listener and part of no flow
TC        not_ours: not for a listener and part of no flow
why       No listener of 192.0.2.10 has TCP port 99; there are: TCP 7000, UDP 7000, TCP 7001, TCP 7002.
verdict   left to the kernel, as it came, by TC'
  expect 'no endpoints' "$(text tcp $CLIENT4:5000 "$VIP4:7001" --flags syn)" \
    'packet    TCP 10.1.0.2:5000 to 192.0.2.10:7001, SYN, in by cl0 (native)
listener  bad of Gateway default/gw, mode nat
route     TCPRoute default/bad
flow      none
XDP       reject_slot: share of a backendRef that can'"'"'t be served
why       BackendRef default/nosuch port 7000 is not valid.
verdict   answered with a RST or an ICMP error, by XDP'
  expect 'no route' "$(text tcp $CLIENT4:5000 "$VIP4:7002" | sed 1d)" \
    'listener  none of Gateway default/gw, mode nat
route     none
flow      none
XDP       reject_no_route: a listener without a route that carries traffic
verdict   answered with a RST or an ICMP error, by XDP'
}

# A listener that is gone: of TCP with flows, and of UDP.
test_explain_listener_gone() {
  ready
  resolve
  sed -E '/name: (tcp|udp), protocol: (TCP|UDP), port: 7000}/d' "$WORK/explain.yaml" >"$WORK/fewer.yaml"
  apply "$WORK/fewer.yaml" 2>/dev/null
  says tcp $CLIENT4:5000 "$VIP4:7000" '.reason == "reject_no_route" and .listener == null
    and (.why | any(test("listener was there")))'
  says udp $CLIENT4:5000 "$VIP4:7000" '.reason == "not_ours"
    and (.why | any(test("has UDP port 7000; there are: TCP 7001, TCP 7002[.]")))'
}

# Every member is there, whatever the packet meets.
KEYS='(keys - ["backend","device","flow","generation","hook","hooks","listener","nextHop",
  "otherBuild","packet","reason","route","schema","sent","slot","verdict","why"] | . == []) and
  (keys | length) == 17 and .schema == 1 and .otherBuild == false'

test_explain_json() {
  ready
  resolve
  says tcp $CLIENT4:5000 "$VIP4:7000" "$KEYS and .verdict == \"forward\" and .hook == \"xdp\"
    and .reason == \"to_backend\" and .packet.flags == \"SYN\"
    and .device.name == \"cl0\" and .device.mode == \"native\"
    and .listener.name == \"tcp\" and .route == {kind: \"TCPRoute\", namespace: \"default\", name: \"tcp\"}
    and .flow == {known: false, new: true, state: null, idle: null, surplus: false}
    and .slot.share == 1 and .slot.rejects == false
    and .backend.endpoint == \"${ADDRESS4[b1]}:$PORT_IDENTIFY\" and .backend.state == \"active\"
    and .nextHop.address == \"${ADDRESS4[b1]}\" and .nextHop.kind == \"known\" and .nextHop.device == \"be0\"
    and .sent.destination == .backend.endpoint"
  says udp "[$CLIENT6]:5000" "[$VIP6]:7000" "$KEYS and .verdict == \"forward\"
    and .packet.flags == \"\" and .backend.service == \"udp\""
  says tcp $CLIENT4:5000 192.0.2.77:80 "$KEYS and .verdict == \"pass\" and .listener == null
    and .flow == null and .sent == null and (.hooks | map(.hook)) == [\"xdp\", \"tc_ingress\"]
    and .why == [\"192.0.2.77 is not the address of a listener.\"]"
  says tcp $CLIENT4:5000 "$VIP4:7000" --flags 'ACK|PSH' "$KEYS and .verdict == \"reject\"
    and .reason == \"reject_no_flow\" and .packet.flags == \"PSH|ACK\""
  says tcp $CLIENT4:5000 "$VIP4:7000" --flags RST \
    '.verdict == "drop" and .reason == "drop_rst_no_flow"'
  says tcp "${ADDRESS4[b1]}:$PORT_IDENTIFY" 10.2.0.1:12345 '.device.name == "be0"
    and (.why | any(test("backend of TCPRoute default/tcp, but is of no flow")))'
}

# Packets of a flow, of both its ends, and again after it has gone.
test_explain_flow() {
  local client nat flow
  ready
  live_start held "$VIP4" 7000 --count 1
  flow=$(l4 get flows -o json | jq '.flows[] | select(.state == "established")')
  client=$(jq -r .client <<<"$flow") nat=$(jq -r .nat <<<"$flow")
  says tcp "$client" "$VIP4:7000" --flags ACK '.flow.known and (.flow.new | not)
    and .flow.state == "established" and .flow.idle >= 0 and .slot == null
    and .reason == "to_backend" and .sent.source == "'"$nat"'"'
  says tcp "${ADDRESS4[b1]}:$PORT_IDENTIFY" "$nat" --flags ACK '.reason == "to_client"
    and .listener.name == "tcp" and .route.name == "tcp" and .flow.state == "established"
    and .sent == {source: "'"$VIP4:7000"'", destination: "'"$client"'"}'
  # It is none of the client's, with another port.
  says tcp "${client%:*}:1" "$VIP4:7000" --flags ACK '.reason == "reject_no_flow"'
  no_harm 'the flow that was asked about' "$(live_stop held)"
  wait_for 5 'the end of the flow' eval \
    'l4 get flows -o json | jq -e ".flows | all(.state != \"established\")"'
  says tcp "$client" "$VIP4:7000" '.flow.known and .flow.new and .flow.state == "closing"'
}

# What has counted, but for what hosts say to each other unasked, which XDP leaves to
# TC and TC to the stack.
counted() {
  l4 stats -o prometheus | grep -Ev '^#|reason="(not_ours|defer_header|defer_icmp)"' | sort
}

# What is asked changes nothing: no flow, no counter, no neighbour, no pin.
test_explain_changes_nothing() {
  local before pins i
  ready
  before=$(counted) pins=$(ls "$PIN_DIR")
  for i in 1 2 3; do
    l4 explain tcp $CLIENT4:600$i "$VIP4:7000" >/dev/null
    l4 explain udp $CLIENT4:600$i "$VIP4:7000" >/dev/null
    l4 explain tcp $CLIENT4:600$i "$VIP4:7001" >/dev/null
  done
  expect counters "$(counted)" "$before"
  expect pins "$(ls "$PIN_DIR")" "$pins"
  expect_json flows "$(l4 get flows -o json)" '.flows == []'
  expect neighbours "$(ip -n gw neigh show to "${ADDRESS4[b1]}")" ''
}

# It says what the modes do, and each way to attach.
test_explain_modes() {
  two_armed
  start_identify
  attach --mode tc
  {
    gateway_class
    parameters t transparent
    parameters d dsr-l2
    PARAMETERS=t gateway t "$VIP4" tcp:TCP:7000
    PARAMETERS=d gateway d 192.0.2.11 tcp:TCP:7000
    route TCPRoute t t/tcp t:7000
    route TCPRoute d d/tcp d:7000
    service t TCP 7000 "$PORT_IDENTIFY" b1
    service d TCP 7000 7000 b2
  } >"$WORK/modes.yaml"
  apply "$WORK/modes.yaml" 2>/dev/null
  says tcp $CLIENT4:5000 "$VIP4:7000" --dev cl0 '.listener.mode == "transparent" and .hook == "tc_ingress"
    and (.hooks | length) == 1 and .device.mode == "tc"
    and .sent == {source: "10.1.0.2:5000", destination: "'"${ADDRESS4[b1]}:$PORT_IDENTIFY"'"}'
  says tcp $CLIENT4:5000 192.0.2.11:7000 '.listener.mode == "dsr-l2" and .reason == "to_backend"
    and .sent.destination == "192.0.2.11:7000" and .nextHop.address == "'"${ADDRESS4[b2]}"'"'
  # A connection that is not known goes where the slot table says.
  says tcp $CLIENT4:5000 "$VIP4:7000" --flags ACK '.flow.new and .slot.of > 0'
  ip -n gw route add unreachable "${ADDRESS4[b1]}/32"
  says tcp $CLIENT4:5001 "$VIP4:7000" '.verdict == "drop" and .reason == "drop_no_route"
    and .nextHop.kind == "unreachable" and .backend.service == "t"'
}

# What can't be asked.
test_explain_refuses() {
  local code
  ready
  expect_match 'a device that is not attached' \
    "$(l4_fails explain tcp $CLIENT4:1 "$VIP4:7000" --dev lo)" 'lo: not attached'
  expect_match 'no way to tell the device' \
    "$(l4_fails explain tcp 203.0.113.1:1 "$VIP4:7000")" '203.0.113.1.*--dev'
  expect_match 'the node itself' \
    "$(l4_fails explain tcp 10.1.0.1:1 "$VIP4:7000")" 'lo, .*not attached.*--dev'
  for arguments in "tcp $CLIENT4 "$VIP4:7000"" "tcp $CLIENT4:1 "$VIP4:70000"" "sctp $CLIENT4:1 "$VIP4:7000"" \
    "tcp $CLIENT4:1 [$VIP6]:7000" "tcp $CLIENT6:1 $VIP6:1" "udp $CLIENT4:1 "$VIP4:7000" --flags SYN" \
    "tcp $CLIENT4:1 "$VIP4:7000" --flags SIN" "tcp $CLIENT4:1" "tcp [$CLIENT4]:1 "$VIP4:1""; do
    code=0
    # shellcheck disable=SC2086 # words
    l4 explain $arguments >/dev/null 2>&1 || code=$?
    expect "exit code of explain $arguments" "$code" 2
  done
  l4 detach
  expect_match 'nothing there' "$(l4_fails explain tcp $CLIENT4:1 "$VIP4:7000")" 'nothing is attached'
}

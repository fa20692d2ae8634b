# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# The forwarding modes that leave the client's address alone, with real servers.
# shellcheck disable=SC2034 # knobs and addresses that hosts.sh reads
# shellcheck disable=SC2016 # $b in filters is jq's

SEED=00112233445566778899aabbccddeeff

# in_mode MODE BUILDER ARGUMENTS...: a manifest whose Gateways are in a mode, by
# parameters of their own or (BY_CLASS) of their class.
in_mode() {
  local PARAMETERS CLASS_PARAMETERS mode=$1
  shift
  if [[ -n ${BY_CLASS:-} ]]; then
    CLASS_PARAMETERS=mode
  else
    PARAMETERS=mode
  fi
  parameters mode "$mode" "$SEED"
  "$@"
}

# use_mode MODE WEIGHTS...
use_mode() {
  in_mode "$1" split_manifest "${@:2}" >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
}

# Servers of dsr are on the listeners' addresses and ports.
on_listeners() {
  local b
  local -A ADDRESS4 ADDRESS6
  local PORT_IDENTIFY=7000 PORT_HTTP=80 PORT_DNS=53 PORT_REDIS=6379
  for b in $BACKENDS; do
    ADDRESS4[$b]=$VIP4 ADDRESS6[$b]=$VIP6
  done
  "$@"
}

all_servers() {
  start_identify
  start_http
  start_dns
  start_redis b1
}

# serve_in MODE ARGUMENTS-OF-ATTACH...: all servers, attached, applied.
serve_in() {
  local mode=$1
  shift
  if [[ $mode == dsr-* ]]; then
    # shellcheck disable=SC2086 # a list
    backend "$mode" $BACKENDS
    on_listeners all_servers
  else
    all_servers
  fi
  in_mode "$mode" full_manifest >"$WORK/full.yaml"
  attach "$@"
  apply "$WORK/full.yaml"
}

# packets_of listener|route|backend from_client|from_backend, over all of them.
packets_of() {
  l4 stats -o prometheus | awk -v name="l4gate_$1_packets_total{" -v from="direction=\"$2\"" '
    index($0, name) == 1 && index($0, from) {s += $NF}
    END {printf "%d\n", s}'
}

active_flows() {
  l4 get backends -o json | jq '[.. | objects | select(has("endpoint")) | .active] | add'
}

# counted FLOWS: of each kind, at listeners, routes and backends alike.
counted() {
  local kind
  for kind in listener route backend; do
    expect "flows by $kind" "$(l4 stats -o prometheus | awk -v name="l4gate_${kind}_flows_total{" '
      index($0, name) == 1 {s += $NF} END {print s}')" "$1"
  done
}

# ---------------------------------------------------------------- transparent

transparent_works() {
  serve_in transparent "$@"
  check_traffic
  peers_are client
}

test_transparent_native() {
  two_armed
  transparent_works --mode native
}

test_transparent_tc_offloads() {
  OFFLOAD=on PASS=off
  two_armed
  transparent_works --mode tc
}

test_transparent_processes() {
  local BY_CLASS=yes
  local_processes
  transparent_works --mode native
}

test_transparent_containers_on_bridge() {
  OFFLOAD=on PASS=off
  containers_on_bridge
  transparent_works --mode tc
}

test_transparent_containers_on_veth() {
  containers_on_veth
  transparent_works --mode native
}

# b1 goes at the end: its TCP flows are reset, its UDP flows move.
live_flows() {
  local json w mode=$1
  attach
  use_mode "$mode" 50 50 0
  live_start tcp "$VIP4" 7000 --count 60
  live_start udp "$VIP6" 7000 --count 30 --udp --interval 0.05
  for w in '100 0 0' '0 0 100' '70 30 0'; do
    # shellcheck disable=SC2086 # three words
    use_mode "$mode" $w
  done
  shares_are 'new connections' "$(split tcp "$VIP4" 7000 --count 500)" '{b1: 70, b2: 30, b3: 0}'
  shares_are 'new UDP flows' "$(split udp "$VIP6" 7000 --count 500)" '{b1: 70, b2: 30, b3: 0}'
  expect_json 'moves before' "$(l4 get routes -o json)" '[.routes[].stats.rejected] | add == 0'
  use_mode "$mode" '' 50 0
  sleep 1
  json=$(live_stop tcp)
  expect_json 'connections to b1 are reset, those to b2 live on' "$json" \
    '.by_backend as $b | $b.b1 > 10 and .resets == $b.b1 and .resets_by_backend == {b1: $b.b1}
      and .last_backend == {b2: $b.b2} and .timeouts + .mismatches == 0 and .errors == {}'
  json=$(live_stop udp)
  expect_json 'UDP flows of b1 move to b2' "$json" \
    '.by_backend as $b | .moves == $b.b1 and .last_backend == {b2: 30}
      and .mismatches + .timeouts == 0'
  expect_checksums
}

test_transparent_live_flows() {
  two_armed
  start_identify
  live_flows transparent
}

two_listeners() {
  gateway_class
  gateway gw "$VIP4 $VIP6" one:TCP:7000 two:TCP:7001 three:UDP:7000 four:UDP:7001
  route TCPRoute one gw/one tcp:7000
  route TCPRoute two gw/two tcp:7000
  route UDPRoute three gw/three udp:7000
  route UDPRoute four gw/four udp:7000
  service tcp TCP 7000 "$PORT_IDENTIFY" b1
  service udp UDP 7000 "$PORT_IDENTIFY" b1
}

# A backend can't tell two flows from one client port apart, so the second one
# is refused.
test_transparent_collision() {
  local a kind before
  two_armed
  start_identify b1
  attach
  in_mode transparent two_listeners >"$WORK/two.yaml"
  apply "$WORK/two.yaml"
  for a in "$VIP4" "$VIP6"; do
    for kind in tcp udp; do
      before=$(reason reject_collision)
      expect_json "$kind from one port to two listeners of $a" \
        "$(at cl "$PYTHON" "$TOOLS/pair.py" "$kind" "$a:7000" "$a:7001" --rounds 5)" \
        '.failures | length == 5 and all(startswith("ConnectionRefusedError"))'
      expect "$kind on $a: collisions" "$(($(reason reject_collision) - before))" 5
      for port in 7000 7001; do
        expect_json "$kind on $a:$port" "$(split "$kind" "$a" "$port" --count 20)" \
          '.answers == {b1: 20}'
      done
    done
  done
  expect_checksums
}

# A port is free for another listener as soon as its connection is closing: by
# FIN, in one round of two, or RST.
test_transparent_port_is_used_again() {
  local a port
  two_armed
  start_identify b1
  attach
  in_mode transparent two_listeners >"$WORK/two.yaml"
  apply "$WORK/two.yaml"
  for a in "$VIP4" "$VIP6"; do
    for port in 7000 7001 7000 7001; do
      expect_json "$a:$port" \
        "$(at cl timeout 30 "$PYTHON" "$TOOLS/again.py" "$a" "$port" --count 2)" '.ok == 2'
    done
  done
  expect 'collisions' "$(reason reject_collision)" 0
  expect_checksums
}

many_addresses() {
  local i addresses=
  for ((i = 1; i <= $1; i++)); do addresses+=" 192.0.2.$i"; done
  gateway_class
  gateway gw "$addresses" tcp:TCP:7000
  route TCPRoute tcp gw/tcp tcp:7000
  FAMILIES=4 service tcp TCP 7000 "$PORT_IDENTIFY" b1
}

test_transparent_many_addresses() {
  local before
  two_armed
  start_identify b1
  attach
  in_mode transparent many_addresses 8 >"$WORK/eight.yaml"
  in_mode transparent many_addresses 9 >"$WORK/nine.yaml"
  apply "$WORK/eight.yaml"
  before=$(config)
  expect_match 'refusal' "$(l4_fails apply -f "$WORK/nine.yaml")" \
    '10\.2\.0\.11:9000: in mode transparent a backend may answer for 8 listener addresses at most, and this one has more'
  expect 'config' "$(config)" "$before"
  for a in 192.0.2.1 192.0.2.8; do
    expect_json "$a" "$(split tcp "$a" 7000 --count 10)" '.answers == {b1: 10}'
  done
}

# ---------------------------------------------------------------- dsr-l2

# inspect ARGUMENTS...: packets made by hand, and what backends get of them.
inspect() {
  timeout 20 "$PYTHON" "$TOOLS/direct.py" --from cl eth0 --via gw eth0 \
    --client 10.1.0.2 --client6 fd00:1::2 --listener "$VIP4" --listener6 "$VIP6" "$@"
}

dsr_works() {
  serve_in "$@"
  check_traffic
  peers_are client
  expect 'replies that passed the gateway' "$(packets_of backend from_backend)" 0
  (($(packets_of backend from_client) > 1000)) || fail 'packets to backends are not counted'
}

l2_frames() {
  expect_json 'frames' "$(inspect --to b1 eth0 --to b2 eth0 --to b3 eth0)" \
    '.small, .big | .told == {} and (.arrived | length == 4
      and all(.same and .frame and .outer == null))'
}

test_dsr_l2_native() {
  one_armed
  dsr_works dsr-l2 --mode native
  l2_frames
}

test_dsr_l2_tc_offloads() {
  OFFLOAD=on PASS=off
  one_armed
  dsr_works dsr-l2 --mode tc
  l2_frames
}

test_dsr_l2_live_flows() {
  one_armed
  # shellcheck disable=SC2086 # a list
  backend dsr-l2 $BACKENDS
  on_listeners start_identify
  live_flows dsr-l2
}

# A frame can't find a backend that is behind a router.
test_dsr_l2_behind_a_router() {
  local kind a
  one_armed
  attach
  ip -n gw route add 10.3.0.0/24 via 10.1.0.11
  ip -n gw route add fd00:3::/64 via fd00:1::11
  ADDRESS4[b1]=10.3.0.5 ADDRESS6[b1]=fd00:3::5
  use_mode dsr-l2 1 '' ''
  for a in "$VIP4" "$VIP6"; do
    for kind in tcp udp; do
      expect_json "$kind on $a" "$(split "$kind" "$a" 7000 --count 3 --timeout 0.3)" \
        '.timeouts == 3'
    done
  done
  (($(reason drop_not_on_link) >= 12)) || fail "drop_not_on_link: $(reason drop_not_on_link)"
}

# ---------------------------------------------------------------- dsr-ipip

ipip_packets() {
  local json
  json=$(inspect --hop r below --to b1 eth0 --to b2 eth0 --to b3 eth0)
  expect_json 'outer headers' "$json" '.small |
    .told == {} and (.arrived | length == 4 and all(.same and .outer_fits and .frame
      and .outer.ttl == 63 and .outer.tos == 185)
      and (.tcp4, .udp4 | .outer | .src == "10.1.0.1" and .sum and .df and .ihl == 5
        and (.dst | startswith("10.2.0.1")))
      and (.tcp6, .udp6 | .outer | .src == "fd00:1::1" and .label > 0
        and (.dst | startswith("fd00:2::1"))))'
  expect_json 'what does not fit' "$json" '.big |
    .arrived == {} and (.told | length == 4 and all(.sum)
      and (.tcp4, .udp4 | .mtu == 1480 and .from == "192.0.2.10" and .to == "10.1.0.2")
      and (.tcp6, .udp6 | .mtu == 1460 and .from == "2001:db8::10" and .to == "fd00:1::2"))'
}

test_dsr_ipip_native() {
  routed
  dsr_works dsr-ipip --mode native
  ipip_packets
}

test_dsr_ipip_tc_offloads() {
  OFFLOAD=on PASS=off
  routed
  dsr_works dsr-ipip --mode tc
  ipip_packets
}

# Said when it is applied, unless a device has room for the outer header.
test_dsr_ipip_mtu_is_checked() {
  local said
  two_armed
  attach
  in_mode dsr-ipip full_manifest >"$WORK/m.yaml"
  said=$(apply "$WORK/m.yaml" 2>&1)
  expect_match 'not room for all' "$said" 'mode dsr-ipip: packets of 1500 bytes, .*an MTU of 1540 towards the backends'
  in_mode transparent full_manifest >"$WORK/m.yaml"
  ! apply "$WORK/m.yaml" 2>&1 | grep dsr-ipip || fail 'said of another mode'
  at gw ip link set be0 mtu 1540
  attach
  in_mode dsr-ipip full_manifest >"$WORK/m.yaml"
  ! apply "$WORK/m.yaml" 2>&1 | grep 'mode dsr-ipip' || fail 'said though there is room'
}

# One that the stack takes as it came, since it has the listeners' addresses.
test_dsr_ipip_processes() {
  local kind a
  local_processes
  at gw "$NETNS_DIR/backend.sh" dsr-l2 "$VIP4" "$VIP6"
  on_listeners start_identify b1
  attach --mode native
  use_mode dsr-ipip 1 '' ''
  for a in "$VIP4" "$VIP6"; do
    for kind in tcp udp; do
      expect_json "$kind on $a" "$(split "$kind" "$a" 7000 --count 20)" '.answers == {b1: 20}'
    done
  done
  (($(reason to_local) > 80)) || fail "to_local: $(reason to_local)"
}

# Nobody says which address the outer header would come from.
test_dsr_ipip_behind_a_device_that_is_not_attached() {
  local kind a
  containers_on_bridge
  attach
  use_mode dsr-ipip 1 '' ''
  for a in "$VIP4" "$VIP6"; do
    for kind in tcp udp; do
      expect_json "$kind on $a" "$(split "$kind" "$a" 7000 --count 3 --timeout 0.3)" \
        '.timeouts == 3'
    done
  done
  (($(reason drop_no_nat_address) >= 12)) ||
    fail "drop_no_nat_address: $(reason drop_no_nat_address)"
}

# superframe LENGTH REASON: one of each IP version, and what it is counted as.
superframe() {
  local before to ends
  to=$(mac_of gw eth0)
  for ends in "10.1.0.2 $VIP4" "fd00:1::2 $VIP6"; do
    before=$(reason "$2")
    # shellcheck disable=SC2086 # two words
    at cl timeout 10 "$PYTHON" "$TOOLS/superframe.py" eth0 "$to" $ends 7000 "$1"
    wait_for 5 "$ends, $1 bytes: $2" more_than "$2" "$before"
  done
}

more_than() {
  (($(reason "$1") > $2))
}

# The outer header has to say how long the packet is, before that is cut up.
test_dsr_ipip_superframes() {
  OFFLOAD=on PASS=off
  routed
  attach --mode tc
  use_mode dsr-ipip 1 1 1
  superframe 60000 to_backend
  superframe 65495 to_backend
  expect 'too big' "$(($(reason told_too_big) + $(reason drop_too_big)))" 0
  superframe 65520 told_too_big
  expect_checksums
}

# ---------------------------------------------------------------- from one to another

# Backends that are fit for all modes.
for_all_modes() {
  local b
  # shellcheck disable=SC2086 # a list
  backend dsr-ipip $BACKENDS
  for b in $BACKENDS; do
    serve "$b" "$PYTHON" "$TOOLS/identify.py" "$b" --tcp 7000 --udp 7000 \
      --bind "${ADDRESS4[$b]}" --bind "${ADDRESS6[$b]}" --bind "$VIP4" --bind "$VIP6"
  done
  for b in $BACKENDS; do
    wait_for 10 "identify on $b" listening "$b" udp "[$VIP6]" 7000
  done
}

# ended WHAT JSON: no flow was answered by a stranger; TCP is reset or lives on.
ended() {
  expect_json "$1" "$2" '.mismatches + .timeouts + .refused == 0 and .errors == {}
    and .resets + (.last_backend | add // 0) == .flows'
}

test_mode_changes() {
  local PORT_IDENTIFY=7000 mode a
  two_armed
  for_all_modes
  attach
  use_mode nat 50 50 0
  for mode in transparent dsr-l2 dsr-ipip nat; do
    live_start tcp "$VIP4" 7000 --count 20
    live_start udp "$VIP6" 7000 --count 10 --udp --udp-wait 0.5
    use_mode "$mode" 50 50 0
    for a in "$VIP4" "$VIP6"; do
      expect_json "TCP in mode $mode on $a" "$(split tcp "$a" 7000 --count 30)" \
        '(.answers | add) == 30'
      expect_json "UDP in mode $mode on $a" "$(split udp "$a" 7000 --count 30)" \
        '(.answers | add) == 30'
    done
    sleep 0.5
    ended "TCP into mode $mode" "$(live_stop tcp)"
    expect_json "UDP into mode $mode" "$(live_stop udp)" \
      '.mismatches + .refused == 0 and .errors == {} and (.last_backend | add) == 10'
    rm "$WORK"/live-*
  done
  expect_checksums
}

# Active flows, and those that were ever, in every mode.
test_flows_are_counted() {
  local PORT_IDENTIFY=7000 mode
  two_armed
  for_all_modes
  for mode in nat transparent dsr-l2 dsr-ipip; do
    attach >/dev/null
    use_mode "$mode" 50 50 0
    live_start tcp "$VIP4" 7000 --count 30
    live_start udp "$VIP6" 7000 --count 20 --udp
    expect "active flows in mode $mode" "$(active_flows)" 50
    counted 50
    no_harm "$mode" "$(live_stop tcp)"
    no_harm "$mode" "$(live_stop udp)"
    rm "$WORK"/live-*
    l4 detach >/dev/null
  done
}

# ---------------------------------------------------------------- two nodes

# Gateways gw and gw2 beside each other, with the client on one side and the
# backends on the other.
twins() {
  two_armed
  ip -n gw link delete cl0
  switch front
  plug front cl eth0
  plug front gw cl0
  pass_program front gw-cl0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address gw cl0 10.1.0.1/24 fd00:1::1/64
  default_route cl 10.1.0.1 fd00:1::1
  router gw2
  plug front gw2 cl0
  plug sw gw2 be0
  pass_program front gw2-cl0
  pass_program sw gw2-be0
  address gw2 cl0 10.1.0.3/24 fd00:1::3/64
  address gw2 be0 10.2.0.3/24 fd00:2::3/64
}

# on_twin COMMAND...: on gw2, as on another node.
on_twin() {
  local GATEWAY=gw2 PIN_DIR=/sys/fs/bpf/l4gate2
  "$@"
}

# route_by HOST DIGIT NETWORK
route_by() {
  ip -n "$1" route replace default via "10.$3.0.$2"
  ip -n "$1" -6 route replace default via "fd00:$3::$2"
}

new_flows() {
  l4 stats -o prometheus | awk '/^l4gate_listener_flows_total[{]/ {s += $NF} END {print s + 0}'
}

# The second gateway knows none of the flows that come to it.
twins_agree() {
  local mode=$1 b json before
  route_by cl 1 1
  for b in $BACKENDS; do route_by "$b" 1 2; done
  use_mode "$mode" 40 30 30
  on_twin use_mode "$mode" 40 30 30
  before=$(on_twin new_flows)
  live_start four "$VIP4" 7000 --count 60
  live_start six "$VIP6" 7000 --count 40
  live_start udp "$VIP4" 7000 --count 30 --udp
  route_by cl 3 1
  # Where replies pass a gateway, it has to have seen the client before.
  sleep 0.5
  for b in $BACKENDS; do route_by "$b" 3 2; done
  sleep 0.5
  for tag in four six udp; do
    json=$(live_stop "$tag")
    no_harm "$mode, $tag" "$json"
    expect_json "$mode, $tag" "$json" '.by_backend == .last_backend and .moves == 0
      and (.by_backend | length) == 3'
  done
  expect "flows that were taken over in mode $mode" "$(($(on_twin new_flows) - before))" 130
  rm "$WORK"/live-*
}

twins_ready() {
  twins
  for_all_modes
  attach
  on_twin attach
}

test_twins() {
  local PORT_IDENTIFY=7000
  twins_ready
  twins_agree transparent
  twins_agree dsr-l2
  twins_agree dsr-ipip
  expect_checksums
}

connections_are() {
  local b
  (($(for b in $BACKENDS; do at "$b" ss -Htn state established; done | wc -l) == $1))
}

# A connection that is made through one gateway, and reset through the other.
test_twins_take_a_reset() {
  local PORT_IDENTIFY=7000
  twins_ready
  use_mode transparent 1 1 1
  on_twin use_mode transparent 1 1 1
  at cl timeout 20 "$PYTHON" - "$VIP4" "$WORK/client" <<'PY' &
import os, signal, socket, struct, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
open(sys.argv[2], "w").write(str(os.getpid()))
sock = socket.create_connection((sys.argv[1], 7000))
sock.recv(100)
signal.sigwait([signal.SIGTERM])
sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
PY
  wait_for 5 'a connection at a backend' connections_are 1
  route_by cl 3 1
  kill -TERM "$(<"$WORK/client")"
  wait_for 5 'no connection at a backend' connections_are 0
  expect 'flows of a RST' "$(on_twin active_flows)" 0
}

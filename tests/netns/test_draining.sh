# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What becomes of live flows while their endpoints, Services or routes drain.

# drain_config MODE DRAINTIMEOUT "ENDPOINT..." [ROUTE...]: an endpoint is the name
# of a backend, with - behind it one that terminates. Routes: both (of the endpoints,
# TCP and UDP), other (TCP, to b3).
drain_config() {
  local mode=$1 drain=$2 endpoints=$3 port=$PORT_IDENTIFY r
  shift 3
  [[ $mode != dsr-* ]] || port=7000
  gateway_class
  parameters mode "$mode"
  printf '  drainTimeout: %s\n' "$drain"
  PARAMETERS=mode gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000
  for r in "$@"; do
    case $r in
      both)
        route TCPRoute both gw/tcp tcp:7000
        route UDPRoute both gw/udp udp:7000
        ;;
      other) route TCPRoute other gw/tcp other:7000 ;;
    esac
  done
  drain_service tcp TCP "$port" "$endpoints"
  drain_service udp UDP "$port" "$endpoints"
  drain_service other TCP "$port" b3
}

drain_service() {
  local name=$1 protocol=$2 port=$3 e terminates four=() six=()
  service "$name" "$protocol" 7000 "$port"
  for e in $4; do
    terminates=
    [[ $e != *- ]] || terminates=' ready: false, serving: true, terminating: true'
    four+=("${ADDRESS4[${e%-}]}$terminates")
    six+=("${ADDRESS6[${e%-}]}$terminates")
  done
  slice "$name" "$protocol" "$port" IPv4 "${four[@]}"
  slice "$name" "$protocol" "$port" IPv6 "${six[@]}"
}

drain_node() {
  if [[ $1 == dsr-* ]]; then
    one_armed
    # shellcheck disable=SC2086 # a list
    backend "$1" $BACKENDS
    on_servers start_identify
  else
    two_armed
    start_identify
  fi
  attach
}

# Servers of dsr are on the listeners' addresses and ports.
on_servers() {
  local b
  local -A ADDRESS4 ADDRESS6
  local PORT_IDENTIFY=7000
  for b in $BACKENDS; do
    ADDRESS4[$b]=$VIP4 ADDRESS6[$b]=$VIP6
  done
  "$@"
}

# Which states there are of the TCP backends that have flows.
states() {
  l4 get backends -o json |
    jq -c '[.backends[] | select(.kind == "TCPRoute") | .backends[] |
      select(.active > 0) | .state] | unique'
}

new_ones_go_to() {
  local a
  for a in "$VIP4" "$VIP6"; do
    expect_json "new connections to $a" "$(split tcp "$a" 7000 --count 20)" \
      ".answers == {$1: 20}"
  done
}

# endpoint_drains MODE: b1 terminates, then goes; the clock is that of the first.
endpoint_drains() {
  local mode=$1 begin said
  drain_node "$mode"
  drain_config "$mode" 8s b1 both | apply_stdin
  live_start four "$VIP4" 7000 --count 20
  live_start six "$VIP6" 7000 --count 10
  live_start udp "$VIP4" 7000 --count 10 --udp --interval 0.05
  said=$(drain_config "$mode" 8s 'b1- b2' both | apply_stdin)
  begin=$EPOCHREALTIME
  expect_match 'what apply says' "$said" \
    '~ route TCPRoute/default/both: 2 backends drain for 8s'
  new_ones_go_to b2
  expect_match 'states' "$(states)" 'draining'
  expect_match 'a terminating one, explained' "$(l4 get route TCPRoute/both)" \
    'draining: gets no new flows, keeps those that it has for [0-9]+ s'
  expect 'the same again' "$(drain_config "$mode" 8s 'b1- b2' both | apply_stdin)" unchanged
  sleep 2
  drain_config "$mode" 8s b2 both | apply_stdin
  expect_match 'states' "$(states)" 'gone'
  expect_json 'TCP flows left' "$(l4 get backends -o json)" \
    '[.backends[] | select(.kind == "TCPRoute") | .backends[] | select(.state == "gone") |
      .active] | add == 30'
  expect 'the same again' "$(drain_config "$mode" 8s b2 both | apply_stdin)" unchanged
  sleep 1
  expect_json 'UDP flows' "$(live_stop udp)" \
    '.moves == 10 and .last_backend == {b2: 10} and .mismatches + .timeouts == 0'
  expect 'connections that were cut before the time' "$(reason reject_drained)" 0
  wait_for 12 'the end of the time' drained 30
  expect_json 'seconds that they had' "$(jq -n "$EPOCHREALTIME - $begin")" '. > 7.5 and . < 11'
  expect_json 'connections of four' "$(live_stop four)" \
    '.resets_by_backend == {b1: 20} and .timeouts + .mismatches == 0 and .errors == {}'
  expect_json 'connections of six' "$(live_stop six)" \
    '.resets_by_backend == {b1: 10} and .timeouts + .mismatches == 0 and .errors == {}'
  expect 'the same after the time' "$(drain_config "$mode" 8s b2 both | apply_stdin)" unchanged
  drain_config "$mode" 8s 'b2 b3' both | apply_stdin
  expect_json 'what is left of b1' "$(l4 get backends -o json)" \
    '[.backends[].backends[] | select(.state != "active")] == []'
  expect_checksums
}

drained() {
  (($(reason reject_drained) >= $1))
}

test_endpoint_drains_nat() {
  endpoint_drains nat
}

test_endpoint_drains_transparent() {
  endpoint_drains transparent
}

test_endpoint_drains_dsr_l2() {
  endpoint_drains dsr-l2
}

# It is back before its time is over: nobody notices.
test_endpoint_comes_back() {
  drain_node nat
  drain_config nat 5s 'b1 b2' both | apply_stdin
  live_start tcp "$VIP4" 7000 --count 40
  drain_config nat 5s b2 both | apply_stdin
  sleep 2
  drain_config nat 5s 'b1 b2' both | apply_stdin
  sleep 5
  no_harm 'connections' "$(live_stop tcp)"
  expect 'rejections' "$(reason reject_drained)" 0
}

# route_drains MODE: deleted; another one takes its listener meanwhile.
route_drains() {
  local mode=$1 a
  drain_node "$mode"
  drain_config "$mode" 10s 'b1 b2' both | apply_stdin
  live_start four "$VIP4" 7000 --count 20
  live_start six "$VIP6" 7000 --count 10
  drain_config "$mode" 10s 'b1 b2' | apply_stdin
  for a in "$VIP4" "$VIP6"; do
    expect_json "new connections to $a" "$(split tcp "$a" 7000 --count 5)" '.refused == 5'
  done
  sleep 1
  drain_config "$mode" 10s 'b1 b2' other | apply_stdin
  new_ones_go_to b3
  expect_match 'states' "$(states)" 'gone'
  expect 'connections that were cut before the time' "$(reason reject_drained)" 0
  wait_for 14 'the end of the time' drained 30
  expect_json 'connections of four' "$(live_stop four)" \
    '.resets == 20 and .timeouts + .mismatches == 0 and .errors == {}
      and (.resets_by_backend | has("b3") | not)'
  expect_json 'connections of six' "$(live_stop six)" \
    '.resets == 10 and .timeouts + .mismatches == 0 and .errors == {}'
  new_ones_go_to b3
  expect_checksums
}

test_route_drains_nat() {
  route_drains nat
}

test_route_drains_transparent() {
  route_drains transparent
}

# A download that nobody says anything to but ACKs: whole, though its server is gone;
# and one that takes longer than it may.
test_downloads_drain() {
  local first second
  two_armed
  HTTP_DATA_OPTIONS='limit_rate 2m;' start_http b1 b2
  attach
  downloads() {
    gateway_class
    parameters mode nat
    printf '  drainTimeout: %s\n' "$1"
    PARAMETERS=mode gateway gw "$VIP4 $VIP6" tcp:TCP:80
    route TCPRoute http gw/tcp http:80
    service http TCP 80 "$PORT_HTTP" "$2"
  }
  downloads 30s b1 | apply_stdin
  download_sum "$VIP4" >"$WORK/whole" &
  first=$!
  wait_for 5 'a download' has_flows
  downloads 30s b2 | apply_stdin
  expect 'HTTP meanwhile' "$(at cl curl -sS --max-time 5 "http://$VIP4/")" b2
  wait "$first"
  expect '10 MB' "$(<"$WORK/whole")" "$(sha256sum <"$WORK/data" | cut -d' ' -f1)"
  downloads 1s b2 | apply_stdin
  at cl curl -sS --max-time 30 "http://$VIP4:80/data" -o /dev/null 2>"$WORK/cut" &
  second=$!
  sleep 1
  downloads 1s b1 | apply_stdin
  ! wait "$second" || fail 'a download outlived its time'
  expect_match 'curl' "$(<"$WORK/cut")" 'reset by peer'
}

has_flows() {
  l4 get backends -o json | jq -e '[.backends[].backends[].active] | add > 0' >/dev/null
}
